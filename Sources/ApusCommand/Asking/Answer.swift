// An answer of the control door, picked apart by the paths of its members. What is not there is
// nil, so that an older command shows what it knows of a newer host's answers.

import Invocations
import Schedules

struct Answer: Equatable {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  init(_ text: String) { bytes = Array(text.utf8) }

  /// `error.message`: strings unescaped, other values as written, nil for null.
  subscript(path: String) -> String? {
    JSONScanner.text(at: path.split(separator: ".").map(String.init), in: bytes)
      .map(Table.harmless)
  }

  func number(_ path: String) -> Int64? {
    guard let text = self[path] else { return nil }
    return Int64(text) ?? Double(text).flatMap { Int64(exactly: $0.rounded()) }
  }

  func time(_ path: String) -> WallTime? {
    // A text that is no time is shown as none.
    self[path].flatMap { try? CivilTime.parseRFC3339($0) }.map { WallTime(milliseconds: $0) }
  }

  func isTrue(_ path: String) -> Bool { self[path] == "true" }

  func raw(_ path: String) -> [UInt8]? {
    JSONScanner.raw(at: path.split(separator: ".").map(String.init), in: bytes).map(Array.init)
  }

  func list(_ path: String) -> [Answer] {
    guard let array = raw(path), array.first == UInt8(ascii: "[") else { return [] }
    // What is no array has no elements.
    return ((try? JSONScanner.elements(of: array)) ?? []).map { Answer(Array($0.bytes)) }
  }

  /// Of a list of strings.
  func texts(_ path: String) -> [String] {
    list(path).compactMap { JSONSlice($0.bytes[...]).text.map(Table.harmless) }
  }

  /// One level of an object, as texts, in the order of the answer.
  func members(_ path: String) -> [(name: String, text: String)] {
    guard let object = raw(path), object.first == UInt8(ascii: "{") else { return [] }
    // What is no object has no members.
    return ((try? JSONScanner.members(of: object)) ?? []).map {
      (Table.harmless($0.name), Table.harmless($0.value.text ?? ""))
    }
  }
}

enum PrettyJSON {
  /// Indented by two spaces; what is no JSON comes out as some indented text.
  static func lines(_ json: [UInt8]) -> [String] {
    var text: [UInt8] = []
    var depth = 0
    var isInString = false
    var isEscaped = false
    var previous: UInt8 = 0
    func newline() { text += [10] + [UInt8](repeating: 32, count: 2 * max(0, depth)) }
    for byte in json {
      if isInString {
        text.append(byte)
        isInString = isEscaped || byte != UInt8(ascii: "\"")
        isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        continue
      }
      switch byte {
      case 9, 10, 13, 32: continue
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        if opens(previous) { newline() }
        depth += 1
        text.append(byte)
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        if !opens(previous) { newline() }
        text.append(byte)
      case UInt8(ascii: ","):
        text.append(byte)
        newline()
      case UInt8(ascii: ":"): text += [byte, 32]
      default:
        if opens(previous) { newline() }
        isInString = byte == UInt8(ascii: "\"")
        text.append(byte)
      }
      previous = byte
    }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private static func opens(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
  }
}
