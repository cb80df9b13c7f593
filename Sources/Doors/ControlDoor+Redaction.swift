// Questions that would tell what a manifest hides: whether a value is as one guesses, again and again.

import Invocations

extension ControlDoor {
  /// The filter of a listing, an action or a stream.
  func filter(of query: RequestQuery) throws(RequestFault) -> InvocationFilter {
    let filter = try query.filter(now: house.clocks.wall)
    try filter.refuseGuessing(house.redactions)
    return filter
  }

  /// Without what was set at a path that any manifest hides: whose events were mended is not told.
  func shown(_ action: OperatorAction) -> OperatorAction {
    var shown = action
    for index in shown.options.mended.indices {
      guard let path = EventPath(shown.options.mended[index].name),
        house.redactions.values.contains(where: { $0.touches(path) })
      else { continue }
      shown.options.mended[index].value = Redaction.mark
    }
    return shown
  }
}

extension InvocationFilter {
  func refuseGuessing(_ redactions: [String: Redaction]) throws(RequestFault) {
    guard eventText != nil || !matches.isEmpty else { return }
    for (name, redaction) in redactions.sorted(by: { $0.key < $1.key })
    where function == nil || function == name {
      let hidden =
        eventText != nil
        ? "the event's text" : matches.first { redaction.touches($0.path) }?.path.source
      guard let hidden else { continue }
      throw RequestFault(
        "redacted",
        "function '\(name)' hides values of its events, so that nobody may search by \(hidden); "
          + "search by another value, or name another function")
    }
  }
}
