// The pure parts: blame, suspects, lines, times.
import EventLoop
import Glibc
import Invocations
import Testing

@testable import Workers

struct VerdictTests {
  private let three = [name(1), name(2), name(3)]

  @Test func `attempts that the crash named are to blame, whatever the host did`() {
    for ending in [nil, HostEnding.overdue([name(1)]), .silent] {
      let verdict = Verdict(inFlight: three, crashed: [name(2)], ending: ending)
      #expect(verdict.culprits == [name(2)])
      #expect(verdict.others == [name(1), name(3)])
      #expect(verdict.suspects.isEmpty && !verdict.wasKilledByHost)
    }
  }

  @Test func `an attempt that has answered since is not to blame`() {
    let verdict = Verdict(inFlight: [name(1)], crashed: [], ending: .overdue([name(2)]))
    #expect(verdict.culprits.isEmpty)
    #expect(verdict.others == [name(1)])
    #expect(verdict.wasKilledByHost)
  }

  @Test func `without a name all of several are suspects, and one alone is the culprit`() {
    let several = Verdict(inFlight: three, crashed: [], ending: nil)
    #expect(several.suspects == three && several.others == three && several.culprits.isEmpty)
    let one = Verdict(inFlight: [name(1)], crashed: [], ending: .broken("x"))
    #expect(one.culprits == [name(1)] && one.suspects.isEmpty)
  }

  @Test func `what holds for one of a batch holds for all of it`() {
    let batches: [Set<AttemptName>] = [[name(2), name(3)], [name(4)]]
    let inFlight = three + [name(4)]
    let named = Verdict(inFlight: inFlight, batches: batches, crashed: [name(3)], ending: nil)
    #expect(named.culprits.isEmpty && named.others == inFlight)
    #expect(named.suspects == [name(2), name(3)] && named.crashedTogether == named.suspects)
    let late = Verdict(
      inFlight: inFlight, batches: batches, crashed: [], ending: .overdue([name(2)]))
    #expect(late.culprits == [name(2), name(3)] && late.suspects.isEmpty)
    let unnamed = Verdict(inFlight: inFlight, batches: batches, crashed: [], ending: nil)
    #expect(unnamed.culprits.isEmpty && unnamed.suspects == inFlight)
  }

  @Test func `nobody of a batch is to blame before each has run alone`() {
    let batch = Verdict(inFlight: three, batches: [Set(three)], crashed: [], ending: nil)
    #expect(batch.culprits.isEmpty && batch.others == three && batch.suspects == three)
    let one = Verdict(inFlight: [name(1)], batches: [[name(1)]], crashed: [], ending: nil)
    #expect(one.culprits == [name(1)] && one.suspects.isEmpty)
  }

  @Test func `who filled a worker is known only of a fresh one`() {
    let excess = MemoryExcess(bytes: 900 << 20, limit: 512 << 20)
    let fresh = Verdict(
      inFlight: [name(1)], crashed: [], ending: .outOfMemory(excess, isFresh: true))
    #expect(fresh.culprits == [name(1)] && fresh.suspects.isEmpty)
    let used = Verdict(
      inFlight: [name(1)], crashed: [], ending: .outOfMemory(excess, isFresh: false))
    #expect(used.culprits.isEmpty && used.suspects == [name(1)] && used.others == [name(1)])
    let several = Verdict(
      inFlight: three, crashed: [], ending: .outOfMemory(excess, isFresh: true))
    #expect(several.suspects == three && several.culprits.isEmpty)
    #expect(
      describe(.signal(SIGKILL), .outOfMemory(excess, isFresh: true))
        == "signal 9 (SIGKILL): killed, as it held 900 MiB, and 'limits.memory' of its functions is "
        + "512 MiB")
  }

  @Test func `whom the host ends for its own reasons is given back`() {
    for ending in [HostEnding.silent, .drainTimeout, .dismissed, .saidNoHello] {
      let verdict = Verdict(inFlight: three, crashed: [], ending: ending)
      #expect(verdict.others == three && verdict.suspects.isEmpty && verdict.culprits.isEmpty)
    }
  }
}

struct SuspectsTests {
  private func ids(_ numbers: ClosedRange<Int64>) -> [InvocationID] {
    numbers.map { InvocationID(rawValue: $0) }
  }

