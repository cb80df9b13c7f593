// What an older store has and did not note when it was written: fingerprints of its dead letters, and
// its idempotency keys among the fields. Once, within the migration.
import Invocations

struct Backfill {
  private let connection: Connection

  init(_ connection: Connection) { self.connection = connection }

  func run() throws(SQLiteFailure) {
    try fingerprintDeadLetters()
    try noteKeys()
  }

  private func fingerprintDeadLetters() throws(SQLiteFailure) {
    let failures = try FailureTables(on: connection)
    let letters = try connection.statement(
      """
      SELECT d.id, a.function, f.ended, f.release, f.error_code, f.error_message, f.error_type
      FROM dead d JOIN finished f ON f.id = d.id JOIN accepted a ON a.id = d.id
      WHERE f.error_code IS NOT NULL ORDER BY d.id
      """)
    let markDead = try connection.statement("UPDATE dead SET fingerprint = ?2 WHERE id = ?1")
    let markEnded = try connection.statement("UPDATE finished SET fingerprint = ?2 WHERE id = ?1")
    while try letters.next() {
      let id = InvocationID(rawValue: letters.integer())
      guard let function = letters.optionalName() else { continue }
      let ended = WallTime(milliseconds: letters.integer())
      let release = letters.optionalInteger().map { Int($0) }
      let error = ErrorRecord(code: letters.text(), message: letters.text(), type: letters.text())
      let fingerprint = Fingerprint(of: error)
      try failures.note(fingerprint, error, of: id, function, at: ended, release: release)
      for mark in [markDead, markEnded] {
        mark.begin().add(id.rawValue)
        mark.add(fingerprint.rawValue)
        try mark.run()
      }
    }
    letters.reset()
    try failures.flush(on: connection)
  }

  private func noteKeys() throws(SQLiteFailure) {
    let host = try connection.statement("SELECT digest_high, digest_low FROM host")
    guard try host.next(),
      let key = RecordRows.digest(host.optionalInteger(), host.optionalInteger())
    else { return }
    host.reset()
    let fields = try FieldTables(on: connection, hasher: SipHasher(key: key))
    let keys = try connection.statement(
      "SELECT id, key FROM accepted WHERE key IS NOT NULL ORDER BY id")
    while try keys.next() {
      try fields.noteKey(keys.integer(), keys.text())
      try fields.flush()
    }
  }
}
