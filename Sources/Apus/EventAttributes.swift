// The attributes of the event that triggered an attempt: CloudEvents 1.0 without the data.
#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif
import WorkerProtocol

/// What is known of an event beside its data.
public struct EventAttributes: Sendable {
  /// Unique within ``source``; the two together are the event's identity.
  public let id: String
  /// Where the event comes from, such as `/queues/payments`.
  public let source: String
  /// What kind of thing happened, such as `com.example.order.placed`.
  public let type: String
  /// What it happened to, if the sender said so.
  public let subject: String?
  /// When it happened, RFC 3339, as the sender wrote it; for a timer the instant that was due.
  public let time: String
  /// The media type of the data; nil means JSON.
  public let dataContentType: String?
  /// The schema that the data keeps to, if the sender named one.
  public let dataSchema: String?
  private let extensionFields: [NameValue]

  /// The moment of ``time``, or nil if the sender wrote something that is not a time.
  public var date: Date? { JSON.date(time) }

  /// The extension attributes, such as `apuscause`, `traceparent` or `apusdeadreason`.
  public var extensions: [String: String] {
    Dictionary(extensionFields.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  /// The extension attribute of this name.
  public subscript(extension name: String) -> String? {
    extensionFields.first { $0.name == name }?.value
  }

  init(_ fields: Start.EventFields) {
    id = fields.id
    source = fields.source
    type = fields.type
    subject = fields.subject
    time = fields.time
    dataContentType = fields.dataContentType
    dataSchema = fields.dataSchema
    extensionFields = fields.extensions
  }
}