  @Test func `the oldest suspects are forgotten at the limit`() {
    var suspects = Suspects(limit: 3)
    for id in ids(1...5) { suspects.remember([id]) }
    #expect(suspects.count == 3)
    #expect(!suspects.contains(InvocationID(rawValue: 2)))
    #expect(suspects.contains(InvocationID(rawValue: 3)))
    suspects.forget(InvocationID(rawValue: 3))
    suspects.remember(ids(6...100))
    #expect(suspects.count == 3)
    #expect(suspects.contains(InvocationID(rawValue: 100)))
  }

  @Test func `a suspect that returned is as young as its return`() {
    var suspects = Suspects(limit: 2)
    let ids = ids(1...3)
    suspects.remember([ids[0]])
    suspects.forget(ids[0])
    suspects.remember([ids[1]])
    suspects.remember([ids[0]])
    suspects.remember([ids[2]])
    #expect(suspects.contains(ids[0]) && suspects.contains(ids[2]))
  }

  @Test func `they are halved each time, until each is alone`() {
    var suspects = Suspects(limit: 100)
    var together = ids(1...20)
    var steps: [Int] = []
    while together.count > 1 {
      suspects.remember(together)
      let halves = Dictionary(grouping: together) { suspects.half(of: $0) }
      #expect(halves.count == 2 && halves[nil] == nil)
      together = halves.values.max { $0.count < $1.count } ?? []
      steps.append(together.count)
    }
    #expect(steps == [10, 5, 3, 2, 1])
    suspects.remember(together)
    #expect(suspects.half(of: together[0]) != nil)
    #expect(suspects.half(of: InvocationID(rawValue: 77)) == nil)
  }
}

struct PrintedLinesTests {
  private func cut(_ parts: [String]) -> [String] {
    var cutter = LineCutter()
    var lines: [String] = []
    for part in parts {
      Array(part.utf8).withUnsafeBytes { cutter.cut($0) { lines.append($0) } }
    }
    cutter.finish { lines.append($0) }
    return lines
  }

  @Test func `lines are cut wherever reads end`() {
    let text = "one\n\nthree\nfour without an end"
    let expected = ["one", "", "three", "four without an end"]
    for place in text.indices {
      #expect(cut([String(text[..<place]), String(text[place...])]) == expected)
    }
  }

  @Test func `a line over the limit comes in pieces`() {
    let limit = LineCutter.lineBytesMax
    let lines = cut([String(repeating: "x", count: 2 * limit + 5) + "\ny\n"])
    #expect(lines.map(\.utf8.count) == [limit, limit, 5, 1])
    #expect(cut([String(repeating: "x", count: limit) + "\n"]).map(\.utf8.count) == [limit])
  }

  @Test func `a backtrace is kept up to its limits`() {
    var many = CrashLines([])
    for number in 0..<500 { many.append("\(number)") }
    #expect(many.lines.count == CrashLines.linesMax)
    var long = CrashLines([])
    for _ in 0..<100 { long.append(String(repeating: "x", count: 1000)) }
    #expect(long.lines.count == 65)
  }

  @Test func `of lines that are nobody's so many are taken in a stretch of time`() {
    var loose = LooseLines()
    let taken = (0..<3_000).count { _ in loose.admits(at: 5) }
    #expect(taken == LooseLines.linesMax)
    let isTakenLater = loose.admits(at: 5 + LooseLines.stretch)
    #expect(isTakenLater)
    let remarks = [loose.takeRemark(), loose.takeRemark()]
    #expect(remarks[0]?.hasPrefix("apus: 2000 lines of this worker were dropped") == true)
    #expect(remarks[1] == nil)
  }

  @Test func `last lines are the last`() {
    var last = LastLines()
    for number in 1...1000 { last.append("\(number)") }
    #expect(last.all.count == LastLines.linesMin)
    #expect(last.all.first == "801" && last.all.last == "1000")
    last.append("main.swift:3: Fatal error: x")
    last.append("and more")
    #expect(Array(last.sinceFatalError()) == ["main.swift:3: Fatal error: x", "and more"])
  }
}

struct WordingTests {
  @Test func `a long message is cut between characters`() {
    let cut = cut(String(repeating: "é", count: 100), to: 50)
    #expect(cut.utf8.count <= 50)
    #expect(cut.hasSuffix("é … (cut)"))
  }

  @Test func `faults say what to do`() {
    let fault = WorkerFault.missingSecrets(["KEY": ["charge", "refund"]])
    #expect(fault.description.contains("KEY (asked for by charge, refund)"))
    let ended = WorkerFault.ended(executable: "/x", how: "exit status 7", lines: ["no key"])
    #expect(ended.description.hasSuffix("its last lines:\n  no key"))
  }
}
