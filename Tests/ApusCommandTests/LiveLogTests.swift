// The live log's lines from scripted happenings, the same whether they come from this process or
// over the stream of another; and how they get to the terminal.

import Glibc
import Invocations
import Logging
import Testing

@testable import ApusCommand

private let now = WallTime(milliseconds: 1_800_000_000_250)  // 2027-01-15T08:00:00.250Z
private let id = InvocationID(rawValue: 1 << 40)
private let words = LiveLines(ink: .plain, offsetSeconds: 3600, functionColumns: 8)

private func attempt(
  _ outcome: AttemptRecord.Outcome, _ message: String? = nil, number: Int = 1
) -> AttemptRecord {
  AttemptRecord(
    invocation: id, number: number, boot: 1, worker: 4711,
    startedAt: WallTime(milliseconds: now.milliseconds - 27), endedAt: now, outcome: outcome,
    error: message.map { ErrorRecord(code: outcome.word, message: $0) })
}

struct LiveLineTests {
  private func line(_ happening: Happening) -> String? { words.text(Moment(happening, at: now)) }

  @Test func `a start and a success are a line each`() {
    #expect(
      line(.started(id, function: "charge", attempt: 1, worker: 4711))
        == "09:00:00.250 ▶ charge    \(id) #1")
    let ending = Ending(
      id: id, function: "charge", state: .succeeded, endedAt: now, attempt: attempt(.succeeded))
    #expect(
      line(.ended(Shared(ending), acceptedAt: now)) == "09:00:00.250 ✓ charge    \(id) #1  27ms")
  }

  @Test func `a failure says why and when it goes on`() {
    #expect(
      line(
        .goesOn(
          attempt(.thrown, "no bank"), function: "charge", state: .waiting,
          due: now + .milliseconds(1500)))
        == "09:00:00.250 ↻ charge    \(id) #1  27ms  thrown: no bank; again in 1.5s")
    #expect(
      line(
        .goesOn(
          attempt(.returned, "its worker 7 ended"), function: "charge", state: .queued, due: now))
        == "09:00:00.250 ↩ charge    \(id) #1  27ms  given back: its worker 7 ended; runs again")
    #expect(
      line(.goesOn(attempt(.crashed, "signal 4"), function: "charge", state: .held, due: now))
        == "09:00:00.250 ‖ charge    \(id) #1  27ms  held: signal 4; retry or cancel it")
  }

  @Test func `a death has its reason, with an attempt or without`() {
    let ending = Ending(
      id: id, function: "charge", state: .dead, reason: .rejected, endedAt: now,
      attempt: attempt(.rejected, "stolen", number: 3),
      error: ErrorRecord(code: "rejected", message: "card\nstolen"))
    #expect(
      line(.ended(Shared(ending), acceptedAt: now))
        == "09:00:00.250 ✗ charge    \(id) #3  27ms  dead (rejected): card stolen")
    let cancelled = Ending(id: id, function: "charge", state: .cancelled, endedAt: now)
    #expect(
      line(.ended(Shared(cancelled), acceptedAt: now))
        == "09:00:00.250 ■ charge    \(id)  cancelled")
  }

  @Test func `a handler's own lines are indented under it`() {
    let log = LogLine(
      invocation: id, attempt: 1, time: now, level: "info", message: "two\nlines",
      metadata: [.init(name: "order", value: "o-1")])
    let room = String(repeating: " ", count: 17)
    #expect(
      line(.logged(log, function: "charge"))
        == "09:00:00.250     \(id) info     two\n\(room)\(id.description.map { _ in " " }.joined())"
        + "          lines  order=o-1")
  }

  @Test func `what concerns the house is told`() {
    #expect(
      line(.workerEnded(pid: 7, how: "signal 9 (SIGKILL)", expected: false))
        == "09:00:00.250 ✗ worker 7 ended: signal 9 (SIGKILL)")
    #expect(
      line(.missed(timer: "t/0", [MissedInstant(instant: now, count: 3, reason: "skipped")]))
        == "09:00:00.250 ! timer t/0: 3 instants missed (skipped)")
    #expect(
      line(.webhooksRefused(function: "f", code: "bad-signature", count: 3))
        == "09:00:00.250 ! 3 calls of f refused: bad-signature")
    #expect(line(.storeHealed) == "09:00:00.250 ● the record can be written again")
  }

  @Test func `colours are those of the end`() {
    let coloured = LiveLines(ink: Ink(isColoured: true), offsetSeconds: 0)
    let ending = Ending(
      id: id, function: "f", state: .dead, reason: .exhausted, endedAt: now,
      attempt: attempt(.thrown))
    let text = coloured.text(Moment(.ended(Shared(ending), acceptedAt: now), at: now))
    #expect(text?.contains("\u{1B}[31m✗\u{1B}[0m") == true)
    #expect(text?.contains("\u{1B}[31mdead (exhausted)\u{1B}[0m") == true)
  }

  @Test(arguments: [
    (
      "started", #"{"invocation":"I","function":"charge","attempt":1,"worker":4711}"#,
      "09:00:00.250 ▶ charge    I #1"
    ),
    (
      "ended",
      #"{"invocation":"I","function":"charge","state":"succeeded","reason":null,"attempt":1,"runMs":27,"totalMs":30,"emitted":["J","K"],"error":null}"#,
      "09:00:00.250 ✓ charge    I #1  27ms  emitted 2"
    ),
    (
      "attempt",
      #"{"invocation":"I","function":"charge","state":"waiting","attempt":1,"outcome":"thrown","runMs":27,"next":"2027-01-15T08:00:01.250Z","error":{"code":"thrown","message":"no bank","type":""}}"#,
      "09:00:00.250 ↻ charge    I #1  27ms  thrown: no bank; again in 1.0s"
    ),
    (
      "log",
      #"{"invocation":"I","function":"charge","time":"2027-01-15T08:00:00.100Z","attempt":1,"level":"info","message":"hi","metadata":{"k":"v"}}"#,
      "09:00:00.100     I info     hi  k=v"
    ),
    (
      "worker-ended", #"{"worker":7,"how":"exit status 0","expected":true}"#,
      "09:00:00.250 ○ worker 7 ended  exit status 0"
    ),
    (
      "dropped", #"{"count":12}"#,
      "09:00:00.250 … 12 lines are missing: this reader is too slow"
    ),
  ])
  func `a stream of another process reads the same`(name: String, json: String, text: String) throws
  {
    let moment = try #require(Moment(name, Answer(json), at: now))
    #expect(words.text(moment) == text)
  }

  @Test func `an event of a newer host is passed over`() {
    #expect(Moment("something-new", Answer("{}"), at: now) == nil)
  }
}

