// What the functions of the shop say to each other: plain values, read from and written to JSON.

struct Order: Codable {
  struct Item: Codable {
    var sku: String
    var quantity: Int
  }

  var orderId: String
  var customerId: String
  var items: [Item]
  var total: Double
  var card: String
}

struct OrderAccepted: Codable {
  var orderId: String
}

struct PaymentCompleted: Codable {
  var orderId: String
  var customerId: String
  var total: Double
}
