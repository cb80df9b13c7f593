// What the tests of this room share: instants written as RFC 3339, zones made from a rule, and the
// question whether the machine has a time zone database (Debian's package tzdata).

import Glibc
import Testing

@testable import Schedules

func at(_ text: String) throws -> Int64 {
  try CivilTime.parseRFC3339(text)
}

extension TimeZoneRules {
  static let areInstalled = access(databaseDirectory + "/Europe/Berlin", R_OK) == 0

  /// A zone that follows a POSIX TZ rule in all years, without a file in the system's database.
  static func following(_ rule: String) throws -> TimeZoneRules {
    let footer = try #require(try FooterRule(parsing: rule))
    let file = CompiledZone(utcOffsets: [footer.standardOffset], footer: rule)
    return TimeZoneRules(identifier: rule, file: try TZifFile(parsing: file.bytes))
  }
}

/// Writes TZif bytes, right ones or, by its fields, wrong ones.
struct CompiledZone {
  var magic = "TZif"
  var version = "2"
  /// Seconds since the epoch, and the number of the local time that begins.
  var transitions: [(time: Int, type: Int)] = []
  var utcOffsets = [0]
  var leapSeconds = 0
  var footer = ""

  var bytes: [UInt8] {
    guard version != "1" else { return header(version: 0) + block(timeBytes: 4) }
    let empty = CompiledZone(magic: magic, version: version)
    let mark = version.utf8.first ?? 0
    return empty.header(version: mark) + empty.block(timeBytes: 4) + header(version: mark)
      + block(timeBytes: 8) + Array("\n\(footer)\n".utf8)
  }

  private func header(version: UInt8) -> [UInt8] {
    let counts = [0, 0, leapSeconds, transitions.count, utcOffsets.count, 4]
    return Array(magic.utf8) + [version] + [UInt8](repeating: 0, count: 15)
      + counts.flatMap { bigEndian($0, width: 4) }
  }

  private func block(timeBytes: Int) -> [UInt8] {
    transitions.flatMap { bigEndian($0.time, width: timeBytes) }
      + transitions.map { UInt8($0.type) }
      + utcOffsets.flatMap { bigEndian($0, width: 4) + [0, 0] }
      + Array("ABC\0".utf8) + [UInt8](repeating: 0, count: leapSeconds * (timeBytes + 4))
  }

  private func bigEndian(_ value: Int, width: Int) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }
}
