// Zones by name, by file and by rule: offsets that Python's zoneinfo confirmed, and every way in
// which a zone cannot be had.

import Foundation
import Glibc
import Testing

@testable import Schedules

struct TimeZoneRulesTests {
  @Test(
    .enabled(if: TimeZoneRules.areInstalled, "needs the package tzdata"),
    arguments: [
      ("Europe/Berlin", "2026-01-01T00:00:00Z", 3600),
      ("Europe/Berlin", "2026-07-01T00:00:00Z", 7200),
      ("Europe/Berlin", "1890-01-01T00:00:00Z", 3208),
      ("Europe/Berlin", "1945-06-01T00:00:00Z", 10_800),
      ("Europe/Berlin", "2500-07-01T00:00:00Z", 7200),
      ("Europe/Berlin", "0001-01-01T00:00:00Z", 3208),
      ("Asia/Kolkata", "2026-01-01T00:00:00Z", 19_800),
      ("Asia/Kathmandu", "2060-01-01T00:00:00Z", 20_700),
      ("Australia/Lord_Howe", "2026-01-01T00:00:00Z", 39_600),
      ("Australia/Lord_Howe", "2060-07-01T00:00:00Z", 37_800),
      ("Pacific/Apia", "2011-12-30T09:59:59Z", -36_000),
      ("Pacific/Apia", "2011-12-30T10:00:00Z", 50_400),
      ("America/Nuuk", "2060-03-28T00:59:59Z", -7200),
      ("America/Nuuk", "2060-03-28T01:00:00Z", -3600),
      ("Africa/Casablanca", "2026-02-25T00:00:00Z", 0),
      ("Africa/Casablanca", "2026-01-01T00:00:00Z", 3600),
      ("Etc/GMT+5", "2026-01-01T00:00:00Z", -18_000), ("EST5EDT", "2060-07-01T00:00:00Z", -14_400),
      ("America/Argentina/Buenos_Aires", "2026-01-01T00:00:00Z", -10_800),
    ])
  func `offsets of named zones`(name: String, instant: String, offset: Int) throws {
    #expect(try TimeZoneRules.named(name).offsetSeconds(at: at(instant)) == offset)
  }

  @Test(arguments: ["UTC", "Etc/UTC"])
  func `UTC needs no file`(name: String) throws {
    let zone = try TimeZoneRules.named(name, in: "/nonexistent")
    #expect(zone.identifier == name)
    #expect(zone.offsetSeconds(at: .max) == 0)
    #expect(zone.offsetSeconds(at: .min) == 0)
  }

  @Test(arguments: [
    "", "Europe/", "/etc/passwd", "../../etc/passwd", "Europe/../UTC", "Europe//Berlin", "Zürich",
    "Europe/Berlin ", "Europe/Berlin\0", ".", "5", String(repeating: "a", count: 65),
  ])
  func `a name that no zone can have is not looked for`(name: String) {
    #expect(throws: TimeZoneError.unusableName(name)) { try TimeZoneRules.named(name, in: "/") }
  }

