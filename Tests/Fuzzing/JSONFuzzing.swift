// The JSON scanner beside Foundation's reader, and the values it picks out of what it accepted.

import Foundation
import Invocations

func fuzzJSON(_ bytes: [UInt8]) throws {
  let isJSON = accepts(bytes)
  if isComparable(bytes) {
    let theirs = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed))
    try agree(isJSON, theirs != nil, "JSON to one and not to the other")
  }
  // Of what nobody validated, reading finds something or nothing.
  for path in [[], ["a"], ["0"], ["a", "b"], ["0", "a"]] {
    let raw = JSONScanner.raw(at: path, in: bytes)
    _ = JSONScanner.text(at: path, in: bytes)
    if isJSON, let raw { try hold(accepts(Array(raw)), "a part of JSON is none") }
  }
  let members = try? JSONScanner.members(of: bytes)
  let elements = try? JSONScanner.elements(of: bytes)
  guard isJSON else { return }
  if let members { try check(members, of: bytes) }
  for (index, element) in (elements ?? []).enumerated() {
    try hold(accepts(Array(element.bytes)), "an element is no JSON")
    try agree(JSONScanner.raw(at: [String(index)], in: bytes), element.bytes, "element \(index)")
    try check(element)
  }
}

private func accepts(_ bytes: [UInt8]) -> Bool { (try? JSONScanner.validate(bytes)) != nil }

/// Foundation also reads other encodings and byte order marks, takes NUL bytes behind the value and a
/// comma before a bracket, and refuses numbers that no Double holds and escapes that no text can hold;
/// RFC 8259 does not.
private func isComparable(_ bytes: [UInt8]) -> Bool {
  guard !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil,
    !bytes.starts(with: [0xEF, 0xBB, 0xBF])
  else { return false }
  let text = String(decoding: bytes, as: UTF8.self).lowercased()
  let dense = text.filter { !$0.isWhitespace }
  return !dense.contains(",]") && !dense.contains(",}") && !text.contains("\\ud")
    && !text.contains("e") && bytes.count < 300
}

private func check(
  _ members: [(name: String, value: JSONSlice)], of bytes: [UInt8]
) throws(BrokenProperty) {
  var seen: Set<String> = []
  for (name, value) in members {
    try hold(accepts(Array(value.bytes)), "a member is no JSON")
    // A name that is no text, as with half a surrogate pair, cannot be asked for.
    if seen.insert(name).inserted, !name.contains("\u{FFFD}"), seen.isUnambiguous(name) {
      try agree(JSONScanner.raw(at: [name], in: bytes), value.bytes, "member '\(name)'")
    }
    try check(value)
  }
}

extension Set<String> {
  /// Swift takes two spellings of a letter for one; JSON does not.
  fileprivate func isUnambiguous(_ name: String) -> Bool {
    allSatisfy { $0 != name || $0.utf8.elementsEqual(name.utf8) }
  }
}

/// What is read is what is written again.
private func check(_ value: JSONSlice) throws(BrokenProperty) {
  guard value.kind == .string else { return }
  guard let text = value.string else { throw BrokenProperty(description: "a string without text") }
  var writer = JSONWriter()
  writer.value(text)
  try agree(JSONSlice(writer.bytes[...]).string, text, "a text is another one after a round")
  try hold(accepts(writer.bytes), "a text is written as no JSON")
}

/// A path of a manifest on the first line, the data of an event behind it.
func fuzzEventPath(_ bytes: [UInt8]) throws {
  let (line, data) = bytes.firstLine
  let event = Event(id: "1", source: "/fuzz", type: "fuzz", data: data)
  guard let path = EventPath(line) else { return }
  let value = path.value(in: event)
  try agree(EventPath(path.description), path, "a path is another one after a round")
  guard accepts(data), case .data(let members) = path.root, let value else { return }
  // One step after the other comes to the same place.
  var rest = JSONScanner.raw(at: [], in: data)
  for member in members { rest = rest.flatMap { JSONScanner.raw(at: [member], in: Array($0)) } }
  try agree(rest.flatMap { JSONSlice($0).text }, value, "the value at a path")
}
