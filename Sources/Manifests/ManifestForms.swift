// The written forms of values: durations, sizes, rates, names, and how each is shown in a message.
// Pure text in, value out; nil means that the text does not have the form.

package enum ManifestForms {
  private static let durationUnits: [(name: String, milliseconds: Int64)] = [
    ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
  ]
  private static let sizeUnits: [(name: String, bytes: Int64)] = [
    ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
  ]

  /// `250ms 30s 5m 6h 7d`.
  static func duration(_ text: String) -> Duration? {
    guard let (count, unit) = countAndUnit(text),
      let scale = durationUnits.first(where: { $0.name == unit })
    else { return nil }
    return .milliseconds(clampedProduct(count, scale.milliseconds))
  }

  /// `64KiB 1MiB 1TiB`, in bytes.
  package static func size(_ text: String) -> Int? {
    guard let (count, unit) = countAndUnit(text),
      let scale = sizeUnits.first(where: { $0.name == unit })
    else { return nil }
    return Int(clampedProduct(count, scale.bytes))
  }

  /// `100/s 10/min`.
  static func rate(_ text: String) -> (count: Int, period: Duration)? {
    guard let (count, unit) = countAndUnit(text) else { return nil }
    switch unit {
    case "/s": return (Int(count), .seconds(1))
    case "/min": return (Int(count), .seconds(60))
    case "/h": return (Int(count), .seconds(3600))
    default: return nil
    }
  }

  /// Decimal digits and a minus; nothing of YAML's octal, hexadecimal or underscored numbers.
  ///
  /// A
  /// number that is too long becomes the largest, which no limit allows.
  static func integer(_ text: String) -> Int? {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    guard isDigits(digits), digits == "0" || !digits.hasPrefix("0") else { return nil }
    return Int(text) ?? (text.hasPrefix("-") ? .min : .max)
  }

  /// `2` or `1.5`; no exponents.
  static func decimal(_ text: String) -> Double? {
    let unsigned = text.hasPrefix("-") ? text.dropFirst() : text[...]
    let parts = unsigned.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy(isDigits) else { return nil }
    return Double(text)
  }

  private static func countAndUnit(_ text: String) -> (count: Int64, unit: Substring)? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty else { return nil }
    return (Int64(digits) ?? .max, text[digits.endIndex...])
  }

  private static func clampedProduct(_ left: Int64, _ right: Int64) -> Int64 {
    let (product, overflow) = left.multipliedReportingOverflow(by: right)
    return overflow ? .max : product
  }

  private static func isDigits(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
  }
}

extension ManifestForms {
  /// Kebab-case, as functions and queues are named.
  static func isName(_ text: String) -> Bool {
    guard ManifestLimits.nameBytes.contains(text.utf8.count) else { return false }
    return text.split(separator: "-", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty && part.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) }
    }
  }

  /// `ChargePayment`, `Payments.Charge`.
  static func isHandler(_ text: String) -> Bool {
    guard ManifestLimits.handlerBytes.contains(text.utf8.count) else { return false }
    return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isIdentifier)
  }

  /// What a shell takes as the name of a variable.
  static func isVariableName(_ text: String) -> Bool {
    text.utf8.count <= ManifestLimits.handlerBytes.upperBound && isIdentifier(text[...])
  }

  static func isIdentifier(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
      (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
        || byte == UInt8(ascii: "_")
    }
  }

  /// `charge-payment` is handled by `ChargePayment` unless the manifest says otherwise.
  static func upperCamelCase(_ name: String) -> String {
    name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }
}

extension ManifestForms {
  /// The largest unit that leaves a whole number; hours up to a day, as people say them.
  static func text(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
    let unit = durationUnits.last { unit in
      milliseconds % unit.milliseconds == 0
        && (unit.name != "d" || milliseconds >= 2 * unit.milliseconds)
    }
    guard milliseconds > 0, let unit else { return "0s" }
    return "\(milliseconds / unit.milliseconds)\(unit.name)"
  }

  static func sizeText(_ bytes: Int) -> String {
    let unit = sizeUnits.last { Int64(bytes) % $0.bytes == 0 && Int64(bytes) >= $0.bytes }
    guard let unit else { return "\(bytes)B" }
    return "\(Int64(bytes) / unit.bytes)\(unit.name)"
  }

  /// `none, equal or full`.
  static func alternatives(_ words: [String]) -> String {
    guard words.count > 1, let last = words.last else { return words.joined() }
    return words.dropLast().joined(separator: ", ") + " or " + last
  }

  /// A value as quoted in a message: one line, not too long.
  static func quoted(_ text: String) -> String {
    let line = text.prefix(60).map { $0.isNewline ? "⏎" : String($0) }.joined()
    return "'\(line)\(text.count > 60 ? "…" : "")'"
  }
}
