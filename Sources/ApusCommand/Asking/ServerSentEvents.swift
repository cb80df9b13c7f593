// A stream of server-sent events cut into events, whatever the pieces it comes in. Comments and
// fields that nobody here asks for are skipped (WHATWG HTML §9.2).

struct ServerSentEvents {
  struct Event: Equatable {
    var name: String
    var data: String
  }

  /// Of one line; what is longer is no event of a host.
  static let lineBytesMax = 4 << 20

  private var line: [UInt8] = []
  private var name = ""
  private var data: [String] = []

  /// Nil once a line is longer than any that a host sends.
  mutating func take(_ bytes: [UInt8]) -> [Event]? {
    var events: [Event] = []
    for byte in bytes {
      guard byte == 10 else {
        line.append(byte)
        guard line.count <= Self.lineBytesMax else { return nil }
        continue
      }
      if line.last == 13 { line.removeLast() }
      if let event = finishLine() { events.append(event) }
      line.removeAll(keepingCapacity: true)
    }
    return events
  }

  private mutating func finishLine() -> Event? {
    guard !line.isEmpty else { return finishEvent() }
    let text = String(decoding: line, as: UTF8.self)
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    var value = parts.count > 1 ? parts[1] : ""
    if value.first == " " { value = value.dropFirst() }
    switch parts[0] {
    case "event": name = String(value)
    case "data": data.append(String(value))
    default: break
    }
    return nil
  }

  private mutating func finishEvent() -> Event? {
    defer {
      name = ""
      data = []
    }
    return data.isEmpty ? nil : Event(name: name, data: data.joined(separator: "\n"))
  }
}
