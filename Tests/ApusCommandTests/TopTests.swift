// `apus top`: what two looks become, to the letter; how it fits a screen; which keys mean what.

import ArgumentParser
import Invocations
import Testing

@testable import ApusCommand

struct TopTests {
  private static func look(
    at seconds: UInt64, boot: Int = 3, started: (charge: Int, send: Int) = (100, 10),
    commits: Int = 40, ended: Int = 90, cpu: Double = 1000, workerCPU: Double = 500,
    obstacles: String = "", memory: Int = 84_000_000
  ) -> TopLook {
    let words = obstacles.isEmpty ? "[]" : "[\"\(obstacles)\"]"
    func function(
      _ name: String, _ state: String, _ waiting: Int, _ running: Int, _ started: Int,
      _ failed: Int, _ dead: Int, _ p99: Int
    ) -> Answer {
      Answer(
        """
        {"name":"\(name)","state":"\(state)","waiting":\(waiting),"running":\(running),\
        "concurrency":8,"lastMinute":{"failed":\(failed)},"sinceStart":{"started":\(started),\
        "dead":\(dead),"runP50Ms":3,"runP99Ms":\(p99)}}
        """)
    }
    return TopLook(
      at: seconds * 1_000_000_000,
      host: Answer(
        """
        {"version":"0.1.0","boot":\(boot),"pid":4711,"uptimeMs":12000000,\
        "ready":\(obstacles.isEmpty),"obstacles":\(words),"memoryBytes":\(memory),\
        "memoryPeakBytes":90000000,"cpuMs":\(cpu),"workersStarted":1,"workersLost":0}
        """),
      functions: [
        function("charge-payment", "active", 12, 3, started.charge, 2, 1, 250),
        function("send-receipt", "paused", 40, 0, started.send, 0, 0, 9),
      ],
      workers: [
        Answer(
          """
          {"pid":4712,"state":"ready","inFlight":3,"memoryBytes":31500000,\
          "memoryPeakBytes":32000000,"cpuMs":\(workerCPU),"release":2,\
          "functions":["charge-payment","send-receipt"]}
          """)
      ],
      store: Answer(
        """
        {"commits":\(commits),"fsyncs":\(commits / 2),"ended":\(ended),"backlog":7,\
        "fileBytes":118000000,"logBytes":4000000,"durability":"disk","deadLetters":1}
        """))
  }

  private let first = Self.look(at: 10)
  private let second = Self.look(
    at: 12, started: (305, 10), commits: 140, ended: 415, cpu: 1246, workerCPU: 2500)