  @Test func `a zone that is not there is told from a database that is not there`() throws {
    let folder = try TemporaryZones()
    try folder.write(CompiledZone().bytes, as: "Place")
    let longest = String(repeating: "a", count: 64)
    for name in ["Nowhere", "Place/Nowhere", longest] {
      #expect(throws: TimeZoneError.unknown(name, directory: folder.path)) {
        try TimeZoneRules.named(name, in: folder.path)
      }
    }
    #expect(throws: TimeZoneError.noDatabase(directory: folder.path + "/none")) {
      try TimeZoneRules.named("Place", in: folder.path + "/none")
    }
  }

  @Test(.enabled(if: TimeZoneRules.areInstalled, "needs the package tzdata"))
  func `a folder of zones is not a zone`() {
    let directory = TimeZoneRules.databaseDirectory
    #expect(throws: TimeZoneError.unknown("Europe", directory: directory)) {
      try TimeZoneRules.named("Europe", in: directory)
    }
  }

  @Test(arguments: [
    (
      TimeZoneError.unusableName("a b"),
      "'a b' is not the name of a time zone; write one such as Europe/Berlin or UTC"
    ),
    (
      .noDatabase(directory: "/z"),
      "there is no time zone database at /z; install the package tzdata, set TZDIR, or use UTC"
    ),
    (
      .unknown("X", directory: "/z"),
      "no time zone 'X' in /z; names are like Europe/Berlin, capitals count"
    ),
    (
      .unreadable("X", code: 13),
      "the file of the time zone 'X' cannot be read (errno 13); check its permissions"
    ),
    (
      .malformed("X", reason: "it is cut short"),
      "the file of the time zone 'X' is not usable: it is cut short; reinstall the package tzdata"
    ),
  ])
  func `each error says what to do`(error: TimeZoneError, message: String) {
    #expect(error.message == message)
  }

  @Test func `TZDIR is where zones are looked for`() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryZones()
      try folder.write(CompiledZone(utcOffsets: [4242]).bytes, as: "Place")
      setenv("TZDIR", folder.path, 1)
      let zone = try TimeZoneRules.named("Place")
      precondition(zone.offsetSeconds(at: 0) == 4242)
    }
  }

  @Test func `local time is read back, and once, twice or never`() throws {
    let zone = try TimeZoneRules.following("CET-1CEST,M3.5.0,M10.5.0/3")
    let seconds = { (text: String) throws in Int(try at(text) / 1000) }
    // The local clock is written as if it stood in UTC.
    #expect(
      zone.reading(ofLocalSeconds: try seconds("2026-07-01T12:00:00Z"))
        == .once(try seconds("2026-07-01T10:00:00Z")))
    #expect(
      zone.reading(ofLocalSeconds: try seconds("2026-03-29T02:30:00Z"))
        == .skipped(at: try seconds("2026-03-29T01:00:00Z")))
    #expect(
      zone.reading(ofLocalSeconds: try seconds("2026-10-25T02:30:00Z"))
        == .twice(
          first: try seconds("2026-10-25T00:30:00Z"), second: try seconds("2026-10-25T01:30:00Z")))
  }

  @Test func `a day over the date line is skipped as a whole`() throws {
    let change = Int(try at("2011-12-30T10:00:00Z") / 1000)
    let zone = TimeZoneRules(
      identifier: "Apia",
      file: try TZifFile(
        parsing: CompiledZone(
          transitions: [(change, 1)], utcOffsets: [-36_000, 50_400], footer: "<+14>-14"
        ).bytes))
    let noon = Int(try at("2011-12-30T12:00:00Z") / 1000)
    #expect(zone.reading(ofLocalSeconds: noon) == .skipped(at: change))
    #expect(zone.reading(ofLocalSeconds: noon - 86_400) == .once(noon - 86_400 + 36_000))
    #expect(zone.reading(ofLocalSeconds: noon + 86_400) == .once(noon + 86_400 - 50_400))
  }

  @Test func `the rule begins where the listed transitions end`() throws {
    // Summer time was brought in on 1 May, a month after the rule's own day.
    let change = Int(try at("2026-05-01T00:00:00Z") / 1000)
    let zone = TimeZoneRules(
      identifier: "Late",
      file: try TZifFile(
        parsing: CompiledZone(
          transitions: [(change, 1)], utcOffsets: [0, 7200], footer: "CET-1CEST,M3.5.0,M10.5.0/3"
        ).bytes))
    let autumn = Int(try at("2026-10-25T01:00:00Z") / 1000)
    let summer = TimeZoneRules.Stretch(start: change, end: autumn, offset: 7200, offsetBefore: 0)
    #expect(zone.stretch(at: change) == summer)
    #expect(zone.stretch(at: autumn - 1) == summer)
    #expect(zone.stretch(at: change - 1).end == change)
    #expect(zone.stretch(at: change - 1).offset == 0)
    #expect(zone.stretch(at: autumn).offset == 3600)
    #expect(zone.stretch(at: autumn).offsetBefore == 7200)
  }

  @Test func `stretches of one offset follow each other without gaps`() throws {
    for rule in DaylightSavingTests.rules {
      let zone = try TimeZoneRules.following(rule)
      var stretch = zone.stretch(at: 0)
      for _ in 0..<200 {
        let next = zone.stretch(at: stretch.end)
        #expect(next.start == stretch.end)
        #expect(next.offsetBefore == stretch.offset)
        #expect(next.offset != stretch.offset)
        #expect(zone.stretch(at: next.end - 1) == next)
        stretch = next
      }
    }
  }
}

/// A folder of the system's temporary place that goes away with its owner.
final class TemporaryZones {
  struct Failure: Error {}

  let path: String
  private var files: [String] = []

  init() throws {
    let parent = FileManager.default.temporaryDirectory.path
    var template = Array("\(parent)/schedules-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw Failure() }
    path = String(cString: made)
  }

  func write(_ bytes: [UInt8], as name: String) throws {
    guard let file = fopen(path + "/" + name, "w") else { throw Failure() }
    files.append(name)
    let written = fwrite(bytes, 1, bytes.count, file)
    guard fclose(file) == 0, written == bytes.count else { throw Failure() }
  }

  deinit {
    for name in files { unlink(path + "/" + name) }
    rmdir(path)
  }
}
