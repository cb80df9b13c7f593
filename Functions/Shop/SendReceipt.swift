// Slow work that must not be hurried: the mail server takes two connections, so the manifest says
// `concurrency: 2` and everything else waits its turn.
import Apus

struct SendReceipt: Function {
  func run(_ payment: PaymentCompleted, context: Context) async throws {
    try await Task.sleep(for: .milliseconds(300))
    context.logger.info("receipt sent", metadata: ["customer": "\(payment.customerId)"])
  }
}
