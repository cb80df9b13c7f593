// What an acknowledgement is worth, and when it is given.

import Dispatching
import Invocations
import TestSupport
import Testing

struct DurabilityTests {
  private func function(_ name: String, _ durability: Durability) -> FunctionDeclaration {
    FunctionDeclaration(
      name: name, handler: "H", triggers: [.queue(name)], durability: durability)
  }

  private func proposal(_ function: String) -> Proposal {
    Proposal(
      function: function, trigger: "queue:\(function)", queue: function,
      event: Event(id: "e", source: "/queues/\(function)", type: "t", data: []))
  }

  @Test(arguments: Durability.allCases)
  func `an event is acknowledged when the promise of its function holds`(durability: Durability) {
    let house = TestHouse([function("f", durability)])
    let answer = house.send("f")
    #expect((answer.outcome != nil) == (durability == .memory))
    house.settle()
    #expect(answer.accepted != nil)
    #expect(house.log.terms.allSatisfy { $0.durability == durability })
    #expect(house.log.disk.values.map(\.acceptance.durability) == [durability])
    #expect(house.workers.started.count == 1)
  }

  @Test(arguments: Durability.allCases)
  func `a call is answered when the promise of its function holds`(durability: Durability) throws {
    let house = TestHouse([function("f", durability)])
    let caller = Caller()
    house.dispatcher.call(proposal("f"), listener: caller)
    let name = try #require(house.workers.started.first?.name)
    let done = AttemptAnswer.succeeded(.nothing, emitted: [], cpuMicroseconds: 0)
    house.dispatcher.hear(house.workers.answer(name, done))
    #expect((caller.outcomes == 1) == (durability == .memory))
    house.settle()
    #expect(caller.outcomes == 1)
    #expect(house.log.disk[name.id]?.state == .succeeded)
  }

  @Test func `what is emitted is as firm as the firmest function it goes to`() throws {
    let house = TestHouse([function("f", .memory), function("g", .os), function("h", .disk)])
    house.send("f")
    house.settle()
    let emitted = ["g", "h"].map {
      EmittedEvent(
        queue: $0, type: nil, subject: nil, id: nil, delay: .zero, contentType: "application/json",
        data: [])
    }
    let name = house.workers.started[0].name
    house.dispatcher.hear(
      house.workers.answer(name, .succeeded(.nothing, emitted: emitted, cpuMicroseconds: 0)))
    let ending = try #require(
      zip(house.log.appended, house.log.terms).first { changes, _ in
        changes.contains { if case .ended = $0 { true } else { false } }
      })
    #expect(ending.1 == CommitTerms(isAwaited: true, durability: .disk))
  }

  @Test func `no promise is firmer than the store's`() {
    let log = MemoryRecordLog()
    let dispatcher = Dispatcher(
      functions: [function("f", .disk), function("g", .memory)], recovery: log.restart(), log: log,
      workers: ScriptedWorkers(), clocks: ManualClocks(), observer: Witness(), durability: .os)
    for name in ["f", "g"] { dispatcher.accept([proposal(name)]) { _ in } }
    log.commit()
    #expect(
      log.disk.values.sorted { $0.acceptance.function < $1.acceptance.function }
        .map(\.acceptance.durability) == [.os, .memory])
  }

  @Test func `a timer's instant is on disk before it fires, whatever its function promises`() {
    let house = TestHouse([function("f", .memory)])
    house.dispatcher.accept(
      [proposal("f")], advancing: TimerAdvance(name: "f/0", rule: "@daily", last: house.clocks.wall)
    ) { _ in }
    #expect(house.log.terms == [CommitTerms(isAwaited: true, durability: .disk)])
    #expect(house.workers.started.isEmpty)
  }
}

private final class Caller: CallListener {
  private(set) var outcomes = 0

  func callBegan(_ id: InvocationID) {}
  func streamBegan(_ attempt: AttemptName, status: Int, headers: [HTTPCall.Field]) {}
  func streamed(_ attempt: AttemptName, _ bytes: [UInt8]) {}
  func streamBroke() {}
  func callEnded(_ outcome: CallOutcome) { outcomes += 1 }
}
