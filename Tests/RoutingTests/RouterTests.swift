// Which route wins, what it binds, and which paths are refused.
import Invocations
import Routing
import Testing

private func function(_ name: String, _ routes: String..., queues: [String] = [])
  -> FunctionDeclaration
{
  let http = routes.map { text in
    let parts = text.split(separator: " ")
    return Trigger.http(HTTPRoute(method: String(parts[0]), pattern: String(parts[1])))
  }
  return FunctionDeclaration(
    name: name, handler: name, triggers: http + queues.map { .queue($0) })
}

struct RouterTests {
  private let router: Router

  init() throws {
    router = try Router([
      function("home", "GET /"),
      function("list", "GET /payments", "POST /payments"),
      function("latest", "GET /payments/latest"),
      function("one", "GET /payments/{orderId}", "DELETE /payments/{id}", queues: ["payments"]),
      function("items", "GET /payments/{orderId}/items/{item}"),
      function("latest-report", "GET /payments/latest/report"),
      function("files", "GET /files/{path...}", "PUT /files/{path...}"),
      function("file-index", "GET /files/{name}/index"),
      function("cafe", "GET /caf%C3%A9/{x}"),
    ])
  }

  private func outcome(_ method: String, _ path: String) -> String {
    switch router.match(method: method, path: path) {
    case .found(let declaration, _, let parameters):
      ([declaration.name] + parameters.map { "\($0.name)=\($0.value)" }).joined(separator: " ")
    case .methodNotAllowed(let allow): "405 " + allow.joined(separator: ",")
    case .notFound: "404"
    case .badPath: "400"
    }
  }

  @Test(arguments: [
    ("GET", "/", "home"), ("GET", "/payments", "list"), ("POST", "/payments", "list"),
    ("GET", "/payments/latest", "latest"), ("GET", "/payments/17", "one orderId=17"),
    ("DELETE", "/payments/latest", "one id=latest"),
    ("GET", "/payments/latest/report", "latest-report"),
    ("GET", "/payments/latest/items/3", "items orderId=latest item=3"),
    ("GET", "/payments/LATEST", "one orderId=LATEST"),
    ("GET", "/files/a", "files path=a"), ("GET", "/files/a/b/c", "files path=a/b/c"),
    ("GET", "/files/a/index", "file-index name=a"), ("PUT", "/files/a/index", "files path=a/index"),
    ("GET", "/files/a/index/b", "files path=a/index/b"),
    ("GET", "/files", "404"), ("GET", "/nothing", "404"), ("GET", "/payments/1/items", "404"),
    ("PROPFIND", "/nothing", "404"),
  ])
  func `a literal beats a parameter, and a parameter beats a rest`(
    method: String, path: String, expected: String
  ) { #expect(outcome(method, path) == expected) }

  @Test(arguments: [
    ("HEAD", "/payments/17", "one orderId=17"), ("HEAD", "/", "home"), ("HEAD", "/nothing", "404"),
    ("PUT", "/payments", "405 GET,HEAD,OPTIONS,POST"),
    ("OPTIONS", "/payments", "405 GET,HEAD,OPTIONS,POST"),
    ("OPTIONS", "/payments/17", "405 DELETE,GET,HEAD,OPTIONS"),
    ("get", "/payments", "405 GET,HEAD,OPTIONS,POST"), ("OPTIONS", "/nothing", "404"),
    ("POST", "/payments/17/items/2", "405 GET,HEAD,OPTIONS"),
  ])
  func `HEAD takes the route of GET, and other methods are told what is allowed`(
    method: String, path: String, expected: String
  ) { #expect(outcome(method, path) == expected) }

  @Test(arguments: [
    ("/payments/a%2Fb", "one orderId=a/b"), ("/payments/a%20b+c", "one orderId=a b+c"),
    ("/payments/%6Catest", "latest"), ("/payments/%E2%82%AC", "one orderId=\u{20AC}"),
    ("/caf%C3%A9/1", "cafe x=1"), ("/caf\u{E9}/1", "cafe x=1"),
    ("/payments/...", "one orderId=..."),
    ("/payments/%2525", "one orderId=%25"), ("/payments%2Flatest", "404"),
    ("/files/a%20b/c%2Fd", "files path=a b/c%2Fd"),
    ("/files/..%2F..%2Fetc", "files path=..%2F..%2Fetc"),
  ])
  func `values are decoded after the path is split`(path: String, expected: String) {
    #expect(outcome("GET", path) == expected)
  }

  @Test(arguments: [
    "", "payments", "*", "//", "/payments/", "/payments//17", "/payments/.", "/payments/..",
    "/payments/%2e%2E", "/payments/.%2e/x", "/payments/%", "/payments/%2", "/payments/%zz",
    "/payments/%ff", "/payments/%C3", "/payments/%ED%A0%80", "/payments/a%00b", "/payments/a\0b",
    "/payments/a%20\0b", "/payments\u{301}/\u{301}/../x",
    "/files/a/../b", "/nothing/%GG",
  ])
  func `a path that two readers could understand in two ways is refused`(path: String) {
    #expect(outcome("GET", path) == "400")
  }

  @Test func `a path has at most 64 segments and 8 KiB`() {
    let segments = String(repeating: "/a", count: 63)
    #expect(outcome("GET", "/files" + segments).hasPrefix("files path=a/a"))
    #expect(outcome("GET", "/files/b" + segments) == "400")
    let long = "/files/" + String(repeating: "x", count: 8192 - 7)
    #expect(outcome("GET", long).hasPrefix("files path=xxx"))
    #expect(outcome("GET", long + "x") == "400")
  }

  @Test func `the route that matched is handed on as written`() {
    guard case .found(_, let route, _) = router.match(method: "HEAD", path: "/payments/1") else {
      Issue.record("no route")
      return
    }
    #expect(route == HTTPRoute(method: "GET", pattern: "/payments/{orderId}"))
  }

  @Test func `a queue has its function`() {
    #expect(router.function(forQueue: "payments")?.name == "one")
    #expect(router.function(forQueue: "refunds") == nil)
  }

  @Test func `two functions on one route or queue are refused`() {
    #expect(
      throws: RoutingFault.twoOnRoute(
        HTTPRoute(method: "GET", pattern: "/a/{y}"), functions: ["first", "second"])
    ) { try Router([function("first", "GET /a/{x}"), function("second", "GET /a/{y}")]) }
    #expect(throws: RoutingFault.self) {
      try Router([function("first", "GET /a/{x...}"), function("second", "GET /a/{y...}")])
    }
    #expect(throws: RoutingFault.twoOnQueue("q", functions: ["first", "second"])) {
      try Router([function("first", queues: ["q"]), function("second", queues: ["q"])])
    }
    #expect(throws: Never.self) {
      try Router([function("first", "GET /a/{x}"), function("second", "POST /a/{x}", "GET /a/b")])
    }
  }

  @Test func `a bad pattern is refused with its function's name`() {
    #expect(
      throws: RoutingFault.badPattern(
        function: "first", pattern: "/a/{b}c",
        reason: "'{b}c' mixes text and a parameter in one segment")
    ) { try Router([function("first", "GET /a/{b}c")]) }
  }
}

