// More log lines than the disk takes: lines give way, and nothing else does.
import Dispatching
import Invocations
import TestSupport
import Testing

struct LogFloodTests {
  private let talk = FunctionDeclaration(name: "talk", handler: "Talk", triggers: [.queue("q")])

  private func lines(_ house: TestHouse) -> [LogLine] {
    house.log.appended.joined().compactMap { if case .log(let line) = $0 { line } else { nil } }
  }

  @Test func `lines past the limit are dropped and counted, and come again after the disk`() throws
  {
    let house = TestHouse([talk])
    house.send("talk")
    house.settle()
    let started = try #require(house.workers.started.first)
    let message = String(repeating: "x", count: 1 << 20)
    func say() {
      house.dispatcher.hear(
        .logged(
          LogLine(
            invocation: started.name.id, attempt: 1, time: house.clocks.wall, level: "info",
            message: message)))
    }
    for _ in 0..<100 { say() }
    #expect(lines(house).count == RecordLimits.logBytesMax >> 20)
    house.settle()
    say()
    #expect(lines(house).count == (RecordLimits.logBytesMax >> 20) + 1)
    house.succeed(started)
    #expect(
      lines(house).last?.message
        == "36 lines of this log were dropped: they came faster than the disk writes")
    #expect(lines(house).last?.level == "warning")
  }
}
