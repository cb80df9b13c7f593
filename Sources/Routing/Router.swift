// Which function wants what arrives: one for a queue, one for a method and path. It is built once
// for a release and only read from then on.

package import Invocations

package enum RouteMatch: Sendable, Equatable {
  /// `parameters` are percent-decoded, in the order of the pattern.
  case found(FunctionDeclaration, HTTPRoute, parameters: [HTTPCall.Field])
  /// The path is known, the method is not. `allow` is sorted and names HEAD and OPTIONS where they
  /// are answered; the caller answers an OPTIONS request with it.
  case methodNotAllowed(allow: [String])
  case notFound
  /// The path is refused whatever the routes are: 400.
  case badPath(reason: String)
}

/// Manifests are checked before; these are the last line of defence.
package enum RoutingFault: Error, Equatable, Sendable {
  case badPattern(function: String, pattern: String, reason: String)
  case twoOnRoute(HTTPRoute, functions: [String])
  case twoOnQueue(String, functions: [String])
}

package struct Router: Sendable {
  private final class Route: Sendable {
    let declaration: FunctionDeclaration
    let http: HTTPRoute
    let names: [String]
    /// Which segment each name binds.
    let places: [Int]
    let endsInRest: Bool
    /// All its segments, where none takes a value.
    let literals: [String]?

    init(_ declaration: FunctionDeclaration, _ http: HTTPRoute, _ pattern: RoutePattern) {
      self.declaration = declaration
      self.http = http
      names = pattern.parameterNames
      places = pattern.segments.indices.filter { place in
        if case .literal = pattern.segments[place] { false } else { true }
      }
      endsInRest = if case .rest = pattern.segments.last { true } else { false }
      let literals = pattern.segments.compactMap {
        if case .literal(let text) = $0 { text } else { nil }
      }
      self.literals = literals.count == pattern.segments.count ? literals : nil
    }
  }

  private var routes: [Route] = []
  private var trees: [String: RouteTree] = [:]
  /// By method, then by a path that is a route's own text: most calls name one, and it need not be
  /// taken apart.
  private var exact: [String: [String: Int]] = [:]
  private var queues: [String: FunctionDeclaration] = [:]

  package init(_ declarations: [FunctionDeclaration]) throws(RoutingFault) {
    for declaration in declarations {
      for trigger in declaration.triggers {
        switch trigger {
        case .queue(let name): try subscribe(declaration, toQueue: name)
        case .http(let route): try add(route, of: declaration)
        case .timer: break
        }
      }
    }
    for (number, route) in routes.enumerated() {
      // Only where to take it apart leads to the same route.
      guard let segments = route.literals,
        trees[route.http.method]?.route(for: segments) == number
      else { continue }
      exact[route.http.method, default: [:]][route.http.pattern] = number
    }
  }

  package func function(forQueue name: String) -> FunctionDeclaration? { queues[name] }

  /// `path` is the request's, still percent-encoded and without its query.
  package func match(method: String, path: String) -> RouteMatch {
    if let number = exact[method]?[path] {
      let route = routes[number]
      return .found(route.declaration, route.http, parameters: [])
    }
    let text: PathText
    do { text = try PathText(path) } catch { return .badPath(reason: error.reason) }
    if let route = route(method: method, for: text) { return found(route, in: text) }
    let allow = allowedMethods(for: text)
    return allow.isEmpty ? .notFound : .methodNotAllowed(allow: allow)
  }

  /// A HEAD request is answered by the route of GET.
  private func route(method: String, for text: PathText) -> Route? {
    let number =
      trees[method]?.route(for: text.segments)
      ?? (method == "HEAD" ? trees["GET"]?.route(for: text.segments) : nil)
    return number.map { routes[$0] }
  }

  private func found(_ route: Route, in text: PathText) -> RouteMatch {
    .found(route.declaration, route.http, parameters: bound(by: route, in: text))
  }

  private func bound(by route: Route, in text: PathText) -> [HTTPCall.Field] {
    zip(route.names, route.places).map { name, place in
      let isRest = route.endsInRest && place == route.places.last
      return HTTPCall.Field(
        name: name, value: isRest ? text.rest(from: place) : text.segments[place])
    }
  }

  private func allowedMethods(for text: PathText) -> [String] {
    var allow = Set(trees.filter { $0.value.route(for: text.segments) != nil }.keys)
    guard !allow.isEmpty else { return [] }
    if allow.contains("GET") { allow.insert("HEAD") }
    allow.insert("OPTIONS")
    return allow.sorted()
  }

  private mutating func subscribe(
    _ declaration: FunctionDeclaration, toQueue name: String
  ) throws(RoutingFault) {
    if let other = queues[name] {
      throw .twoOnQueue(name, functions: [other.name, declaration.name])
    }
    queues[name] = declaration
  }

  private mutating func add(
    _ http: HTTPRoute, of declaration: FunctionDeclaration
  ) throws(RoutingFault) {
    let pattern: RoutePattern
    do { pattern = try RoutePattern(parsing: http.pattern) } catch {
      throw .badPattern(
        function: declaration.name, pattern: http.pattern, reason: error.reason)
    }
    if let taken = trees[http.method, default: RouteTree()].insert(pattern, route: routes.count) {
      throw .twoOnRoute(http, functions: [routes[taken].declaration.name, declaration.name])
    }
    routes.append(Route(declaration, http, pattern))
  }
}
