// Tokens: what they look like, and the book and the file that keep them.

import Digests
import Foundation
import Glibc
import Invocations
import Testing

@testable import Doors

struct TokenTests {
  private let now = WallTime(milliseconds: 1_800_000_000_000)

  private func book(_ names: String...) throws -> TokenBook {
    var book = TokenBook()
    for name in names { _ = try book.create(name, [.read], at: now, until: nil) }
    return book
  }

  @Test func `a token has a prefix, a public id and a secret, and none is like another`() throws {
    let texts = (0..<1_000).map { _ in TokenText.make() }
    #expect(Set(texts.map(\.text)).count == 1_000)
    for text in texts {
      #expect(text.text.utf8.count == 57 && text.text.hasPrefix("\(text.id)_"))
      let read = try #require(TokenText(text.text))
      #expect(read.id == text.id && read.digest == SHA256.digest(of: Array(text.text.utf8)))
    }
  }

  @Test func `what has not the form of a token is none`() {
    let text = TokenText.make().text
    for other in [
      "", "apus_", String(text.dropLast()), text + "A", text.replacing("apus_", with: "APUS_"),
      String(text.dropLast()) + "=", String(text.dropLast()) + "é",
      "apus_ilou0000_" + text.suffix(43),
    ] {
      #expect(TokenText(other) == nil, "\(other)")
    }
  }

  @Test func `of a token its digest is kept and nothing else`() throws {
    var book = TokenBook()
    let text = try book.create(
      "nightly-ci", [.read, .ingest], at: now, until: now + .seconds(60))
    let written = String(decoding: book.bytes, as: UTF8.self)
    #expect(!written.contains(text.text.suffix(43)) && !written.contains(text.text))
    let read = try TokenBook(book.bytes)
    #expect(read == book)
    let token = try #require(read[text.id])
    #expect(token.isShown(by: text.digest) && token.scopes == [.ingest, .read])
    #expect(token.title == "nightly-ci (\(text.id))")
    #expect(token.isLive(at: now + .milliseconds(59_999)) && !token.isLive(at: now + .seconds(60)))
  }

