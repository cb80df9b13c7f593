// The typed form, and the three ways to end: return, throw for another attempt, reject for good.
import Apus

struct ChargePayment: Function {
  func run(_ order: Order, context: Context) async throws -> PaymentCompleted {
    guard order.card != "0000" else { throw Reject("card stolen") }
    guard !isUnreachable(order.orderId, attempt: context.attempt) else {
      throw Retry(after: .seconds(1), "the bank does not answer")
    }
    let payment = PaymentCompleted(
      orderId: order.orderId, customerId: order.customerId, total: order.total)
    context.logger.info("charged \(order.total)", metadata: ["order": "\(order.orderId)"])
    context.emit(
      queue: "notifications", payment, type: "shop.payment.completed", subject: order.orderId)
    return payment
  }

  /// Stands in for a bank that one first attempt in ten does not reach.
  ///
  /// It is always the same orders, so that a run can be checked to the last receipt.
  private func isUnreachable(_ orderId: String, attempt: Int) -> Bool {
    let hash = orderId.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    return attempt == 1 && (hash >> 32) % 10 == 0
  }
}
