// The closure form, for a handler of a few lines. It has no result: the event is what it has to say.
import Apus

let reserveStock = Handler("ReserveStock") { (order: Order, context) in
  for item in order.items {
    context.logger.info(
      "reserved \(item.quantity) × \(item.sku)", metadata: ["order": "\(order.orderId)"])
  }
  context.emit(queue: "payments", order, type: "shop.stock.reserved", subject: order.orderId)
}
