// The HTTP form of a function, and the request it gets.
import WorkerProtocol

/// A function that answers an HTTP route.
///
/// ```swift
/// struct ShowOrder: HTTPFunction {
///   func run(_ request: HTTPRequest, context: Context) async throws -> HTTPResponse {
///     guard let order = try await orders.find(request.parameters["orderId"]) else {
///       return .text("no such order", status: 404)
///     }
///     return .json(order)
///   }
/// }
/// ```
///
/// An error that `run` throws becomes status 500. A call makes one attempt unless the manifest says
/// otherwise; its outcome is recorded as an invocation like any other.
public protocol HTTPFunction: Function where Input == HTTPRequest, Output == HTTPResponse {}

/// One HTTP call.
public struct HTTPRequest: Sendable {
  /// The method in upper case, such as `POST`.
  public var method: String
  /// The path as it was sent, still percent-encoded, without the query.
  public var path: String
  /// What `{name}` in the route's pattern bound, percent-decoded.
  public var parameters: [String: String]
  /// The items of the query.
  public var query: HTTPQuery
  /// The header fields.
  public var headers: HTTPHeaders
  /// The body, whole.
  public var body: [UInt8]

  /// Makes a request, for tests of a function.
  public init(
    method: String = "GET", path: String = "/", parameters: [String: String] = [:],
    query: String? = nil, headers: HTTPHeaders = [:], body: [UInt8] = []
  ) {
    self.method = method
    self.path = path
    self.parameters = parameters
    self.query = HTTPQuery(query)
    self.headers = headers
    self.body = body
  }

  /// The body as text; what is not UTF-8 in it becomes the replacement character.
  public var text: String { String(decoding: body, as: UTF8.self) }

  /// Reads the body as JSON.
  ///
  /// - Parameter type: What the body holds.
  /// - Returns: The value.
  /// - Throws: ``UndecodableInput``, which answers the call with status 400 when `run` lets it pass.
  public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
    try JSON.decode(type, from: body, root: "body")
  }
}

struct HTTPCallFields: Sendable {
  let call: Start.Call
}

extension HTTPRequest: Decodable, DirectInput {
  init(_ delivery: Delivery) {
    guard let call = delivery.call?.call else {
      // Run by hand or from a queue: the data stand for the body.
      let type = delivery.event.dataContentType ?? "application/json"
      self.init(method: "POST", headers: ["Content-Type": type], body: delivery.data)
      return
    }
    self.init(
      method: call.method, path: call.path,
      parameters: Dictionary(
        call.parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first }),
      query: call.query,
      headers: HTTPHeaders(fields: call.headers.map { ($0.name, $0.value) }), body: delivery.data)
  }

  /// Always fails: the worker makes requests of HTTP calls, never of JSON.
  public init(from decoder: any Decoder) throws {
    throw DecodingError.dataCorrupted(
      .init(
        codingPath: decoder.codingPath,
        debugDescription: "a request is made of an HTTP call, not of JSON"))
  }
}
