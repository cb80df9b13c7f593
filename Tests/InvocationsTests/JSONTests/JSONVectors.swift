// Finds and reads the shared JSON vectors, which lie beside the checkout and not in it.
import Glibc

enum JSONVectors {
  /// The folder of the parsing vectors; nil where this machine has none.
  static let folder: String? = {
    if let given = getenv("APUS_VECTORS") {
      return String(cString: given) + "/json-parsing"
    }
    var parts = #filePath.split(separator: "/").dropLast()
    while !parts.isEmpty {
      parts = parts.dropLast()
      let candidate = "/" + (parts + ["shared", "vectors", "json-parsing"]).joined(separator: "/")
      if access(candidate, R_OK) == 0 { return candidate }
    }
    return nil
  }()

  static var names: [String] {
    guard let folder, let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".json") { names.append(name) }
    }
    return names.sorted()
  }

  static func bytes(of name: String) -> [UInt8] {
    guard let folder, let file = fopen("\(folder)/\(name)", "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let got = fread(&chunk, 1, chunk.count, file), got > 0 { bytes += chunk[..<got] }
    return bytes
  }
}
