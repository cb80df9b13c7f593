// Turns a request's headers, query and body into events: raw JSON, CloudEvents in binary,
// structured and batch mode, and one JSON value a line. All of it is good or all is refused.

package import Invocations

/// What one request sends.
package struct Ingest: Sendable, Equatable {
  package var events: [Event]
  /// False when the ids were made up here, so that the same events sent again are new events.
  package var idsAreGiven: Bool
  /// nil: at once.
  package var dueAt: WallTime?
  package var priority: Priority?
}

package struct CloudEventDecoder: Sendable {
  /// One request; more is 413.
  package static let eventsMax = 10_000
  package static let messageType = "apus.message"

  /// Of events that bring none: `/queues/NAME`.
  package let source: String
  /// The data of one event; more is 413.
  package let payloadBytesMax: Int

  package init(source: String, payloadBytesMax: Int) {
    self.source = source
    self.payloadBytesMax = payloadBytesMax
  }

  package func decode(
    headers: [HTTPCall.Field], query: String?, body: [UInt8], now: WallTime,
    ids: inout UUIDv7Generator
  ) throws(IngestFault) -> Ingest {
    let options = try IngestOptions(headers: headers, query: query, now: now)
    let events = try events(
      headers: headers, options: options, body: body, now: now, ids: &ids)
    let essence = try contentType(headers)?.essence ?? ""
    let areCloudEvents =
      essence.hasPrefix("application/cloudevents") || Self.isBinaryMode(headers)
    return Ingest(
      events: events, idsAreGiven: areCloudEvents || options.id != nil, dueAt: options.dueAt,
      priority: options.priority)
  }

  private func events(
    headers: [HTTPCall.Field], options: IngestOptions, body: [UInt8], now: WallTime,
    ids: inout UUIDv7Generator
  ) throws(IngestFault) -> [Event] {
    let type = try contentType(headers)
    switch type?.essence {
    case "application/cloudevents+json":
      try refuseAttributes(of: options)
      return [try structured(body)]
    case "application/cloudevents-batch+json":
      try refuseAttributes(of: options)
      return try batch(body)
    case let other? where other.hasPrefix("application/cloudevents"):
      throw IngestFault(
        .unsupportedMediaType, "'\(other)' is not read here; send application/cloudevents+json")
    default: break
    }
    if Self.isBinaryMode(headers) {
      try refuseAttributes(of: options)
      return [try binary(headers, type, body)]
    }
    if type?.essence == "application/x-ndjson" || type?.essence == "application/ndjson" {
      return try lines(body, options, now: now, ids: &ids)
    }
    return [try raw(headers, type, body, options, now: now, ids: &ids)]
  }

  // MARK: One raw body

  private func raw(
    _ headers: [HTTPCall.Field], _ type: MediaType?, _ body: [UInt8], _ options: IngestOptions,
    now: WallTime, ids: inout UUIDv7Generator
  ) throws(IngestFault) -> Event {
    guard !body.isEmpty else { throw IngestFault(.emptyBody, "the body is empty") }
    let isJSON = type.map { $0.isJSON || Self.isJSONInDisguise($0, body) } ?? true
    let given = type?.isJSON == true || !isJSON ? headers.first("content-type") : nil
    return try message(
      body, contentType: given ?? "application/json", isJSON: isJSON, options, id: options.id,
      at: .only, now: now, ids: &ids)
  }

  /// `curl -d` calls every body a form.
  ///
  /// No form begins with a bracket, since a form's brackets are percent-encoded; so this one is
  /// JSON.
  private static func isJSONInDisguise(_ type: MediaType, _ body: [UInt8]) -> Bool {
    guard type.essence == "application/x-www-form-urlencoded" else { return false }
    let first = body.first { !($0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09) }
    return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
  }

  // MARK: One JSON value a line

  private func lines(
    _ body: [UInt8], _ options: IngestOptions, now: WallTime, ids: inout UUIDv7Generator
  ) throws(IngestFault) -> [Event] {
    guard options.id == nil else {
      throw IngestFault(.badOption, "option 'id' names one event, and this body may hold many")
    }
    var events: [Event] = []
    var number = 0
    var rest = body[...]
    // All attributes but the id are the same for all of them, and are checked once.
    var model: Event?
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
      let line = rest[..<end]
      rest = rest[end...].dropFirst()
      number += 1
      guard line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { continue }
      try checkCount(events.count + 1)
      let data = Array(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
      if var event = model {
        try checkSize(data, at: .line(number))
        try checkJSON(data, at: .line(number))
        event.id = ids.next(at: now)
        event.data = data
        events.append(event)
      } else {
        let event = try message(
          data, contentType: "application/json", isJSON: true, options, id: nil,
          at: .line(number), now: now, ids: &ids)
        model = event
        events.append(event)
      }
    }
    guard !events.isEmpty else {
      throw IngestFault(.emptyBody, "the body has no line with an event")
    }
    return events
  }

  /// An event made from data alone.
  ///
  /// The options are checked as if they stood in an event.
  private func message(
    _ data: [UInt8], contentType: String, isJSON: Bool, _ options: IngestOptions, id: String?,
    at place: EventPlace, now: WallTime, ids: inout UUIDv7Generator
  ) throws(IngestFault) -> Event {
    try checkSize(data, at: place)
    if isJSON { try checkJSON(data, at: place) }
    var draft = EventDraft(place: place)
    try draft.set("specversion", .string("1.0"))
    try draft.set("id", .string(id ?? ids.next(at: now)))
    try draft.set("source", .string(source))
    try draft.set("type", .string(options.type ?? Self.messageType))
    if let subject = options.subject { try draft.set("subject", .string(subject)) }
    return try draft.event(data: data, dataContentType: contentType)
  }

  // MARK: Checks that every mode shares

  func checkCount(_ count: Int) throws(IngestFault) {
    guard count <= Self.eventsMax else {
      throw IngestFault(.tooManyEvents, "one request holds at most \(Self.eventsMax) events")
    }
  }

  func checkSize(_ data: [UInt8], at place: EventPlace) throws(IngestFault) {
    guard data.count <= payloadBytesMax else {
      throw place.fault(
        .payloadTooLarge, "the data has \(data.count) bytes; the limit is \(payloadBytesMax)")
    }
  }

  func checkJSON(_ data: [UInt8], at place: EventPlace) throws(IngestFault) {
    do { try JSONScanner.validate(data) } catch {
      throw place.fault(.badJSON, error.description)
    }
  }

  /// A CloudEvent says these itself; two voices could disagree.
  private func refuseAttributes(of options: IngestOptions) throws(IngestFault) {
    for (name, value) in [
      ("id", options.id), ("type", options.type), ("subject", options.subject),
    ] where value != nil {
      throw IngestFault(.badOption, "option '\(name)' goes with raw data; this event has its own")
    }
  }

  // MARK: Headers

  private func contentType(_ headers: [HTTPCall.Field]) throws(IngestFault) -> MediaType? {
    if let coding = headers.first("content-encoding"),
      coding.lowercased() != "identity"
    {
      throw IngestFault(.unsupportedMediaType, "Content-Encoding '\(coding)' is not read here")
    }
    guard let text = headers.first("content-type") else { return nil }
    guard let type = MediaType(text) else {
      throw IngestFault(.unsupportedMediaType, "'\(text)' is no media type")
    }
    guard type.isUTF8 || !type.isJSON else {
      throw IngestFault(.unsupportedMediaType, "JSON is read in UTF-8 only; got '\(text)'")
    }
    return type
  }
}
