// What handlers say about an event, without the values that its manifest says are not to be shown: it is
// hidden before it is written or told, so that no reader of it has to know.

import Invocations

extension Dispatcher {
  private func mask(of work: Work) -> TextMask? {
    guard desk(of: work)?.declaration.redact != nil else { return nil }
    return work.mask
  }

  func redacted(_ line: LogLine) -> LogLine {
    guard isRedacting else { return line }
    var line = line
    guard let work = live[line.invocation] ?? leaving[line.invocation] else {
      // It came so late that nobody knows its event any more.
      line.message = Redaction.mark
      line.metadata = []
      return line
    }
    guard let mask = mask(of: work) else { return line }
    line.message = mask.masked(line.message)
    for index in line.metadata.indices {
      line.metadata[index].value = mask.masked(line.metadata[index].value)
    }
    return line
  }

  func redacted(_ failure: Failure, of work: Work) -> Failure {
    guard isRedacting, let mask = mask(of: work) else { return failure }
    var failure = failure
    failure.error.message = mask.masked(failure.error.message)
    failure.error.type = mask.masked(failure.error.type)
    return failure
  }
}
