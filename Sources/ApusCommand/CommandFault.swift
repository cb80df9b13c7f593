// Every way in which a command ends without having done its work, with the exit code that scripts
// branch on.

import Doors
import HTTP
import Hosting
import Manifests

enum CommandFault: Error, Equatable {
  case failed(String)
  /// The command line itself; the argument parser says the same of what it finds.
  case usage(String)
  /// What the user gave is at fault, and will be when it is given again.
  case badInput(String)
  case unreachable(String)
  /// Nothing is wrong; the same command may work in a moment.
  case tryLater(String)
  /// Somebody pressed Ctrl-C; said in the words of a shell, which counts the signal's number on.
  case interrupted

  var status: Int32 {
    switch self {
    case .failed: 1
    case .usage: 64
    case .badInput: 65
    case .unreachable: 69
    case .tryLater: 75
    case .interrupted: 130
    }
  }

  /// What is wrong and what to do; empty where it was said already.
  var message: String {
    switch self {
    case .failed(let message), .usage(let message), .badInput(let message),
      .unreachable(let message), .tryLater(let message):
      message
    case .interrupted: "interrupted"
    }
  }

  /// Nil for an error of the argument parser, which explains itself.
  init?(_ error: any Error) {
    switch error {
    case let fault as CommandFault: self = fault
    case let mistakes as ManifestMistakes: self = .badInput(mistakes.description)
    case let fault as HostFault:
      self = fault.isBadInput ? .badInput(fault.description) : .failed(fault.description)
    case let fault as TokenFault: self = .badInput(fault.description)
    case let fault as HTTPClientFault: self = .failed(fault.description)
    default: return nil
    }
  }
}
