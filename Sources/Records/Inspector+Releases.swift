// What a deployment asks of the record: the releases so far, what waits in which queue, and a sample
// of the events that new workers will meet.
package import Invocations

extension RecordStore {
  /// Newest first, numbers below `before`, without the manifests.
  package func releases(
    before: Int?, limit: Int, then: @escaping Answer<[ReleaseLine]>
  ) {
    inspect(then) { inspector throws(SQLiteFailure) in
      try inspector.releases(before: before, limit: limit)
    }
  }

  /// With its manifests; nil where the number is unknown.
  package func release(_ number: Int, then: @escaping Answer<ReleaseLine?>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.release(number) }
  }

  /// Waiting invocations of each function by queue; those that came through none under "".
  package func waitingByQueue(
    of functions: [String], then: @escaping Answer<[String: [String: Int]]>
  ) {
    inspect(then) { inspector throws(SQLiteFailure) in
      var counts: [String: [String: Int]] = [:]
      for function in functions { counts[function] = try inspector.waitingByQueue(of: function) }
      return counts
    }
  }

  /// At most `limit` waiting invocations of a function: half of them due first, half due last.
  package func sampleWaiting(
    of function: String, limit: Int, then: @escaping Answer<[Acceptance]>
  ) {
    inspect(then) { inspector throws(SQLiteFailure) in
      try inspector.sampleWaiting(of: function, limit: limit)
    }
  }
}

extension Inspector {
  fileprivate func releases(before: Int?, limit: Int) throws(SQLiteFailure) -> [ReleaseLine] {
    let query = try connection.statement(SQL.releases)
    query.begin()
    query.add(before ?? .max)
    query.add(max(1, min(limit, StoreLimits.releasesMax + 1)))
    defer { query.reset() }
    var found: [ReleaseLine] = []
    while try query.next() { found.append(ReleaseRows.line(query)) }
    return found
  }

  fileprivate func release(_ number: Int) throws(SQLiteFailure) -> ReleaseLine? {
    let query = try connection.statement(SQL.oneRelease)
    query.begin().add(number)
    defer { query.reset() }
    return try query.next() ? ReleaseRows.line(query) : nil
  }

  fileprivate func waitingByQueue(of function: String) throws(SQLiteFailure) -> [String: Int] {
    let query = try connection.statement(SQL.countQueues)
    query.begin().add(try names.name(of: function))
    defer { query.reset() }
    var counts: [String: Int] = [:]
    while try query.next() {
      let queue = try names.text(of: query.optionalName()) ?? ""
      counts[queue, default: 0] += Int(query.integer())
    }
    return counts
  }

  fileprivate func sampleWaiting(
    of function: String, limit: Int
  ) throws(SQLiteFailure) -> [Acceptance] {
    let query = try connection.statement(SQL.sampleWaiting)
    query.begin()
    query.add(try names.name(of: function))
    query.add(max(1, limit / 2))
    defer { query.reset() }
    var found: [Acceptance] = []
    var bytes = 0
    while bytes < StoreLimits.pageBytesMax, try query.next() {
      guard let story = try story(of: InvocationID(rawValue: query.integer())) else { continue }
      bytes += story.record.acceptance.event.data.count
      found.append(story.record.acceptance)
    }
    return found
  }
}
