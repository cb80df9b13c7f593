// Errors by fingerprint, with what became of the invocations.
package import Invocations

extension RecordStore {
  /// Those with dead letters first, then by when they were seen last.
  package func errors(_ filter: ErrorFilter, then: @escaping Answer<[ErrorGroup]>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.errors(filter) }
  }
}

extension Inspector {
  func errors(_ filter: ErrorFilter) throws(SQLiteFailure) -> [ErrorGroup] {
    let query = try connection.statement(SQL.errors)
    query.begin().add(filter.since?.milliseconds ?? .min)
    query.add(filter.fingerprint?.rawValue)
    var groups: [ErrorGroup] = []
    while try query.next() {
      let group = group(query)
      if filter.fits(group) { groups.append(group) }
    }
    groups.sort {
      ($0.deadLetters, $0.lastAt.milliseconds) > ($1.deadLetters, $1.lastAt.milliseconds)
    }
    let limit = max(1, min(filter.limit, ErrorFilter.limitMax))
    var found: [ErrorGroup] = []
    for var group in groups where found.count < limit {
      group.shares = try shares(of: group.fingerprint)
      let isMeant = filter.function.map { name in
        group.shares.contains { $0.function == name }
      }
      if isMeant ?? true { found.append(group) }
    }
    return found
  }

  private func group(_ row: Statement) -> ErrorGroup {
    let fingerprint = Fingerprint(rawValue: row.integer())
    let error = ErrorRecord(code: row.text(), message: row.text(), type: row.text())
    var group = ErrorGroup(
      fingerprint: fingerprint, error: error, failures: Int(row.integer()),
      firstAt: WallTime(milliseconds: row.integer()),
      lastAt: WallTime(milliseconds: row.integer()),
      firstRelease: row.optionalInteger().map { Int($0) },
      lastRelease: row.optionalInteger().map { Int($0) },
      firstInvocation: InvocationID(rawValue: row.integer()),
      lastInvocation: InvocationID(rawValue: row.integer()))
    group.deadLetters = Int(row.integer())
    group.retrying = Int(row.integer())
    return group
  }

  private func shares(of fingerprint: Fingerprint) throws(SQLiteFailure) -> [ErrorGroup.Share] {
    let query = try connection.statement(SQL.errorShares)
    query.begin().add(fingerprint.rawValue)
    var shares: [ErrorGroup.Share] = []
    while try query.next() {
      let name = try names.text(of: query.optionalName()) ?? ""
      shares.append(ErrorGroup.Share(function: name, failures: Int(query.integer())))
    }
    return shares
  }
}

extension ErrorFilter {
  fileprivate func fits(_ group: ErrorGroup) -> Bool {
    if isOpenOnly, group.deadLetters == 0 { return false }
    guard let text = text?.lowercased() else { return true }
    return group.error.message.lowercased().contains(text)
      || group.error.type.lowercased().contains(text)
  }
}
