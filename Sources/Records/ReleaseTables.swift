// What is written of releases, and how it is read back: a row for each deployed set, and one for each
// time that one went live. Both tables keep their newest rows.
import Invocations

final class ReleaseTables {
  private let add: Statement
  private let activation: Statement
  private let pruneReleases: Statement
  private let pruneActivations: Statement

  init(on connection: Connection) throws(SQLiteFailure) {
    add = try connection.statement(SQL.addRelease)
    activation = try connection.statement(SQL.activate)
    pruneReleases = try connection.statement(SQL.pruneReleases)
    pruneActivations = try connection.statement(SQL.pruneActivations)
  }

  func insert(_ release: ReleaseRecord) throws(SQLiteFailure) {
    add.begin()
    add.add(release.number)
    add.add(release.createdAt.milliseconds)
    add.add(release.by)
    add.add(release.origin.rawValue)
    add.add(text: ReleaseRows.json(of: release.manifests))
    add.add(release.functions)
    add.add(release.executable)
    add.add(release.executableBytes)
    try add.run()
  }

  func activate(_ activation: Activation) throws(SQLiteFailure) {
    self.activation.begin()
    self.activation.add(activation.release)
    self.activation.add(activation.at.milliseconds)
    self.activation.add(activation.by)
    try self.activation.run()
    try prune(pruneReleases)
    try prune(pruneActivations)
  }

  private func prune(_ statement: Statement) throws(SQLiteFailure) {
    statement.begin().add(StoreLimits.releasesMax)
    try statement.run()
  }
}

enum ReleaseRows {
  /// A row of `SQL.releases` and its kin.
  static func line(_ row: Statement) -> ReleaseLine {
    var record = ReleaseRecord(
      number: Int(row.integer()), createdAt: WallTime(milliseconds: row.integer()), by: row.text(),
      origin: ReleaseRecord.Origin(rawValue: row.text()) ?? .deploy, manifests: [],
      functions: Int(row.integer()), executable: row.text(), executableBytes: Int(row.integer()))
    let activatedAt = row.optionalInteger().map { WallTime(milliseconds: $0) }
    let isLive = row.integer() == 1
    record.manifests = manifests(of: row.blob())
    return ReleaseLine(record: record, activatedAt: activatedAt, isLive: isLive)
  }

  /// An object of texts, in the order of the deployment.
  static func json(of manifests: [ManifestText]) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in for one in manifests { json.field(one.path, one.text) } }
    return json.bytes
  }

  private static func manifests(of json: [UInt8]) -> [ManifestText] {
    // Written by this file; another hand's text is no manifests.
    let members = (try? JSONScanner.members(of: json)) ?? []
    return members.map { ManifestText(path: $0.name, text: $0.value.string ?? "") }
  }

  static func book(on connection: Connection) throws(SQLiteFailure) -> ReleaseBook {
    ReleaseBook(
      lastNumber: Int(try connection.number("SELECT max(number) FROM releases") ?? 0),
      live: try one(SQL.liveRelease, on: connection),
      lastStart: try one(SQL.lastStart, on: connection))
  }

  private static func one(
    _ sql: String, on connection: Connection
  ) throws(SQLiteFailure) -> ReleaseRecord? {
    let query = try connection.statement(sql)
    query.begin()
    defer { query.reset() }
    return try query.next() ? line(query).record : nil
  }
}
