// What is fuzzed: each target takes any bytes and checks what must hold of them. Who makes the bytes
// (libFuzzer, or the mutator here) is not its business.

package struct FuzzTarget: Sendable, CustomStringConvertible {
  /// As the folder of its corpus is called.
  package let name: String
  /// Throws `BrokenProperty`; a trap is a find as well.
  package let check: @Sendable ([UInt8]) throws -> Void

  package var description: String { name }

  package static let all: [FuzzTarget] = [
    FuzzTarget(name: "http-request", check: fuzzHTTPRequest),
    FuzzTarget(name: "http-response", check: fuzzHTTPResponse),
    FuzzTarget(name: "http-answer", check: fuzzHTTPAnswer),
    FuzzTarget(name: "worker-frames", check: fuzzWorkerFrames),
    FuzzTarget(name: "worker-payload", check: fuzzWorkerPayload),
    FuzzTarget(name: "manifest", check: fuzzManifest),
    FuzzTarget(name: "cron", check: fuzzCron),
    FuzzTarget(name: "json", check: fuzzJSON),
    FuzzTarget(name: "cloud-event", check: fuzzCloudEvent),
    FuzzTarget(name: "idempotency-key", check: fuzzIdempotencyKey),
    FuzzTarget(name: "request-query", check: fuzzRequestQuery),
    FuzzTarget(name: "request-path", check: fuzzRequestPath),
    FuzzTarget(name: "route-pattern", check: fuzzRoutePattern),
    FuzzTarget(name: "event-path", check: fuzzEventPath),
    FuzzTarget(name: "words", check: fuzzWords),
    FuzzTarget(name: "time-zone", check: fuzzTimeZone),
  ]

  package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

/// Something that must hold of every input does not hold of this one.
package struct BrokenProperty: Error, CustomStringConvertible {
  package let description: String
}

func hold(_ condition: Bool, _ property: @autoclosure () -> String) throws(BrokenProperty) {
  guard condition else { throw BrokenProperty(description: property()) }
}

/// Both ways must come to the same.
func agree<Value: Equatable>(
  _ left: Value, _ right: Value, _ property: @autoclosure () -> String
) throws(BrokenProperty) {
  guard left == right else {
    throw BrokenProperty(description: "\(property()): \(left) or \(right)?")
  }
}

extension [UInt8] {
  /// A seed that is the input's own, so that what a target draws is the same in every run.
  var ownSeed: UInt64 {
    reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  /// The same bytes as a network may deliver them.
  func cut(by random: inout SplitMix64) -> [ArraySlice<UInt8>] {
    var pieces: [ArraySlice<UInt8>] = []
    var rest = self[...]
    let longest = Int.random(in: 1...Swift.max(1, Swift.min(count, 64)), using: &random)
    while !rest.isEmpty {
      let piece = rest.prefix(Int.random(in: 1...longest, using: &random))
      pieces.append(piece)
      rest = rest.dropFirst(piece.count)
    }
    return pieces
  }

  /// Up to the first line feed, and what is behind it.
  var firstLine: (line: String, rest: [UInt8]) {
    let end = firstIndex(of: UInt8(ascii: "\n")) ?? endIndex
    return (String(decoding: self[..<end], as: UTF8.self), Array(self[end...].dropFirst()))
  }
}
