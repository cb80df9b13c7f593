// An HTTP function: takes the order and answers at once; all work happens behind it.
import Apus

struct PlaceOrder: HTTPFunction {
  func run(_ request: HTTPRequest, context: Context) async throws -> HTTPResponse {
    let order = try request.decode(Order.self)
    guard !order.items.isEmpty else {
      return .text("an order needs at least one item", status: 422)
    }
    context.emit(queue: "inventory", order, type: "shop.order.placed", subject: order.orderId)
    return .json(OrderAccepted(orderId: order.orderId), status: 202)
  }
}
