// The executables of releases within a backup: in pieces, as rows of a table that only a backup has.
// So one file is all that a restore needs, and one check covers it.
import GRDBSQLite
import Glibc
import Invocations

struct PackedExecutables {
  /// Hashes.
  var held: [String] = []
  var missing: [String] = []

  private static let tables = """
    CREATE TABLE backup (taken INTEGER NOT NULL);
    CREATE TABLE backup_parts (
      id INTEGER PRIMARY KEY, executable TEXT NOT NULL, content BLOB NOT NULL
    );
    """

  static func pack(
    _ wanted: BackedExecutables, of directory: String, into copy: Connection, _ time: WallTime
  ) throws(SQLiteFailure) -> PackedExecutables {
    var packed = PackedExecutables()
    let hashes = try names(wanted, in: copy)
    try copy.transaction { () throws(SQLiteFailure) in
      // A store that was restored by hand may have them still.
      try copy.execute("DROP TABLE IF EXISTS backup; DROP TABLE IF EXISTS backup_parts")
      try copy.execute(tables)
      try copy.execute("INSERT INTO backup (taken) VALUES (\(time.milliseconds))")
      for hash in hashes {
        let isThere = try add(hash, "\(directory)/executables/\(hash)", to: copy)
        if isThere { packed.held.append(hash) } else { packed.missing.append(hash) }
      }
    }
    return packed
  }

  private static func names(
    _ wanted: BackedExecutables, in copy: Connection
  ) throws(SQLiteFailure) -> [String] {
    let releases = "SELECT count(*) FROM sqlite_master WHERE name = 'releases'"
    guard try copy.number(releases) == 1 else { return [] }
    switch wanted {
    case .none: return []
    case .live: return try ReleaseRows.book(on: copy).live.map { [$0.executable] } ?? []
    case .all:
      let query = try copy.statement("SELECT DISTINCT executable FROM releases ORDER BY number")
      var names: [String] = []
      while try query.next() { names.append(query.text()) }
      return names
    }
  }

  /// False where the file cannot be read.
  private static func add(
    _ hash: String, _ path: String, to copy: Connection
  ) throws(SQLiteFailure) -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let insert = try copy.statement(
      "INSERT INTO backup_parts (executable, content) VALUES (?1, ?2)")
    var chunk = [UInt8](repeating: 0, count: StoreLimits.executablePartBytes)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count == 0 { return true }
      if count < 0 {
        if errno == EINTR { continue }
        throw .now(path)
      }
      insert.begin().add(hash)
      insert.add(Array(chunk[..<count]))
      try insert.run()
    }
  }

  // MARK: Out again

  /// Each is written to a file in `directory` and handed over by that name; then the tables go.
  static func unpack(
    from store: Connection, into directory: String,
    _ taken: (_ hash: String, _ path: String) throws(SQLiteFailure) -> Void
  ) throws(SQLiteFailure) -> (takenAt: WallTime?, hashes: [String]) {
    let isBackup = "SELECT count(*) FROM sqlite_master WHERE name IN ('backup', 'backup_parts')"
    guard try store.number(isBackup) == 2 else { return (nil, []) }
    let takenAt = try store.number("SELECT taken FROM backup").map { WallTime(milliseconds: $0) }
    let hashes = try executables(in: store)
    for hash in hashes {
      let path = "\(directory)/restored.new"
      defer { unlink(path) }
      try write(hash, of: store, to: path)
      try taken(hash, path)
    }
    try store.execute("DROP TABLE backup; DROP TABLE backup_parts")
    return (takenAt, hashes)
  }

  private static func executables(in store: Connection) throws(SQLiteFailure) -> [String] {
    let query = try store.statement(
      "SELECT DISTINCT executable FROM backup_parts ORDER BY executable")
    var hashes: [String] = []
    while try query.next() { hashes.append(query.text()) }
    return hashes
  }

  private static func write(
    _ hash: String, of store: Connection, to path: String
  ) throws(SQLiteFailure) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o700)
    guard descriptor >= 0 else { throw .now(path) }
    defer { close(descriptor) }
    let parts = try store.statement(
      "SELECT content FROM backup_parts WHERE executable = ?1 ORDER BY id")
    parts.begin().add(hash)
    while try parts.next() {
      var rest = parts.blob()[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 || errno == EINTR else { throw .now(path) }
        rest = rest.dropFirst(max(0, count))
      }
    }
  }
}

extension SQLiteFailure {
  /// What the system has just said of a file, as if SQLite had.
  static func now(_ path: String) -> SQLiteFailure {
    SQLiteFailure(code: SQLITE_CANTOPEN, message: "\(path): \(String(cString: strerror(errno)))")
  }
}
