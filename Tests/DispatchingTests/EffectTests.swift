import Dispatching
import Invocations
import TestSupport
import Testing

struct EffectTests {
  let order = FunctionDeclaration(name: "order", handler: "Order", triggers: [.queue("q")])
  let charge = FunctionDeclaration(
    name: "charge", handler: "Charge", triggers: [.queue("payments")],
    retry: RetryPolicy(attemptsMax: 1), deadLetter: "payments-dead")
  let release = FunctionDeclaration(
    name: "release", handler: "Release", triggers: [.queue("payments-dead")],
    retry: RetryPolicy(attemptsMax: 1))

  @Test func `what a handler emits is in the same append as its success`() throws {
    let house = TestHouse([order, charge])
    house.send("order")
    house.settle()
    house.succeed(house.workers.started[0], emitting: [emitted(to: "payments", "{\"a\":1}")])
    let ending = try #require(
      house.log.appended.joined().compactMap { change -> Ending? in
        if case .ended(let ending) = change { ending.value } else { nil }
      }.first)
    #expect(ending.emitted.map(\.function) == ["charge"])
    #expect(ending.emitted.first?.cause == ending.id)
    #expect(ending.emitted.first?.hops == 1)
    #expect(house.workers.started.last?.function.name == "charge")
  }

  @Test func `an attempt that failed emits nothing`() {
    let house = TestHouse([order, charge])
    house.send("order")
    house.settle()
    house.fail(house.workers.started[0])
    #expect(!house.workers.started.contains { $0.function.name == "charge" })
  }

  @Test func `emitting to a queue that triggers nothing fails the attempt and says so`() {
    let house = TestHouse([order])
    let answer = house.send("order")
    house.settle()
    house.succeed(house.workers.started[0], emitting: [emitted(to: "nowhere")])
    let row = answer.accepted.flatMap { house.log.disk[$0.invocation] }
    #expect(row?.state == .waiting)
    #expect(row?.history.first?.error?.code == "unknown-queue")
  }

  @Test func `a dead letter goes to its queue with its reason and stays dead`() throws {
    let house = TestHouse([charge, release])
    let answer = house.send("charge", "{\"card\":\"0000\"}")
    house.settle()
    house.fail(house.workers.started[0], .rejected)
    let letter = try #require(house.workers.started.last?.acceptance)
    #expect(letter.function == "release")
    #expect(letter.event[extension: "apusdeadreason"] == "rejected")
    #expect(letter.event[extension: "apusdeaderror"] == "as scripted")
    #expect(letter.event.data == Array("{\"card\":\"0000\"}".utf8))
    #expect(answer.accepted.flatMap { house.log.disk[$0.invocation]?.state } == .dead)
  }

  @Test func `events that cause each other end after sixteen hops`() {
    let house = TestHouse([order])
    house.send("order")
    house.settle()
    var turns = 0
    while let running = house.workers.running.values.first, turns < 100 {
      turns += 1
      house.succeed(running, emitting: [emitted(to: "q")])
    }
    #expect(turns == Dispatcher.hopsMax)
    #expect(house.log.disk.values.filter { $0.reason == .hops }.count == 1)
  }

  @Test func `an emitted event whose manifest key has come before does not run again`() {
    var keyed = charge
    keyed.idempotency = IdempotencyPolicy(key: EventPath("data.orderId"))
    let house = TestHouse([order, keyed])
    house.send("order")
    house.settle()
    let twice = [
      emitted(to: "payments", "{\"orderId\":\"7\"}"),
      emitted(to: "payments", "{\"orderId\":\"7\"}"),
    ]
    house.succeed(house.workers.started[0], emitting: twice)
    house.send("order")
    house.settle()
    house.succeed(
      house.workers.started.last { $0.function.name == "order" } ?? house.workers.started[0],
      emitting: [emitted(to: "payments", "{\"orderId\":\"7\"}")])
    #expect(house.workers.started.filter { $0.function.name == "charge" }.count == 1)
    #expect(house.log.duplicates.count == 2)
  }

  @Test func `a redriven dead letter is a new invocation that names the old`() throws {
    let house = TestHouse([charge])
    let answer = house.send("charge")
    house.settle()
    house.fail(house.workers.started[0], .rejected)
    let id = try #require(answer.accepted?.invocation)
    let letter = try #require(house.log.disk[id]?.acceptance)
    var outcome: Result<[Accepted], Refusal>?
    house.dispatcher.redrive(letter) { outcome = $0 }
    house.settle()
    #expect(house.workers.started.last?.acceptance.redriveOf == id)
    #expect(try outcome?.get().first?.invocation != id)
  }

  @Test func `a waiting invocation is cancelled at once and a running one through its handler`()
    throws
  {
    let house = TestHouse([order])
    house.workers.roomMax = 1
    let running = try #require(sent(house))
    let waiting = try #require(sent(house))
    #expect(house.dispatcher.cancel(record(house, waiting)))
    house.settle()
    #expect(house.log.disk[waiting]?.state == .cancelled)
    #expect(house.dispatcher.cancel(record(house, running)))
    #expect(house.workers.cancelled.map(\.id) == [running])
    house.answer(house.workers.started[0], .cancelled(cpuMicroseconds: 0))
    #expect(house.log.disk[running]?.state == .cancelled)
  }

  private func sent(_ house: TestHouse) -> InvocationID? {
    let answer = house.send("order")
    house.settle()
    return answer.accepted?.invocation
  }

  private func record(_ house: TestHouse, _ id: InvocationID) -> InvocationRecord {
    let row = house.log.disk[id]
    return InvocationRecord(
      acceptance: row?.acceptance ?? house.workers.started[0].acceptance,
      state: row?.state ?? .queued, due: row?.due ?? house.clocks.wall)
  }
}
