// What callers ask for: queries and cursors of the control door, paths and patterns of routes, and
// the small words (ids, times, fingerprints) that both doors read.

@testable import Doors
@testable import HTTP
import Invocations
@testable import Routing
import Schedules

func fuzzRequestQuery(_ bytes: [UInt8]) throws {
  let text = String(decoding: bytes, as: UTF8.self)
  do throws(RequestFault) {
    _ = try RequestQuery.numberedPage(text)
  } catch { try hold(!error.detail.isEmpty, "a fault without words") }
  let now = WallTime(milliseconds: 1_800_000_000_000)
  let query: RequestQuery
  let filter: InvocationFilter
  do throws(RequestFault) {
    query = try RequestQuery(text, allowed: RequestQuery.filters)
    filter = try query.filter(now: now)
  } catch {
    try hold(!error.detail.isEmpty, "a fault without words")
    return try agree(error.response.status, 400, "a fault of the caller")
  }
  // What an action keeps of a filter selects the same, whatever the clock says later.
  var later = try RequestQuery(query.kept(filter)).filter(now: now + .seconds(86_400))
  (later.limit, later.before) = (filter.limit, filter.before)
  try agree(later, filter, "a kept filter selects others")
}

/// A method and a target, as a request line has them.
func fuzzRequestPath(_ bytes: [UInt8]) throws {
  let text = String(decoding: bytes, as: UTF8.self)
  guard let target = try? HTTPTarget(text, method: "GET") else { return }
  switch try fuzzRouter.get().match(method: "GET", path: target.path) {
  case .found(_, let route, let parameters):
    for parameter in parameters {
      try hold(!parameter.value.isEmpty, "nothing bound to \(parameter.name)")
      try hold(!parameter.value.utf8.contains(0), "a NUL bound to \(parameter.name)")
      let isRest = route.pattern.contains("{\(parameter.name)...}")
      let parts =
        isRest
        ? parameter.value.split(separator: "/", omittingEmptySubsequences: false)
        : [parameter.value[...]]
      for part in parts {
        try hold(part != "." && part != ".." && !part.isEmpty, "'\(parameter.value)' climbs")
      }
    }
    try checkEncoded(target.path)
  case .methodNotAllowed(let allow): try hold(!allow.isEmpty, "405 without Allow")
  case .notFound: break
  case .badPath(let reason): try hold(!reason.isEmpty, "a fault without words")
  }
}

private let fuzzRouter = Result { () throws(RoutingFault) in
  try Router([
    FunctionDeclaration(
      name: "fuzz", handler: "Fuzz",
      triggers: ["/", "/a", "/a/{x}", "/{x}/b", "/a/{x}/c/{y}", "/files/{rest...}", "/a b/{x}"].map
      {
        .http(HTTPRoute(method: "GET", pattern: $0))
      })
  ])
}

/// Escaping every byte but the slashes changes nothing of what a path means.
private func checkEncoded(_ path: String) throws {
  let segments = try PathText(path).segments
  let encoded = segments.map { segment in
    "/"
      + segment.utf8.map { byte in
        let digits = String(byte, radix: 16)
        return "%" + (digits.count < 2 ? "0" : "") + digits
      }.joined()
  }.joined()
  guard encoded.utf8.count <= PathText.bytesMax else { return }
  try agree(
    try fuzzRouter.get().match(method: "GET", path: encoded.isEmpty ? "/" : encoded),
    try fuzzRouter.get().match(method: "GET", path: path), "a path means another in escapes")
}

/// A pattern as a manifest has it, whoever checked it before.
func fuzzRoutePattern(_ bytes: [UInt8]) throws {
  let text = String(decoding: bytes, as: UTF8.self)
  let pattern: RoutePattern
  do throws(PathFault) { pattern = try RoutePattern(parsing: text) } catch {
    return try hold(!error.reason.isEmpty, "a fault without words")
  }
  try hold(Set(pattern.parameterNames).count == pattern.parameterNames.count, "a name twice")
  let declaration = FunctionDeclaration(
    name: "fuzz", handler: "Fuzz", triggers: [.http(HTTPRoute(method: "PUT", pattern: text))])
  let path = pattern.segments.map { segment in
    switch segment {
    case .literal(let literal):
      "/" + literal.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    case .parameter, .rest: "/x"
    }
  }.joined()
  guard path.utf8.count <= PathText.bytesMax else { return }
  let match = try Router([declaration]).match(method: "PUT", path: path.isEmpty ? "/" : path)
  guard case .found(_, _, let parameters) = match else {
    throw BrokenProperty(description: "\(text) does not match \(path): \(match)")
  }
  try agree(parameters.map(\.name), pattern.parameterNames, "other names bound")
}

/// One text that might be any of the small words.
func fuzzWords(_ bytes: [UInt8]) throws {
  let text = String(decoding: bytes, as: UTF8.self)
  if let id = InvocationID(text) {
    try agree(InvocationID(id.description), id, "an id is another one after a round")
    try hold(id.rawValue >= 0, "a negative id")
  }
  if let fingerprint = Fingerprint(text) {
    try agree(Fingerprint(fingerprint.description), fingerprint, "another fingerprint")
  }
  try checkTime(text)
  try checkTrace(text)
  try checkBase64(text, bytes)
  _ = ErrorPattern.text(of: text)
}

private func checkTime(_ text: String) throws {
  let instant: Int64
  do throws(RFC3339Error) { instant = try CivilTime.parseRFC3339(text) } catch {
    try hold((1...text.utf8.count + 1).contains(error.column), "column \(error.column)")
    return try hold(!error.message.isEmpty, "a mistake without words")
  }
  // An offset can lead out of the four digits that a year has; such a time is shown as the nearest.
  guard (-62_167_219_200_000...253_402_300_799_999).contains(instant) else { return }
  for offset in [0, 3_600, -34_200, 50_400] {
    let shown = CivilTime.formatRFC3339(milliseconds: instant, offsetSeconds: offset)
    try agree(try CivilTime.parseRFC3339(shown), instant, "\(shown) is another instant")
  }
}
