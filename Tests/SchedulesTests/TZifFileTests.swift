// Compiled zones and their closing rules, right and wrong, from bytes made here.

import Testing

@testable import Schedules

struct TZifFileTests {
  private func defect(of zone: CompiledZone) -> String? {
    do {
      _ = try TZifFile(parsing: zone.bytes)
      return nil
    } catch {
      return error.reason
    }
  }

  @Test func `transitions that move no clock are left out`() throws {
    let zone = CompiledZone(
      transitions: [(-(1 << 59), 1), (100, 0), (200, 1), (300, 2), (400, 3)],
      utcOffsets: [7200, 3600, 3600, 0])
    let file = try TZifFile(parsing: zone.bytes)
    #expect(file.initialOffset == 3600)
    #expect(file.transitions == [100, 200, 400])
    #expect(file.offsets == [7200, 3600, 0])
  }

  @Test func `a zone may have more local times than a signed byte counts`() throws {
    let zone = CompiledZone(
      transitions: [(100, 127), (200, 128), (300, 199)], utcOffsets: (0..<200).map { $0 * 60 })
    #expect(try TZifFile(parsing: zone.bytes).offsets == [127 * 60, 128 * 60, 199 * 60])
  }

  @Test func `a file of version 1 is read with 32-bit times`() throws {
    let zone = CompiledZone(version: "1", transitions: [(-100, 1)], utcOffsets: [60, -60])
    let file = try TZifFile(parsing: zone.bytes)
    #expect(file.transitions == [-100])
    #expect(file.offsets == [-60])
    #expect(file.footer == nil)
  }

  @Test(arguments: [
    (CompiledZone(magic: "TZiX"), "it does not start with 'TZif'"),
    (CompiledZone(leapSeconds: 27), "it counts leap seconds (use the zone without 'right/')"),
    (CompiledZone(utcOffsets: []), "it has no local time"),
    (
      CompiledZone(transitions: [(200, 0), (100, 0)]), "its transitions are out of order"
    ),
    (
      CompiledZone(transitions: [(100, 1)]),
      "a transition names a local time that is not there"
    ),
    (CompiledZone(utcOffsets: [100_000]), "an offset from UTC is longer than a day"),
    (CompiledZone(footer: "CET-1CEST"), "its rule 'CET-1CEST' is not a POSIX time zone"),
  ])
  func `a wrong file is refused with the reason`(zone: CompiledZone, reason: String) {
    #expect(defect(of: zone) == reason)
  }

  @Test func `a file that ends anywhere too early is refused`() throws {
    let bytes = CompiledZone(
      transitions: [(100, 1)], utcOffsets: [0, 3600], footer: "CET-1CEST,M3.5.0,M10.5.0/3"
    ).bytes
    #expect(throws: Never.self) { try TZifFile(parsing: bytes) }
    for count in 0..<bytes.count {
      #expect(throws: TZifDefect.self) { try TZifFile(parsing: Array(bytes.prefix(count))) }
    }
  }

  @Test func `a header that promises more than a file can hold is refused`() {
    var bytes = CompiledZone().bytes
    // The highest byte of the first count.
    bytes[20] = 0x7F
    #expect(throws: TZifDefect(reason: "its header counts more than a file can hold")) {
      try TZifFile(parsing: bytes)
    }
  }

  @Test func `a file at the limit is read, one past it is not`() throws {
    let folder = try TemporaryZones()
    let zone = CompiledZone(utcOffsets: [3600]).bytes
    let padding = [UInt8](repeating: 0, count: TZifFile.bytesMax - zone.count)
    try folder.write(zone + padding, as: "Large")
    try folder.write(zone + padding + [0], as: "TooLarge")
    #expect(try TimeZoneRules.named("Large", in: folder.path).offsetSeconds(at: 0) == 3600)
    #expect(
      throws: TimeZoneError.malformed("TooLarge", reason: "it has more than 262144 bytes")
    ) {
      try TimeZoneRules.named("TooLarge", in: folder.path)
    }
  }

  @Test(arguments: [
    ("CET-1CEST,M3.5.0,M10.5.0/3", ["2060-03-28T01:00:00Z", "2060-10-31T01:00:00Z"]),
    ("EST5EDT,M3.2.0,M11.1.0", ["2060-03-14T07:00:00Z", "2060-11-07T06:00:00Z"]),
    ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", ["2060-03-28T01:00:00Z", "2060-10-31T01:00:00Z"]),
    ("EET-2EEST,M4.5.5/0,M10.5.4/24", ["2060-04-29T22:00:00Z", "2060-10-28T21:00:00Z"]),
    // J60 is 1 March in every year, 59 is 29 February in a leap year.
    ("AAA0BBB,J60,J300/1:30:15", ["2060-03-01T02:00:00Z", "2060-10-27T00:30:15Z"]),
    ("AAA0BBB-2,59/0,364", ["2060-02-29T00:00:00Z", "2060-12-30T00:00:00Z"]),
    ("AAA0BBB,J59/0,J365/25", ["2060-02-28T00:00:00Z", "2061-01-01T00:00:00Z"]),
    ("AAA0BBB,J1/-167,M12.5.0", ["2059-12-25T01:00:00Z", "2060-12-26T01:00:00Z"]),
  ])
  func `a rule changes the clocks each year`(rule: String, changes: [String]) throws {
    let footer = try #require(try FooterRule(parsing: rule))
    let expected = try changes.map { Int(try at($0) / 1000) }
    #expect(footer.changes(inYear: 2060).map(\.instant) == expected)
  }

  @Test(arguments: ["", "UTC0", "<+0530>-5:30", "EST5"])
  func `a rule without daylight saving is none`(rule: String) throws {
    #expect(try FooterRule(parsing: rule) == nil)
  }

  @Test func `daylight saving all year round never changes the clocks`() throws {
    let zone = try TimeZoneRules.following("XXX3EDT4,0/0,J365/23")
    for year in 2000..<2040 {
      let newYear = CivilTime.seconds(year: year, month: 1, day: 1)
      for seconds in stride(from: newYear - 90_000, through: newYear + 90_000, by: 900) {
        #expect(zone.offsetSeconds(at: Int64(seconds) * 1000) == -4 * 3600)
      }
    }
  }

  @Test(arguments: [
    "5", "CET", "CET-", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
    "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J5", "CET-1CEST,366,5", "CET-168CEST,M3.5.0,M10.5.0",
    "CET-1:60CEST,M3.5.0,M10.5.0", "<CET-1CEST,M3.5.0,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0x",
    "CET-30CEST,M3.5.0,M10.5.0", "CET-1CEST;M3.5.0,M10.5.0",
  ])
  func `a rule that POSIX does not know is refused`(rule: String) {
    #expect(throws: TZifDefect(reason: "its rule '\(rule)' is not a POSIX time zone")) {
      try FooterRule(parsing: rule)
    }
  }
}
