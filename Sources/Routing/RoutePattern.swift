// A route's path pattern, read: literal segments, `{name}` for one segment, `{name...}` for one or
// more at the end. It does not match paths; the router's trees do.

package struct RoutePattern: Sendable, Equatable {
  package enum Segment: Sendable, Equatable {
    /// Percent-decoded.
    case literal(String)
    case parameter(String)
    /// Everything that is left, at least one segment; stands last.
    case rest(String)
  }

  /// As the manifest has it.
  package let source: String
  package let segments: [Segment]

  package init(parsing source: String) throws(PathFault) {
    self.source = source
    var segments: [Segment] = []
    for text in try PathText(source).segments {
      if case .rest(let name) = segments.last {
        throw PathFault(reason: "'{\(name)...}' takes all that follows, so it stands last")
      }
      segments.append(try Self.segment(text))
    }
    self.segments = segments
    try refuseRepeatedNames()
  }

  /// In the order in which they bind.
  package var parameterNames: [String] {
    segments.compactMap { segment in
      switch segment {
      case .literal: nil
      case .parameter(let name), .rest(let name): name
      }
    }
  }

  /// The pattern without its names: two routes of one shape answer the same paths.
  package var shape: String {
    segments.isEmpty
      ? "/"
      : segments.map { segment in
        switch segment {
        case .literal(let text): "/\(text.replacing("/", with: "%2F"))"
        case .parameter: "/{}"
        case .rest: "/{...}"
        }
      }.joined()
  }

  private static func segment(_ text: String) throws(PathFault) -> Segment {
    guard text.contains("{") || text.contains("}") else { return .literal(text) }
    guard text.hasPrefix("{"), text.hasSuffix("}") else {
      throw PathFault(reason: "'\(text)' mixes text and a parameter in one segment")
    }
    let inner = text.dropFirst().dropLast()
    let name = String(inner.hasSuffix("...") ? inner.dropLast(3) : inner)
    guard isName(name) else {
      throw PathFault(
        reason: "'\(text)' is no parameter: a name has letters, digits and '_', no digit first")
    }
    return inner.hasSuffix("...") ? .rest(name) : .parameter(name)
  }

  private static func isName(_ name: String) -> Bool {
    let isWord = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    return isWord && name.first.map { !$0.isNumber } == true
  }

  private func refuseRepeatedNames() throws(PathFault) {
    var seen: Set<String> = []
    for name in parameterNames where !seen.insert(name).inserted {
      throw PathFault(reason: "the name '\(name)' is bound twice")
    }
  }
}