struct RoutePatternTests {
  @Test func `a pattern has literals, parameters and a rest`() throws {
    let pattern = try RoutePattern(parsing: "/a%20b/{orderId}/x/{rest...}")
    #expect(
      pattern.segments == [.literal("a b"), .parameter("orderId"), .literal("x"), .rest("rest")])
    #expect(pattern.parameterNames == ["orderId", "rest"])
    #expect(pattern.shape == "/a b/{}/x/{...}")
    #expect(try RoutePattern(parsing: "/").shape == "/")
    #expect(try RoutePattern(parsing: "/a%2Fb").shape != RoutePattern(parsing: "/a/b").shape)
    // A sign that joins the slash before it does not hide it.
    #expect(
      try RoutePattern(parsing: "/a/\u{301}b").segments == [.literal("a"), .literal("\u{301}b")])
  }

  @Test(arguments: [
    ("a", "does not begin with '/'"), ("/a/", "empty segment"), ("/a//b", "empty segment"),
    ("/{}", "no parameter"), ("/{1a}", "no parameter"), ("/{a-b}", "no parameter"),
    ("/{...}", "no parameter"), ("/{a", "mixes text"), ("/a}", "mixes text"),
    ("/x{a}", "mixes text"),
    ("/{a}{b}", "no parameter"), ("/{a...}/b", "stands last"), ("/{a}/{a}", "bound twice"),
    ("/{a}/{a...}", "bound twice"), ("/..", "'..' segment"), ("/%zz", "percent-encoding"),
    (String(repeating: "/a", count: 65), "more than 64 segments"),
  ])
  func `a bad pattern says what is wrong`(source: String, part: String) {
    do {
      _ = try RoutePattern(parsing: source)
      Issue.record("accepted")
    } catch {
      #expect(error.reason.contains(part), "\(error.reason)")
    }
  }
}