  @Test func `two looks are a page with what happened a second`() {
    #expect(
      TopView(second, since: first).lines == [
        "apus 0.1.0  process 4711  boot 3  up 3h 20m  ready",
        "host   CPU 12.3%   memory 84.0 MB, peak 90.0 MB   1 worker, 0 lost   1 dead letter",
        "store  50.0 commits/s of 3.3 invocations   backlog 7   file 118 MB, log 4.00 MB   "
          + "disk, 25.0 fsyncs/s",
        "",
        "FUNCTION        STATE   WAITING  RUNNING  STARTS/S  FAILS/MIN  P50    P99  DIED",
        "charge-payment  active       12      3/8       103          2  3ms  250ms     1",
        "send-receipt    paused       40      0/8         0          0  3ms    9ms     0",
        "",
        " PID  STATE  RUNNING   MEMORY     PEAK     CPU  RELEASE  FUNCTIONS",
        "4712  ready        3  31.5 MB  32.0 MB  100.0%        2  charge-payment, send-receipt",
      ])
  }

  @Test func `one look, or another host since, has no rates`() {
    let started = Self.look(at: 12, boot: 4, started: (3, 0), commits: 1, ended: 1)
    for view in [TopView(first, since: nil), TopView(started, since: first)] {
      #expect(view.lines[1].hasPrefix("host   CPU -   memory"))
      #expect(view.lines[2].hasPrefix("store  - commits/s of - invocations   backlog 7"))
      #expect(view.lines[5].contains("  3/8         -  "), "\(view.lines[5])")
    }
  }

  @Test func `the title says what stands in the way, and when nobody answers`() {
    let stalled = TopView(Self.look(at: 1, obstacles: "no disk\\nat all"), since: nil)
    #expect(stalled.lines[0].hasSuffix("  not ready: no disk at all"))
    var silent = TopView(second, since: first)
    silent.note = TopCommand.silence
    #expect(silent.lines[0].hasSuffix("  no host answers; trying again"))
    #expect(silent.lines.dropFirst() == TopView(second, since: first).lines.dropFirst())
  }

  @Test func `each order puts its greatest first, and equals by name`() {
    func names(_ order: TopOrder) -> [String] {
      var view = TopView(second, since: first)
      view.order = order
      return view.lines[5...6].map { String($0.prefix { $0 != " " }) }
    }
    let (charge, send) = ("charge-payment", "send-receipt")
    #expect(names(.load) == [charge, send])
    #expect(names(.waiting) == [send, charge])
    #expect(names(.starts) == [charge, send])
    #expect(names(.failures) == [charge, send])
    #expect(names(.slowness) == [charge, send])
    #expect(names(.name) == [charge, send])
    #expect(TopOrder.load.next == .waiting && TopOrder.name.next == .load)
  }

  // MARK: A screen

  private func screen(_ columns: Int, _ rows: Int, scroll: Int = 0) -> (
    lines: [String], scroll: Int
  ) {
    var scroll = scroll
    let lines = TopView(second, since: first).screen(
      FullScreen.Size(columns: columns, rows: rows), scroll: &scroll)
    return (lines, scroll)
  }

  @Test func `a screen has all its rows, the keys in the last one`() {
    let (lines, scroll) = screen(120, 14)
    #expect(scroll == 0)
    #expect(lines.count == 14)
    #expect(Array(lines[..<10]) == TopView(second, since: first).lines)
    #expect(lines[10...12] == ["", "", ""])
    #expect(lines[13] == "q quit   s sorted by load")
  }

  @Test func `a low screen scrolls between its head and its keys, and no further`() {
    let top = screen(120, 8)
    #expect(top.lines.count == 8)
    #expect(top.lines[4].hasPrefix("FUNCTION"))
    #expect(top.lines[7] == "q quit   s sorted by load   j k scroll (0 above, 3 below)")
    let below = screen(120, 8, scroll: 2)
    #expect(below.lines[4].hasPrefix("send-receipt"))
    #expect(below.lines[7].hasSuffix("j k scroll (2 above, 1 below)"))
    #expect(screen(120, 8, scroll: .max).scroll == 3)
    #expect(screen(120, 8, scroll: -5).scroll == 0)
    for rows in 0...6 { #expect(screen(120, rows).lines.count == rows) }
  }

  @Test func `what is too wide is cut and never wrapped`() {
    for columns in [0, 1, 20, 40, 79] {
      for line in screen(columns, 14).lines { #expect(line.count <= columns, "\(line)") }
    }
    #expect(screen(20, 14).lines[0] == "apus 0.1.0  process…")
    #expect(ScreenLine.cut("exactly", to: 7) == "exactly")
    #expect(ScreenLine.cut("one more", to: 7) == "one mo…")
    #expect(ScreenLine.cut("任务任务", to: 8) == "任务任务")
    #expect(ScreenLine.cut("任务任务", to: 7) == "任务任…")
    #expect(ScreenLine.cut("任务任务", to: 6) == "任务…")
  }

  @Test func `colours take no columns, and end where a line is cut`() {
    let line = "\u{1B}[31mred\u{1B}[0m and \u{1B}[1mbold\u{1B}[0m"
    #expect(ScreenLine.cut(line, to: 12) == line)
    #expect(
      ScreenLine.cut(line, to: 10)
        == "\u{1B}[31mred\u{1B}[0m and \u{1B}[1mb…\u{1B}[0m")
  }

  // MARK: Keys, JSON, arguments

  @Test func `keys are letters, arrows and Ctrl-C, however they come`() {
    #expect(Key.keys(in: Array("sjkq".utf8)) == [.order, .down, .up, .quit])
    #expect(
      Key.keys(in: Array("\u{1B}[A\u{1B}[B\u{1B}OA\u{1B}[5~\u{1B}[6~".utf8))
        == [.up, .down, .up, .pageUp, .pageDown])
    #expect(Key.keys(in: [3]) == [.quit])
    #expect(Key.keys(in: Array("x\u{1B}[1;5Cy\u{1B}".utf8)).isEmpty)
    #expect(Key.keys(in: Array("\u{1B}[".utf8)).isEmpty)
  }

  @Test func `as JSON a look is one line with the answers and the rates`() {
    let line = TopView(second, since: first).json(at: WallTime(milliseconds: 0))
    #expect(!line.contains("\n"))
    let answer = Answer(line)
    #expect(answer["time"] == "1970-01-01T00:00:00.000Z")
    #expect(answer["perSecond.commits"] == "50.0")
    #expect(answer["perSecond.started.charge-payment"] == "102.5")
    #expect(answer["invocationsPerCommit"] == "3.25")
    #expect(answer["cpuPercent.host"] == "12.3")
    #expect(answer["cpuPercent.4712"] == "100.0")
    #expect(answer.list("functions").first?["name"] == "charge-payment")
    #expect(answer["store.backlog"] == "7")
  }

  @Test func `the interval and the count have bounds`() {
    func status(_ arguments: String...) -> Int32 {
      do {
        _ = try ApusCommand.parseAsRoot(["top"] + arguments)
        return 0
      } catch { return ApusCommand.exitCode(for: error).rawValue }
    }
    #expect(status() == 0)
    #expect(status("--interval", "500ms", "--count", "3", "--plain", "--json") == 0)
    #expect(status("--interval", "10ms") == 64)
    #expect(status("--interval", "often") == 64)
    #expect(status("--count", "0") == 64)
  }
}
