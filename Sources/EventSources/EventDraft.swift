// Collects the attributes of one event as they are read and checks each by the rules of
// CloudEvents 1.0. It knows nothing of headers or JSON.

import Invocations
import Schedules

/// What one event may have at most.
package struct EventLimits: Sendable, Equatable {
  package static let extensionsMax = 64
  package static let attributeBytesMax = 4 * 1024
  package static let nameBytesMax = 64
}

struct EventDraft {
  let place: EventPlace
  private var specVersion: String?
  private var id: String?
  private var source: String?
  private var type: String?
  private var subject: String?
  private var time: String?
  private(set) var dataContentType: String?
  private var dataSchema: String?
  private var extensions: [Event.Extension] = []

  init(place: EventPlace) { self.place = place }

  mutating func set(_ name: String, _ value: Event.Value) throws(IngestFault) {
    switch name {
    case "specversion": specVersion = try text(of: value, as: name, was: specVersion)
    case "id": id = try text(of: value, as: name, was: id)
    case "source": source = try text(of: value, as: name, was: source)
    case "type": type = try text(of: value, as: name, was: type)
    case "subject": subject = try text(of: value, as: name, was: subject)
    case "time": time = try text(of: value, as: name, was: time)
    case "datacontenttype": dataContentType = try text(of: value, as: name, was: dataContentType)
    case "dataschema": dataSchema = try text(of: value, as: name, was: dataSchema)
    default: try takeExtension(name, value)
    }
  }

  private func text(
    of value: Event.Value, as name: String, was former: String?
  ) throws(IngestFault) -> String {
    guard former == nil else { throw place.fault(.badEvent, "'\(name)' is given twice") }
    guard case .string(let text) = value else {
      throw place.fault(.badEvent, "'\(name)' must be a string; got \(value.text)")
    }
    try checkText(name, text)
    try checkCore(name, text)
    return text
  }

  private mutating func takeExtension(
    _ name: String, _ value: Event.Value
  ) throws(IngestFault) {
    try checkName(name)
    if case .string(let text) = value { try checkText(name, text) }
    guard !extensions.contains(where: { $0.name == name }) else {
      throw place.fault(.badEvent, "'\(name)' is given twice")
    }
    guard extensions.count < EventLimits.extensionsMax else {
      throw place.fault(.badEvent, "more than \(EventLimits.extensionsMax) extension attributes")
    }
    extensions.append(Event.Extension(name: name, value: value))
  }

  /// The event, once all attributes are in.
  ///
  /// Required ones that are missing are named.
  func event(data: [UInt8], dataContentType: String?) throws(IngestFault) -> Event {
    _ = try required("specversion", specVersion)
    // It may be the Content-Type header, which has not come through `set` and may have tabs.
    let dataContentType = dataContentType.map { type in
      type.utf8.contains(0x09) ? type.replacing("\t", with: " ") : type
    }
    if let dataContentType { try checkText("datacontenttype", dataContentType) }
    return Event(
      id: try required("id", id), source: try required("source", source),
      type: try required("type", type), subject: subject, time: time,
      dataContentType: dataContentType, dataSchema: dataSchema,
      extensions: extensions.sorted { $0.name < $1.name }, data: data)
  }

  private func required(_ name: String, _ value: String?) throws(IngestFault) -> String {
    guard let value else { throw place.fault(.badEvent, "'\(name)' is missing") }
    return value
  }

  private func checkName(_ name: String) throws(IngestFault) {
    guard !name.isEmpty, name.utf8.count <= EventLimits.nameBytesMax,
      name.utf8.allSatisfy(\.isLowercaseOrDigit)
    else {
      throw place.fault(
        .badEvent,
        "attribute name '\(name.prefix(EventLimits.nameBytesMax))' must be "
          + "1–\(EventLimits.nameBytesMax) of a–z 0–9")
    }
    guard name != "data" else { throw place.fault(.badEvent, "no attribute can be named 'data'") }
  }

  private func checkText(_ name: String, _ text: String) throws(IngestFault) {
    guard text.utf8.count <= EventLimits.attributeBytesMax else {
      throw place.fault(
        .badEvent, "'\(name)' is longer than \(EventLimits.attributeBytesMax) bytes")
    }
    guard !text.hasControlCharacter else {
      throw place.fault(.badEvent, "'\(name)' has a control character")
    }
  }

  private func checkCore(_ name: String, _ text: String) throws(IngestFault) {
    guard !text.isEmpty else { throw place.fault(.badEvent, "'\(name)' is empty") }
    switch name {
    case "specversion" where text != "1.0":
      throw place.fault(.badEvent, "'specversion' must be \"1.0\"; got \"\(text)\"")
    case "source" where text.utf8.contains(0x20):
      throw place.fault(.badEvent, "'source' must be a URI reference; got \"\(text)\"")
    case "dataschema" where !Self.isURI(text):
      throw place.fault(.badEvent, "'dataschema' must be a URI with a scheme; got \"\(text)\"")
    case "datacontenttype" where MediaType(text) == nil:
      throw place.fault(.badEvent, "'datacontenttype' must be a media type; got \"\(text)\"")
    case "time": try checkTime(text)
    default: break
    }
  }

  private func checkTime(_ text: String) throws(IngestFault) {
    do { _ = try CivilTime.parseRFC3339(text) } catch {
      throw place.fault(
        .badEvent,
        "'time' must be RFC 3339, such as 2027-01-01T00:00:00Z: \(error.message); "
          + "got \"\(text)\"")
    }
  }

  private static func isURI(_ text: String) -> Bool {
    let scheme = text.prefix { $0 != ":" }
    return scheme.utf8.count < text.utf8.count && !text.utf8.contains(0x20)
      && scheme.first.map { $0.isASCII && $0.isLetter } == true
      && scheme.utf8.allSatisfy { $0.isTokenByte }
  }
}

extension String {
  /// C0, DEL or C1, which no CloudEvents string may hold.
  ///
  /// C1 is U+0080 to U+009F: C2 and a byte below A0 in UTF-8.
  fileprivate var hasControlCharacter: Bool {
    var previous: UInt8 = 0
    for byte in utf8 {
      if byte < 0x20 || byte == 0x7F || (previous == 0xC2 && byte < 0xA0) { return true }
      previous = byte
    }
    return false
  }
}