struct BacktraceTests {
  private func printed(_ line: String) -> String? { LogWords.printed(line, .plain) }

  @Test func `a frame is its name and its place`() {
    #expect(
      printed(
        "  3 [ra]          0x0000560d46b93ebe Charge.run(_:context:) + 1021 in Shop at /src/Charge.swift:9:18"
      ) == "  3   Charge.run(_:context:)  /src/Charge.swift:9:18")
    #expect(
      printed(" 10               0x00007f176b16df7f closure #1 in f(_:) + 623 in libswiftCore.so")
        == "  10  closure #1 in f(_:)")
  }

  @Test func `glue and noise are left out`() {
    for line in [
      "  6 [ra] [system] 0x0000560d46b380cb A.b(on:) + 26 in Shop at //<compiler-generated>",
      " 11 [ra] [thunk]  0x0000560d46b4f1b9 @objc f(_:) + 8 in Shop at //<compiler-generated>",
      "*** Signal 4: Backtracing from 0x7f176b16df7f... done ***", "...", "",
      "Platform: x86_64 Linux (Debian GNU/Linux 12 (bookworm))", "Backtrace took 0.24s",
    ] { #expect(printed(line) == nil, "\(line)") }
  }

  @Test func `what a handler prints is left as it is`() {
    for line in ["3 apples in the basket", "42", "Platform: 9¾", "  indented"] {
      #expect(printed(line) == line)
    }
  }
}

struct LineWriterTests {
  private func pipeEnds() -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    pipe(&ends)
    return (ends[0], ends[1])
  }

  private func everything(from descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    close(descriptor)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `lines come out in order, and all of them before the end`() {
    let ends = pipeEnds()
    let writer = LineWriter(to: ends.write)
    writer.begin()
    for number in 1...500 { writer.write("\(number)") }
    writer.write { nil }
    writer.finish()
    close(ends.write)
    let expected = (1...500).map { "\($0)\n" }.joined()
    #expect(everything(from: ends.read) == expected)
  }

  @Test func `past the limit lines are counted and not kept`() {
    let ends = pipeEnds()
    let writer = LineWriter(to: ends.write, linesMax: 3)
    for number in 1...5 { writer.write("\(number)") }
    writer.begin()
    writer.finish()
    close(ends.write)
    #expect(
      everything(from: ends.read)
        == "1\n2\n3\n… 2 lines were dropped: the output is too slow\n")
  }
}

struct InboxTests {
  @Test func `a message that waits already is not put twice`() {
    let inbox = Inbox<Int>()
    for _ in 1...3 { inbox.put(1) }
    inbox.put(2)
    #expect(inbox.isWaiting(2))
    #expect(inbox.take() == [1, 2])
    #expect(!inbox.isWaiting(2))
  }
}

struct LogLineTests {
  @Test func `a line is time, level, message and pairs that can be split again`() {
    let text = LogLines.line(
      now, .warning, "invocation is\ndead",
      ["function": "charge", "error": "card \"stolen\"", "attempt": "3", "empty": ""])
    #expect(
      text
        == #"2027-01-15T08:00:00.250Z warning invocation is dead attempt=3 empty="" error="card \"stolen\"" function=charge"#
    )
  }
}
