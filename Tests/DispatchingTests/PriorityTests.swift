import Invocations
import TestSupport
import Testing

@testable import Dispatching

struct PriorityTests {
  let work = FunctionDeclaration(
    name: "work", handler: "Work", triggers: [.queue("q")],
    concurrency: ConcurrencyLimit(limit: 1))

  private func send(_ house: TestHouse, _ priority: Priority?) {
    let event = Event(
      id: "\(house.log.appended.count)", source: "/queues/q", type: "t", data: [])
    house.dispatcher.accept(
      [
        Proposal(
          function: "work", trigger: "queue:q", queue: "q", event: event, priority: priority)
      ]
    ) { _ in }
  }

  private func drain(_ house: TestHouse, _ count: Int) -> [Priority] {
    var order: [Priority] = []
    for _ in 0..<count {
      guard let next = house.workers.running.values.first else { break }
      order.append(next.acceptance.standing.priority)
      house.succeed(next)
    }
    return order
  }

  @Test func `high goes first and low is never starved`() {
    let house = TestHouse([work])
    house.dispatcher.pause("function:work", since: house.clocks.wall) {}
    for _ in 0..<40 { for priority in Priority.allCases { send(house, priority) } }
    house.settle()
    house.dispatcher.pause("function:work", since: nil) {}
    house.settle()
    let order = drain(house, 26)
    #expect(order.count { $0 == .high } == 16)
    #expect(order.count { $0 == .normal } == 8)
    #expect(order.count { $0 == .low } == 2)
  }

  @Test func `with nothing else waiting low goes at once`() {
    let house = TestHouse([work])
    send(house, .low)
    house.settle()
    #expect(house.workers.running.count == 1)
  }

  @Test func `a message without a priority has its function's`() {
    var function = work
    function.priority = .low
    let house = TestHouse([function])
    send(house, nil)
    house.settle()
    #expect(house.workers.started.first?.acceptance.standing.priority == .low)
  }

  @Test func `priorities survive a restart`() {
    let house = TestHouse([work])
    house.dispatcher.pause("function:work", since: house.clocks.wall) {}
    for _ in 0..<5 { send(house, .low) }
    send(house, .high)
    house.settle()
    house.restart()
    house.settle()
    #expect(drain(house, 1) == [.high])
  }
}
