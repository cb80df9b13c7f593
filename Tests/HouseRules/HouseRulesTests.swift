import Foundation
import Testing

/// Conventions that a build does not check.
struct HouseRulesTests {
  /// Which room imports which outside library; a second one is a second door to the same thing.
  static let owners: [String: [String]] = [
    "CLibuv": ["EventLoop"], "GRDB": ["Records"], "GRDBSQLite": ["Records"], "Yams": ["Manifests"],
    "NIOCore": ["HTTP"], "NIOEmbedded": ["HTTP"], "NIOHTTP1": ["HTTP"],
    "NIOSSL": ["HTTP"], "NIOTLS": ["HTTP"],
    "ArgumentParser": ["ApusCommand"], "HeapModule": ["Dispatching"],
    "DequeModule": ["Dispatching", "Records", "Workers", "HTTP"],
    "Logging": ["Apus", "ApusCommand"], "Crypto": ["Digests"],
  ]

  @Test func `each outside library has its room`() throws {
    for file in try Self.swiftFiles(in: "Sources") {
      for line in file.lines where line.contains("import ") && !line.hasPrefix("//") {
        let words = line.split(separator: " ").map(String.init)
        guard let place = words.firstIndex(of: "import"), place + 1 < words.count else { continue }
        guard let owners = Self.owners[words[place + 1]] else { continue }
        #expect(owners.contains(file.room), "\(file.path) imports \(words[place + 1])")
      }
    }
  }

  @Test func `nothing is named after what everything is`() throws {
    let junk = ["Manager", "Helper", "Utils", "Common", "Misc"]
    for file in try Self.swiftFiles(in: "Sources") {
      for word in junk { #expect(!file.name.contains(word), "\(file.path)") }
    }
  }

  @Test func `files are one idea long`() throws {
    for file in try Self.swiftFiles(in: "Sources") {
      #expect(file.lines.count <= 400, "\(file.path) has \(file.lines.count) lines: two ideas?")
    }
  }

  @Test func `a file opens with its duty`() throws {
    for file in try Self.swiftFiles(in: "Sources") {
      #expect(file.lines.first?.hasPrefix("//") == true, "\(file.path)")
    }
  }

  @Test func `only the command prints`() throws {
    for file in try Self.swiftFiles(in: "Sources") where file.room != "ApusCommand" {
      let prints = file.lines.contains {
        $0.trimmingCharacters(in: .whitespaces).hasPrefix("print(")
      }
      #expect(!prints, "\(file.path)")
    }
  }

  @Test func `tests wait for what happens and never sleep`() throws {
    let naps = ["Task.sle" + "ep", "Thread.sle" + "ep", "usle" + "ep("]
    for file in try Self.swiftFiles(in: "Tests") where !file.path.contains("Fixtures") {
      for nap in naps { #expect(!file.lines.contains { $0.contains(nap) }, "\(file.path)") }
    }
  }

  @Test func `every room is in the architecture`() throws {
    let text = try String(
      contentsOf: Self.root.appending(path: "Docs/Architecture.md"), encoding: .utf8)
    let rooms = try FileManager.default.contentsOfDirectory(
      at: Self.root.appending(path: "Sources"), includingPropertiesForKeys: nil)
    for room in rooms { #expect(text.contains("`\(room.lastPathComponent)`"), "\(room)") }
  }

  // MARK: The checkout

  struct SourceFile {
    var path: String
    var lines: [String]

    var name: String { URL(filePath: path).lastPathComponent }
    var room: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
  }

  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static func swiftFiles(in folder: String) throws -> [SourceFile] {
    let base = root.appending(path: folder)
    let walk = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
    var files: [SourceFile] = []
    while let file = walk?.nextObject() as? URL {
      guard file.pathExtension == "swift" else { continue }
      let text = try String(contentsOf: file, encoding: .utf8)
      let path = folder + file.path().dropFirst(base.path().count)
      files.append(SourceFile(path: path, lines: text.components(separatedBy: "\n")))
    }
    #expect(!files.isEmpty)
    return files
  }
}
