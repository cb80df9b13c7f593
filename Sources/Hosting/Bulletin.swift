// Where everything that happens is told once and heard by all: the statistics, the open streams,
// the live log, the tests. A listener that leaves while it hears is still told that one thing.

import Doors
package import EventLoop
package import Invocations

@LoopActor
package final class Bulletin: @LoopActor Observer {
  private var listeners: [ObjectIdentifier: any HappeningListener] = [:]
  let statistics = Statistics()
  private let clocks: any Clocks

  init(clocks: any Clocks) { self.clocks = clocks }

  package func saw(_ happening: Happening) {
    statistics.count(happening, at: clocks.monotonic)
    for listener in listeners.values { listener.saw(happening) }
  }

  func add(_ listener: any HappeningListener) {
    listeners[ObjectIdentifier(listener)] = listener
  }

  func remove(_ listener: any HappeningListener) {
    listeners[ObjectIdentifier(listener)] = nil
  }
}
