// The HTTP form: what a handler sees of a call, and what leaves as its response.
import Apus
import Testing
import WorkerProtocol

private struct Order: Codable { var orderId: String }

private struct ShowOrder: HTTPFunction {
  func run(_ request: HTTPRequest, context: Context) async throws -> HTTPResponse {
    let order = try request.decode(Order.self)
    var response = HTTPResponse.json(
      [
        request.method, request.path, request.parameters["orderId"] ?? "-",
        request.query["tag"] ?? "-", request.query.values(of: "tag").joined(separator: "+"),
        request.headers["CONTENT-type"] ?? "-", order.orderId,
      ], status: 201)
    response.headers.add("Set-Cookie", "a=1")
    response.headers.add("Set-Cookie", "b=2")
    return response
  }
}

@Suite(.timeLimit(.minutes(5))) struct HTTPFunctionTests {
  private let call = Start.Call(
    method: "PUT", path: "/orders/o%2F1", query: "tag=a%20b&x&tag=c+d%zz",
    parameters: [NameValue(name: "orderId", value: "o/1")],
    headers: [NameValue(name: "content-Type", value: "application/json")])

  @Test func `a handler sees the call and answers with status, headers and body`() async throws {
    let worker = try WorkerInProcess { ShowOrder() }
    worker.host.start("ShowOrder", 1, #"{"orderId":"o-1"}"#, call: call)
    let response = try #require(try await worker.host.ending().response)
    #expect(response.head.status == 201)
    #expect(
      response.head.headers == [
        NameValue(name: "Content-Type", value: "application/json"),
        NameValue(name: "Set-Cookie", value: "a=1"), NameValue(name: "Set-Cookie", value: "b=2"),
      ])
    #expect(
      response.body
        == #"["PUT","/orders/o%2F1","o/1","a b","a b+c d%zz","application/json","o-1"]"#)
  }

  @Test func `a body that cannot be decoded is undecodable`() async throws {
    let worker = try WorkerInProcess { ShowOrder() }
    worker.host.start("ShowOrder", 1, #"{"orderId":7}"#, call: call)
    let failure = try await worker.host.ending().failure
    #expect(failure?.kind == .undecodable)
    #expect(failure?.message == "body.orderId: expected String, found number")
  }

  @Test func `a typed function on a route takes the body and returns JSON`() async throws {
    let worker = try WorkerInProcess {
      Handler("Typed") { (order: Order, _) in order.orderId }
    }
    worker.host.start("Typed", 1, #"{"orderId":"o-1"}"#, call: call)
    #expect(try await worker.host.ending().json == #""o-1""#)
  }

  @Test func `without a call the event's data stand for the body`() async throws {
    let worker = try WorkerInProcess {
      Handler("Page") { (request: HTTPRequest, _) in
        HTTPResponse.text("\(request.method) \(request.path) \(request.text)")
      }
    }
    worker.host.start("Page", 1, "[1]")
    #expect(try await worker.host.ending().response?.body == "POST / [1]")
  }

  @Test func `every kind of response`() async throws {
    let worker = try WorkerInProcess {
      Handler("Answer") { (kind: Int, _) -> HTTPResponse in
        switch kind {
        case 0: .text("ü", status: 418)
        case 1: .bytes([1, 2], contentType: "image/png")
        case 2: .empty()
        case 3: .redirect(to: "/there")
        default: .json(["a"])
        }
      }
    }
    var answers: [String] = []
    for kind in 0...4 {
      // A number of its own: the one before may not have been forgotten yet.
      worker.host.start("Answer", Int64(kind) + 1, "\(kind)")
      let response = try #require(try await worker.host.ending().response)
      let field = response.head.headers.first.map { " \($0.name): \($0.value)" } ?? ""
      answers.append("\(response.head.status)\(field) [\(response.body)]")
    }
    #expect(
      answers == [
        "418 Content-Type: text/plain; charset=utf-8 [ü]",
        "200 Content-Type: image/png [\u{1}\u{2}]", "204 []", "303 Location: /there []",
        #"200 Content-Type: application/json [["a"]]"#,
      ])
  }

  @Test(arguments: [
    (99, "X-A", "b", "the status of a response is 200…599; got 99"),
    (600, "X-A", "b", "the status of a response is 200…599; got 600"),
    (200, "X A", "b", "'X A' is not a name of a header field"),
    (200, "", "b", "'' is not a name of a header field"),
    (
      200, "X-A", "b\r\nSet-Cookie: c=1",
      "the header field 'X-A' holds a line break or a control character"
    ),
  ]) func `a response that would break HTTP fails the attempt`(
    _ status: Int, _ name: String, _ value: String, _ message: String
  ) async throws {
    let worker = try WorkerInProcess {
      Handler("Bad") { (_: NoInput, _) in
        var response = HTTPResponse.empty(status)
        response.headers[name] = value
        return response
      }
    }
    worker.host.start("Bad")
    let failure = try await worker.host.ending().failure
    #expect(failure?.kind == .thrown)
    #expect(failure?.message == message)
  }

  @Test func `headers are found whatever their case, and replaced as one`() {
    var headers: HTTPHeaders = ["Accept": "a", "accept": "b", "X": "c"]
    #expect(headers["ACCEPT"] == "a")
    #expect(headers.values(of: "aCCept") == ["a", "b"])
    headers["accept"] = "d"
    #expect(headers.fields.map(\.value) == ["c", "d"])
    headers["ACCEPT"] = nil
    #expect(headers.fields.map(\.name) == ["X"])
  }

  @Test(
    arguments: [
      (nil, []), ("", []), ("a", ["a="]), ("a=", ["a="]), ("=a", ["=a"]), ("a=b=c", ["a=b=c"]),
      ("a=%C3%BC&&b=%4", ["a=ü", "b=%4"]), ("a=%+1", ["a=% 1"]), ("%41%42=1", ["AB=1"]),
    ] as [(String?, [String])])
  func `a query is read as browsers write it`(_ text: String?, _ items: [String]) {
    #expect(HTTPQuery(text).items.map { "\($0.name)=\($0.value)" } == items)
  }
}

@Suite(.timeLimit(.minutes(5))) struct StreamTests {
  @Test func `a stream sends its head, its parts in order, and then its end`() async throws {
    let worker = try WorkerInProcess {
      Handler("Count") { (_: NoInput, context) in
        HTTPResponse.stream(contentType: "text/event-stream", status: 206) { writer in
          for number in 1...3 { try await writer.write("\(number) ") }
          try await writer.write([UInt8](repeating: 46, count: 600_000))
          context.emit(queue: "streamed", 3)
        }
      }
    }
    worker.host.start("Count")
    let ending = try await worker.host.ending()
    #expect(ending.head?.status == 206)
    #expect(ending.head?.headers.first?.value == "text/event-stream")
    #expect(ending.body.prefix(7) == [49, 32, 50, 32, 51, 32, 46])
    #expect(ending.body.count == 600_006)
    #expect(ending.result?.value == .streamed)
    #expect(ending.result?.emitted.map(\.queue) == ["streamed"])
  }

  @Test func `a stream that fails half way ends with the failure`() async throws {
    let worker = try WorkerInProcess {
      Handler("Break") { (_: NoInput, _) in
        HTTPResponse.stream(contentType: "text/plain") { writer in
          try await writer.write("half")
          throw Reject("broken")
        }
      }
    }
    worker.host.start("Break")
    let ending = try await worker.host.ending()
    #expect(ending.body == Array("half".utf8))
    #expect(ending.failure?.kind == .rejected)
  }

  private func pausedWriter(_ go: Gate) throws -> WorkerInProcess {
    try WorkerInProcess {
      Handler("Stream") { (_: NoInput, context) in
        HTTPResponse.stream(contentType: "text/plain") { writer in
          try await writer.write("first")
          await go.wait()
          context.logger.info("writing")
          try await writer.write("second")
        }
      }
    }
  }

  @Test func `pause holds the writer back until resume`() async throws {
    let go = Gate()
    let worker = try pausedWriter(go)
    worker.host.start("Stream", 8)
    while let said = await worker.host.next(), said.head.kind != .responseBody {}
    worker.host.send(.pause, 8)
    worker.host.send(.ping)
    #expect(await worker.host.next()?.head.kind == .health)
    go.open()
    try await worker.host.line("writing")
    for _ in 1...200 {
      worker.host.send(.ping)
      #expect(await worker.host.next()?.head.kind == .health)
    }
    worker.host.send(.resume, 8)
    let ending = try await worker.host.ending()
    #expect(ending.body == Array("second".utf8))
    #expect(ending.result?.value == .streamed)
  }

  @Test func `a paused writer can be cancelled`() async throws {
    let go = Gate()
    let worker = try pausedWriter(go)
    worker.host.start("Stream", 8)
    while let said = await worker.host.next(), said.head.kind != .responseBody {}
    worker.host.send(.pause, 8)
    worker.host.send(.ping)
    #expect(await worker.host.next()?.head.kind == .health)
    go.open()
    try await worker.host.line("writing")
    worker.host.send(.cancel, 8)
    let ending = try await worker.host.ending()
    #expect(ending.body.isEmpty)
    #expect(ending.failure?.kind == .cancelled)
  }
}
