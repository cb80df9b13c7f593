// From older schemas: a copy first, all steps or none, and never without a word.
import Glibc
import Invocations
import Synchronization
import Testing

@testable import Records

struct UpgradeTests {
  /// A store with the tables of an older version and one event in it.
  private func older(_ schema: Int) throws -> Folder {
    let folder = try Folder()
    let connection = try Connection(path: "\(folder.path)/apus.db", readOnly: false)
    try connection.use { () throws(SQLiteFailure) in
      try connection.execute("PRAGMA journal_mode = WAL")
      for migration in Schema.migrations.prefix(schema) { try connection.execute(migration) }
      try connection.execute(
        """
        PRAGMA application_id = \(Schema.applicationID);
        PRAGMA user_version = \(schema);
        INSERT INTO host VALUES (3, 1, 1, 2);
        INSERT INTO names VALUES (1, 'charge'), (2, 'queue:payments'), (3, '/q'), (4, 'test');
        INSERT INTO accepted (id, function, trigger, source, type, event_id, data, hops, created,
          due, attempts_max) VALUES (7, 1, 2, 3, 4, 'e', x'7b7d', 0, 1, 1, 3);
        INSERT INTO unfinished (id, function, due, state, attempts, failures, cpu)
          VALUES (7, 1, 1, 1, 0, 0, 0);
        """)
    }
    return folder
  }

  @Test(arguments: 1..<Schema.version)
  func `an older store is kept as a copy and then brought here`(schema: Int) throws {
    let folder = try older(schema)
    let said = Monitor<[String]>([])
    var tuning = RecordTuning()
    tuning.told = { line in said.withLock { $0.append(line) } }
    let test = try TestStore(in: folder, tuning: tuning)
    #expect(test.recovery.unfinished == ["charge": 1])
    #expect(try test.number("PRAGMA user_version") == Int64(Schema.version))
    let copy = "\(folder.path)/apus.db.before-\(Schema.version)"
    #expect(try fileNumber("PRAGMA user_version", at: copy) == Int64(schema))
    #expect(try fileNumber("SELECT count(*) FROM accepted", at: copy) == 1)
    var status = stat()
    #expect(stat(copy, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(test.store.remarks.count == 1)
    #expect(test.store.remarks.first?.contains("kept as \(copy)") == true)
    let lines = said.withLock { $0 }
    #expect(lines.first?.contains("from schema \(schema) to \(Schema.version)") == true)
    #expect(lines.contains { $0.contains("keeping a copy") })
    #expect(lines.contains { $0.contains("step to schema \(Schema.version)") })
    // The copy is a store of the older version that this one can start on as well.
    test.store.close()
    let again = try Folder()
    #expect(rename(copy, "\(again.path)/apus.db") == 0)
    #expect(try TestStore(in: again).recovery.unfinished == ["charge": 1])
  }

  @Test func `where the copy finds no place nothing is changed, unless it is not wanted`() throws {
    let folder = try older(Schema.version - 1)
    let path = "\(folder.path)/apus.db"
    let copy = "\(path).before-\(Schema.version)"
    // What cannot be overwritten, by root either.
    #expect(mkdir(copy, 0o700) == 0 && mkdir("\(copy)/x", 0o700) == 0)
    var fault: RecordFault?
    do throws(RecordFault) {
      let opened = try RecordStore.open(directory: folder.path) { _ in }
      opened.store.close()
    } catch { fault = error }
    guard case .upgrade(path, _) = fault else {
      Issue.record("\(String(describing: fault))")
      return
    }
    #expect(fault?.remedy.contains("--upgrade-copy skip") == true)
    #expect(try fileNumber("PRAGMA user_version", at: path) == Int64(Schema.version - 1))
    var tuning = RecordTuning()
    tuning.copiesBeforeUpgrade = false
    let test = try TestStore(in: folder, tuning: tuning)
    #expect(test.recovery.unfinished == ["charge": 1])
    #expect(test.store.remarks.first?.contains("no copy was kept") == true)
  }

  @Test func `a new store and one of this version are neither copied nor told of`() throws {
    let folder = try Folder()
    for _ in 0..<2 {
      let test = try TestStore(in: folder)
      #expect(test.store.remarks.isEmpty)
      #expect(FileSize.bytes(of: "\(test.file).before-\(Schema.version)") == 0)
      test.store.close()
    }
  }
}
