// Writes the body of a streamed response, no faster than its client reads.

/// Where the body of a streamed response is written.
public struct ResponseWriter: Sendable {
  private let attempt: Attempt

  init(_ attempt: Attempt) { self.attempt = attempt }

  /// Sends bytes; returns when there is room for more.
  ///
  /// - Parameter bytes: The next part of the body.
  /// - Throws: `CancellationError` when the client has gone, when the deadline has passed, or when
  ///   the response has already ended.
  public func write(_ bytes: [UInt8]) async throws {
    try await attempt.writeBody(bytes)
  }

  /// Sends text in UTF-8; returns when there is room for more.
  ///
  /// - Parameter text: The next part of the body.
  /// - Throws: As for bytes.
  public func write(_ text: String) async throws {
    try await attempt.writeBody(Array(text.utf8))
  }
}
