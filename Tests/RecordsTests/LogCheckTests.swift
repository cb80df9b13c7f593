// A write-ahead log that a killed host left, whole and damaged in different ways.
import Glibc
import Invocations
import Testing

@testable import Records

struct LogCheckTests {
  /// A store as a kill leaves it, with so many commits in its log.
  private func killed(commits: Int64) throws -> Folder {
    let test = try TestStore()
    for number in 1...commits { try test.write(.accept(accepted(number))) }
    let after = try Folder()
    for name in ["apus.db", "apus.db-wal"] {
      let copy = try spawn("/bin/cp", ["\(test.folder.path)/\(name)", "\(after.path)/\(name)"])
      copy.wait()
    }
    return after
  }

  private func change(_ path: String, at offset: Int, _ bytes: [UInt8]) throws {
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    try #require(pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count)
  }

  @Test func `a whole log is sound, one that ends in half a frame too`() throws {
    let folder = try killed(commits: 5)
    let log = "\(folder.path)/apus.db-wal"
    #expect(LogCheck.verdict(on: log) == .sound)
    #expect(truncate(log, off_t(FileSize.bytes(of: log) - 1_000)) == 0)
    #expect(LogCheck.verdict(on: log) == .sound)
    #expect(truncate(log, 20) == 0)
    #expect(LogCheck.verdict(on: log) == .sound)
    #expect(LogCheck.verdict(on: "\(folder.path)/none") == .sound)
  }

  @Test func `a flipped bit before synced commits is told, and the log is kept as it was`() throws {
    let folder = try killed(commits: 40)
    let log = "\(folder.path)/apus.db-wal"
    let size = FileSize.bytes(of: log)
    try change(log, at: size / 8 * 7, [0xA5, 0x5A, 0xA5])
    guard case .cut(let readable, let lost) = LogCheck.verdict(on: log) else {
      Issue.record("not seen")
      return
    }
    #expect(readable > 0 && lost > 1)
    let test = try TestStore(in: folder)
    #expect(test.store.losses.count == 1)
    #expect(test.store.losses.first?.contains("\(lost) that followed cannot be read") == true)
    #expect(FileSize.bytes(of: "\(log).damaged") == size)
    #expect(try #require(try test.number("SELECT count(*) FROM accepted")) < 40)
  }

  @Test func `a head that is no log's is refused and left as it is`() throws {
    let folder = try killed(commits: 3)
    let log = "\(folder.path)/apus.db-wal"
    let size = FileSize.bytes(of: log)
    try change(log, at: 0, [UInt8](repeating: 0xEE, count: 32))
    #expect(LogCheck.verdict(on: log) == .garbled)
    #expect(throws: RecordFault.logGarbled(path: log)) {
      try RecordStore.open(directory: folder.path) { _ in }
    }
    #expect(FileSize.bytes(of: log) == size)
    // As its remedy says.
    #expect(rename(log, "\(log).damaged") == 0)
    #expect(try TestStore(in: folder).recovery.boot > 0)
  }

  @Test func `a flipped bit in the head's salts does not make a log look empty`() throws {
    let folder = try killed(commits: 6)
    let log = "\(folder.path)/apus.db-wal"
    try change(log, at: 17, [0xFF, 0xFF])
    guard case .cut(0, let lost) = LogCheck.verdict(on: log) else {
      Issue.record("not seen")
      return
    }
    #expect(lost > 5)
  }
}
