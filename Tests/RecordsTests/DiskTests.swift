// What a disk does to a store that is open, and what a former one has left of it.
import Glibc
import Invocations
import Synchronization
import Testing

@testable import Records

struct DiskTests {
  private let ballastBytes = 1 << 20

  private func tuning(_ pages: Pages? = nil) -> RecordTuning {
    var tuning = RecordTuning()
    if let pages { tuning.pagesMax = { pages.most } }
    tuning.ballastBytes = ballastBytes
    return tuning
  }

  /// A disk of so many pages.
  private final class Pages: Sendable {
    private let value = Atomic<Int>(1_000_000)

    var most: Int { value.load(ordering: .relaxed) }

    func become(_ pages: Int) { value.store(pages, ordering: .relaxed) }
  }

  private func waitHealed(_ test: TestStore) throws {
    _ = try test.news.first("healing") { if case .healed = $0 { true } else { nil } }
  }

  private func reason(_ test: TestStore) throws -> String {
    try test.news.first("stall") { if case .stalled(let reason, _) = $0 { reason } else { nil } }
  }

  // MARK: Ballast

  @Test func `the ballast takes its space at the start and is kept over a stop`() throws {
    let folder = try Folder()
    let path = "\(folder.path)/\(Ballast.name)"
    for _ in 0..<2 {
      let test = try TestStore(in: folder, tuning: tuning())
      #expect(test.store.ballast.status == (ballastBytes, true))
      #expect(FileSize.bytes(of: path) == ballastBytes)
      var status = stat()
      #expect(stat(path, &status) == 0 && Int(status.st_blocks) * 512 >= ballastBytes)
      #expect(status.st_mode & 0o777 == 0o600)
      #expect(test.store.remarks.isEmpty)
      test.store.close()
    }
  }

  @Test func `a disk without room for the ballast is told once, and the store works`() throws {
    var tuning = RecordTuning()
    tuning.ballastBytes = 1 << 60
    let test = try TestStore(tuning: tuning)
    #expect(test.store.remarks.count == 1)
    #expect(test.store.remarks.first?.contains("no room for the ballast") == true)
    #expect(!test.store.ballast.status.isHeld)
    try test.write(.accept(accepted(1)))
    #expect(FileSize.bytes(of: "\(test.folder.path)/\(Ballast.name)") == 0)
  }

  @Test func `a full disk gives the ballast up, and healing takes it again`() throws {
    let pages = Pages()
    let test = try TestStore(tuning: tuning(pages))
    let path = "\(test.folder.path)/\(Ballast.name)"
    pages.become(1)
    test.store.append([.accept(accepted(1, data: [UInt8](repeating: 65, count: 200_000)))])
    #expect(try reason(test).contains("full"))
    #expect(FileSize.bytes(of: path) == 0)
    #expect(test.store.ballast.status == (ballastBytes, false))
    pages.become(1_000_000)
    try waitHealed(test)
    #expect(FileSize.bytes(of: path) == ballastBytes)
    try test.write(.accept(accepted(2)))
  }

  // MARK: The file in its place

