// Secrets that a manifest names: from the host's environment, else from `DATA/secrets.env`, which
// nobody but its owner may read. Values are never shown, not even in a message about them.

import Glibc

struct SecretsFile {
  let values: [String: String]

  static func path(in dataDirectory: String) -> String { "\(dataDirectory)/secrets.env" }

  /// A directory without the file has no secrets.
  static func find(in dataDirectory: String) throws(CommandFault) -> SecretsFile {
    let path = path(in: dataDirectory)
    guard let status = Files.status(path) else { return SecretsFile(values: [:]) }
    guard status.st_mode & 0o077 == 0 else {
      let mode = String(status.st_mode & 0o777, radix: 8)
      throw .badInput(
        "\(path) holds secrets and others may read it (mode 0\(mode)); run: chmod 600 \(path)")
    }
    let text: String
    do throws(Files.Fault) {
      text = String(decoding: try Files.read(path), as: UTF8.self)
    } catch {
      throw .badInput("\(path): the secrets cannot be read: \(error.reason)")
    }
    return try SecretsFile(text, path: path)
  }

  private init(values: [String: String]) { self.values = values }

  init(_ text: String, path: String) throws(CommandFault) {
    var values: [String: String] = [:]
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let content = ConfigFile.trimmed(line)
      if content.isEmpty || content.hasPrefix("#") { continue }
      let parts = content.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, Self.isName(parts[0]) else {
        throw .badInput("\(path):\(index + 1): expected NAME=value")
      }
      guard values.updateValue(Self.unquoted(parts[1]), forKey: String(parts[0])) == nil else {
        throw .badInput("\(path):\(index + 1): '\(parts[0])' is given twice")
      }
    }
    self.values = values
  }

  private static func isName(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
  }

  private static func unquoted(_ text: Substring) -> String {
    guard text.count >= 2, let first = text.first, first == text.last, "\"'".contains(first)
    else { return String(text) }
    return String(text.dropFirst().dropLast())
  }

  /// Looks a secret up when a release is launched; the file is read again each time, so that a
  /// secret can be added while the host runs.
  static func lookup(in dataDirectory: String) -> @Sendable (String) -> String? {
    { name in
      if let value = Environment.variables[name], !value.isEmpty { return value }
      // A file that cannot be read has no secrets; the launch is refused with the secret's name.
      return try? find(in: dataDirectory).values[name]
    }
  }
}
