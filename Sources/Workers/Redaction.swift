// Keeps the secrets of a worker out of what it says: lines, errors and last words have the name of a
// secret in the place of its value. What a handler returns or emits is its own, and is left alone.
import Glibc
import Invocations

struct Redaction: Sendable {
  /// A shorter value would be found in words that have nothing to do with it.
  static let bytesMin = 8
  /// Of one line of a value that has several, such as a key in a file: lines are printed apart.
  static let lineBytesMin = 16

  private let hidden: [(value: [UInt8], name: [UInt8])]

  init(_ secrets: [String: String]) {
    var hidden: [(value: [UInt8], name: [UInt8])] = []
    for (name, value) in secrets {
      let mark = Array("[secret \(name)]".utf8)
      if value.utf8.count >= Self.bytesMin { hidden.append((Array(value.utf8), mark)) }
      let lines = value.split(whereSeparator: \.isNewline)
      for line in lines where lines.count > 1 && line.utf8.count >= Self.lineBytesMin {
        hidden.append((Array(line.utf8), mark))
      }
    }
    // A value that holds another one goes first.
    self.hidden = hidden.sorted { $0.value.count > $1.value.count }
  }

  func hide(in text: String) -> String {
    guard !hidden.isEmpty else { return text }
    var text = text
    for (value, name) in hidden {
      let bytes: [UInt8]? = text.withUTF8 { Self.replace(value, by: name, in: $0) }
      if let bytes { text = String(decoding: bytes, as: UTF8.self) }
    }
    return text
  }

  /// Nil where it is not in there.
  private static func replace(
    _ value: [UInt8], by name: [UInt8], in text: UnsafeBufferPointer<UInt8>
  ) -> [UInt8]? {
    var rest = UnsafeRawBufferPointer(text)[...]
    var replaced: [UInt8]?
    while let place = find(value, in: UnsafeRawBufferPointer(rebasing: rest)) {
      replaced = (replaced ?? []) + rest.prefix(place) + name
      rest = rest.dropFirst(place + value.count)
    }
    return replaced.map { $0 + rest }
  }

  private static func find(_ value: [UInt8], in text: UnsafeRawBufferPointer) -> Int? {
    var rest = text[...]
    while rest.count >= value.count, let start = rest.firstIndex(of: value[0]) {
      rest = rest[start...]
      if rest.starts(with: value) { return start }
      rest = rest.dropFirst()
    }
    return nil
  }
}

extension Redaction {
  func hide(in fields: [HTTPCall.Field]) -> [HTTPCall.Field] {
    guard !hidden.isEmpty else { return fields }
    return fields.map {
      HTTPCall.Field(name: hide(in: $0.name), value: hide(in: $0.value))
    }
  }

  /// Of a failure only: a result is the handler's.
  func hide(in answer: AttemptAnswer) -> AttemptAnswer {
    guard !hidden.isEmpty, case .failed(var failure, let cpu, let memory) = answer else {
      return answer
    }
    failure.error.message = hide(in: failure.error.message)
    failure.error.type = hide(in: failure.error.type)
    return .failed(failure, cpuMicroseconds: cpu, memoryBytes: memory)
  }
}
