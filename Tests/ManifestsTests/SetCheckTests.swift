// What two functions can have against each other, and what the worker can have against them.

import Invocations
import Testing

@testable import Manifests

struct SetCheckTests {
  private func function(_ name: String, _ trigger: String, deadLetter: String? = nil) -> String {
    "function: \(name)\ntriggers:\n  - \(trigger)\n"
      + (deadLetter.map { "deadLetter: \($0)\n" } ?? "")
  }

  @Test func `two functions have two names`() {
    let result = read(function("a", "queue: x"), function("a", "queue: y"))
    #expect(mistakes(result) == ["b.yaml:1:11: function 'a' is already declared at a.yaml:1"])
  }

  @Test func `a queue triggers one function, once`() {
    let result = read(function("a", "queue: x"), function("b", "queue: x"))
    #expect(
      mistakes(result) == [
        "b.yaml:3:12: queue 'x' already triggers 'a' at a.yaml:3; it can trigger one function, once"
      ])
    let twice = read("function: a\ntriggers: [{ queue: x }, { queue: x }]")
    #expect(
      mistakes(twice) == [
        "a.yaml:2:35: queue 'x' already triggers 'a' at a.yaml:2; it can trigger one function, once"
      ])
  }

  @Test func `routes of one shape are one route`() {
    let result = read(
      function("a", "http: GET /a/{x}"), function("b", "http: GET /a/{y}"),
      function("c", "http: POST /a/{y}"), function("d", "http: GET /a/{y...}"))
    #expect(
      mistakes(result) == [
        "b.yaml:3:11: route 'GET /a/{y}' already triggers 'a' at a.yaml:3; it can trigger one "
          + "function, once"
      ])
  }

  @Test func `literal segments and parameters are different routes`() throws {
    let set = try read(function("a", "http: GET /a/{x}"), function("b", "http: GET /a/x")).get()
    #expect(set.declarations.count == 2)
  }

  @Test func `a function whose dead letters come back to it is refused`() {
    let result = read(function("a", "queue: x", deadLetter: "x"))
    #expect(
      mistakes(result) == ["a.yaml:4:13: dead letters would go round for ever: a → a"])
  }

  @Test func `a longer way round is refused once`() {
    let result = read(
      function("d", "queue: w", deadLetter: "x"), function("a", "queue: x", deadLetter: "y"),
      function("b", "queue: y", deadLetter: "z"), function("c", "queue: z", deadLetter: "x"))
    #expect(
      mistakes(result) == ["b.yaml:4:13: dead letters would go round for ever: a → b → c → a"])
  }

  @Test func `dead letters that end somewhere are fine`() throws {
    let set = try read(
      function("a", "queue: x", deadLetter: "dead"), function("b", "queue: y", deadLetter: "dead"),
      function("c", "queue: dead", deadLetter: "nobody")
    ).get()
    #expect(set.declarations.count == 3)
  }

  @Test func `mistakes across functions are told beside those within`() {
    let result = read(function("a", "queue: x"), function("a", "queue: x") + "timeout: 1")
    #expect(mistakes(result).count == 3)
  }

  @Test func `a handler that the worker does not have is named with its place`() throws {
    let set = try read(
      function("charge-payment", "queue: x"), function("b", "queue: y") + "handler: SendReciept",
      function("c", "queue: z")
    ).get()
    let found = ManifestReader.check(set, handlers: handlers("SendReceipt", "ChargePayment"))
    #expect(
      found.map(\.description) == [
        "b.yaml:4:10: handler 'SendReciept' is not in the worker (it has: ChargePayment, "
          + "SendReceipt; did you mean 'SendReceipt'?)",
        "c.yaml:1:11: handler 'C' is not in the worker (it has: ChargePayment, SendReceipt)",
      ])
    #expect(
      ManifestReader.check(set, handlers: handlers("SendReciept", "ChargePayment", "C")).isEmpty)
    #expect(ManifestReader.check(set, handlers: [])[0].message.hasSuffix("(it has: none)"))
  }

  private func handlers(_ names: String...) -> [HeldHandler] { names.map { HeldHandler($0) } }

  @Test func `a function that gathers batches needs a handler that takes them`() throws {
    let set = try read(function("store", "queue: x") + "batch: { size: 10 }").get()
    let found = ManifestReader.check(set, handlers: [HeldHandler("Store")])
    #expect(
      found.map(\.description) == [
        "a.yaml:1:11: handler 'Store' takes one event at a time: make it a BatchFunction, or "
          + "remove 'batch' from the manifest"
      ])
    let batch = HeldHandler("Store", takesBatches: true)
    #expect(ManifestReader.check(set, handlers: [batch]).isEmpty)
    let single = try read(function("store", "queue: x")).get()
    #expect(ManifestReader.check(single, handlers: [batch]).isEmpty)
  }
}
