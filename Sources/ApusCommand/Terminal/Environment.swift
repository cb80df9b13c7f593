// The environment this process was started with, and what of it a child is given.

import FoundationEssentials
import HTTP

enum Environment {
  static let tokenVariable = "APUS_TOKEN"

  static let variables = ProcessInfo.processInfo.environment

  /// A compiler has no use for the token.
  static var forTools: [String: String] { variables.filter { $0.key != tokenVariable } }

  /// Whom to believe that an https control door is who it says.
  static var trust: TLSTrust {
    variables["APUS_CA"].flatMap { $0.isEmpty ? nil : .authorities(path: $0) } ?? .system
  }

  /// Never a flag: those are seen by everybody who may run `ps`.
  static var token: String? {
    variables[tokenVariable].flatMap { $0.allSatisfy(\.isWhitespace) ? nil : $0 }
  }

  /// Of a host that starts: a variable that is set and blank is a secret that did not arrive, and a
  /// door that nobody shut.
  static func hostToken() throws(CommandFault) -> String? {
    guard token != nil || variables[tokenVariable] == nil else {
      throw .badInput(
        "environment \(tokenVariable): is set and blank, and the control door would ask for no token; "
          + "give it the token, or unset \(tokenVariable)")
    }
    return token
  }
}
