// The handlers that `apus bench` loads: next to nothing in each, so that what is measured is Apus.
// The program is its own worker; it knows by a variable that the bench's manifests set.

import Apus
import Glibc

struct BenchWorker: FunctionApp {
  static let variable = "APUS_BENCH_WORKER"

  /// True in the process that the host of a bench started.
  static var isAsked: Bool { getenv(variable) != nil }

  static func begin() { main() }

  struct Order: Codable {
    struct Item: Codable {
      var sku: String
      var quantity: Int
    }

    var orderId: String
    var customerId: String
    var items: [Item]
    var total: Double
    var note: String
  }

  struct Receipt: Codable { var orderId: String }

  struct NotNow: Error {}

  var functions: [any Function] {
    Handler("Take") { (order: Order, _) in
      guard !order.orderId.isEmpty else { throw Reject("no order") }
    }
    Handler("TakeRaw") { (data: RawData, _) in
      guard !data.bytes.isEmpty else { throw Reject("no order") }
    }
    Handler("Spread") { (order: Order, context) in
      for number in 0..<4 { context.emit(queue: "spread-\(number)", order) }
    }
    Handler("Stumble") { (_: Order, context) in
      guard context.attempt > 2 else { throw NotNow() }
    }
    Handler("Rest") { (_: Order, _) in
      StartStamp.send()
      while HoldFile.holds { try await Task.sleep(for: .milliseconds(10)) }
    }
    Handler("Stamp") { (_: Order, _) in StartStamp.send() }
    AnswerOrder()
  }

  struct AnswerOrder: HTTPFunction {
    func run(_ request: HTTPRequest, context: Context) async throws -> HTTPResponse {
      let order = try request.decode(Order.self)
      return .json(Receipt(orderId: order.orderId))
    }
  }
}
