// `apus doctor`: the page word for word, each finding with its remedy, and what it takes.

import ArgumentParser
import Doors
import Invocations
import Records
import Testing

@testable import ApusCommand

struct DoctorTests {
  let now = WallTime(milliseconds: 1_800_000_000_000)
  let presentation = Presentation(
    ink: .plain, now: WallTime(milliseconds: 1_800_000_000_000))

  /// A sound store that a host has left.
  var sound: StoreReport {
    var report = StoreReport(directory: "/srv/shop/.apus")
    report.schema = report.schemaKnown
    report.surroundings.fileBytes = 40_960_000
    report.surroundings.logBytes = 20_632
    report.surroundings.diskBytes = 100_000_000_000
    report.surroundings.diskFreeBytes = 60_000_000_000
    (report.pageBytes, report.pages, report.freePages) = (4_096, 10_000, 500)
    report.oldest = InvocationID.first(at: now + .seconds(-7 * 86_400))
    report.newest = InvocationID.first(at: now + .seconds(-90))
    report.boot = 3
    var charge = FunctionSpace(name: "charge")
    (charge.kept, charge.succeeded, charge.dead) = (10_000, 9_000, 200)
    (charge.cancelled, charge.eventBytes, charge.resultBytes) = (100, 3_000_000, 1_860_000)
    report.functions = [charge, FunctionSpace(name: "ship")]
    return report
  }

  func findings(
    of report: StoreReport? = nil, host: HostWord = .none, retention: Retention? = nil
  ) -> [Finding] {
    var examination = Examination(report ?? sound, now: now)
    examination.host = host
    examination.retention = retention
    return examination.findings
  }

  func finding(
    host: HostWord = .none, retention: Retention? = nil, _ change: (inout StoreReport) -> Void
  ) throws -> Finding {
    var report = sound
    change(&report)
    let all = findings(of: report, host: host, retention: retention)
    #expect(all.count == 1, "\(all)")
    return try #require(all.first)
  }

  func answering(
    _ functions: String..., obstacle: String? = nil, store: String = "{}"
  ) -> HostWord {
    .answering(
      HostAnswers(
        obstacle: obstacle, functions: functions.map { Answer($0) }, store: Answer(store)))
  }

  // MARK: The page

