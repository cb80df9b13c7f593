// The three modes of the CloudEvents HTTP binding: attributes in `ce-` headers, one event as JSON,
// and an array of them.

import Invocations

extension CloudEventDecoder {
  private static let requiredHeaders = ["ce-specversion", "ce-id", "ce-source", "ce-type"]

  /// One of the required headers is enough to tell what the sender meant.
  static func isBinaryMode(_ headers: [HTTPCall.Field]) -> Bool {
    headers.contains { field in
      field.begins(with: "ce-") && requiredHeaders.contains { field.isNamed($0) }
    }
  }

  // MARK: Binary mode

  func binary(
    _ headers: [HTTPCall.Field], _ type: MediaType?, _ body: [UInt8]
  ) throws(IngestFault) -> Event {
    var draft = EventDraft(place: .only)
    for field in headers {
      guard field.begins(with: "ce-") else { continue }
      let name = field.name.lowercased()
      guard name != "ce-datacontenttype" else {
        throw IngestFault(.badEvent, "'datacontenttype' stands in Content-Type in binary mode")
      }
      guard let value = Self.headerText(field.value) else {
        throw IngestFault(.badEvent, "header '\(field.name)' has bad quoting or percent-encoding")
      }
      try draft.set(String(name.dropFirst(3)), .string(value))
    }
    try checkSize(body, at: .only)
    if !body.isEmpty, type?.isJSON ?? true { try checkJSON(body, at: .only) }
    return try draft.event(
      data: body, dataContentType: headers.first("content-type"))
  }

  /// Quotes are taken off first, for senders of older versions; then one round of decoding.
  private static func headerText(_ value: String) -> String? {
    let trimmed = value.trimmingSpace
    guard trimmed.first == "\"" else { return PercentText.decoded(trimmed) }
    guard trimmed.count >= 2, trimmed.last == "\"" else { return nil }
    var text = ""
    var rest = trimmed.dropFirst().dropLast()
    while let character = rest.popFirst() {
      switch character {
      case "\\":
        guard let escaped = rest.popFirst() else { return nil }
        text.append(escaped)
      case "\"": return nil
      default: text.append(character)
      }
    }
    return PercentText.decoded(text[...])
  }

  // MARK: Structured and batch mode

  func structured(_ body: [UInt8]) throws(IngestFault) -> Event {
    try checkJSON(body, at: .only)
    return try event(JSONSlice(body.trimmingJSONSpace), at: .only)
  }

  func batch(_ body: [UInt8]) throws(IngestFault) -> [Event] {
    try checkJSON(body, at: .only)
    let elements: [JSONSlice]
    do { elements = try JSONScanner.elements(of: body) } catch {
      throw IngestFault(.badEvent, "a batch is a JSON array of events")
    }
    try checkCount(elements.count)
    var events: [Event] = []
    events.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      events.append(try event(element, at: .event(index + 1)))
    }
    return events
  }

  private func event(_ json: JSONSlice, at place: EventPlace) throws(IngestFault) -> Event {
    let members: [(name: String, value: JSONSlice)]
    do { members = try JSONScanner.members(of: json.bytes) } catch {
      throw place.fault(.badEvent, "an event is a JSON object")
    }
    var draft = EventDraft(place: place)
    var data: JSONSlice?
    var base64: JSONSlice?
    for (name, value) in members {
      switch name {
      case "data": try takeOnce(value, as: name, into: &data, at: place)
      case "data_base64": try takeOnce(value, as: name, into: &base64, at: place)
      default:
        if let value = try attribute(name, value, at: place) { try draft.set(name, value) }
      }
    }
    let (bytes, type) = try payload(data, base64, draft)
    try checkSize(bytes, at: place)
    return try draft.event(data: bytes, dataContentType: type)
  }

  private func takeOnce(
    _ value: JSONSlice, as name: String, into slot: inout JSONSlice?, at place: EventPlace
  ) throws(IngestFault) {
    guard slot == nil else { throw place.fault(.badEvent, "'\(name)' is given twice") }
    slot = value
  }

  /// nil for `null`, which is how JSON says that an attribute is not set.
  private func attribute(
    _ name: String, _ value: JSONSlice, at place: EventPlace
  ) throws(IngestFault) -> Event.Value? {
    switch value.kind {
    case .null: return nil
    case .string: return value.string.map { .string($0) }
    case .boolean: return .boolean(value.text == "true")
    case .number:
      if let number = value.text.flatMap({ Int32($0) }) { return .integer(number) }
      throw place.fault(
        .badEvent, "'\(name)' must be a whole number of 32 bits; got \(value.text ?? "")")
    case .object, .array:
      throw place.fault(.badEvent, "'\(name)' must be a string, a whole number or a boolean")
    }
  }

  // MARK: Data

  /// The bytes and the content type to keep with them.
  private func payload(
    _ data: JSONSlice?, _ base64: JSONSlice?, _ draft: EventDraft
  ) throws(IngestFault) -> ([UInt8], String?) {
    let type = draft.dataContentType
    let isJSON = type.flatMap(MediaType.init)?.isJSON ?? true
    switch (data, base64) {
    case (nil, nil): return ([], type)
    case (.some, .some):
      throw draft.place.fault(.badEvent, "'data' and 'data_base64' exclude each other")
    case (let data?, nil):
      return (isJSON ? Array(data.bytes) : try opaque(data, draft), type)
    case (nil, let base64?):
      let bytes = try decoded(base64, draft)
      if type == nil, !Self.isJSON(bytes) { return (bytes, "application/octet-stream") }
      if isJSON { try checkJSON(bytes, at: draft.place) }
      return (bytes, type)
    }
  }

  /// Data that is not JSON is text in a JSON string.
  private func opaque(_ data: JSONSlice, _ draft: EventDraft) throws(IngestFault) -> [UInt8] {
    switch data.kind {
    case .null: return []
    case .string: return Array((data.string ?? "").utf8)
    default:
      let type = draft.dataContentType ?? ""
      throw draft.place.fault(.badEvent, "'data' must be a string when its type is '\(type)'")
    }
  }

  private func decoded(_ base64: JSONSlice, _ draft: EventDraft) throws(IngestFault) -> [UInt8] {
    if base64.kind == .null { return [] }
    guard let text = base64.string, let bytes = Base64.decoded(text) else {
      throw draft.place.fault(.badEvent, "'data_base64' must be a string of padded base64")
    }
    return bytes
  }

  private static func isJSON(_ bytes: [UInt8]) -> Bool {
    do {
      try JSONScanner.validate(bytes)
      return true
    } catch { return false }
  }
}

extension [UInt8] {
  fileprivate var trimmingJSONSpace: ArraySlice<UInt8> {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    let front = drop(while: isSpace)
    return front.lastIndex { !isSpace($0) }.map { front[...$0] } ?? []
  }
}
