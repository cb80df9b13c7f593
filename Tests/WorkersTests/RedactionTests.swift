// Secrets in what a worker says.
import Testing

@testable import Workers

struct RedactionTests {
  private let redaction = Redaction([
    "KEY": "s3cret-of-the-shop", "LONGER": "s3cret-of-the-shop-2", "SHORT": "test",
    "PEM": "-----BEGIN-----\nabcdefghijklmnopqrstuvwxyz\n-----END-----",
  ])

  @Test(arguments: [
    ("the key is s3cret-of-the-shop.", "the key is [secret KEY]."),
    ("s3cret-of-the-shops3cret-of-the-shop", "[secret KEY][secret KEY]"),
    ("s3cret-of-the-shop-2", "[secret LONGER]"),
    ("s3cret-of-the-sho", "s3cret-of-the-sho"), ("", ""),
    ("a test is no secret", "a test is no secret"),
    ("line abcdefghijklmnopqrstuvwxyz of it", "line [secret PEM] of it"),
    ("ü s3cret-of-the-shop ü", "ü [secret KEY] ü"),
  ])
  func `a value is replaced by its name, wherever it stands`(said: String, heard: String) {
    #expect(redaction.hide(in: said) == heard)
  }

  @Test func `without secrets nothing is touched`() {
    #expect(Redaction([:]).hide(in: "s3cret-of-the-shop") == "s3cret-of-the-shop")
  }
}
