// What `apus new` writes, without building it: the manifests pass the real reader, every handler stands
// in the sources, the form is the formatter's, and what cannot be done leaves nothing behind.

import Foundation
import Invocations
import Manifests
import Testing

@testable import ApusCommand

struct NewPackageTests {
  private static let source = Result { try ApusSource(given: nil) }

  private func files(_ name: String) throws -> [NewPackage.File] {
    NewPackage(name: try PackageName(name), apus: try Self.source.get()).files
  }

  @Test(arguments: ["Orders", "my-orders"])
  func `its manifests are right and its handlers are there`(_ name: String) throws {
    let files = try files(name)
    let manifests = files.filter { $0.path.hasPrefix("Manifests/") }
    let set = try ManifestReader.read(
      manifests.map { ManifestSource(path: $0.path, text: $0.text) }, now: TimeWords.now
    ).get()
    #expect(set.declarations.count == 3)
    let triggers = set.declarations.flatMap(\.triggers).map { trigger in
      switch trigger {
      case .queue: "queue"
      case .http: "http"
      case .timer: "timer"
      }
    }
    #expect(triggers.sorted() == ["http", "queue", "timer"])
    let code = files.filter { $0.path.hasPrefix("Functions/") }.map(\.text).joined()
    for declaration in set.declarations {
      #expect(code.contains("struct \(declaration.handler): "))
      #expect(code.contains("    \(declaration.handler)()\n"))
    }
  }

  @Test(arguments: ["Orders", "my-orders"])
  func `its sources are in the form of the formatter`(_ name: String) throws {
    let folder = try TemporaryFolder()
    try NewPackage(name: try PackageName(name), apus: try Self.source.get())
      .write(to: "\(folder.path)/\(name)")
    let format = Process()
    format.executableURL = URL(filePath: "/usr/bin/env")
    let rules = "\(ApusSource.ownCheckout)/.swift-format"
    format.arguments = [
      "swift", "format", "lint", "--strict", "--recursive", "--configuration", rules,
      "\(folder.path)/\(name)",
    ]
    let complaints = Pipe()
    format.standardError = complaints
    try format.run()
    let said = complaints.fileHandleForReading.readDataToEndOfFile()
    format.waitUntilExit()
    #expect(format.terminationStatus == 0, "\(String(decoding: said, as: UTF8.self))")
  }

  @Test func `a folder that holds something is left alone`() throws {
    let folder = try TemporaryFolder()
    folder.makeFolder("full")
    try folder.write("full/mine.txt", "mine")
    try folder.write("file", "mine")
    folder.makeFolder("empty")
    let package = NewPackage(name: try PackageName("Orders"), apus: try Self.source.get())
    for name in ["full", "file"] {
      let fault = #expect(throws: CommandFault.self) {
        try package.write(to: "\(folder.path)/\(name)")
      }
      #expect(fault?.status == 65)
      #expect(fault?.message.contains("choose another name") == true)
    }
    #expect(Files.names(in: "\(folder.path)/full") == ["mine.txt"])
    try package.write(to: "\(folder.path)/empty")
    #expect(Files.names(in: "\(folder.path)/empty").contains("Package.swift"))
    #expect(Files.names(in: folder.path) == ["empty", "file", "full"])
  }

  @Test func `what cannot be written leaves nothing behind`() throws {
    let folder = try TemporaryFolder()
    let package = NewPackage(name: try PackageName("Orders"), apus: try Self.source.get())
    let fault = #expect(throws: CommandFault.self) {
      try package.write(to: "\(folder.path)/missing/Orders")
    }
    #expect(fault?.status == 1)
    #expect(Files.names(in: folder.path).isEmpty)
  }

  @Test(arguments: [
    "", "1orders", "my_orders", "my--orders", "-orders", "orders-", "a/b", "..", "Größe",
    String(repeating: "a", count: 65),
  ])
  func `what is no name is refused with what is one`(_ text: String) {
    let fault = #expect(throws: CommandFault.self) { try PackageName(text) }
    #expect(fault?.status == 65)
    #expect(fault?.message.contains("such as Orders or my-orders") == true)
  }

  @Test func `the module is the name in upper camel case`() throws {
    #expect(try PackageName("Orders").module == "Orders")
    #expect(try PackageName("my-orders-2").module == "MyOrders2")
    #expect(try PackageName("my-orders-2").folder == "my-orders-2")
  }

  @Test func `a second module of a name of ours is refused`() throws {
    let manifest = try String(
      contentsOf: URL(filePath: "\(ApusSource.ownCheckout)/Package.swift"), encoding: .utf8)
    let names = manifest.matches(
      of: /(?:room|fixture|\.systemLibrary|arget)\(\s*(?:name: )?"([A-Za-z]+)"/
    ).map { String($0.1) }
    #expect(names.count > 20)
    for name in names where !name.hasSuffix("Tests") {
      #expect(PackageName.taken.contains(name), "\(name)")
      #expect(throws: CommandFault.self) { try PackageName(name) }
    }
  }

  @Test func `apus is a checkout or a repository`() throws {
    let own = try ApusSource(given: nil)
    #expect(own.dependency == ".package(path: \"\(ApusSource.ownCheckout)\")")
    let url = try ApusSource(given: "https://example.com/tools/Apus.git")
    #expect(url.identity == "apus")
    #expect(
      url.dependency
        == ".package(url: \"https://example.com/tools/Apus.git\", branch: \"main\")")
    #expect(try ApusSource(given: "git@example.com:tools/apus").identity == "apus")
    let folder = try TemporaryFolder()
    for place in [folder.path, "\(folder.path)/none"] {
      let fault = #expect(throws: CommandFault.self) { try ApusSource(given: place) }
      #expect(fault?.status == 65)
    }
    let gone = #expect(throws: CommandFault.self) {
      try ApusSource(given: nil, checkout: "\(folder.path)/gone")
    }
    #expect(gone?.message.contains("--apus") == true)
  }
}
