import Dispatching
import Invocations
import TestSupport
import Testing

struct WaitingLineTests {
  let order = FunctionDeclaration(
    name: "order", handler: "Order", triggers: [.queue("q")],
    concurrency: ConcurrencyLimit(limit: 8), queueLimit: 1_000_000)

  /// A fourth of what a host has: enough for the store to be asked again and again.
  private var limits: LaneLimits {
    var limits = LaneLimits()
    limits.lineEntriesMax = 4096
    return limits
  }

  @Test func `a line longer than memory holds runs whole, once and in order`() {
    let house = TestHouse([order], laneLimits: limits)
    house.workers.roomMax = 0
    let total = 10_000
    for _ in 0..<total { house.send("order") }
    house.settle()
    // What memory holds is bounded: the line's own limit and no more.
    #expect(house.dispatcher.liveCount <= limits.lineEntriesMax)
    house.workers.roomMax = .max
    house.dispatcher.tick()
    house.settle()
    var done: [InvocationID] = []
    while let next = house.workers.running.values.min(by: { $0.name.id < $1.name.id }) {
      done.append(next.name.id)
      house.succeed(next)
    }
    #expect(done.count == total)
    #expect(done == done.sorted())
    #expect(Set(done).count == total)
  }

  @Test func `what arrives while the line is read from the store is neither lost nor doubled`() {
    let house = TestHouse([order], laneLimits: limits)
    house.workers.roomMax = 0
    let before = limits.lineEntriesMax + 1000
    for _ in 0..<before { house.send("order") }
    house.settle()
    house.workers.roomMax = .max
    house.dispatcher.tick()
    var done: Set<InvocationID> = []
    var sent = before
    while let next = house.workers.running.values.first {
      #expect(done.insert(next.name.id).inserted)
      // The answer, an arrival and the news of a read fall between each other.
      house.dispatcher.hear(
        house.workers.answer(
          next.name, .succeeded(.nothing, emitted: [], cpuMicroseconds: 0)))
      if sent < before + 2000 {
        house.send("order")
        sent += 1
      }
      house.log.commit(groups: 2)
      house.hearNews()
      if house.workers.running.isEmpty { house.settle() }
    }
    #expect(done.count == sent)
  }

  @Test func `far delayed work does not keep due work from the line`() {
    let house = TestHouse([order], laneLimits: limits)
    let delayed = limits.lineEntriesMax + 1000
    for _ in 0..<delayed { house.send("order", dueAt: house.clocks.wall + .seconds(3600)) }
    house.settle()
    let answer = house.send("order")
    house.settle()
    #expect(house.workers.started.map(\.name.id) == [answer.accepted?.invocation])
    house.clocks.advance(by: .seconds(3600))
    house.dispatcher.tick()
    house.settle()
    var count = 0
    while let next = house.workers.running.values.first {
      count += 1
      house.succeed(next)
    }
    #expect(count == delayed + 1)
  }

  @Test func `a restart goes on with everything unfinished at once`() {
    let house = TestHouse([order])
    for _ in 0..<20 { house.send("order") }
    house.settle()
    #expect(house.workers.running.count == 8)
    house.restart()
    house.settle()
    #expect(house.workers.running.count == 8)
    var count = 0
    while let next = house.workers.running.values.first {
      count += 1
      house.succeed(next)
    }
    #expect(count == 20)
    #expect(house.log.disk.values.allSatisfy { $0.state == .succeeded && $0.endings == 1 })
  }
}
