// Why a door refuses what was sent. One fault refuses the whole request: nothing of it is accepted.

package struct IngestFault: Error, Equatable, Sendable {
  /// Stable across releases.
  package enum Code: String, Sendable, CaseIterable {
    case badJSON = "bad-json"
    case badEvent = "bad-event"
    case badOption = "bad-option"
    case emptyBody = "empty-body"
    case tooManyEvents = "too-many-events"
    case payloadTooLarge = "payload-too-large"
    case unsupportedMediaType = "unsupported-media-type"

    /// The HTTP status that goes with it.
    package var status: Int {
      switch self {
      case .badJSON, .badEvent, .badOption, .emptyBody: 400
      case .tooManyEvents, .payloadTooLarge: 413
      case .unsupportedMediaType: 415
      }
    }
  }

  package let code: Code
  /// Names the place: `event 3: …`, `line 7: …`.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var status: Int { code.status }
}

/// Where in a request an event stands; the single event of a request needs no name.
struct EventPlace {
  let prefix: String

  static let only = EventPlace(prefix: "")
  /// Both count from 1.
  static func event(_ number: Int) -> Self { Self(prefix: "event \(number): ") }
  static func line(_ number: Int) -> Self { Self(prefix: "line \(number): ") }

  func fault(_ code: IngestFault.Code, _ message: String) -> IngestFault {
    IngestFault(code, prefix + message)
  }
}
