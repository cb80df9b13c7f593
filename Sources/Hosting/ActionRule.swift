// What an action can do something about: decided from the record alone, for the deed and its rehearsal.

import Invocations

struct ActionRule {
  private let verb: OperatorAction.Verb
  private let mending: Mending?

  init(_ action: OperatorAction) {
    verb = action.verb
    // What cannot be set is refused before an action begins.
    mending = try? Mending(action.options.mended)
  }

  /// Why nothing can be done about it; nil where something can.
  func refusal(of record: InvocationRecord) -> String? {
    let isOpen = record.state == .dead && !record.isSettled
    switch verb {
    case .redrive, .purge: return isOpen ? nil : Self.words(for: record)
    case .cancel: return record.state.isFinal ? "it is \(record.state)" : nil
    case .retry:
      switch record.state {
      case .waiting, .held: return nil
      case .dead: return isOpen ? nil : Self.words(for: record)
      case .cancelled: return record.redrivenAs == nil ? nil : Self.words(for: record)
      case .queued, .running, .succeeded: return "it is \(record.state)"
      }
    default: return "this version does not know how to \(verb.rawValue) many"
    }
  }

  private static func words(for record: InvocationRecord) -> String {
    if let again = record.redrivenAs { return "it was sent again as \(again)" }
    return record.isSettled
      ? "it was thrown away" : "it is \(record.state) and no dead letter"
  }

  func rehearse(_ records: [InvocationRecord], _ action: inout OperatorAction) {
    let known = Set(records.map(\.acceptance.id))
    for id in action.ids where !known.contains(id) { action.refuse(id, "it is not in the record") }
    for record in records {
      if let reason = refusal(of: record) ?? mendingFault(of: record) {
        action.refuse(record.acceptance.id, reason)
      } else {
        action.selected += 1
      }
    }
  }

  private func mendingFault(of record: InvocationRecord) -> String? {
    guard let mending, !mending.isEmpty else { return nil }
    do throws(Mending.Fault) {
      _ = try mending.mend(record.acceptance.event, as: "")
      return nil
    } catch { return error.reason }
  }
}
