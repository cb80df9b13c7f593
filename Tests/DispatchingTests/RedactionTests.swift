// What handlers say about an event, written and told without the values that its manifest hides.

import Dispatching
import Invocations
import TestSupport
import Testing

struct RedactionTests {
  private func function(_ name: String, redact: String?) -> FunctionDeclaration {
    var function = FunctionDeclaration(
      name: name, handler: "F", triggers: [.queue(name)],
      retry: RetryPolicy(attemptsMax: 2, first: .seconds(1)))
    function.redact = redact.flatMap(Redaction.Path.init).flatMap { Redaction([$0]) }
    return function
  }

  private func line(_ name: AttemptName, _ message: String) -> WorkerNews {
    .logged(
      LogLine(
        invocation: name.id, attempt: name.attempt, time: WallTime(milliseconds: 0), level: "info",
        message: message, metadata: [.init(name: "card", value: message)]))
  }

  private func lines(_ house: TestHouse) -> [LogLine] {
    house.witness.happenings.compactMap { if case .logged(let line, _) = $0 { line } else { nil } }
  }

  private let event = #"{"card":"4111-1111","open":"4111-9999"}"#

  @Test func `lines and errors have none of the hidden values`() throws {
    let house = TestHouse([function("pay", redact: "data.card")])
    let sent = house.send("pay", event)
    house.settle()
    let name = try #require(house.workers.started.first).name
    house.dispatcher.hear(line(name, "card 4111-1111, not 4111-9999"))
    let error = ErrorRecord(code: "thrown", message: "no 4111-1111", type: "No(4111-1111)")
    house.dispatcher.hear(
      house.workers.answer(
        name, .failed(Failure(kind: .rejected, error: error), cpuMicroseconds: 0)))
    house.settle()
    let told = try #require(lines(house).first)
    #expect(told.message == "card [redacted], not 4111-9999")
    #expect(told.metadata[0].value == told.message)
    let id = try #require(sent.accepted?.invocation)
    let stored = try #require(house.log.disk[id])
    #expect(stored.error?.message == "no [redacted]")
    #expect(stored.error?.type == "No([redacted])")
    #expect(stored.acceptance.event.data == Array(event.utf8))
  }

  @Test func `a line of which nobody knows the event any more is hidden whole`() throws {
    let house = TestHouse([function("pay", redact: "data.card"), function("free", redact: nil)])
    house.send("free", event)
    house.settle()
    let name = try #require(house.workers.started.first).name
    house.dispatcher.hear(line(name, "of an event that hides nothing: 4111-1111"))
    #expect(lines(house).last?.message == "of an event that hides nothing: 4111-1111")
    house.answer(house.workers.started[0], .succeeded(.nothing, emitted: [], cpuMicroseconds: 0))
    house.settle()
    house.dispatcher.hear(line(name, "late"))
    #expect(lines(house).last?.message == "[redacted]" && lines(house).last?.metadata == [])
  }

  @Test func `where no manifest hides anything late lines stay as they are`() throws {
    let house = TestHouse([function("free", redact: nil)])
    house.send("free", event)
    house.settle()
    let name = try #require(house.workers.started.first).name
    house.answer(house.workers.started[0], .succeeded(.nothing, emitted: [], cpuMicroseconds: 0))
    house.settle()
    house.dispatcher.hear(line(name, "late"))
    #expect(lines(house).last?.message == "late")
  }
}
