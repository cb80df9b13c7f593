// Finds and reads the shared vectors, which lie beside the checkout and not in it; and what the
// tests of this room share.
import Glibc
import Invocations

enum Vectors {
  static let folder: String? = {
    if let given = getenv("APUS_VECTORS") { return String(cString: given) }
    var parts = #filePath.split(separator: "/").dropLast()
    while !parts.isEmpty {
      parts = parts.dropLast()
      let candidate = "/" + (parts + ["shared", "vectors"]).joined(separator: "/")
      if access(candidate, R_OK) == 0 { return candidate }
    }
    return nil
  }()

  /// The elements of a file that is a JSON array of objects.
  static func cases(_ path: String) throws -> [[String: JSONSlice]] {
    let bytes = Self.bytes(path)
    try JSONScanner.validate(bytes)
    return try JSONScanner.elements(of: bytes).map { element in
      let members = try JSONScanner.members(of: element.bytes)
      return Dictionary(
        members.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
  }

  private static func bytes(_ path: String) -> [UInt8] {
    guard let folder, let file = fopen("\(folder)/\(path)", "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while case let got = fread(&chunk, 1, chunk.count, file), got > 0 { bytes += chunk[..<got] }
    return bytes
  }
}

/// SplitMix64, so that ids and traces are the same in every run.
struct SeededRandom: RandomNumberGenerator, Sendable {
  var state: UInt64 = 1

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

func field(_ name: String, _ value: String) -> HTTPCall.Field {
  HTTPCall.Field(name: name, value: value)
}

extension WallTime {
  /// 2027-01-01T00:00:00Z.
  static let newYear = WallTime(milliseconds: 1_798_761_600_000)
}
