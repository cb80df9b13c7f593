// Lists of fields as JSON text, so that a person with a SQL shell can read and query them:
// headers and metadata as `[["name","value"],…]`, extensions as an object, a call as an object.
import Invocations

enum StoredFields {
  typealias Field = HTTPCall.Field

  /// nil for no fields: most rows have none.
  static func text(_ fields: [Field]) -> [UInt8]? {
    guard !fields.isEmpty else { return nil }
    var writer = JSONWriter()
    writer.array { write(fields, to: &$0) }
    return writer.bytes
  }

  static func fields(_ text: [UInt8]?) -> [Field] {
    text.map { fields($0[...]) } ?? []
  }

  static func text(_ extensions: [Event.Extension]) -> [UInt8]? {
    guard !extensions.isEmpty else { return nil }
    var writer = JSONWriter()
    writer.object { object in
      for attribute in extensions {
        switch attribute.value {
        case .string(let text): object.field(attribute.name, text)
        case .integer(let number): object.field(attribute.name, number)
        case .boolean(let truth): object.field(attribute.name, truth)
        }
      }
    }
    return writer.bytes
  }

  static func extensions(_ text: [UInt8]?) -> [Event.Extension] {
    members(text.map { $0[...] }).map { name, slice in
      Event.Extension(name: name, value: value(of: slice))
    }
  }

  static func text(_ call: HTTPCall?) -> [UInt8]? {
    guard let call else { return nil }
    var writer = JSONWriter()
    writer.object { object in
      object.field("method", call.method)
      object.field("path", call.path)
      object.field("query", ifPresent: call.query)
      object.array("parameters") { write(call.parameters, to: &$0) }
      object.array("headers") { write(call.headers, to: &$0) }
    }
    return writer.bytes
  }

  static func call(_ text: [UInt8]?) -> HTTPCall? {
    guard let text else { return nil }
    var call = HTTPCall(method: "", path: "", query: nil, parameters: [], headers: [])
    for (name, value) in members(text[...]) {
      switch name {
      case "method": call.method = value.string ?? ""
      case "path": call.path = value.string ?? ""
      case "query": call.query = value.string
      case "parameters": call.parameters = fields(value.bytes)
      case "headers": call.headers = fields(value.bytes)
      default: break
      }
    }
    return call
  }

  // MARK: Parts

  private static func write(_ fields: [Field], to list: inout JSONWriter) {
    for field in fields {
      list.array { pair in
        pair.value(field.name)
        pair.value(field.value)
      }
    }
  }

  private static func fields(_ text: ArraySlice<UInt8>) -> [Field] {
    elements(text).compactMap { pair in
      let texts = elements(pair.bytes).compactMap(\.string)
      return texts.count == 2 ? Field(name: texts[0], value: texts[1]) : nil
    }
  }

  private static func value(of slice: JSONSlice) -> Event.Value {
    switch slice.kind {
    case .number: slice.text.flatMap { Int32($0) }.map { .integer($0) } ?? .string("")
    case .boolean: .boolean(slice.text == "true")
    default: .string(slice.text ?? "")
    }
  }

  // This room wrote the text; where the file was damaged so finely that SQLite did not see it,
  // the rest of the record is worth more than a fault.
  private static func elements(_ text: ArraySlice<UInt8>) -> [JSONSlice] {
    (try? JSONScanner.elements(of: text)) ?? []
  }

  private static func members(_ text: ArraySlice<UInt8>?) -> [(name: String, value: JSONSlice)] {
    guard let text else { return [] }
    return (try? JSONScanner.members(of: text)) ?? []
  }
}
