// An event as the house carries it: the attributes of CloudEvents 1.0 and the data as raw bytes.
// It is immutable once accepted; nothing here parses JSON.

package struct Event: Sendable, Equatable {
  /// Unique within `source`; source and id together are the event's identity.
  package var id: String
  package var source: String
  package var type: String
  package var subject: String?
  /// RFC 3339 as the sender wrote it; nil means the moment of acceptance.
  package var time: String?
  package var dataContentType: String?
  package var dataSchema: String?
  /// Extension attributes in the text form of the CloudEvents type system, sorted by name.
  package var extensions: [Extension]
  package var data: [UInt8]

  package struct Extension: Sendable, Equatable {
    package var name: String
    package var value: Value

    package init(name: String, value: Value) {
      self.name = name
      self.value = value
    }
  }

  /// The JSON form has to tell a number from its text; the other types are strings in JSON.
  package enum Value: Sendable, Equatable {
    case string(String)
    case integer(Int32)
    case boolean(Bool)

    package var text: String {
      switch self {
      case .string(let text): text
      case .integer(let number): String(number)
      case .boolean(let truth): truth ? "true" : "false"
      }
    }
  }

  package init(
    id: String, source: String, type: String, subject: String? = nil, time: String? = nil,
    dataContentType: String? = "application/json", dataSchema: String? = nil,
    extensions: [Extension] = [], data: [UInt8]
  ) {
    self.id = id
    self.source = source
    self.type = type
    self.subject = subject
    self.time = time
    self.dataContentType = dataContentType
    self.dataSchema = dataSchema
    self.extensions = extensions
    self.data = data
  }

  package subscript(extension name: String) -> String? {
    extensions.first { $0.name == name }?.value.text
  }

  /// True for `application/json`, any `+json` type, and no type at all (the CloudEvents default).
  package var holdsJSON: Bool {
    guard let dataContentType else { return true }
    let kind = dataContentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
    return kind == "application/json" || kind == "text/json" || kind.hasSuffix("+json")
  }
}

/// What an HTTP trigger keeps of the request beside its body, so that the handler can be run again.
package struct HTTPCall: Sendable, Equatable {
  package var method: String
  package var path: String
  package var query: String?
  /// What `{name}` in the route's pattern bound, percent-decoded, in the order of the pattern.
  package var parameters: [Field]
  package var headers: [Field]

  package struct Field: Sendable, Equatable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  package init(
    method: String, path: String, query: String?, parameters: [Field], headers: [Field]
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.parameters = parameters
    self.headers = headers
  }
}
