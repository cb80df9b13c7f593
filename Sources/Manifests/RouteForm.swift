// The written form of a route: which methods and path patterns a manifest may have, and when two
// patterns are the same to a request. Matching requests is not done here.

enum RouteForm {
  static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

  static func fault(ofMethod method: String) -> String? {
    if methods.contains(method) { return nil }
    let list = "the methods are \(methods.joined(separator: ", "))"
    switch method {
    case "HEAD": return "HEAD is answered by the route of GET; write that one"
    case "OPTIONS": return "OPTIONS is answered by the host; \(list)"
    case "CONNECT", "TRACE": return "\(method) is not for functions; \(list)"
    default:
      return "unknown method \(ManifestForms.quoted(method))"
        + (Suggestion.nearest(to: method, among: methods).map { " (did you mean '\($0)'?)" }
          ?? "; \(list)")
    }
  }

  static func fault(ofPattern pattern: String) -> String? {
    guard pattern.hasPrefix("/") else { return "a path begins with '/'; got '\(pattern)'" }
    guard ManifestLimits.routeBytes.contains(pattern.utf8.count) else {
      return "a path has at most \(ManifestLimits.routeBytes.upperBound) bytes"
    }
    if pattern == "/" { return nil }
    let segments = segments(of: pattern)
    guard segments.count <= ManifestLimits.routeSegmentsMax else {
      return "a path has at most \(ManifestLimits.routeSegmentsMax) segments"
    }
    let names = segments.compactMap(parameter)
    for (index, name) in names.enumerated() where names[..<index].contains(name) {
      return "'{\(name)}' stands twice in \(pattern)"
    }
    if let rest = segments.dropLast().first(where: isRest) { return "'\(rest)' must come last" }
    return segments.lazy.compactMap(fault(ofSegment:)).first
  }

  /// Patterns of one shape match the same requests: `/a/{x}` and `/a/{y}`.
  static func shape(of pattern: String) -> String {
    segments(of: pattern).map { segment in
      parameter(segment) == nil ? segment : isRest(segment) ? "{...}" : "{}"
    }.joined(separator: "/")
  }

  private static func segments(of pattern: String) -> [String] {
    pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
  }

  private static func isRest(_ segment: String) -> Bool { segment.hasSuffix("...}") }

  /// The name in `{name}` and `{name...}`.
  private static func parameter(_ segment: String) -> String? {
    guard segment.hasPrefix("{"), segment.hasSuffix("}"), segment.count > 1 else { return nil }
    return String(segment.dropFirst().dropLast(isRest(segment) ? 4 : 1))
  }

  private static func fault(ofSegment segment: String) -> String? {
    if let name = parameter(segment) {
      guard ManifestForms.isIdentifier(name[...]),
        name.utf8.count <= ManifestLimits.nameBytes.upperBound
      else { return "'\(segment)' is no parameter; write one such as {orderId} or {rest...}" }
      return nil
    }
    if segment.isEmpty { return "a path has no empty segment and no '/' at its end" }
    if segment == "." || segment == ".." { return "a path has no '\(segment)' in it" }
    if segment.contains("{") || segment.contains("}") {
      return "a parameter fills a whole segment, unlike '\(segment)'"
    }
    guard segment.utf8.allSatisfy(isPathByte) else {
      return "'\(segment)' has a character that paths do not have; "
        + "letters, digits and -._~!$&'()*+,;=:@ are fine"
    }
    return nil
  }

  /// `pchar` of RFC 3986 without percent-encoding.
  private static func isPathByte(_ byte: UInt8) -> Bool {
    (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
      || "-._~!$&'()*+,;=:@".utf8.contains(byte)
  }
}
