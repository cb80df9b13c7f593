// The inputs that are kept in the repository, and the words that are worth putting into others:
// `Corpus/TARGET/*` and `Corpus/TARGET.dict`, the latter in libFuzzer's form.

import Foundation

package struct FuzzCorpus: Sendable {
  package let entries: [[UInt8]]
  package let tokens: [[UInt8]]

  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Corpus")

  package init(of target: FuzzTarget) throws {
    let files = try FileManager.default.contentsOfDirectory(
      at: Self.folder.appending(path: target.name), includingPropertiesForKeys: nil)
    // By name, so that a seed means the same input on every machine.
    entries = try files.sorted { $0.lastPathComponent < $1.lastPathComponent }
      .map { [UInt8](try Data(contentsOf: $0)) }
    let dictionary = Self.folder.appending(path: "\(target.name).dict")
    guard FileManager.default.fileExists(atPath: dictionary.path()) else {
      tokens = []
      return
    }
    tokens = try String(contentsOf: dictionary, encoding: .utf8).split(separator: "\n")
      .compactMap(Self.token)
  }

  /// Of a line such as `"\x0D\x0AHost: "`; nil for comments.
  private static func token(_ line: Substring) -> [UInt8]? {
    guard line.hasPrefix("\""), line.hasSuffix("\""), line.utf8.count >= 2 else { return nil }
    var bytes: [UInt8] = []
    var rest = line.utf8.dropFirst().dropLast()
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
        bytes.append(byte)
        continue
      }
      guard escaped == UInt8(ascii: "x") else {
        bytes.append(escaped)
        continue
      }
      bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}
