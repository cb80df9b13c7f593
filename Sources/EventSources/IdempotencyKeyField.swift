// The `Idempotency-Key` request header of the IETF draft: a structured string, and the bare form
// that most clients send. `"abc"` and `abc` are the same key.

package import Invocations

package struct IdempotencyKeyFault: Error, Equatable, Sendable {
  package let message: String
}

package enum IdempotencyKeyField {
  package static let name = "idempotency-key"
  package static let bytesMax = 255

  /// nil where the header is absent.
  ///
  /// A key that is there and no good is a fault (400), since the sender counts on it.
  package static func key(
    in headers: [HTTPCall.Field]
  ) throws(IdempotencyKeyFault) -> String? {
    var key: String?
    for field in headers where field.isNamed(name) {
      let value = try self.key(from: field.value)
      guard key == nil || key == value else {
        throw IdempotencyKeyFault(message: "Idempotency-Key is given twice with different values")
      }
      key = value
    }
    return key
  }

  private static func key(from value: String) throws(IdempotencyKeyFault) -> String {
    let value = String(value.trimmingSpace)
    let key = value.hasPrefix("\"") ? try quoted(value) : try bare(value)
    guard !key.isEmpty else { throw IdempotencyKeyFault(message: "Idempotency-Key is empty") }
    guard key.utf8.count <= bytesMax else {
      throw IdempotencyKeyFault(
        message: "Idempotency-Key has \(key.utf8.count) bytes; the limit is \(bytesMax)")
    }
    return key
  }

  private static func quoted(_ value: String) throws(IdempotencyKeyFault) -> String {
    do { return try StructuredFieldString.parse([value]) } catch {
      throw IdempotencyKeyFault(
        message: "Idempotency-Key is malformed at byte \(error.offset): \(error.reason)")
    }
  }

  /// Commas and semicolons are left to the structured form, where they part keys and parameters.
  private static func bare(_ value: String) throws(IdempotencyKeyFault) -> String {
    let isKey = value.utf8.allSatisfy { byte in
      (0x21...0x7E).contains(byte) && !"\",;".utf8.contains(byte)
    }
    guard isKey else {
      throw IdempotencyKeyFault(
        message: "Idempotency-Key without quotes must be visible ASCII without '\"', ',' and ';'")
    }
    return value
  }
}
