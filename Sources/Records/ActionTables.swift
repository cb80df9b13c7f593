// What operators did: a row for each action, written again as it gets on.
import Invocations

final class ActionTables {
  private let write: Statement
  private let prune: Statement

  init(on connection: Connection) throws(SQLiteFailure) {
    write = try connection.statement(SQL.writeAction)
    prune = try connection.statement(SQL.pruneActions)
  }

  func write(_ action: OperatorAction) throws(SQLiteFailure) {
    write.begin().add(action.number)
    write.add(action.verb.rawValue)
    write.add(action.subject)
    write.add(action.by)
    write.add(action.at.milliseconds)
    write.add(text: StoredFields.text(action.filter))
    write.add(text: StoredFields.text(ids: action.ids))
    write.add(action.options.rate)
    write.add(text: StoredFields.text(action.options.mended))
    write.add(action.options.target)
    write.add(action.state.rawValue)
    write.add(action.selected)
    write.add(action.done)
    write.add(action.refusedCount)
    write.add(
      text: StoredFields.text(
        action.refused.map { HTTPCall.Field(name: "\($0.id)", value: $0.reason) }))
    write.add(action.cursor?.rawValue)
    write.add(action.endedAt?.milliseconds)
    write.add(action.note)
    try write.run()
    guard action.number % StoreLimits.actionPruneEvery == 0 else { return }
    prune.begin().add(OperatorAction.keptMax)
    try prune.run()
  }
}

/// A row as `SQL.actions` names its columns.
enum ActionRows {
  static func action(_ row: Statement) -> OperatorAction {
    let number = Int(row.integer())
    // Written by this room; a verb of a later program reads as one that does nothing.
    let verb = OperatorAction.Verb(rawValue: row.text()) ?? .abort
    var action = OperatorAction(
      number: number, verb: verb, subject: row.text(), by: row.text(),
      at: WallTime(milliseconds: row.integer()))
    action.filter = StoredFields.fields(row.optionalBlob())
    action.ids = StoredFields.ids(row.optionalBlob())
    action.options.rate = row.optionalText()
    action.options.mended = StoredFields.fields(row.optionalBlob())
    action.options.target = row.optionalText()
    action.state = OperatorAction.State(rawValue: Int(row.integer())) ?? .failed
    action.selected = Int(row.integer())
    action.done = Int(row.integer())
    action.refusedCount = Int(row.integer())
    action.refused = StoredFields.fields(row.optionalBlob()).compactMap { field in
      InvocationID(field.name).map { OperatorAction.Refused(id: $0, reason: field.value) }
    }
    action.cursor = row.optionalInteger().map { InvocationID(rawValue: $0) }
    action.endedAt = row.optionalInteger().map { WallTime(milliseconds: $0) }
    action.note = row.optionalText()
    return action
  }
}

extension StoredFields {
  static func text(ids: [InvocationID]) -> [UInt8]? {
    guard !ids.isEmpty else { return nil }
    var writer = JSONWriter()
    writer.array { list in
      for id in ids { list.value("\(id)") }
    }
    return writer.bytes
  }

  static func ids(_ text: [UInt8]?) -> [InvocationID] {
    guard let text else { return [] }
    // Written above; what a damaged file holds instead names nothing.
    let elements = (try? JSONScanner.elements(of: text)) ?? []
    return elements.compactMap { $0.string.flatMap(InvocationID.init) }
  }
}