  @Test func `a revoked one stays known, and its name is free again`() throws {
    var book = try book("ci")
    let id = try #require(book.tokens.first?.id)
    #expect(throws: TokenFault.nameTaken("ci")) {
      try book.create("ci", [.read], at: now, until: nil)
    }
    let revoked = try book.revoke("ci", at: now)
    #expect(revoked.id == id)
    #expect(book.liveIDs(at: now) == [] && book[id] != nil && !book.isEmpty)
    for word in ["ci", id] {
      let fault = #expect(throws: TokenFault.self) {
        try book.revoke(word, at: now + .seconds(60))
      }
      #expect(fault?.description == "ci (\(id)) was revoked at 2027-01-15T08:00:00.000Z")
    }
    #expect(throws: TokenFault.unknown("other")) { try book.revoke("other", at: now) }
    _ = try book.create("ci", [.read], at: now, until: nil)
    #expect(book.liveIDs(at: now).count == 1)
    #expect(try TokenBook(book.bytes) == book)
  }

  @Test func `there are so many tokens and no more, revoked ones included`() throws {
    var book = TokenBook()
    for index in 1...TokenBook.tokensMax {
      _ = try book.create("t\(index)", [.read], at: now, until: nil)
    }
    #expect(throws: TokenFault.tooMany(max: TokenBook.tokensMax)) {
      try book.create("one-more", [.read], at: now, until: nil)
    }
    for index in 1...TokenBook.tokensMax {
      _ = try book.revoke("t\(index)", at: now + .seconds(index))
      _ = try book.create("u\(index)", [.read], at: now, until: nil)
    }
    let first = book.tokens.first { $0.name == "t1" }
    #expect(first != nil)
    _ = try book.revoke("u1", at: now + .seconds(1_000))
    #expect(!book.tokens.contains { $0.name == "t1" })
    #expect(book.tokens.count == TokenBook.tokensMax - 1 + TokenBook.revokedMax)
    #expect(book.bytes.count < TokenFile.bytesMax)
  }

  @Test func `a name has letters, digits and little else, and a token a scope`() throws {
    var book = TokenBook()
    for name in ["", "a b", "a(b)", "é", String(repeating: "a", count: 65), "a\n"] {
      #expect(throws: TokenFault.badName(name)) {
        try book.create(name, [.read], at: now, until: nil)
      }
    }
    #expect(throws: TokenFault.noScope) { try book.create("a", [], at: now, until: nil) }
    _ = try book.create(String(repeating: "a", count: 64), [.read], at: now, until: nil)
  }

  @Test func `a book of another version or with an unknown scope is not read as less`() throws {
    let written = String(decoding: try book("ci").bytes, as: UTF8.self)
    for (old, new) in [
      ("\"version\":1", "\"version\":2"), ("[\"read\"]", "[\"everything\"]"), ("[\"read\"]", "[]"),
      ("\"sha256\":\"", "\"sha256\":\"0"), ("\"id\"", "\"di\""), ("}", ""),
    ] {
      #expect(throws: TokenFault.self, "\(new)") {
        _ = try TokenBook(Array(written.replacing(old, with: new).utf8))
      }
    }
  }

  // MARK: the file

  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "apus-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }  // the system's to remove
    try body(folder.path())
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }

  @Test func `the file is its owner's alone, and refused when others reach it`() throws {
    try withFolder { folder in
      let file = TokenFile(dataDirectory: folder)
      #expect(try file.read().isEmpty)
      let old = umask(0)
      defer { umask(old) }
      try file.change { book throws(TokenFault) in
        _ = try book.create("ci", [.read], at: now, until: nil)
      }
      #expect(mode(file.path) == 0o600)
      #expect(try file.read().tokens.map(\.name) == ["ci"])
      chmod(file.path, 0o640)
      #expect(throws: TokenFault.openToOthers(path: file.path, mode: "640")) { try file.read() }
      chmod(file.path, 0o600)
      try Data("{".utf8).write(to: URL(filePath: file.path))
      let fault = #expect(throws: TokenFault.self) { try file.read() }
      #expect(fault?.description.contains("\(file.path): bad JSON at byte 1") == true)
      #expect(fault?.description.contains("apus tokens create") == true)
      // What could not be read is not overwritten either.
      #expect(throws: TokenFault.self) {
        try file.change { book throws(TokenFault) in
          _ = try book.create("other", [.read], at: now, until: nil)
        }
      }
    }
  }

  @Test func `changes at the same time all count`() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "apus-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let file = TokenFile(dataDirectory: folder.path())
    let now = now
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 1...20 {
        group.addTask {
          try file.change { book throws(TokenFault) in
            _ = try book.create("t\(index)", [.read], at: now, until: nil)
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try file.read().tokens.count == 20)
    try FileManager.default.removeItem(at: folder)
  }

  @Test func `the last use is kept to the minute, and nothing depends on it`() throws {
    try withFolder { folder in
      let file = TokenFile(dataDirectory: folder)
      var uses = TokenUses.read(file)
      #expect(uses.times.isEmpty)
      let minute = WallTime(milliseconds: 1_800_000_000_000)
      let isNew = [5, 59, 60].map { uses.note("apus_a", at: minute + .seconds($0)) }
      #expect(isNew == [true, false, true])
      try uses.write(file)
      #expect(mode(file.usesPath) == 0o600)
      #expect(TokenUses.read(file).times == ["apus_a": minute + .seconds(60)])
      uses.keep(TokenBook())
      #expect(uses.times.isEmpty)
      try Data("nonsense".utf8).write(to: URL(filePath: file.usesPath))
      #expect(TokenUses.read(file).times.isEmpty)
    }
  }
}
