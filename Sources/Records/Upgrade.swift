// From an older schema to this one: first a copy of the store as it was, then every step in one
// transaction, so that a kill or a full disk leaves the store as it was. Never backward.
import GRDBSQLite
import Invocations

struct Upgrade {
  private let connection: Connection
  private let tuning: RecordTuning
  private let hadStore: Bool

  /// `hadStore` where the file is known to have been one.
  init(of connection: Connection, _ tuning: RecordTuning, hadStore: Bool) {
    self.connection = connection
    self.tuning = tuning
    self.hadStore = hadStore
  }

  /// What was done, for people; nil where there was nothing to do but to make a new store.
  func run() throws(RecordFault) -> String? {
    let version = try told { () throws(SQLiteFailure) in
      Int(try connection.number("PRAGMA user_version") ?? 0)
    }
    guard version < Schema.version else { return nil }
    let voice = UpgradeVoice(from: version, tuning.told)
    guard version > 0 else {
      // All of it was in a log that is gone: to begin anew would hide that.
      guard !hadStore else { throw .emptied(path: connection.path) }
      try told { () throws(SQLiteFailure) in try migrate(from: version, voice) }
      return nil
    }
    let copy = tuning.copiesBeforeUpgrade ? Self.copyPath(of: connection.path) : nil
    if let copy { try keep(copy, voice) }
    try told { () throws(SQLiteFailure) in
      try voice.listen(to: connection) { () throws(SQLiteFailure) in
        try migrate(from: version, voice)
      }
    }
    let kept = copy.map { "what it was is kept as \($0)" } ?? "no copy was kept"
    return "the store was brought from schema \(version) to \(Schema.version) in "
      + "\(voice.seconds) s; \(kept)"
  }

  private func told<Value>(
    _ body: () throws(SQLiteFailure) -> Value
  ) throws(RecordFault) -> Value {
    do throws(SQLiteFailure) { return try connection.use(body) } catch {
      throw error.fault(at: connection.path)
    }
  }

  /// Of the store as it was before it had this version's schema.
  static func copyPath(of file: String) -> String { "\(file).before-\(Schema.version)" }

  private func keep(_ path: String, _ voice: UpgradeVoice) throws(RecordFault) {
    voice.begin("keeping a copy of it")
    var copy = StoreCopy(source: connection, path: path)
    // One of an attempt that came to nothing is of the same store.
    copy.isOverwriting = true
    copy.told = { done, pages in voice.note(done * 100 / max(1, pages)) }
    do throws(StoreCopy.Failure) { _ = try copy.run() } catch {
      switch error {
      case .stopped: throw .closed
      case .copy(let detail): throw .upgrade(path: connection.path, detail: detail)
      }
    }
  }

  private func migrate(from version: Int, _ voice: UpgradeVoice) throws(SQLiteFailure) {
    try connection.transaction { () throws(SQLiteFailure) in
      for (index, migration) in Schema.migrations.enumerated() where index >= version {
        if version > 0 { voice.begin("step to schema \(index + 1)") }
        try connection.execute(migration)
        if index + 1 == Schema.questionsVersion { try Backfill(connection).run() }
      }
      try connection.execute(
        """
        PRAGMA application_id = \(Schema.applicationID);
        PRAGMA user_version = \(Schema.version);
        """)
    }
  }
}

/// Says what an upgrade is at, and every few seconds that it still is.
private final class UpgradeVoice {
  private static let pause: UInt64 = 5_000_000_000

  private let version: Int
  private let told: @Sendable (String) -> Void
  private let began = MonotonicTime.now
  private var said: UInt64 = 0
  private var phase = ""
  private var percent: Int?

  init(from version: Int, _ told: @escaping @Sendable (String) -> Void) {
    self.version = version
    self.told = told
  }

  var seconds: UInt64 { (MonotonicTime.now - began) / 1_000_000_000 }

  func begin(_ phase: String) {
    self.phase = phase
    percent = nil
    say()
  }

  func note(_ percent: Int) {
    self.percent = percent
    goOn()
  }

  private func goOn() {
    if MonotonicTime.now - said >= Self.pause { say() }
  }

  private func say() {
    said = MonotonicTime.now
    let part = percent.map { ", \($0) %" } ?? ""
    told(
      "bringing the store from schema \(version) to \(Schema.version): \(phase)\(part), for "
        + "\(seconds) s now")
  }

  /// SQLite asks every few thousand instructions, also within one long statement.
  func listen(
    to connection: Connection, _ body: () throws(SQLiteFailure) -> Void
  ) throws(SQLiteFailure) {
    sqlite3_progress_handler(
      connection.raw, 100_000,
      { context in
        guard let context else { return 0 }
        Unmanaged<UpgradeVoice>.fromOpaque(context).takeUnretainedValue().goOn()
        return 0
      }, Unmanaged.passUnretained(self).toOpaque())
    defer { sqlite3_progress_handler(connection.raw, 0, nil, nil) }
    try body()
  }
}
