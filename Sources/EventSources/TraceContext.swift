// W3C Trace Context: who a request's trace and parent span are. What is malformed counts as absent,
// as the recommendation asks; a bad `tracestate` does not spoil a good `traceparent`.

package import Invocations

package struct TraceContext: Sendable, Equatable {
  /// 32 and 16 lower-case hexadecimal digits, not all zero.
  package let traceID: String
  package let parentID: String
  package let isSampled: Bool
  /// The members of `tracestate` joined by commas; nil where there are none or they are malformed.
  package let state: String?

  /// RFC 9110 leaves it open; the recommendation names 32.
  package static let stateMembersMax = 32

  /// What the headers hand on; nil where they hand on nothing valid.
  package init?(headers: [HTTPCall.Field]) {
    let parents = Self.values(of: "traceparent", in: headers)
    guard parents.count == 1 else { return nil }
    self.init(
      traceparent: parents[0],
      tracestate: Self.values(of: "tracestate", in: headers).joined(separator: ","))
  }

  /// From the extension attributes of an event, for instance.
  package init?(traceparent: String, tracestate: String?) {
    let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 4, Self.isHex(parts[0], count: 2), parts[0] != "ff",
      Self.isIdentifier(parts[1], count: 32), Self.isIdentifier(parts[2], count: 16),
      Self.isHex(parts[3], count: 2), parts[0] != "00" || parts.count == 4,
      let flags = UInt8(parts[3], radix: 16)
    else { return nil }
    traceID = String(parts[1])
    parentID = String(parts[2])
    isSampled = flags & 1 == 1
    state = tracestate.flatMap(Self.state)
  }

  private init(traceID: String, parentID: String) {
    self.traceID = traceID
    self.parentID = parentID
    isSampled = true
    state = nil
  }

  /// A trace that begins here.
  package static func beginning(using random: inout some RandomNumberGenerator) -> Self {
    Self(
      traceID: hex(nonZero(&random)) + hex(nonZero(&random)), parentID: hex(nonZero(&random)))
  }

  /// In version 00, with the one flag that it defines for all.
  package var traceparent: String { "00-\(traceID)-\(parentID)-\(isSampled ? "01" : "00")" }

  /// The attributes of CloudEvents' distributed tracing extension.
  package var extensions: [Event.Extension] {
    let parent = Event.Extension(name: "traceparent", value: .string(traceparent))
    guard let state else { return [parent] }
    return [parent, Event.Extension(name: "tracestate", value: .string(state))]
  }

  private static func values(of name: String, in headers: [HTTPCall.Field]) -> [String] {
    headers.filter { $0.isNamed(name) }.map { String($0.value.trimmingSpace) }
  }

  private static func nonZero(_ random: inout some RandomNumberGenerator) -> UInt64 {
    UInt64.random(in: 1...UInt64.max, using: &random)
  }

  private static func hex(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private static func isHex(_ text: Substring, count: Int) -> Bool {
    text.utf8.count == count
      && text.utf8.allSatisfy { $0.isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
  }

  private static func isIdentifier(_ text: Substring, count: Int) -> Bool {
    isHex(text, count: count) && text.contains { $0 != "0" }
  }

  // MARK: tracestate

  private static func state(_ text: String) -> String? {
    let members = text.split(separator: ",").map(\.trimmingSpace).filter { !$0.isEmpty }
    guard !members.isEmpty, members.count <= stateMembersMax, members.allSatisfy(isMember) else {
      return nil
    }
    return members.joined(separator: ",")
  }

  private static func isMember(_ member: Substring) -> Bool {
    let halves = member.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return halves.count == 2 && isKey(halves[0]) && isValue(halves[1])
  }

  private static func isKey(_ key: Substring) -> Bool {
    (1...256).contains(key.utf8.count) && key.utf8.first.map(\.isLowercaseOrDigit) == true
      && key.utf8.allSatisfy { $0.isLowercaseOrDigit || "_-*/@".utf8.contains($0) }
  }

  /// Visible ASCII and inner spaces, without the two signs that part members and keys.
  private static func isValue(_ value: Substring) -> Bool {
    (1...256).contains(value.utf8.count)
      && value.utf8.allSatisfy { byte in
        (0x20...0x7E).contains(byte) && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "=")
      }
  }
}
