// What a crash says of itself in one line: the message of the trap, and the first frame that somebody
// wrote. The whole backtrace is in the attempt's log; this is what tells one crash from another.

/// The last words of a worker.
struct CrashWords {
  private static let bytesMax = 500
  /// How the debugger's data names the place of a trap that was compiled in.
  private static let failure = "Swift runtime failure: "

  let text: String

  /// nil where they say neither.
  init?(_ lines: [String]) {
    let frames = lines.compactMap { BacktraceFrame($0) }.filter { !$0.isThunk }
    let failures = frames.map(\.symbol).filter { $0.hasPrefix(Self.failure) }
    let message =
      lines.lazy.compactMap(Self.message).first
      ?? failures.first.map { String($0.dropFirst(Self.failure.count)) }
    // An optimised build names no place for what it has inlined; the first name is the nearest then.
    let place =
      frames.lazy.filter { !$0.isGlue }.compactMap(Self.place).first
      ?? frames.first { !$0.symbol.hasPrefix(Self.failure) }?.symbol
    let parts = [message, place].compactMap(\.self)
    guard !parts.isEmpty else { return nil }
    text = cut(parts.joined(separator: ", in "), to: Self.bytesMax)
  }

  /// What stands behind `Fatal error: `, without the file before it.
  private static func message(of line: String) -> String? {
    guard let mark = line.firstRange(of: "Fatal error") else { return nil }
    let rest = line[mark.upperBound...].drop { $0 == ":" || $0 == " " }
    return rest.isEmpty ? nil : String(rest)
  }

  /// A frame without a place was not built here.
  private static func place(of frame: BacktraceFrame) -> String? {
    guard let place = frame.place, !place.contains("/swift/stdlib/") else { return nil }
    let file = place.split(separator: "/").last.map(String.init) ?? place
    return "\(frame.symbol) at \(file)"
  }
}

/// A line such as `2 [ra] 0x0000aaaa ChargePayment.run(_:) + 98 in Shop at /src/Shop.swift:12:5`.
///
/// What one looks for is the name and the place.
package struct BacktraceFrame: Equatable {
  package let number: String
  package let symbol: String
  package let place: String?
  /// Made by the compiler between two functions that somebody wrote.
  package let isGlue: Bool
  let isThunk: Bool

  package init?(_ line: String) {
    let words = line.split(separator: " ", maxSplits: 1)
    guard words.count == 2, words[0].allSatisfy(\.isNumber) else { return nil }
    number = String(words[0])
    var rest = words[1].drop { $0 == " " }
    var marks: Set<Substring> = []
    while rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
      marks.insert(rest[...end])
      rest = rest[rest.index(after: end)...].drop { $0 == " " }
    }
    // Without an address it is a line that somebody wrote and that starts with a number.
    guard rest.hasPrefix("0x") else { return nil }
    rest = rest.drop { $0 != " " }.drop { $0 == " " }
    var name = rest
    var path: Substring?
    if let at = rest.firstRange(of: " at /") {
      name = rest[..<at.lowerBound]
      path = rest[rest.index(before: at.upperBound)...]
    }
    if let image = name.lastRange(of: " in ") { name = name[..<image.lowerBound] }
    if let offset = name.lastRange(of: " + ") { name = name[..<offset.lowerBound] }
    symbol = String(name)
    place = path.flatMap { $0.contains("<compiler-generated>") ? nil : String($0) }
    isThunk = marks.contains("[thunk]")
    isGlue = marks.contains("[system]") || marks.contains("[thunk]")
  }
}

extension Substring {
  fileprivate func lastRange(of text: String) -> Range<Index>? { ranges(of: text).last }
}
