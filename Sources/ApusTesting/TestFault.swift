// Why a test house cannot go on. An outcome of an invocation is never one: that is read, not thrown.

/// What a ``TestHost`` throws: something is wrong with the test or its surroundings.
///
/// An attempt that fails throws nothing; its outcome stands in the record.
public enum TestFault: Error, Equatable, CustomStringConvertible {
  /// The manifests have mistakes, one a line, each with its place.
  case manifests(String)
  /// The list of functions has two of one name.
  case functions(String)
  /// The temporary store does not work.
  case store(String)
  /// Nothing was accepted; a sender would have got this status and code.
  case refused(status: Int, code: String, detail: String)
  /// There is no such function, queue or timer.
  case unknown(String)
  /// The text is no RFC 3339 time.
  case badTime(String)
  /// A handler took longer than ``TestLimits/handlerTime`` of real time.
  case handlerHangs(String)
  /// More happened than ``TestLimits`` allow: a loop, most likely.
  case tooMuch(String)
  /// A call waits for an answer that cannot come.
  case noAnswer(String)
  /// The handlers' side of the conversation broke; this is a mistake of Apus.
  case worker(String)

  /// What is wrong and what to do.
  public var description: String {
    switch self {
    case .manifests(let text), .functions(let text), .store(let text), .unknown(let text),
      .badTime(let text), .handlerHangs(let text), .tooMuch(let text), .noAnswer(let text),
      .worker(let text):
      text
    case .refused(let status, let code, let detail): "refused with \(status) (\(code)): \(detail)"
    }
  }
}

/// The bounds of a test, so that a loop is an error with a name and not a test that never ends.
public struct TestLimits: Sendable {
  /// Real time that the house waits for handlers before it gives up.
  public var handlerTime: Duration
  /// Attempts that may start without time passing.
  public var attempts: Int
  /// Instants that one call of ``TestHost/advance(by:)`` may stop at.
  public var instants: Int

  /// Makes limits; each has a generous default.
  public init(
    handlerTime: Duration = .seconds(10), attempts: Int = 100_000, instants: Int = 100_000
  ) {
    self.handlerTime = handlerTime
    self.attempts = attempts
    self.instants = instants
  }
}