  @Test func `the page of a sound store without a host`() {
    #expect(
      DoctorPage(Examination(sound, now: now)).lines(presentation) == [
        "store",
        "directory  /srv/shop/.apus",
        "schema     \(sound.schemaKnown)",
        "file       41.0 MB",
        "log        20.6 kB",
        "free       2.05 MB (5.0 %), used again before the file grows",
        "disk       60.0 GB free of 100 GB",
        "oldest     2027-01-08T08:00:00.000Z, 7d ago",
        "newest     2027-01-15T07:58:30.000Z, 1m ago",
        "host       none works on it",
        "last stop  in order",
        "",
        "space by function",
        "FUNCTION   KEPT  UNFINISHED  SUCCEEDED  DEAD  CANCELLED   EVENTS  RESULTS    SHARE",
        "charge    10000         700       9000   200        100  3.00 MB  1.86 MB  100.0 %",
        "ship          0           0          0     0          0      0 B      0 B    0.0 %",
        "",
        "findings",
        "ok       nothing is wrong",
      ])
  }

  @Test func `with a host it says how long what is kept`() throws {
    var examination = Examination(sound, now: now)
    examination.report.surroundings.hostPid = 4711
    examination.host = answering(
      #"{"name":"charge","keep":{"succeededMs":3600000,"deadMs":null,"count":500,"bytes":64000000}}"#,
      store: #"{"keep":{"succeededMs":604800000,"deadMs":null}}"#)
    let lines = DoctorPage(examination).lines(presentation)
    #expect(lines.contains("host       process 4711 works on it"))
    let row = try #require(lines.first { $0.hasPrefix("charge") })
    #expect(row.hasSuffix("100.0 %  1h, dead for ever, newest 500, newest 64.0 MB"))
    #expect(!lines.contains { $0.hasPrefix("last stop") })
  }

  @Test func `the parts by kind, then the tables that take a thousandth`() throws {
    var examination = Examination(sound, now: now)
    examination.parts = .read(
      StoreParts(
        parts: [
          StoreParts.Part(name: "accepted", kind: .events, bytes: 30_000_000),
          StoreParts.Part(name: "accepted_trigger", kind: .indexes, bytes: 8_000_000),
          StoreParts.Part(name: "names", kind: .others, bytes: 8_192),
        ], isWhole: false))
    let lines = DoctorPage(examination).lines(presentation)
    let start = try #require(lines.firstIndex(of: "space by part"))
    #expect(
      Array(lines[start...].prefix(13)) == [
        "space by part",
        "PART            BYTES   SHARE",
        "events        30.0 MB  73.2 %",
        "results           0 B   0.0 %",
        "attempts          0 B   0.0 %",
        "log lines         0 B   0.0 %",
        "indexes       8.00 MB  19.5 %",
        "other tables  8.19 kB   0.0 %",
        "free          2.05 MB   5.0 %",
        "",
        "TABLE OR INDEX    KIND       BYTES   SHARE",
        "accepted          events   30.0 MB  73.2 %",
        "accepted_trigger  indexes  8.00 MB  19.5 %",
      ])
    #expect(lines.contains("not all was read in time; --timeout gives it more"))
    examination.parts = .unavailable
    #expect(
      DoctorPage(examination).lines(presentation).contains(
        "not known: SQLite was built without dbstat here; 'sqlite3_analyzer "
          + "/srv/shop/.apus/apus.db' tells"))
  }

  @Test func `where this user may not look, nothing is said of a host`() {
    var report = StoreReport(directory: "/x")
    report.surroundings.isHidden = true
    let lines = DoctorPage(Examination(report, now: now)).lines(presentation)
    #expect(lines.contains { $0.hasSuffix("not known: this user may not look into the directory") })
    #expect(!lines.contains { $0.contains("none works on it") })
  }

  @Test func `a file that is no store has its finding in the place of functions`() {
    var report = StoreReport(directory: "/x")
    report.surroundings.fileBytes = 5_000
    report.fault = .foreign(path: "/x/apus.db")
    #expect(
      DoctorPage(Examination(report, now: now)).lines(presentation) == [
        "store",
        "directory  /x",
        "file       5.00 kB",
        "log        0 B",
        "host       none works on it",
        "",
        "findings",
        "problem  /x/apus.db: not a store of Apus",
        "         move the file away, or choose another directory",
      ])
  }

  @Test func `JSON has numbers as they are and null for what is not known`() {
    let json = Answer(Examination(sound, now: now).json)
    #expect(json.number("store.fileBytes") == 40_960_000)
    #expect(json["store.hostPid"] == nil && json.isTrue("store.stoppedCleanly"))
    #expect(json.list("functions").first?.number("unfinished") == 700)
    #expect(json.list("functions").first?["keep"] == nil)
    #expect(json["parts"] == nil)
    #expect(json.list("findings").map { $0["severity"] } == ["ok"])
  }

  // MARK: Findings

  @Test func `a disk with less than a gibibyte or a twentieth free is a problem`() throws {
    let small = try finding { $0.surroundings.diskFreeBytes = 900_000_000 }
    #expect(small.severity == .problem && small.code == "disk-nearly-full")
    #expect(small.message == "the disk has only 900 MB free of 100 GB")
    let share = try finding { $0.surroundings.diskFreeBytes = 4_900_000_000 }
    #expect(share.code == "disk-nearly-full")
    #expect(try finding { $0.surroundings.diskFreeBytes = 5_000_000_000 }.severity == .ok)
  }

  @Test func `what a bad disk has left is told with what to do`() throws {
    let readOnly = try finding { $0.surroundings.isReadOnly = true }
    #expect(readOnly.severity == .problem && readOnly.code == "read-only")
    #expect(readOnly.remedy.contains("remount,rw"))
    let damaged = try finding { $0.surroundings.lostCommits = 12 }
    #expect(damaged.severity == .problem && damaged.message.contains("12 commits"))
    let words = "the log is gone"
    let gone = try finding { $0.surroundings.possibleLoss = words }
    #expect(gone.severity == .problem && gone.code == "log-gone" && gone.message == words)
    var stopped = sound
    stopped.stoppedCleanly = false
    #expect(findings(of: stopped).contains { $0.remedy.contains("nothing that was acknowledged") })
    stopped.surroundings.possibleLoss = words
    #expect(!findings(of: stopped).contains { $0.remedy.contains("nothing that was acknowledged") })
    let aside = try finding {
      $0.surroundings.damagedLogs = [.init(path: "/x/apus.db-wal.damaged", bytes: 5_000)]
    }
    #expect(aside.severity == .warning && aside.message.contains("/x/apus.db-wal.damaged, 5.00 kB"))
    let copy = try finding {
      $0.surroundings.copies = [.init(path: "/x/apus.db.before-5", bytes: 40_960_000)]
    }
    #expect(copy.severity == .note && copy.message.contains("before an upgrade, 41.0 MB"))
    let charging = #"{"name":"charge"}"#
    let ballast = try finding(
      host: answering(charging, store: #"{"ballast":{"bytes":33554432,"held":false}}"#)
    ) { _ in }
    #expect(ballast.severity == .warning && ballast.code == "no-ballast")
    let held = answering(charging, store: #"{"ballast":{"bytes":33554432,"held":true}}"#)
    #expect(findings(host: held).map(\.code) == ["ok"])
    let off = answering(charging, store: #"{"ballast":{"bytes":0,"held":false}}"#)
    #expect(findings(host: off).map(\.code) == ["ok"])
  }

  @Test func `a large log has another remedy with a host than without`() throws {
    let left = try finding { $0.surroundings.logBytes = 300_000_000 }
    #expect(left.severity == .warning && left.message.hasSuffix("has grown to 300 MB"))
    #expect(left.remedy.hasPrefix("start and stop a host"))
    let working = try finding {
      $0.surroundings.logBytes = 300_000_000
      $0.surroundings.hostPid = 1
    }
    #expect(working.remedy.hasPrefix("end what reads for long"))
    #expect(try finding { $0.surroundings.logBytes = 256 << 20 }.severity == .ok)
  }

  @Test func `much that is free is a note that says how to give it back`() throws {
    let free = try finding { $0.freePages = 2_600 }
    #expect(free.severity == .note)
    #expect(free.message == "10.6 MB of the file are free (26.0 %)")
    #expect(free.remedy.hasSuffix("stop the host and run 'sqlite3 /srv/shop/.apus/apus.db VACUUM'"))
    #expect(try finding { $0.freePages = 2_500 }.severity == .ok)
    #expect(
      try finding {
        ($0.pages, $0.freePages) = (100, 90)
      }.severity == .ok)
  }

  @Test func `keeping for ever is a warning past a gibibyte, by the host's word or the settings`()
    throws
  {
    func large(_ report: inout StoreReport) { report.surroundings.fileBytes = 2_000_000_000 }
    #expect(try finding(retention: .forever, large).code == "kept-forever")
    #expect(try finding(retention: .standard, large).severity == .ok)
    #expect(try finding(retention: nil, large).severity == .ok)
    #expect(findings(retention: .forever).first?.severity == .ok)
    let forever = #"{"keep":{"succeededMs":null,"deadMs":null}}"#
    let plain = #"{"name":"charge","keep":{"succeededMs":null,"deadMs":1}}"#
    let bounded = #"{"name":"charge","keep":{"succeededMs":null,"count":9}}"#
    let ship = #"{"name":"ship","keep":{"succeededMs":1}}"#
    #expect(try finding(host: answering(plain, ship, store: forever), large).code == "kept-forever")
    #expect(try finding(host: answering(bounded, ship, store: forever), large).severity == .ok)
    let week = #"{"keep":{"succeededMs":604800000}}"#
    #expect(
      try finding(host: answering(plain, ship, store: week), retention: .forever, large).severity
        == .ok)
  }

  @Test func `dead letters and held work are counted`() throws {
    let dead = try finding { $0.deadLetters = BoundedCount(1) }
    #expect(dead.severity == .warning && dead.message == "1 dead letter nobody has dealt with")
    #expect(dead.remedy.hasPrefix("apus errors --open"))
    let many = try finding { $0.deadLetters = BoundedCount(100_000, isPartial: true) }
    #expect(many.message.hasPrefix("more than 100000 dead letters"))
    let held = try finding {
      $0.held = [HeldWork(function: "charge", count: 2), HeldWork(function: "ship", count: 1)]
    }
    #expect(held.message.hasPrefix("3 invocations held, of charge, ship"))
    #expect(held.remedy.hasPrefix("apus invocations list --state held"))
  }

  @Test func `unfinished work that no manifest declares is found only with a host`() throws {
    #expect(findings().first?.severity == .ok)
    let host = answering(#"{"name":"charge","state":"undeclared"}"#, #"{"name":"ship"}"#)
    let found = try #require(findings(host: host).first)
    #expect(found.severity == .warning)
    #expect(
      found.message == "700 unfinished invocations of charge, which no manifest declares")
    #expect(
      findings(host: answering(#"{"name":"charge","state":"active"}"#)).first?.severity == .ok)
  }

  @Test func `a pause is found after a day`() throws {
    let pause = try finding {
      $0.paused = [
        Pause(subject: "queue:payments", since: now + .seconds(-3 * 86_400)),
        Pause(subject: "function:ship", since: now + .seconds(-3_600)),
      ]
    }
    #expect(pause.message == "queue payments is paused, since 3d ago")
    #expect(pause.remedy == "apus queues resume payments")
  }

  @Test func `a host that is not well is a problem, one that may not tell is none`() throws {
    let host = answering(
      #"{"name":"charge","state":"unhealthy","problem":"exits at once"}"#,
      obstacle: "workers of charge do not start")
    let found = findings(host: host)
    #expect(found.map(\.severity) == [.problem, .problem])
    #expect(found.map(\.code) == ["not-ready", "unhealthy"])
    #expect(found.last?.message == "charge has no workers: exits at once")
    #expect(findings(host: .silent("no answer")).first?.severity == .problem)
    #expect(findings(host: .starting("no doors")).first?.severity == .note)
    #expect(findings(host: .refusing("set APUS_TOKEN")).first?.severity == .note)
  }

  @Test func `permissions, the clock, an abrupt stop and an older file`() throws {
    let wide = try finding {
      $0.surroundings.wide = [.init(path: "/srv/shop/.apus", mode: 0o755, modeMax: 0o700)]
    }
    #expect(wide.severity == .warning)
    #expect(wide.message == "/srv/shop/.apus may be used by others (mode 0755)")
    #expect(wide.remedy == "chmod 0700 '/srv/shop/.apus'")
    let clock = try finding { $0.newest = InvocationID.first(at: now + .seconds(125)) }
    #expect(clock.message == "the newest record is 2m 5s ahead of this machine's clock")
    #expect(try finding { $0.stoppedCleanly = false }.code == "stopped-abruptly")
    #expect(try finding { $0.schema = 4 }.code == "older")
  }

  @Test func `a fault and damage have the remedy of the record`() throws {
    let newer = RecordFault.newer(path: "/x/apus.db", version: 9, known: 5)
    let found = try finding { $0.fault = newer }
    #expect(found.severity == .problem && found.code == "R003")
    #expect("\(found.message) (\(found.code)); \(found.remedy)" == newer.description)
    var examination = Examination(sound, now: now)
    examination.soundness = .damaged(["row 3 missing from index accepted_trigger"])
    let damage = try #require(examination.findings.first)
    #expect(damage.severity == .problem && damage.message.contains("row 3 missing"))
    #expect(damage.remedy.contains("restore a backup"))
    examination.soundness = .unfinished(.seconds(300))
    #expect(
      examination.findings.first?.message
        == "not every page was checked within 5m; no damage so far")
    examination.soundness = .sound
    #expect(examination.findings.first?.severity == .ok)
  }

  @Test func `the gravest stands first, and the verdict names the problems`() {
    var report = sound
    report.freePages = 5_000
    report.deadLetters = BoundedCount(2)
    report.surroundings.diskFreeBytes = 1_000
    let all = findings(of: report)
    #expect(all.map(\.severity) == [.problem, .warning, .note])
    #expect(
      DoctorCommand.verdict([all[0]])
        == "1 problem: the disk has only 1.00 kB free of 100 GB")
  }

  // MARK: The command

  @Test func `it takes a length of time, and there is help with an example`() {
    func status(_ arguments: String...) -> Int32 {
      do {
        _ = try ApusCommand.parseAsRoot(["doctor"] + arguments)
        return 0
      } catch { return ApusCommand.exitCode(for: error).rawValue }
    }
    #expect(status() == 0)
    #expect(status("--full", "--timeout", "10m", "--json") == 0)
    #expect(status("--timeout", "soon") == 64)
    #expect(ApusCommand.helpMessage(for: DoctorCommand.self).contains("Example: apus doctor"))
  }

  @Test func `where there is no store it ends with 69`() throws {
    let folder = try TemporaryFolder()
    let command = try #require(
      try ApusCommand.parseAsRoot(["doctor", "--data", "\(folder.path)/none"]) as? DoctorCommand)
    var fault: CommandFault?
    do { try command.run() } catch { fault = CommandFault(error) }
    #expect(fault?.status == 69)
  }
}
