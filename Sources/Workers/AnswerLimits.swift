// A manifest's limits on what an attempt hands over. The handler library has limits of its own, which
// are as high as a frame is large; these are held against whatever a worker sends.
package import Invocations

extension AttemptAnswer {
  /// A success that passes a limit is a failure that names it.
  package func held(to limits: FunctionLimits) -> AttemptAnswer {
    guard case .succeeded(let value, let emitted, let cpu, let memory) = self,
      let error = ErrorRecord(passing: limits, value, emitted: emitted.count)
    else { return self }
    return .failed(
      Failure(kind: .thrown, error: error), cpuMicroseconds: cpu, memoryBytes: memory)
  }
}

extension ErrorRecord {
  static let resultTooLarge = "result-too-large"
  static let tooManyEmits = "too-many-emits"

  /// Nil where nothing is passed.
  fileprivate init?(passing limits: FunctionLimits, _ value: HandlerValue, emitted: Int) {
    if emitted > limits.emitted {
      self.init(
        code: Self.tooManyEmits,
        message: "the attempt emitted \(emitted) events; 'limits.emits' allows \(limits.emitted)")
    } else if value.bytes > limits.resultBytes {
      self.init(
        code: Self.resultTooLarge,
        message: "the result has \(value.bytes) bytes; 'limits.result' allows \(limits.resultBytes)"
      )
    } else {
      return nil
    }
  }

  /// The library's own words for its limits, by the type of its error.
  static func code(ofLibraryError type: String) -> String? {
    switch type {
    case "ResultTooLarge": resultTooLarge
    case "TooManyEmits": tooManyEmits
    default: nil
    }
  }
}

extension HandlerValue {
  fileprivate var bytes: Int {
    switch self {
    case .nothing, .streamed: 0
    case .json(let bytes): bytes.count
    case .response(_, let headers, let body):
      headers.reduce(body.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    }
  }
}
