// Calls of the control door: paths and queries made of texts, the token added, problems turned into
// the command's own faults.

import HTTP
import Invocations

struct ControlClient {
  private let place: HostPlace
  private let client: HTTPClient
  private let token: String?

  /// `readTimeout` is for each wait: a call that waits for a handler needs a long one.
  init(
    _ place: HostPlace, token: String? = Environment.token, trust: TLSTrust = Environment.trust,
    readTimeout: Duration = .seconds(60)
  ) {
    self.place = place
    self.token = token
    client = HTTPClient(place.address, trust: trust, readTimeout: readTimeout)
  }

  func get(_ path: [String], _ query: [(String, String?)] = []) throws -> Answer {
    Answer(try call("GET", path, query).body)
  }

  func post(
    _ path: [String], _ query: [(String, String?)] = [], headers: [(String, String)] = [],
    body: [UInt8] = []
  ) throws -> Answer {
    Answer(try call("POST", path, query, headers: headers, body: body).body)
  }

  /// Only a 2xx comes back; everything else is thrown.
  func call(
    _ method: String, _ path: [String], _ query: [(String, String?)] = [],
    headers: [(String, String)] = [], body: [UInt8] = []
  ) throws(CommandFault) -> HTTPClientResponse {
    guard !path.contains("") else {
      throw .usage("a name is empty; was a variable of the shell not set?")
    }
    let target = Self.target(path, query)
    let response = try reached { () throws(HTTPClientFault) in
      try client.send(method, target, headers: authorized(headers), body: body)
    }
    let fault = Self.fault(response.status, response.headers, response.body)
    if let fault { throw fault }
    return response
  }

  /// Hands over a stream of bytes until it ends or `onBytes` has had enough.
  func stream(
    _ path: [String], _ query: [(String, String?)], onBytes: ([UInt8]) -> Bool
  ) throws(CommandFault) {
    let target = Self.target(path, query)
    let response = try reached { () throws(HTTPClientFault) in
      try client.stream("GET", target, headers: authorized([]), onBytes: onBytes)
    }
    let fault = Self.fault(response.status, response.headers, response.body)
    if let fault { throw fault }
  }

  private func authorized(_ headers: [(String, String)]) -> [(String, String)] {
    headers + [("Apus-Operator", Operator.name)]
      + (token.map { [("Authorization", "Bearer \($0)")] } ?? [])
  }

  private func reached(
    _ send: () throws(HTTPClientFault) -> HTTPClientResponse
  ) throws(CommandFault) -> HTTPClientResponse {
    do throws(HTTPClientFault) {
      return try send()
    } catch {
      switch error {
      case .unreachable(let address, let reason):
        throw .unreachable("no host answers at \(address) (\(reason)): \(place.remedy)")
      case .untrusted: throw .unreachable("\(error)")
      case .expired(_, let end):
        let moment = TimeWords.instant(WallTime(milliseconds: Int64(end) * 1000))
        throw .unreachable("\(error) (it ended at \(moment))")
      case .plain, .badAuthorities: throw .badInput("\(error)")
      case .timedOut(let doing, let time) where doing.hasPrefix("connecting"):
        throw .unreachable("no host answers within \(time): \(place.remedy)")
      case .timedOut, .cutShort:
        throw .tryLater("the host did not answer to the end: \(error)")
      // A filter as long as that is somebody's mistake.
      case .badRequest: throw .badInput("\(error)")
      case .notHTTP, .tooLarge: throw .failed("\(error)")
      }
    }
  }

  // MARK: Answers that are no answers

  /// Nil of a 2xx.
  static func fault(_ status: Int, _ headers: HTTPFields, _ body: [UInt8]) -> CommandFault? {
    guard !(200...299).contains(status) else { return nil }
    let problem = Answer(body)
    let title = problem["title"] ?? "HTTP status \(status)"
    var message = problem["detail"] ?? title
    if let id = headers[first: "Apus-Invocation"] {
      message += "\nThe whole story: apus invocations show \(id)"
    }
    let mayComeAgain = headers[first: "Retry-After"] != nil
    switch status {
    case 400, 413, 415: return .badInput(message)
    case 422 where ["bad-manifests", "wrong-hash"].contains(problem["code"]):
      return .badInput(message)
    case 409 where mayComeAgain: return .tryLater(message)
    case 409 where ["missing-handler", "undecodable-events"].contains(problem["code"]):
      return .badInput(message)
    case 429: return .tryLater(message)
    case 503 where mayComeAgain: return .tryLater(message)
    case 401:
      return .failed(
        "the host asks for a token (\(message)): set \(Environment.tokenVariable), or name a file "
          + "that holds one with --token-file")
    default: return .failed(message)
    }
  }

  // MARK: Targets

  static func target(_ path: [String], _ query: [(String, String?)]) -> String {
    let pairs = query.compactMap { name, value in
      value.map { "\(encoded(name))=\(encoded($0))" }
    }
    let target = path.map { "/" + encoded($0) }.joined()
    return pairs.isEmpty ? target : "\(target)?\(pairs.joined(separator: "&"))"
  }

  /// All but the unreserved characters of RFC 3986, so that nothing in a name can end its part.
  static func encoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        bytes.append(byte)
      default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
