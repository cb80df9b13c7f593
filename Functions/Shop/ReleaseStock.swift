// A compensation: runs for each order that `ChargePayment` gave up on. It gets the event that could
// not be handled, with the reason as extension attributes.
import Apus

struct ReleaseStock: Function {
  func run(_ order: Order, context: Context) async throws {
    let reason = context.event[extension: "apusdeadreason"] ?? "unknown"
    let error = context.event[extension: "apusdeaderror"] ?? "none"
    for item in order.items {
      context.logger.notice(
        "released \(item.quantity) × \(item.sku)",
        metadata: ["order": "\(order.orderId)", "reason": "\(reason)", "error": "\(error)"])
    }
  }
}
