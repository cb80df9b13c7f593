// Stop, in the reverse of the journey: nothing new comes in, what runs may end, the rest is given
// back without using an attempt, and the record is the last to close.
//
//   1 doors stop listening, timers and operators' actions stop, the dispatcher starts and accepts nothing
//   2 workers finish what they run, until the time is over
//   3 what still runs is given back; its workers are killed
//   4 connections end
//   5 the store writes everything and closes      (RunningHost, off the loop)

import Dispatching
import Doors
import EventLoop
import HTTP
import Invocations
import Workers

extension Host {
  func stop(within time: Duration, done: @escaping @LoopActor () -> Void) {
    timerDesk.stop()
    actionDesk.stop()
    dispatcher.drain()
    functionServer?.stopListening()
    for server in controlServers { server.stopListening() }
    pool.stop(giveBackAfter: time) { [weak self] in
      guard let self else { return done() }
      closeConnections(done)
    }
  }

  private func closed(_ done: @LoopActor () -> Void) {
    dispatcher.isClosed = true
    done()
  }

  /// Answers that are on their way get a moment; the pool has told how every attempt ended.
  private func closeConnections(_ done: @escaping @LoopActor () -> Void) {
    for door in controlDoors { door.endStreams() }
    var servers = controlServers
    if let functionServer { servers.append(functionServer) }
    var open = servers.count
    guard open > 0 else { return closed(done) }
    for server in servers {
      server.drain(within: .seconds(2)) {
        open -= 1
        if open == 0 { self.closed(done) }
      }
    }
  }
}
