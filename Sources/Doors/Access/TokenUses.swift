// When each token was last used, to the minute: noted in memory, written now and then by the host
// alone, read by `apus tokens list`. It decides nothing.

package import Invocations
import Schedules

package struct TokenUses: Sendable, Equatable {
  /// By id.
  package private(set) var times: [String: WallTime] = [:]

  private static let stepMilliseconds: Int64 = 60_000

  package init() {}

  /// True when there is something new to write.
  mutating func note(_ id: String, at now: WallTime) -> Bool {
    let minute = WallTime(
      milliseconds: now.milliseconds - now.milliseconds % Self.stepMilliseconds)
    guard times[id] != minute else { return false }
    times[id] = minute
    return true
  }

  /// Those of tokens that are gone are forgotten.
  mutating func keep(_ book: TokenBook) {
    times = times.filter { book[$0.key] != nil }
  }

  /// What cannot be read is as good as none: nothing depends on it.
  package static func read(_ file: TokenFile) -> TokenUses {
    guard let bytes = try? TokenFile.bytes(of: file.usesPath),
      let members = try? JSONScanner.members(of: bytes)
    else { return TokenUses() }
    var uses = TokenUses()
    for (id, value) in members {
      guard let text = value.string, let time = try? CivilTime.parseRFC3339(text) else { continue }
      uses.times[id] = WallTime(milliseconds: time)
    }
    return uses
  }

  package func write(_ file: TokenFile) throws(TokenFault) {
    var json = JSONWriter()
    json.object { json in
      for (id, time) in times.sorted(by: { $0.key < $1.key }) { json.field(id, time) }
    }
    try TokenFile.replace(file.usesPath, with: json.bytes + [UInt8(ascii: "\n")])
  }
}
