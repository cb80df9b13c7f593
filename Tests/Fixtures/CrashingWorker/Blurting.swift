// Handlers that say what they should keep to themselves, in every way in which a handler can speak.
import Apus
import Glibc

enum Blurting {
  @FunctionBuilder static var functions: [any Function] {
    Handler("BlurtSecret") { (way: String, context) in
      let secret = getenv("BLURT_KEY").map { String(cString: $0) } ?? "none"
      context.logger.info("key \(secret)", metadata: ["key": "\(secret)"])
      print("printed \(secret)")
      tell("raw \(secret)\n")
      if way == "trap" { fatalError("trapped with \(secret)") }
      throw Reject("refused \(secret)")
    }
    Handler("BlurtCard") { (payment: CardPayment, context) in
      context.logger.info(
        "card \(payment.card.number)", metadata: ["number": "\(payment.card.number)"])
      print("printed \(payment.card.number)")
      if payment.note == "fail" { throw Reject("card \(payment.card.number) refused") }
      return CardReceipt(token: "token-of-the-bank", text: "paid with \(payment.card.number)")
    }
  }

  private static func tell(_ text: String) {
    let bytes = Array(text.utf8)
    write(STDOUT_FILENO, bytes, bytes.count)
  }
}

private struct CardPayment: Codable, Sendable {
  struct Card: Codable, Sendable { var number: String }
  var card: Card
  var note: String
}

private struct CardReceipt: Codable, Sendable {
  var token: String
  var text: String
}
