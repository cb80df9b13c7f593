// What a host is told, and where each value came from: flag, then environment, then file, then
// default. It knows names and texts; what a text means is read where it is used.

import HTTP
import Hosting
import Invocations
import Manifests
import Records

struct Settings {
  enum Name: String, CaseIterable {
    case manifests, worker, package, product, configuration, data
    case functionDoor = "function-door"
    case controlDoor = "control-door"
    case controlNames = "control-names"
    case functionDoorCert = "function-door-cert"
    case functionDoorKey = "function-door-key"
    case controlDoorCert = "control-door-cert"
    case controlDoorKey = "control-door-key"
    case workers, durability, grace, drain
    case keepSucceeded = "keep-succeeded"
    case keepDead = "keep-dead"
    case workerUser = "worker-user"
    case coreFiles = "core-files"
    case ballast
    case upgradeCopy = "upgrade-copy"

    var variable: String { "APUS_" + rawValue.uppercased().replacing("-", with: "_") }

    var fallback: String? {
      switch self {
      case .manifests: "Manifests"
      case .worker, .product, .workerUser, .functionDoorCert, .functionDoorKey, .controlDoorCert,
        .controlDoorKey:
        nil
      case .package: "."
      case .configuration: "debug"
      case .data: ".apus"
      case .functionDoor: "127.0.0.1:8080"
      case .controlDoor: "127.0.0.1:7070"
      case .controlNames: ""
      case .workers: "1"
      case .durability: "disk"
      case .keepSucceeded: "7d"
      case .keepDead: "30d"
      case .coreFiles: "off"
      case .ballast: "32MiB"
      case .upgradeCopy: UpgradeCopy.keep.rawValue
      case .grace: "5s"
      case .drain: "30s"
      }
    }

    /// What only building needs.
    static let ofBuilding: Set<Name> = [.package, .product, .configuration]
  }

  enum Origin: Equatable, CustomStringConvertible {
    case flag(Name)
    case environment(String)
    case file(path: String, line: Int)
    case fallback

    var description: String {
      switch self {
      case .flag(let name): "flag --\(name.rawValue)"
      case .environment(let variable): "environment \(variable)"
      case .file(let path, let line): "\(path):\(line)"
      case .fallback: "default"
      }
    }
  }

  struct Value: Equatable {
    var text: String
    var origin: Origin
  }

  private var values: [Name: Value] = [:]

  init(flags: [Name: String], environment: [String: String], file: ConfigFile?) {
    for name in Name.allCases {
      if let text = flags[name] {
        values[name] = Value(text: text, origin: .flag(name))
      } else if let text = environment[name.variable], !text.isEmpty {
        values[name] = Value(text: text, origin: .environment(name.variable))
      } else if let entry = file?.entries[name] {
        values[name] = Value(
          text: entry.text, origin: .file(path: file?.path ?? "", line: entry.line))
      } else if let text = name.fallback {
        values[name] = Value(text: text, origin: .fallback)
      }
    }
  }

  subscript(_ name: Name) -> Value? { values[name] }

  /// Of a setting that has a default.
  func text(_ name: Name) -> String {
    guard let value = values[name] else {
      preconditionFailure("'\(name.rawValue)' has no default; ask with the subscript")
    }
    return value.text
  }
}

// MARK: - Values read

extension Settings {
  static let workersMax = 256
  static let pauseMax = Duration.seconds(3600)

  func count(_ name: Name) throws(CommandFault) -> Int {
    guard let count = Int(text(name)), (1...Self.workersMax).contains(count) else {
      throw mistake(name, "must be 1…\(Self.workersMax)")
    }
    return count
  }

  func duration(_ name: Name) throws(CommandFault) -> Duration {
    guard let duration = TimeWords.duration(text(name)), duration <= Self.pauseMax else {
      throw mistake(name, "must be a duration such as 500ms, 30s or 5m, at most an hour")
    }
    return duration
  }

  /// nil for `forever`.
  func keeping(_ name: Name) throws(CommandFault) -> Duration? {
    if text(name) == "forever" { return nil }
    guard let duration = TimeWords.duration(text(name)),
      (Self.keepMin...Self.keepMax).contains(duration)
    else {
      throw mistake(name, "must be 1m…3650d, such as 12h or 7d, or forever")
    }
    return duration
  }

  func bytes(_ name: Name) throws(CommandFault) -> Int {
    guard let bytes = text(name) == "0" ? 0 : ManifestForms.size(text(name)),
      bytes <= StoreLimits.ballastBytesMax
    else {
      throw mistake(name, "must be a size such as 32MiB, at most 64GiB, or 0")
    }
    return bytes
  }

  static let keepMin = Duration.seconds(60)
  static let keepMax = Duration.seconds(3_650 * 86_400)

  func address(_ name: Name) throws(CommandFault) -> HostSettings.Address {
    guard let address = HostSettings.Address(text(name)) else {
      throw mistake(name, "must be ADDRESS:PORT such as 127.0.0.1:8080, [::1]:8080 or :8080")
    }
    return address
  }

  /// Both or none of the two.
  func files(_ certificate: Name, _ key: Name) throws(CommandFault) -> TLSFiles? {
    switch (values[certificate]?.text, values[key]?.text) {
    case (nil, nil): return nil
    case (let certificate?, let key?): return TLSFiles(certificate: certificate, key: key)
    case (_?, nil): throw mistake(certificate, "needs '\(key.rawValue)' beside it")
    case (nil, _?): throw mistake(key, "needs '\(certificate.rawValue)' beside it")
    }
  }

  /// One of an enumeration's words, whichever room the enumeration is from.
  func read<Word: RawRepresentable & CaseIterable>(
    _ name: Name, into word: inout Word
  ) throws(CommandFault) where Word.RawValue == String {
    guard let read = Word(rawValue: text(name)) else {
      let words = Word.allCases.map(\.rawValue).joined(separator: " | ")
      throw mistake(name, "must be one of \(words)")
    }
    word = read
  }

  private func mistake(_ name: Name, _ rule: String) -> CommandFault {
    let value = values[name]
    let place = value.map { "\($0.origin)" } ?? name.rawValue
    let message = "\(place): '\(name.rawValue)' \(rule); got '\(value?.text ?? "")'"
    return value?.origin == .flag(name) ? .usage(message) : .badInput(message)
  }
}

// MARK: - Shown

extension Settings {
  /// One setting a line: its name, its value, and where that came from.
  func table(of names: [Name], token: String?) -> Table {
    var table = Table(["SETTING", "VALUE", "FROM"])
    for name in names {
      let value = values[name]
      table.add([
        Table.Cell(name.rawValue), Table.Cell(value?.text ?? "-"),
        Table.Cell(value.map { "\($0.origin)" } ?? "not set", .dim),
      ])
    }
    table.add([
      "token", token.map { $0.allSatisfy(\.isWhitespace) ? "(blank)" : "(set)" } ?? "-",
      Table.Cell(token == nil ? "not set" : "environment \(Environment.tokenVariable)", .dim),
    ])
    return table
  }
}
