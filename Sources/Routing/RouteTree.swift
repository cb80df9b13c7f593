// The routes of one method as a tree of segments. At each place a literal beats a parameter and a
// parameter beats a rest; where the better branch leads nowhere, the next one is tried.

struct RouteTree: Sendable {
  private struct Node: Sendable {
    var literals: [String: Int] = [:]
    var parameter: Int?
    /// What a path that ends here reaches.
    var route: Int?
    /// What a path with anything left reaches.
    var restRoute: Int?
  }

  /// The root is the first; every other node has one parent, so a search sees each at most once.
  private var nodes = [Node()]

  /// Returns the route that already has this shape, if there is one, and changes nothing then.
  mutating func insert(_ pattern: RoutePattern, route: Int) -> Int? {
    var place = 0
    for segment in pattern.segments {
      switch segment {
      case .literal(let text): place = literalChild(text, of: place)
      case .parameter: place = parameterChild(of: place)
      case .rest:
        if let taken = nodes[place].restRoute { return taken }
        nodes[place].restRoute = route
        return nil
      }
    }
    if let taken = nodes[place].route { return taken }
    nodes[place].route = route
    return nil
  }

  /// The best route for the segments, by its number.
  func route(for segments: [String]) -> Int? { route(for: segments[...], from: 0) }

  private func route(for segments: ArraySlice<String>, from place: Int) -> Int? {
    let node = nodes[place]
    guard let segment = segments.first else { return node.route }
    let rest = segments.dropFirst()
    if let child = node.literals[segment], let found = route(for: rest, from: child) {
      return found
    }
    if let child = node.parameter, let found = route(for: rest, from: child) { return found }
    return node.restRoute
  }

  private mutating func literalChild(_ text: String, of place: Int) -> Int {
    if let child = nodes[place].literals[text] { return child }
    nodes[place].literals[text] = nodes.count
    nodes.append(Node())
    return nodes.count - 1
  }

  private mutating func parameterChild(of place: Int) -> Int {
    if let child = nodes[place].parameter { return child }
    nodes[place].parameter = nodes.count
    nodes.append(Node())
    return nodes.count - 1
  }
}
