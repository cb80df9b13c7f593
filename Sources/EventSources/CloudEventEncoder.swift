// Shows an event in the JSON format of CloudEvents 1.0. Whatever the data is, the result is JSON.

package import Invocations
import Schedules

package enum CloudEventEncoder {
  /// A document of its own.
  ///
  /// `acceptedAt` stands in for a time that the sender did not give.
  package static func structured(_ event: Event, acceptedAt: WallTime) -> [UInt8] {
    var json = JSONWriter(capacity: 384 + event.data.count)
    write(event, acceptedAt: acceptedAt, to: &json)
    return json.bytes
  }

  /// One object, as the next value of `json`.
  package static func write(
    _ event: Event, acceptedAt: WallTime, to json: inout JSONWriter
  ) {
    json.object { json in
      json.field("specversion", "1.0")
      json.field("id", event.id)
      json.field("source", event.source)
      json.field("type", event.type)
      json.field("subject", ifPresent: event.subject)
      json.field(
        "time",
        event.time ?? CivilTime.formatRFC3339(milliseconds: acceptedAt.milliseconds))
      json.field("datacontenttype", ifPresent: event.dataContentType)
      json.field("dataschema", ifPresent: event.dataSchema)
      for attribute in event.extensions { write(attribute, to: &json) }
      writeData(of: event, to: &json)
    }
  }

  private static func write(_ attribute: Event.Extension, to json: inout JSONWriter) {
    switch attribute.value {
    case .string(let text): json.field(attribute.name, text)
    case .integer(let number): json.field(attribute.name, number)
    case .boolean(let truth): json.field(attribute.name, truth)
    }
  }

  /// JSON inline, other text as a string, the rest in base64.
  ///
  /// Data that is called JSON and is not (an HTTP body is taken as it comes) is in base64 too, so
  /// that it cannot break the document.
  private static func writeData(of event: Event, to json: inout JSONWriter) {
    guard !event.data.isEmpty else { return }
    if event.holdsJSON {
      do {
        try JSONScanner.validate(event.data)
        return json.field("data", raw: event.data)
      } catch {}  // called JSON and is not: base64 below
    } else if let text = String(validating: event.data, as: UTF8.self) {
      return json.field("data", text)
    }
    json.field("data_base64", Base64.encoded(event.data))
  }
}
