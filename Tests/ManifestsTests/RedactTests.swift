// The key `redact`.

import Invocations
import Testing

@testable import Manifests

struct RedactTests {
  @Test func `paths of data and result are read`() throws {
    let redaction = try declaration(with: "redact: [data.card.number, result, data]").redact
    #expect(redaction?.paths.map(\.source) == ["data.card.number", "result", "data"])
    #expect(try declaration(with: "redact: []").redact == nil)
  }

  @Test func `every mistake has its place`() {
    #expect(
      faults("redact: [subject, data.x, data.x]") == [
        "3:10: 'redact': expected a path of data or result such as data.card.number, got 'subject'",
        "3:27: 'data.x' is listed twice",
      ])
    #expect(
      faults("redact: data.x") == [
        "3:9: 'redact': expected a list of paths such as [data.card.number, result.token], got "
          + "'data.x'"
      ])
  }

  @Test func `there are 32 paths at most`() throws {
    let paths = (1...33).map { "data.x\($0)" }
    let most = paths.prefix(32).joined(separator: ", ")
    #expect(try declaration(with: "redact: [\(most)]").redact?.paths.count == 32)
    #expect(
      faults("redact: [\(paths.joined(separator: ", "))]") == [
        "3:9: 'redact' must have 0…32 entries; got 33"
      ])
  }

  @Test func `what is hidden cannot be looked up, nor be a key`() {
    #expect(
      faults("fields: [data.id, data.card.number]\nredact: [data.card]") == [
        "3:9: 'fields' names data.card.number, which 'redact' hides: what can be looked up can be "
          + "guessed"
      ])
    #expect(
      faults("idempotency: { key: data.card }\nredact: [data.card.number]") == [
        "3:14: 'idempotency.key' is data.card, which 'redact' hides: keys are stored and shown"
      ])
    #expect(faults("fields: [data.id]\nredact: [data.card]").isEmpty)
  }
}
