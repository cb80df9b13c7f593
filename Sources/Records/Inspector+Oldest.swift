// How far back the record goes, and how long the longest has been waiting: two looks at the first
// entry of a table.
package import Invocations

/// The first ids of the record; nil where it has none.
package struct OldestRecords: Sendable, Equatable {
  package var accepted: InvocationID?
  package var unfinished: InvocationID?
  /// Dead letters that nobody has dealt with.
  package var deadLetters = 0

  package init() {}
}

extension RecordStore {
  package func oldest(then: @escaping Answer<OldestRecords>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.oldest() }
  }
}

extension Inspector {
  fileprivate func oldest() throws(SQLiteFailure) -> OldestRecords {
    var oldest = OldestRecords()
    oldest.accepted = try first(of: "accepted")
    oldest.unfinished = try first(of: "unfinished")
    oldest.deadLetters = Int(try connection.number("SELECT count(*) FROM dead") ?? 0)
    return oldest
  }

  private func first(of table: String) throws(SQLiteFailure) -> InvocationID? {
    try connection.number("SELECT id FROM \(table) ORDER BY id LIMIT 1").map {
      InvocationID(rawValue: $0)
    }
  }
}
