// What operators did, as the record has it.
package import Invocations

extension RecordStore {
  /// Newest first, numbers below `before`.
  package func actions(
    before: Int?, limit: Int, then: @escaping Answer<[OperatorAction]>
  ) {
    inspect(then) { inspector throws(SQLiteFailure) in
      try inspector.actions(before: before, limit: limit)
    }
  }

  package func action(_ number: Int, then: @escaping Answer<OperatorAction?>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.action(number) }
  }

  /// The latest of its kind on a subject, such as the pause of a queue.
  package func lastAction(
    _ verb: OperatorAction.Verb, on subject: String, then: @escaping Answer<OperatorAction?>
  ) {
    inspect(then) { inspector throws(SQLiteFailure) in
      try inspector.lastAction(verb, on: subject)
    }
  }

  /// Ids that fit, newest first: at most as many as a page of them holds.
  package func select(
    _ filter: InvocationFilter, among selection: Selection,
    then: @escaping Answer<Page<InvocationID>>
  ) {
    inspect(then) { inspector throws(SQLiteFailure) in
      try inspector.select(filter, among: selection)
    }
  }

  /// One line for each id that is kept, in their order.
  package func records(
    _ ids: [InvocationID], then: @escaping Answer<[InvocationRecord]>
  ) {
    inspect(then) { inspector throws(SQLiteFailure) in
      var found: [InvocationRecord] = []
      for id in ids {
        if let story = try inspector.story(of: id) { found.append(story.record) }
      }
      return found
    }
  }
}

extension Inspector {
  fileprivate func actions(before: Int?, limit: Int) throws(SQLiteFailure) -> [OperatorAction] {
    let query = try connection.statement(SQL.actions)
    query.begin().add(before ?? .max)
    query.add(max(1, min(limit, OperatorAction.keptMax)))
    var found: [OperatorAction] = []
    while try query.next() { found.append(ActionRows.action(query)) }
    return found
  }

  fileprivate func lastAction(
    _ verb: OperatorAction.Verb, on subject: String
  ) throws(SQLiteFailure) -> OperatorAction? {
    let query = try connection.statement(SQL.lastOfSubject)
    query.begin().add(verb.rawValue)
    query.add(subject)
    return try query.next() ? ActionRows.action(query) : nil
  }

  fileprivate func action(_ number: Int) throws(SQLiteFailure) -> OperatorAction? {
    let query = try connection.statement(SQL.oneAction)
    query.begin().add(number)
    return try query.next() ? ActionRows.action(query) : nil
  }
}
