// A Content-Type, read as far as the doors need it: its essence and its charset.

struct MediaType: Equatable {
  /// `type/subtype` in lower case.
  let essence: String
  /// In lower case, without quotes.
  let charset: String?

  private init(essence: String) {
    self.essence = essence
    charset = nil
  }

  private static let json = MediaType(essence: "application/json")

  /// nil for text that is no media type.
  init?(_ text: String) {
    // What nearly every request says is not taken apart.
    guard text != Self.json.essence else {
      self = Self.json
      return
    }
    let parts = text.split(separator: ";", omittingEmptySubsequences: false)
    let essence = parts[0].trimmingSpace.lowercased()
    let names = essence.split(separator: "/", omittingEmptySubsequences: false)
    guard names.count == 2, names.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(\.isTokenByte) })
    else { return nil }
    self.essence = essence
    charset = parts.dropFirst().lazy.compactMap(Self.charset).first
  }

  var isJSON: Bool {
    essence == "application/json" || essence == "text/json" || essence.hasSuffix("+json")
  }

  var isUTF8: Bool { charset == nil || charset == "utf-8" || charset == "us-ascii" }

  private static func charset(_ parameter: Substring) -> String? {
    let halves = parameter.split(separator: "=", maxSplits: 1)
    guard halves.count == 2, halves[0].trimmingSpace.lowercased() == "charset" else { return nil }
    return halves[1].trimmingSpace.filter { $0 != "\"" }.lowercased()
  }
}

extension StringProtocol where SubSequence == Substring {
  /// Without the spaces and tabs around it.
  var trimmingSpace: Substring {
    let isText: (UInt8) -> Bool = { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
    let text = Substring(self)
    guard let first = text.utf8.firstIndex(where: isText),
      let last = text.utf8.lastIndex(where: isText)
    else { return "" }
    return text[first..<text.utf8.index(after: last)]
  }
}

extension UInt8 {
  /// RFC 9110's `tchar`.
  var isTokenByte: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(self)
    }
  }

  var isLowercaseOrDigit: Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) || isDigit
  }

  var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
