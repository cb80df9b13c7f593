// Where a new package finds Apus: a checkout on this machine, or a repository. What is named is looked
// at before anything is written.

import Glibc

struct ApusSource: Equatable {
  /// The line in the new package's manifest.
  let dependency: String
  /// What the package manager calls it: the last part of the path or URL.
  let identity: String

  /// `checkout` is the one this command was built from, which may be gone.
  init(given: String?, checkout: String = Self.ownCheckout) throws(CommandFault) {
    switch given {
    case nil: try self.init(folder: checkout, remedy: Self.noCheckout)
    case let url? where url.contains("://") || url.hasPrefix("git@"): self.init(url: url)
    case let path?:
      try self.init(
        folder: path,
        remedy: "'\(path)' is no checkout of Apus: there is no Package.swift with a product "
          + "'ApusTesting' in it")
    }
  }

  private static let noCheckout =
    "the checkout that this apus was built from is gone; name one, or a repository, with --apus"

  private init(folder: String, remedy: String) throws(CommandFault) {
    guard let path = realpath(folder, nil) else { throw .badInput(remedy) }
    defer { free(path) }
    let place = String(cString: path)
    let manifest: [UInt8]
    do { manifest = try Files.read("\(place)/Package.swift") } catch { throw .badInput(remedy) }
    guard String(decoding: manifest, as: UTF8.self).contains("\"ApusTesting\"") else {
      throw .badInput(remedy)
    }
    dependency = ".package(path: \(Self.quoted(place)))"
    identity = Self.identity(of: place)
  }

  private init(url: String) {
    dependency = ".package(url: \(Self.quoted(url)), branch: \"main\")"
    identity = Self.identity(of: url)
  }

  private static func identity(of place: String) -> String {
    let last = place.split { $0 == "/" || $0 == ":" }.last.map(String.init) ?? place
    return (last.hasSuffix(".git") ? String(last.dropLast(4)) : last).lowercased()
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for character in text {
      if character == "\\" || character == "\"" { quoted.append("\\") }
      quoted.append(character)
    }
    return quoted + "\""
  }

  /// This file's place when it was compiled, four parts up.
  static let ownCheckout: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(4).joined(separator: "/")
  }()
}
