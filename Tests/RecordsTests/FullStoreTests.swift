// A store that cannot write: what it gives up, what it keeps, and that it heals by itself.
import Invocations
import Synchronization
import Testing

@testable import Records

struct FullStoreTests {
  /// A disk of so many pages; SQLite reports it as full like any other.
  private final class Disk: Sendable {
    private let pages = Atomic<Int>(1_000_000)

    var tuning: RecordTuning {
      RecordTuning(pagesMax: { [self] in pages.load(ordering: .relaxed) })
    }

    /// SQLite takes no limit below the present size: the next new page is too much.
    func fill() { pages.store(1, ordering: .relaxed) }
    func empty() { pages.store(1_000_000, ordering: .relaxed) }
  }

  private let large = [UInt8](repeating: 65, count: 200_000)

  private func waitStalled(_ test: TestStore, refused: InvocationID) throws -> String {
    try test.news.first("refusal of \(refused)") { news in
      if case .stalled(let reason, let ids) = news, ids.contains(refused) { reason } else { nil }
    }
  }

  private func waitHealed(_ test: TestStore) throws {
    _ = try test.news.first("healing") { if case .healed = $0 { true } else { nil } }
  }

  @Test func `a full disk refuses what is new, keeps what ended, and heals`() throws {
    let disk = Disk()
    let test = try TestStore(tuning: disk.tuning)
    try test.write(.accept(accepted(1)))
    disk.fill()
    var ending = succeeded(1, emitted: [accepted(5, data: large, cause: id(1))])
    ending.result?.body = large
    test.store.append([.accept(accepted(2, data: large)), .accept(accepted(3))])
    let reason = try waitStalled(test, refused: id(2))
    #expect(reason.contains("full"))
    #expect(reason.contains(test.file))
    let kept = test.store.append([.end(ending)])
    test.store.append([.accept(accepted(4))])
    _ = try waitStalled(test, refused: id(4))
    #expect(test.news.refused == [id(2), id(3), id(4)])
    #expect(test.store.backlog == 1)
    disk.empty()
    try waitHealed(test)
    try test.news.waitDurable(kept)
    #expect(try test.number("SELECT count(*) FROM accepted") == 2)
    #expect(try test.show(id(1))?.result?.body == large)
    #expect(try test.show(id(5))?.state == .queued)
    #expect(test.store.backlog == 0)
    try test.write(.accept(accepted(6)))
    #expect(try test.show(id(6)) != nil)
  }

  @Test func `a store that only refused heals when there is space`() throws {
    let disk = Disk()
    let test = try TestStore(tuning: disk.tuning)
    disk.fill()
    test.store.append([.accept(accepted(1, data: large))])
    _ = try waitStalled(test, refused: id(1))
    disk.empty()
    try waitHealed(test)
    #expect(test.store.backlog == 0)
    #expect(try test.list().items.isEmpty)
  }

  @Test func `all that was said of a refused invocation goes with it`() throws {
    let disk = Disk()
    let test = try TestStore(tuning: disk.tuning)
    disk.fill()
    test.store.append([.accept(accepted(1, data: large))])
    _ = try waitStalled(test, refused: id(1))
    test.store.append([started(1)])
    test.store.append([
      .log(LogLine(invocation: id(1), attempt: 1, time: noon, level: "info", message: "gone"))
    ])
    test.store.append([.end(succeeded(1, emitted: [accepted(2, cause: id(1))]))])
    _ = try waitStalled(test, refused: id(2))
    disk.empty()
    try waitHealed(test)
    try test.write(.pause(subject: "queue:x", since: noon))
    #expect(try test.number("SELECT count(*) FROM accepted") == 0)
    #expect(try test.number("SELECT count(*) FROM finished") == 0)
    #expect(try test.number("SELECT count(*) FROM logs") == 0)
  }

  @Test func `a timer does not advance past an invocation that was refused`() throws {
    let disk = Disk()
    let test = try TestStore(tuning: disk.tuning)
    disk.fill()
    let advance = TimerAdvance(name: "charge/0", rule: "@daily", last: noon)
    test.store.append([.timer(advance), .accept(accepted(1, data: large))])
    _ = try waitStalled(test, refused: id(1))
    disk.empty()
    try waitHealed(test)
    try test.write(.pause(subject: "queue:x", since: noon))
    #expect(try test.number("SELECT count(*) FROM timers") == 0)
  }

  @Test func `an acceptance in one group with the end of older work is kept with it`() throws {
    let disk = Disk()
    let test = try TestStore(tuning: disk.tuning)
    try test.write(.accept(accepted(1)))
    disk.fill()
    test.store.append([.accept(accepted(9, data: large))])
    _ = try waitStalled(test, refused: id(9))
    let last = test.store.append([.end(succeeded(1)), .accept(accepted(2))])
    disk.empty()
    try test.news.waitDurable(last)
    #expect(try test.show(id(1))?.state == .succeeded)
    #expect(try test.show(id(2))?.state == .queued)
  }

  @Test func `log lines beyond their bound are dropped while nothing can be written`() throws {
    let disk = Disk()
    let test = try TestStore(tuning: disk.tuning)
    try test.write(.accept(accepted(1)))
    disk.fill()
    test.store.append([.accept(accepted(9, data: large))])
    _ = try waitStalled(test, refused: id(9))
    let line = LogLine(invocation: id(1), attempt: 1, time: noon, level: "info", message: "x")
    let excess = 50
    for _ in 0..<StoreLimits.stalledLogsMax + excess { test.store.append([.log(line)]) }
    test.store.append([.accept(accepted(8))])
    _ = try waitStalled(test, refused: id(8))
    #expect(test.store.backlog == StoreLimits.stalledLogsMax)
    disk.empty()
    try waitHealed(test)
    try test.write(.pause(subject: "queue:x", since: noon))
    #expect(
      try test.number("SELECT count(*) FROM logs") == Int64(StoreLimits.stalledLogsMax))
  }

  @Test func `a close on a full disk says how much it could not write`() throws {
    let disk = Disk()
    let folder = try Folder()
    let test = try TestStore(in: folder, tuning: disk.tuning)
    try test.write(.accept(accepted(1)))
    disk.fill()
    test.store.append([.accept(accepted(2, data: large))])
    _ = try waitStalled(test, refused: id(2))
    var ending = succeeded(1)
    ending.result?.body = large
    test.store.append([.end(ending)])
    #expect(test.store.close() == 1)
    let next = try TestStore(in: folder)
    #expect(!next.recovery.wasStoppedCleanly)
    #expect(next.recovery.unfinished == ["charge": 1])
  }
}
