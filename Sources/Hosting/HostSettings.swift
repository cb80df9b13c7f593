// What a host is told before it starts. Where each value came from (flag, environment, file,
// default) is the command's business.

package import Doors
package import HTTP
package import Invocations
package import Records
import Workers

package struct HostSettings: Sendable {
  package struct Address: Sendable, Equatable, CustomStringConvertible {
    package var host: String
    package var port: UInt16

    package init(host: String, port: UInt16) {
      self.host = host
      self.port = port
    }

    /// `127.0.0.1:8080`, `[::1]:8080`, `:8080` (all addresses); nil for anything else.
    package init?(_ text: String) {
      guard let colon = text.lastIndex(of: ":"),
        let port = UInt16(text[text.index(after: colon)...])
      else { return nil }
      var host = String(text[..<colon])
      if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
      self.init(host: host.isEmpty ? "0.0.0.0" : host, port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
  }

  package var declarations: [FunctionDeclaration]
  package var executable: String
  package var executableArguments: [String] = []
  /// The texts that `declarations` were read from, where they are to be kept as a release; nil where
  /// the files themselves are live (`apus dev`).
  package var manifests: [ManifestText]?
  package var dataDirectory = ".apus"
  package var functionDoor = Address(host: "127.0.0.1", port: 8080)
  package var controlDoor = Address(host: "127.0.0.1", port: 7070)
  /// With one, the door speaks TLS alone.
  package var functionDoorFiles: TLSFiles?
  package var controlDoorFiles: TLSFiles?
  /// The operator's, which may do everything.
  package var token: String?
  package var durability = Durability.disk
  package var retention = Retention.standard
  /// Kept free on the store's disk, so that running work can end when it is full; 0 for none.
  package var ballastBytes = StoreLimits.ballastBytes
  /// Before a store of an older version is changed.
  package var copiesBeforeUpgrade = true
  /// What a start is at, where that may take long; called on the thread that starts.
  package var told: @Sendable (String) -> Void = { _ in }
  /// Names under which the control door is reached beside its own address, such as a proxy's.
  package var controlNames: [String] = []
  package var hostNumber = 0
  package var workersPerGroup = 1
  /// Nil is the user of the host.
  package var workerUser: WorkerUser?
  /// Whether a worker that crashes may leave a core file, as large as its memory.
  package var keepsCoreFiles = false
  /// From a handler's cancellation to SIGKILL for its worker.
  package var grace = Duration.seconds(5)
  /// After SIGTERM: how long what runs may take to end.
  package var drainTime = Duration.seconds(30)
  /// Looks up a secret that a manifest names.
  package var secret: @Sendable (String) -> String? = { _ in nil }
  package var version = "0.1.0"

  package init(declarations: [FunctionDeclaration], executable: String) {
    self.declarations = declarations
    self.executable = executable
  }

  /// Not on this machine alone.
  var isControlDoorExposed: Bool { !controlDoor.isLoopback }

  /// CONTRACT §5: without a token the control door stays on this machine.
  func checkDoors(_ book: TokenBook, now: WallTime) throws(HostFault) {
    guard token != nil || !isControlDoorExposed || book.hasLiveToken(at: now) else {
      throw .openControlDoor(address: "\(controlDoor)")
    }
  }
}

/// Why a host did not start.
package enum HostFault: Error, CustomStringConvertible {
  case store(RecordFault)
  case workers(String)
  case missingHandlers([String])
  case door(String)
  case openControlDoor(address: String)
  case certificate(TLSFault)
  case tokens(TokenFault)
  case routes(String)
  case timers(String)
  case notWritable(path: String, reason: String)
  case executable(path: String, reason: String)
  case workerUser(String)
  case manifestsTooLarge(bytesMax: Int)
  case webhookSecrets([String])

  package var description: String {
    switch self {
    case .store(let fault): "\(fault)"
    case .workers(let reason): reason
    case .missingHandlers(let mistakes): mistakes.joined(separator: "\n")
    case .door(let reason): reason
    case .openControlDoor(let address):
      "the control door cannot listen on \(address) without a token: make one with "
        + "`apus tokens create NAME --scope …`, set APUS_TOKEN, or use a loopback address such as "
        + "127.0.0.1:7070"
    case .certificate(let fault): "\(fault)"
    case .tokens(let fault): "\(fault)"
    case .routes(let reason): "the routes cannot be built: \(reason)"
    case .timers(let reason): "the timers cannot be built: \(reason)"
    case .notWritable(let path, let reason): "\(path) cannot be written: \(reason)"
    case .executable(let path, let reason):
      "the worker \(path) cannot be kept in the data directory: \(reason)"
    case .workerUser(let reason): reason
    case .manifestsTooLarge(let bytesMax):
      "the manifests have more than \(bytesMax) bytes together; describe less in them"
    case .webhookSecrets(let mistakes): mistakes.joined(separator: "\n")
    }
  }

  /// True where the user's manifests or arguments are at fault: exit code 65.
  package var isBadInput: Bool {
    switch self {
    case .missingHandlers, .routes, .timers, .manifestsTooLarge, .webhookSecrets, .certificate,
      .tokens:
      true
    case .store, .workers, .door, .openControlDoor, .notWritable, .executable,
      .workerUser:
      false
    }
  }
}

/// Why a launch did not become the live release.
enum LaunchFault: Error {
  case workers(WorkerFault)
  case notAdopted(HostFault)
}

extension HostFault {
  init(_ fault: LaunchFault) {
    switch fault {
    case .workers(.objectedTo(let mistakes)): self = .missingHandlers(mistakes)
    case .workers(let fault): self = .workers("\(fault)")
    case .notAdopted(let fault): self = fault
    }
  }
}
