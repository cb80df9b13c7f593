// When the clocks of one place read what: instants to local time and back, for all years.
// The file is read once, in `named`; everything after that is arithmetic on the value.

import Glibc

/// The offsets of a time zone from UTC.
///
/// Seconds are since the epoch; local seconds are what a
/// clock in the zone shows, counted as if it stood in UTC.
package struct TimeZoneRules: Sendable, Equatable {
  /// Past every instant that milliseconds in 64 bits can name, and far from overflow.
  static let beginningOfTime = -(1 << 56)
  static let endOfTime = 1 << 56
  static let offsetSecondsMax = 26 * 3600

  package static let utc = TimeZoneRules(identifier: "UTC", offsetSeconds: 0)

  package let identifier: String
  private let initialOffset: Int
  private let transitions: [Int]
  private let offsets: [Int]
  /// Holds after the last transition.
  private let footer: FooterRule?

  /// A place whose clocks never change.
  package init(identifier: String, offsetSeconds: Int) {
    precondition(abs(offsetSeconds) <= Self.offsetSecondsMax, "an offset is at most 26 hours")
    self.identifier = identifier
    initialOffset = offsetSeconds
    transitions = []
    offsets = []
    footer = nil
  }

  init(identifier: String, file: TZifFile) {
    self.identifier = identifier
    initialOffset = file.initialOffset
    transitions = file.transitions
    offsets = file.offsets
    footer = file.footer
  }
}

// MARK: - Finding a zone

extension TimeZoneRules {
  static let identifierBytesMax = 64

  /// Reads a file under `TZDIR` (default `/usr/share/zoneinfo`).
  ///
  /// `UTC` and `Etc/UTC` need no file.
  package static func named(_ identifier: String) throws(TimeZoneError) -> TimeZoneRules {
    try named(identifier, in: databaseDirectory)
  }

  static var databaseDirectory: String {
    let directory = getenv("TZDIR").map { String(cString: $0) } ?? ""
    return directory.isEmpty ? "/usr/share/zoneinfo" : directory
  }

  package static func named(
    _ identifier: String, in directory: String
  ) throws(TimeZoneError) -> TimeZoneRules {
    if identifier == "UTC" || identifier == "Etc/UTC" {
      return TimeZoneRules(identifier: identifier, offsetSeconds: 0)
    }
    guard isUsable(identifier) else { throw .unusableName(identifier) }
    let bytes = try TZifFile.contents(of: identifier, in: directory)
    do {
      return TimeZoneRules(identifier: identifier, file: try TZifFile(parsing: bytes))
    } catch {
      throw .malformed(identifier, reason: error.reason)
    }
  }

  /// A name must not lead out of the database: no dots, no empty part between slashes.
  private static func isUsable(_ identifier: String) -> Bool {
    guard identifier.utf8.count <= identifierBytesMax else { return false }
    return identifier.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
      part.utf8.first.map(isLetter) ?? false
        && part.utf8.allSatisfy {
          isLetter($0) || (0x30...0x39).contains($0) || "_+-".utf8.contains($0)
        }
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}

// MARK: - Stretches of one offset

extension TimeZoneRules {
  /// A time in which the offset stays the same: from `start` up to, not including, `end`.
  struct Stretch: Equatable {
    let start: Int
    let end: Int
    let offset: Int
    /// Before `start`; the same as `offset` where nothing comes before.
    let offsetBefore: Int
  }

  func stretch(at seconds: Int) -> Stretch {
    let lastListed = transitions.last ?? Self.beginningOfTime
    if let footer, seconds >= lastListed {
      return stretch(at: seconds, after: lastListed, by: footer)
    }
    // How many transitions lie at or before the instant.
    var low = 0
    var high = transitions.count
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle] <= seconds { low = middle + 1 } else { high = middle }
    }
    return Stretch(
      start: low == 0 ? Self.beginningOfTime : transitions[low - 1],
      end: low == transitions.count ? Self.endOfTime : transitions[low],
      offset: offset(afterTransitions: low), offsetBefore: offset(afterTransitions: low - 1))
  }

  private func offset(afterTransitions count: Int) -> Int {
    count <= 0 ? initialOffset : offsets[count - 1]
  }

  private func stretch(at seconds: Int, after lastListed: Int, by footer: FooterRule) -> Stretch {
    var current = Stretch(
      start: lastListed, end: Self.endOfTime, offset: offset(afterTransitions: transitions.count),
      offsetBefore: offset(afterTransitions: transitions.count - 1))
    for change in changes(around: seconds, by: footer) where change.instant > lastListed {
      guard change.offset != current.offset else { continue }
      guard change.instant <= seconds else {
        return Stretch(
          start: current.start, end: change.instant, offset: current.offset,
          offsetBefore: current.offsetBefore)
      }
      current = Stretch(
        start: change.instant, end: Self.endOfTime, offset: change.offset,
        offsetBefore: current.offset)
    }
    return current
  }

  /// In order, one for each instant.
  ///
  /// Two years to either side make sure that the change in force
  /// and the ones around it are among them, even where a rule reaches into the next year.
  private func changes(around seconds: Int, by footer: FooterRule) -> [FooterRule.Change] {
    let day = (seconds + footer.standardOffset).floored(by: CivilTime.secondsPerDay).quotient
    let year = CivilTime.date(ofDay: day).year
    let changes = (year - 2...year + 2).flatMap { footer.changes(inYear: $0) }
      .sorted { $0.instant < $1.instant }
    // Daylight saving all year round ends and starts anew at one instant: then the start counts.
    return changes.indices.filter { index in
      let twins = [index - 1, index + 1].filter {
        changes.indices.contains($0) && changes[$0].instant == changes[index].instant
      }
      return twins.isEmpty || changes[index].offset == footer.daylightOffset
    }.map { changes[$0] }
  }
}

// MARK: - Local time and back

extension TimeZoneRules {
  package func offsetSeconds(at milliseconds: Int64) -> Int {
    stretch(at: Int(milliseconds).floored(by: 1000).quotient).offset
  }

  /// What the zone's clocks show, as RFC 3339 with the zone's offset.
  package func format(milliseconds: Int64) -> String {
    CivilTime.formatRFC3339(
      milliseconds: milliseconds, offsetSeconds: offsetSeconds(at: milliseconds))
  }

  /// The instants, in seconds since the epoch, at which a clock shows a local time.
  package enum Reading: Sendable, Equatable {
    case once(Int)
    /// No clock shows it: the clocks jump over it at this instant.
    case skipped(at: Int)
    case twice(first: Int, second: Int)
  }

  package func reading(ofLocalSeconds local: Int) -> Reading {
    // No clock is further from UTC than this, so all candidates lie in between.
    var stretch = stretch(at: local - Self.offsetSecondsMax)
    var found: [Int] = []
    var jump = stretch.start
    while stretch.start <= local + Self.offsetSecondsMax {
      let instant = local - stretch.offset
      if (stretch.start..<stretch.end).contains(instant) { found.append(instant) }
      if stretch.start - 1 + stretch.offsetBefore < local, local < stretch.start + stretch.offset {
        jump = stretch.start
      }
      guard stretch.end < Self.endOfTime else { break }
      stretch = self.stretch(at: stretch.end)
    }
    guard let first = found.first else { return .skipped(at: jump) }
    return found.count == 1 ? .once(first) : .twice(first: first, second: found[1])
  }
}
