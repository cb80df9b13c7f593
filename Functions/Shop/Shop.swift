// A small shop, driven by events. The journey of an order:
//
//   POST /orders ─▶ PlaceOrder ─▶ inventory ─▶ ReserveStock ─▶ payments ─▶ ChargePayment
//     ─▶ notifications ─▶ SendReceipt
//
// and of one that cannot be paid: payments-dead ─▶ ReleaseStock. One file each, one feature each.
import Apus

@main struct Shop: FunctionApp {
  var functions: [any Function] {
    PlaceOrder()
    reserveStock
    ChargePayment()
    ReleaseStock()
    SendReceipt()
    ReportStatus()
  }
}
