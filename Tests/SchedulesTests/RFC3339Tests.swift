// Instants as text, both ways; the expected numbers come from Python's datetime.

import FoundationEssentials
import Glibc
import Testing

@testable import Schedules

struct RFC3339Tests {
  @Test(
    arguments: [
      ("2027-01-01T00:00:00.000Z", 1_798_761_600_000),
      ("1970-01-01T00:00:00.000Z", 0),
      ("1969-12-31T23:59:59.999Z", -1),
      ("2000-02-29T12:34:56.789Z", 951_827_696_789),
      ("0000-01-01T00:00:00.000Z", -62_167_219_200_000),
      ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ] as [(String, Int64)])
  func `an instant and its text are one`(text: String, milliseconds: Int64) throws {
    #expect(try at(text) == milliseconds)
    #expect(CivilTime.formatRFC3339(milliseconds: milliseconds) == text)
  }

  @Test(arguments: [
    ("2027-01-01T01:30:00+01:30", "2027-01-01T00:00:00.000Z"),
    ("2026-12-31T16:00:00-08:00", "2027-01-01T00:00:00.000Z"),
    ("2027-01-01t00:00:00z", "2027-01-01T00:00:00.000Z"),
    ("2027-01-01T00:00:00-00:00", "2027-01-01T00:00:00.000Z"),
    ("2027-01-01T00:00:00.1Z", "2027-01-01T00:00:00.100Z"),
    ("2027-01-01T00:00:00.1239999999999999999999Z", "2027-01-01T00:00:00.123Z"),
    ("1969-12-31T23:59:59.0019Z", "1969-12-31T23:59:59.001Z"),
    ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
    ("2016-12-31T15:59:60.25-08:00", "2016-12-31T23:59:59.999Z"),
    ("0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00.000Z"),
  ])
  func `what is allowed is read as UTC`(text: String, utc: String) throws {
    #expect(CivilTime.formatRFC3339(milliseconds: try at(text)) == utc)
  }

  @Test(arguments: [
    ("", "expected 4 digits of the year", 1),
    ("2027", "expected a '-' after the year", 5),
    ("2027-13-01T00:00:00Z", "month 13 is not in 1–12", 6),
    ("2027-02-29T00:00:00Z", "day 29 is not in 1–28", 9),
    ("2027-1-01T00:00:00Z", "expected 2 digits of the month", 7),
    ("2027-01-01 00:00:00Z", "expected a 'T' between day and time", 11),
    ("2027-01-01T24:00:00Z", "hour 24 is not in 0–23", 12),
    ("2027-01-01T00:60:00Z", "minute 60 is not in 0–59", 15),
    ("2027-01-01T00:00:61Z", "second 61 is not in 0–60", 18),
    (
      "2027-01-01T00:00:60Z", "second 60 is a leap second, which only 23:59 UTC can have", 18
    ),
    ("2027-01-01T00:00Z", "expected a ':' after the minute", 17),
    ("2027-01-01T00:00:00.Z", "expected digits after the '.'", 21),
    ("2027-01-01T00:00:00", "expected an offset: 'Z' for UTC, or one such as '+02:00'", 20),
    ("2027-01-01T00:00:00+2", "expected 2 digits of the offset hour", 22),
    ("2027-01-01T00:00:00+0200", "expected a ':' in the offset", 23),
    ("2027-01-01T00:00:00+24:00", "offset hour 24 is not in 0–23", 21),
    ("2027-01-01T00:00:00+00:60", "offset minute 60 is not in 0–59", 24),
    ("2027-01-01T00:00:00Z\n", "nothing may follow the offset", 21),
  ])
  func `everything else is refused with its place`(text: String, message: String, column: Int) {
    #expect(throws: RFC3339Error(message: message, column: column)) {
      try CivilTime.parseRFC3339(text)
    }
  }

  @Test(arguments: [
    (7200, "2027-01-01T02:00:00.005+02:00"),
    (-12_600, "2026-12-31T20:30:00.005-03:30"),
    (0, "2027-01-01T00:00:00.005Z"),
    // 53 min 28 s, as Berlin had it before 1893.
    (3208, "2027-01-01T00:53:00.005+00:53"),
  ])
  func `an offset shows another clock and names the same instant`(
    offsetSeconds: Int, text: String
  ) throws {
    let instant = try at("2027-01-01T00:00:00.005Z")
    #expect(
      CivilTime.formatRFC3339(milliseconds: instant, offsetSeconds: offsetSeconds) == text)
    #expect(try at(text) == instant)
  }

  @Test func `no instant is formatted into what cannot be parsed`() throws {
    let last = try at("9999-12-31T23:59:59.999Z")
    for offset in [0, 7200, -7200] {
      for edge in [Int64.max, last, last + 1] {
        #expect(try at(CivilTime.formatRFC3339(milliseconds: edge, offsetSeconds: offset)) == last)
      }
      let lowest = CivilTime.formatRFC3339(milliseconds: .min, offsetSeconds: offset)
      #expect(try at(lowest) == at("0000-01-01T00:00:00Z"))
    }
  }

  @Test(.enabled(if: DateTimeVectors.path != nil), arguments: DateTimeVectors.cases)
  func `the date-time cases of JSON Schema`(vector: DateTimeVectors.Case) {
    let isValid = (try? CivilTime.parseRFC3339(vector.text)) != nil
    #expect(isValid == vector.isValid, "\(vector.name)")
  }
}

/// `json-schema/draft2020-12/optional/format/date-time.json`, where the vectors are at hand.
enum DateTimeVectors {
  struct Case: Sendable {
    let name: String
    let text: String
    let isValid: Bool
  }

  private struct Group: Decodable {
    let tests: [Test]
  }

  private struct Test: Decodable {
    let description: String
    /// Nil where the case is not about a string.
    let text: String?
    let valid: Bool

    enum Keys: String, CodingKey { case description, data, valid }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Keys.self)
      description = try container.decode(String.self, forKey: .description)
      valid = try container.decode(Bool.self, forKey: .valid)
      // Numbers and objects are cases for other checks than this one.
      text = try? container.decode(String.self, forKey: .data)
    }
  }

  static let path: String? = {
    var folders: [String] = []
    if let variable = getenv("APUS_VECTORS") { folders.append(String(cString: variable)) }
    var parts = #filePath.split(separator: "/")
    while parts.popLast() != nil {
      folders.append("/" + parts.joined(separator: "/") + "/shared/vectors")
    }
    return folders.map { $0 + "/json-schema/draft2020-12/optional/format/date-time.json" }
      .first { access($0, R_OK) == 0 }
  }()

  static let cases: [Case] = {
    // A file that is there and cannot be read must not pass as one that is absent.
    guard let path, let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    guard let groups = try? JSONDecoder().decode([Group].self, from: Data(bytes.prefix(count)))
    else { preconditionFailure("\(path) is not the JSON that is expected") }
    return groups.flatMap(\.tests).compactMap { test in
      test.text.map { Case(name: test.description, text: $0, isValid: test.valid) }
    }
  }()
}
