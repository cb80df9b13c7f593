// The file of settings: flat `name: value` lines of YAML, and nothing else of YAML. What does not
// look like that, or is no setting, is refused with its line.

struct ConfigFile {
  struct Entry: Equatable {
    var text: String
    var line: Int
  }

  static let defaultPath = ".apus/config.yaml"

  let path: String
  let entries: [Settings.Name: Entry]

  /// The file that was named, or else the one in the usual place; nil where that does not exist.
  static func find(named path: String?) throws(CommandFault) -> ConfigFile? {
    do {
      let bytes = try Files.read(path ?? defaultPath)
      return try ConfigFile(String(decoding: bytes, as: UTF8.self), path: path ?? defaultPath)
    } catch let fault as Files.Fault {
      if fault.isMissing, path == nil { return nil }
      throw .badInput("\(fault.path): the settings cannot be read: \(fault.reason)")
    } catch let fault as CommandFault {
      throw fault
    } catch {
      preconditionFailure("no other error is thrown: \(error)")
    }
  }

  init(_ text: String, path: String) throws(CommandFault) {
    self.path = path
    var entries: [Settings.Name: Entry] = [:]
    var mistakes: [String] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      do throws(Mistake) {
        guard let (name, value) = try Self.entry(line) else { continue }
        if let first = entries[name] {
          throw Mistake("'\(name.rawValue)' is already given in line \(first.line)")
        }
        entries[name] = Entry(text: value, line: index + 1)
      } catch {
        mistakes.append("\(path):\(index + 1): \(error.message)")
      }
    }
    guard mistakes.isEmpty else { throw .badInput(mistakes.joined(separator: "\n")) }
    self.entries = entries
  }

  private struct Mistake: Error {
    let message: String

    init(_ message: String) { self.message = message }
  }

  /// Nil for a blank line or a comment.
  private static func entry(
    _ line: Substring
  ) throws(Mistake) -> (name: Settings.Name, text: String)? {
    let content = trimmed(line)
    guard !content.isEmpty, !content.hasPrefix("#"), content != "---" else { return nil }
    guard let colon = content.firstIndex(of: ":"), line.first != " ", line.first != "\t" else {
      throw Mistake("expected 'name: value'; lists and nested keys are not for this file")
    }
    let word = String(content[..<colon])
    guard let name = Settings.Name(rawValue: word) else {
      let names = Settings.Name.allCases.map(\.rawValue).joined(separator: ", ")
      if word == "token" { throw Mistake("the token is not kept in a file; set APUS_TOKEN") }
      throw Mistake("unknown setting '\(word)'; there are \(names)")
    }
    return (name, try value(trimmed(content[content.index(after: colon)...]), of: name))
  }

  private static func value(_ text: Substring, of name: Settings.Name) throws(Mistake) -> String {
    let value: Substring
    if let quote = text.first, quote == "\"" || quote == "'" {
      let inner = text.dropFirst()
      guard let end = inner.firstIndex(of: quote) else {
        throw Mistake("'\(name.rawValue)': the quote is not closed")
      }
      let rest = trimmed(inner[inner.index(after: end)...])
      guard rest.isEmpty || rest.hasPrefix("#") else {
        throw Mistake("'\(name.rawValue)': nothing may follow the closing quote")
      }
      value = inner[..<end]
    } else {
      value = withoutComment(text)
    }
    guard let first = value.first else { throw Mistake("'\(name.rawValue)' has no value") }
    guard text.first == "\"" || text.first == "'" || !"[{&*|>!%@`".contains(first) else {
      throw Mistake("'\(name.rawValue)' must be a plain value; put it in quotes if it is one")
    }
    return String(value)
  }

  private static func withoutComment(_ text: Substring) -> Substring {
    var end = text.startIndex
    var previous: Character = " "
    while end < text.endIndex {
      if text[end] == "#", previous == " " || previous == "\t" { break }
      previous = text[end]
      end = text.index(after: end)
    }
    return trimmed(text[..<end])
  }

  static func trimmed(_ text: Substring) -> Substring {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
    let head = text.drop(while: isBlank)
    guard let last = head.lastIndex(where: { !isBlank($0) }) else { return "" }
    return head[...last]
  }
}