  @Test func `a file that is moved away stalls the store, and heals it when it is back`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)))
    #expect(rename(test.file, "\(test.file).away") == 0)
    let reason = try reason(test)
    #expect(reason.contains("\(test.file): deleted while a host works on it"))
    #expect(reason.contains("apus backup"))
    // Nobody is told that it was taken; what ends meanwhile is written into the file all the same.
    test.store.append([.accept(accepted(2))])
    _ = try test.news.first("refusal") { news in
      if case .stalled(_, let ids) = news, ids.contains(id(2)) { true } else { nil }
    }
    try test.write(.end(succeeded(1)))
    #expect(rename("\(test.file).away", test.file) == 0)
    try waitHealed(test)
    try test.write(.accept(accepted(3)))
    #expect(try test.show(id(1))?.state == .succeeded)
    #expect(try test.show(id(2)) == nil)
    #expect(try test.number("SELECT count(*) FROM accepted") == 2)
  }

  @Test(arguments: ["lock", "apus.db-wal"])
  func `what stands beside the store is looked after too, and loses nothing`(name: String) throws {
    let folder = try Folder()
    let test = try TestStore(in: folder)
    try test.write(.accept(accepted(1)))
    unlink("\(folder.path)/\(name)")
    #expect(try reason(test).contains("\(folder.path)/\(name): deleted while a host works on it"))
    test.store.append([.accept(accepted(2))])
    try test.write(.end(succeeded(1)))
    test.store.close()
    #expect(access("\(test.file).rescued", F_OK) != 0, "the store itself is in its place")
    let next = try TestStore(in: folder)
    #expect(next.recovery.unfinished.isEmpty)
    #expect(try next.show(id(1))?.state == .succeeded)
  }

  @Test func `a file that was replaced is told, and what is open can be saved`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)), .accept(accepted(2)))
    for name in ["", "-wal", "-shm"] { unlink(test.file + name) }
    let other = open(test.file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    #expect(close(other) == 0)
    #expect(try reason(test).contains("replaced by another file"))
    let note = try answer { test.store.backup(named: "saved.apus", then: $0) }
    #expect(access("\(test.file).rescued", F_OK) != 0)
    #expect(note.invocations == 2 && note.unfinished == 2)
    #expect(note.path == "\(test.folder.path)/backups/saved.apus")
    test.store.close()
    #expect(FileSize.bytes(of: test.file) == 0, "the file of another must not be written to")
    unlink(test.file)
    // A host that ends leaves what it had, and the next one does not begin anew beside it.
    let rescued = "\(test.file).rescued"
    #expect(throws: RecordFault.rescued(path: test.file, copy: rescued)) {
      try RecordStore.open(directory: test.folder.path) { _ in }
    }
    #expect(try fileNumber("SELECT count(*) FROM accepted", at: rescued) == 2)
    unlink(rescued)
    _ = try Restore(of: note.path, into: test.folder.path).run(shelve: { .success($0) })
    #expect(try TestStore(in: test.folder).recovery.unfinished == ["charge": 2])
  }

  @Test func `a disk that stands still loses nothing, and how long it does is known`() throws {
    let gate = Monitor(true)
    var tuning = RecordTuning()
    // Asked by the writer before each commit: where a slow disk would hold it.
    tuning.pagesMax = {
      _ = gate.wait(until: nil) { isOpen in isOpen ? true : nil }
      return 1_000_000
    }
    let test = try TestStore(tuning: tuning)
    #expect(test.store.standstill == .zero)
    gate.change(wakingAll: true) { $0 = false }
    var last: UInt64 = 0
    for number in Int64(1)...500 { last = test.store.append([.accept(accepted(number))]) }
    #expect(test.store.backlog == 500)
    try eventually("standstill") { test.store.standstill > .milliseconds(5) }
    #expect(test.news.durableNumbers.isEmpty)
    gate.change(wakingAll: true) { $0 = true }
    try test.news.waitDurable(last)
    #expect(test.store.standstill == .zero)
    #expect(try test.number("SELECT count(*) FROM accepted") == 500)
  }

  // MARK: What was left

  @Test func `an empty file where a store was is refused, and so is one whose head is garbled`()
    throws
  {
    let folder = try Folder()
    let path = "\(folder.path)/apus.db"
    do {
      let test = try TestStore(in: folder)
      try test.write(.accept(accepted(1)))
    }
    let whole = FileSize.bytes(of: path)
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    var head = [UInt8](repeating: 0, count: 16)
    #expect(pread(descriptor, &head, 16, 0) == 16 && pwrite(descriptor, "garbage", 7, 0) == 7)
    #expect(
      throws: RecordFault.corrupt(
        path: path, detail: "its first bytes are not those of a database")
    ) { try RecordStore.open(directory: folder.path) { _ in } }
    #expect(FileSize.bytes(of: path) == whole)
    #expect(pwrite(descriptor, head, 16, 0) == 16)
    #expect(try TestStore(in: folder).recovery.unfinished == ["charge": 1])
    #expect(ftruncate(descriptor, 0) == 0 && close(descriptor) == 0)
    #expect(throws: RecordFault.emptied(path: path)) {
      try RecordStore.open(directory: folder.path) { _ in }
    }
    // Where a kill came before the first commit there was never a store.
    unlink("\(folder.path)/lock")
    #expect(try TestStore(in: folder).recovery.boot == 1)
  }
}
