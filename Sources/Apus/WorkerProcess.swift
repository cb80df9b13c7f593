// A worker as a process of its own: the channel is descriptor 3, crashes are named, and the process
// ends with the host. Started by hand it says what it is.
import CCrash
import Dispatch
import Glibc
import WorkerProtocol

struct WorkerProcess {
  private static let channel: Int32 = 3

  private enum Exit {
    static let usage: Int32 = 64
    static let badInput: Int32 = 65
    static let protocolFault: Int32 = 76
  }

  let name: String
  let functions: [any Function]

  func run() -> Never {
    let handlers = registeredHandlers()
    if CommandLine.arguments.contains("--list-handlers") { list(handlers) }
    guard Self.isSocket(Self.channel) else { explain() }
    prepareProcess()
    let worker = Worker(
      handlers: handlers, buildID: Self.buildID(), descriptor: Self.channel,
      sharesWithCrashHandler: true, ended: end)
    // The streams are the process's, and so is their reader.
    Printing.install(for: worker)
    HogWatch.start { worker.attemptThatRuns(for: $0) }
    worker.start()
    // Handlers may use the main actor, so the main thread serves it.
    dispatchMain()
  }

  private func registeredHandlers() -> [String: RegisteredHandler] {
    do {
      return try RegisteredHandler.table(of: functions)
    } catch {
      Self.complain("\(name): \(error)")
      exit(Exit.badInput)
    }
  }

  private func prepareProcess() {
    // The channel must end with this process, not with a process that a handler started.
    _ = fcntl(Self.channel, F_SETFD, FD_CLOEXEC)
    signal(SIGPIPE, SIG_IGN)
    // Read once, so that nothing is initialised inside the signal handler.
    _ = AttemptKey.running
    // Without the handler a crash is only not named; the host finds the culprit by trial.
    _ = apus_crash_handler_install(Self.channel) { invocation, attempt in
      guard let key = AttemptKey.running else { return false }
      invocation?.pointee = key.invocation
      attempt?.pointee = key.number
      return true
    }
  }

  /// `_exit`: other threads still run handlers, and must not see globals being torn down.
  private func end(_ end: WorkerEnd) {
    switch end {
    case .hostGone: _exit(EXIT_SUCCESS)
    case .drained:
      fflush(nil)
      _exit(EXIT_SUCCESS)
    case .fault(let reason):
      Self.complain("\(name): the host sent \(reason)")
      _exit(Exit.protocolFault)
    }
  }

  private func explain() -> Never {
    Self.complain(
      """
      \(name) is an Apus worker and does nothing by itself: start it with `apus dev`, or in \
      production with `apus serve --worker \(CommandLine.arguments[0])`. \
      `--list-handlers` prints the functions in it.
      """)
    exit(Exit.usage)
  }

  private func list(_ handlers: [String: RegisteredHandler]) -> Never {
    let listing = HandlerListing(
      protocolVersion: Hello.version,
      handlers: handlers.values.map(\.description).sorted { $0.name < $1.name }.map(
        HandlerListing.Handler.init))
    do {
      Self.write(try JSON.encode(listing) + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
      exit(EXIT_SUCCESS)
    } catch {
      Self.complain("\(name): \(error)")
      exit(EXIT_FAILURE)
    }
  }

  private static func isSocket(_ descriptor: Int32) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  /// Tells two builds of one executable apart: its size and the time it was written.
  private static func buildID() -> String {
    var status = stat()
    guard stat("/proc/self/exe", &status) == 0 else { return "" }
    let time = status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
    return String(time, radix: 16) + "-" + String(status.st_size, radix: 16)
  }

  private static func complain(_ sentence: String) {
    write(Array((sentence + "\n").utf8), to: STDERR_FILENO)
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}

/// What `--list-handlers` prints.
private struct HandlerListing: Encodable {
  struct Handler: Encodable {
    let name: String
    let kind: String
    let input: String
    let output: String

    init(_ handler: Hello.Handler) {
      name = handler.name
      kind = "\(handler.kind)"
      input = handler.input
      output = handler.output
    }
  }

  let protocolVersion: UInt32
  let handlers: [Handler]
}
