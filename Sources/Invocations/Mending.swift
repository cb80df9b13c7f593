// An event with some members of its data set anew: what an operator sends in the place of one that
// could not be handled. The rest of the data stays byte for byte.

package struct Mending: Sendable, Equatable {
  package struct Fault: Error, Sendable, Equatable {
    package var reason: String
  }

  /// Members of one mending.
  package static let membersMax = 32
  /// The extension that names the event it was made of.
  package static let attribute = "apusmends"

  private struct Change: Sendable, Equatable {
    var path: EventPath
    var members: [String]
    /// JSON.
    var value: [UInt8]
    /// As it was given, where that is a bare number or truth: for a member that was text.
    var text: [UInt8]?
  }

  private let changes: [Change]

  package var isEmpty: Bool { changes.isEmpty }

  /// Each names a path below `data` and a value: JSON where it is JSON, and text otherwise.
  package init(_ fields: [HTTPCall.Field]) throws(Fault) {
    guard fields.count <= Self.membersMax else {
      throw Fault(reason: "at most \(Self.membersMax) members can be set; got \(fields.count)")
    }
    var changes: [Change] = []
    for field in fields {
      guard let path = EventPath(field.name), case .data(let members) = path.root,
        !members.isEmpty
      else {
        throw Fault(
          reason: "only members of the data can be set, such as data.card; got '\(field.name)'")
      }
      let value = Self.json(field.value)
      let isBare = [.number, .boolean].contains(JSONSlice(value[...]).kind)
      changes.append(
        Change(
          path: path, members: members, value: value,
          text: isBare ? Self.quoted(field.value) : nil))
    }
    self.changes = changes
  }

  /// `4111` is a number unless it takes the place of a text; `"4111"` and `tok_1` are texts.
  private static func json(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    if (try? JSONScanner.validate(bytes)) != nil { return bytes }  // else: it is text
    return quoted(text)
  }

  private static func quoted(_ text: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.value(text)
    return writer.bytes
  }

  /// A new event under `id` that names the old one.
  package func mend(_ event: Event, as id: String) throws(Fault) -> Event {
    guard event.holdsJSON else {
      throw Fault(reason: "its data is no JSON, of which members could be set")
    }
    var mended = event
    for change in changes {
      mended.data = try Self.set(change.members[...], change, in: mended.data)
    }
    mended.id = id
    mended.time = nil
    mended.extensions.removeAll { $0.name == Self.attribute }
    mended.extensions.append(Event.Extension(name: Self.attribute, value: .string(event.id)))
    return mended
  }

  private static func set(
    _ members: ArraySlice<String>, _ change: Change, in json: [UInt8]
  ) throws(Fault) -> [UInt8] {
    let path = change.path
    guard let name = members.first else {
      return JSONSlice(json[...]).kind == .string ? change.text ?? change.value : change.value
    }
    let object: [(name: String, value: JSONSlice)]
    do throws(JSONFault) { object = try JSONScanner.members(of: json) } catch {
      throw Fault(reason: "there is no object to set '\(path)' in")
    }
    if let last = object.last(where: { $0.name == name }) {
      let range = last.value.bytes.startIndex..<last.value.bytes.endIndex
      let inner = try set(members.dropFirst(), change, in: Array(last.value.bytes))
      return Array(json[..<range.lowerBound]) + inner + Array(json[range.upperBound...])
    }
    guard members.count == 1, let end = json.lastIndex(of: UInt8(ascii: "}")) else {
      throw Fault(reason: "there is no object to set '\(path)' in")
    }
    var writer = JSONWriter()
    writer.value(name)
    let comma = object.isEmpty ? [] : [UInt8(ascii: ",")]
    return Array(json[..<end]) + comma + writer.bytes + [UInt8(ascii: ":")] + change.value
      + Array(json[end...])
  }
}

/// How fast an action goes: `10/s`, `100/min`, `5/h`.
package enum ActionPace {
  package static let countMax = 100_000

  /// The time between two; nil where the text is no pace.
  package static func interval(_ text: String) -> Duration? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let periods: [Substring: Int] = ["s": 1, "min": 60, "h": 3600]
    guard parts.count == 2, let count = Int(parts[0]), (1...countMax).contains(count),
      let seconds = periods[parts[1]]
    else { return nil }
    return .seconds(seconds) / count
  }
}
