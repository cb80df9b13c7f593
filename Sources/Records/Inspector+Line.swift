// The place of a waiting invocation: how many of its function's line, or of its lane where values are
// ordered or limited, are due before it.
package import Invocations

extension Inspector {
  /// nil where it does not wait.
  func ahead(of record: InvocationRecord) throws(SQLiteFailure) -> Int? {
    guard record.state == .queued || record.state == .waiting else { return nil }
    let standing = record.acceptance.standing
    let query = try connection.statement(standing.lane == nil ? SQL.aheadInLine : SQL.aheadInLane)
    query.begin().add(try names.name(of: record.acceptance.function))
    query.add(standing.lane ?? Int64(standing.priority.rawValue))
    query.add(record.due.milliseconds)
    query.add(record.acceptance.id.rawValue)
    defer { query.reset() }
    return try query.next() ? Int(query.integer()) : nil
  }
}

extension RecordStore {
  /// How many stand before a waiting invocation; nil where it does not wait.
  package func ahead(of record: InvocationRecord, then: @escaping Answer<Int?>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.ahead(of: record) }
  }
}
