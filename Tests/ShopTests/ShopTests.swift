// The sample shop on its own manifests, in one process and on virtual time: what an author of functions
// tests without a host.

import ApusTesting
import Testing

@testable import Shop

struct ShopTests {
  private func order(_ id: String, card: String = "4242") -> Order {
    Order(
      orderId: id, customerId: "cust-441", items: [Order.Item(sku: "book", quantity: 2)],
      total: 129.99, card: card)
  }

  @Test func `an order goes all the way to its receipt`() async throws {
    let house = try await TestHost(Shop())
    let answer = try await house.call("POST", "/orders", json: order("ord-11"))
    #expect(answer.status == 202)
    #expect(try answer.decode(OrderAccepted.self).orderId == "ord-11")
    try await house.settle()
    #expect(
      house.invocations.map(\.function) == [
        "place-order", "reserve-stock", "charge-payment", "send-receipt",
      ])
    #expect(house.invocations.allSatisfy { $0.state == .succeeded && $0.attempts.count == 1 })
    let receipts = house.emitted(to: "notifications")
    #expect(try receipts.map { try $0.decode(PaymentCompleted.self).total } == [129.99])
    #expect(receipts.first?.subject == "ord-11")
  }

  @Test func `an order without items is refused and goes nowhere`() async throws {
    let house = try await TestHost(Shop())
    var empty = order("ord-11")
    empty.items = []
    let answer = try await house.call("POST", "/orders", json: empty)
    #expect(answer.status == 422)
    try await house.settle()
    #expect(house.emitted(to: "inventory").isEmpty)
  }

  @Test func `a stolen card is a dead letter, and the stock is released`() async throws {
    let house = try await TestHost(Shop())
    _ = try await house.call("POST", "/orders", json: order("ord-2", card: "0000"))
    try await house.settle()
    #expect(house.deadLetters.map(\.function) == ["charge-payment"])
    #expect(house.deadLetters.first?.reason == .rejected)
    #expect(house.emitted(to: "notifications").isEmpty)
    let release = try #require(house.invocations(of: "release-stock").first)
    #expect(release.state == .succeeded)
    #expect(release.logs.map(\.message) == ["released 2 × book"])
    #expect(release.logs.first?.metadata["reason"] == "rejected")
    #expect(release.logs.first?.metadata["error"] == "card stolen")
  }

  /// The bank of the sample is not reached by the first attempt for this order.
  private let unlucky = "ord-6"

  @Test func `a bank that does not answer is asked again a second later`() async throws {
    let house = try await TestHost(Shop())
    let sent = try await house.send("payments", order(unlucky))
    var charge = try await house.outcome(of: sent)
    #expect(charge.state == .waiting)
    #expect(charge.error?.message == "the bank does not answer")
    #expect(charge.dueAt == "2027-01-04T09:00:01.000Z")

    try await house.advance(by: .milliseconds(999))
    #expect(house.invocations(of: "charge-payment").first?.state == .waiting)
    try await house.advance(by: .milliseconds(1))
    charge = try await house.outcome(of: sent)
    #expect(charge.state == .succeeded)
    #expect(charge.attempts.map(\.outcome) == ["thrown", "succeeded"])
    #expect(house.invocations(of: "send-receipt").map(\.state) == [.succeeded])
  }

  @Test func `an order is charged once, however often its event comes`() async throws {
    let house = try await TestHost(Shop())
    let first = try await house.send("payments", order("ord-3"))
    let again = try await house.send("payments", order("ord-3"))
    #expect(again.isDuplicate)
    #expect(again.invocation == first.invocation)
    #expect(try await house.outcome(of: first).duplicates == 1)
    #expect(house.emitted(to: "notifications").count == 1)

    // The manifest keeps the key for a day.
    try await house.advance(by: .days(1) + .seconds(1))
    #expect(try await house.send("payments", order("ord-3")).isDuplicate == false)
  }

  @Test func `a client that repeats its call gets the same answer`() async throws {
    let house = try await TestHost(Shop())
    let key = ["Idempotency-Key": "order-4"]
    let first = try await house.call("POST", "/orders", headers: key, json: order("ord-4"))
    let again = try await house.call("POST", "/orders", headers: key, json: order("ord-4"))
    #expect(again["Idempotency-Replayed"] == "true")
    #expect(again.body == first.body)
    let other = try await house.call("POST", "/orders", headers: key, json: order("ord-5"))
    #expect(other.status == 422)
    #expect(house.invocations(of: "place-order").count == 1)
  }

  @Test func `the mail server never has more than two connections`() async throws {
    let house = try await TestHost(Shop())
    for number in 1...5 {
      let payment = PaymentCompleted(orderId: "ord-\(number)", customerId: "c", total: 1)
      try await house.send("notifications", payment)
    }
    try await house.settle()
    #expect(house.invocations(of: "send-receipt").allSatisfy { $0.state == .succeeded })
    #expect(house.mostAtOnce("send-receipt") == 2)
  }

  @Test func `the shop reports once a minute`() async throws {
    let house = try await TestHost(Shop(), startingAt: "2027-01-04T08:59:30Z")
    try await house.advance(by: .hours(1))
    let reports = house.invocations(of: "report-status")
    #expect(reports.count == 60)
    #expect(reports.allSatisfy { $0.state == .succeeded })
    let minutes = try reports.compactMap { try $0.result(as: ReportStatus.Report.self)?.minute }
    #expect(minutes.first == "2027-01-04T09:00:00.000Z")
    #expect(minutes.last == "2027-01-04T09:59:00.000Z")
    #expect(house.now == "2027-01-04T09:59:30.000Z")
  }
}
