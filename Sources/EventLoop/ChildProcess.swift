// A child process: its start, its streams, its signals, its exit. The child leads a session of its
// own and inherits descriptors 0 to 3 at most, default signals, and no variable but the given ones.
// It does not restart anything, nor decide when a child has had its time.
import CLibuv
import Glibc

package enum ChildExit: Equatable, Sendable {
  case status(Int32)
  case signal(Int32)
}

/// The owner closes `channel`, `output` and `errors`; the last two may still bring bytes after the
/// exit, until their end of file.
@LoopActor
package final class ChildProcess {
  package struct Options: Sendable {
    /// Looked up in the child's `PATH` unless it has a slash; relative to `workingDirectory`.
    package var executable: String
    /// Without the name of the program itself.
    package var arguments: [String]
    /// All of it: nothing of ours is added.
    package var environment: [String: String]
    /// Nil is the directory of this process.
    package var workingDirectory: String?
    /// Whether the child gets a socket to us as its descriptor 3.
    package var channel: Bool
    /// What the child may have of the machine.
    package var confinement = Confinement()
    /// Whether all that it started in its group ends with it.
    package var endsItsGroup = false

    package init(
      executable: String, arguments: [String] = [], environment: [String: String] = [:],
      workingDirectory: String? = nil, channel: Bool = false
    ) {
      self.executable = executable
      self.arguments = arguments
      self.environment = environment
      self.workingDirectory = workingDirectory
      self.channel = channel
    }
  }

  package let pid: Int32
  /// Our end of the child's descriptor 3, if it was asked for.
  package let channel: ByteStream?
  package let output: ByteStream
  package let errors: ByteStream

  /// Nil once called: what it holds on to may hold on to the child.
  private var exited: (@LoopActor (ChildExit) -> Void)?
  /// Nil once the child was reaped.
  private var handle: UnsafeMutablePointer<uv_process_t>?
  private let endsItsGroup: Bool

  private init(
    handle: UnsafeMutablePointer<uv_process_t>, pid: Int32, endsItsGroup: Bool,
    channel: ByteStream?, output: ByteStream, errors: ByteStream,
    exited: @escaping @LoopActor (ChildExit) -> Void
  ) {
    self.endsItsGroup = endsItsGroup
    self.handle = handle
    self.pid = pid
    self.channel = channel
    self.output = output
    self.errors = errors
    self.exited = exited
    own(handle, by: self)
  }

  /// To the child and all it started in its group.
  ///
  /// After the exit it does nothing: the number may be somebody else's by then.
  package func signal(_ number: Int32) {
    // Fails only if the group is just ending, which the exit tells.
    if handle != nil { kill(-pid, number) }
  }

  private func didExit(_ exit: ChildExit) {
    guard let handle else { return }
    self.handle = nil
    // Reaped a moment ago: while one of the group is left its number is nobody else's, and else the kernel
    // has not come round to it again.
    if endsItsGroup { kill(-pid, SIGKILL) }
    let exited = exited
    self.exited = nil
    closeHandle(handle)
    exited?(exit)
  }
}

// MARK: spawning

extension ChildProcess {
  /// Returns once the child runs the executable; the loop waits for that, about a millisecond.
  ///
  /// `exited` is called once, in a later turn.
  package static func spawn(
    _ options: Options, exited: @escaping @LoopActor (ChildExit) -> Void
  ) throws(LoopFault) -> ChildProcess {
    try options.refuseUnspeakable()
    var pairs = ChildDescriptors()
    // Whatever is left open here, when something throws: theirs in every case, ours until adopted.
    defer { pairs.closeAll() }
    try pairs.open(channel: options.channel)
    let handle = try start(options, descriptors: pairs.theirs, exited)
    do {
      let output = try pairs.adoptOurs(1)
      let errors = try pairs.adoptOurs(2)
      let channel = options.channel ? try pairs.adoptOurs(3) : nil
      return ChildProcess(
        handle: handle, pid: handle.pointee.pid, endsItsGroup: options.endsItsGroup,
        channel: channel, output: output, errors: errors, exited: exited)
    } catch {
      kill(-handle.pointee.pid, SIGKILL)
      throw error
    }
  }

  private static func start(
    _ options: Options, descriptors: [Int32], _ exited: @escaping @LoopActor (ChildExit) -> Void
  ) throws(LoopFault) -> UnsafeMutablePointer<uv_process_t> {
    let handle = allocateHandle(UV_PROCESS, as: uv_process_t.self)
    let code = withSpawnOptions(options, descriptors) { spawnOptions in
      // Other code of this process may have opened descriptors that a child would inherit.
      clibuv_close_on_exec_from(3)
      return options.confinement.whileForking {
        uv_spawn(EventLoop.shared.raw, handle, &spawnOptions)
      }
    }
    guard code == 0 else {
      closeHandle(handle)
      let place = options.workingDirectory.map { " in \($0)" } ?? ""
      throw .failed(call: "uv_spawn", subject: options.executable + place, code: code)
    }
    return handle
  }

  private static func withSpawnOptions(
    _ options: Options, _ descriptors: [Int32],
    _ spawn: (inout uv_process_options_t) -> Int32
  ) -> Int32 {
    var stdio = descriptors.map { descriptor in
      var entry = uv_stdio_container_t()
      // An ignored standard input is /dev/null.
      entry.flags = descriptor < 0 ? UV_IGNORE : UV_INHERIT_FD
      entry.data.fd = descriptor
      return entry
    }
    let variables = options.environment.map { "\($0.key)=\($0.value)" }
    return withCStrings([options.executable] + options.arguments) { arguments in
      withCStrings(variables) { variables in
        withCStrings([options.executable, options.workingDirectory ?? ""]) { names in
          stdio.withUnsafeMutableBufferPointer { stdio in
            var spawnOptions = uv_process_options_t()
            spawnOptions.exit_cb = { handle, status, signal in
              guard let child = owner(of: handle?.pointee.data, as: ChildProcess.self) else {
                // Its spawn threw after the start: nobody waits for it.
                if let handle { LoopActor.assumeIsolated { closeHandle(handle) } }
                return
              }
              let exit = signal == 0 ? ChildExit.status(Int32(status)) : .signal(signal)
              LoopActor.assumeIsolated { child.didExit(exit) }
            }
            spawnOptions.file = UnsafePointer(names[0])
            spawnOptions.args = arguments
            spawnOptions.env = variables
            spawnOptions.cwd = options.workingDirectory == nil ? nil : UnsafePointer(names[1])
            spawnOptions.flags = UV_PROCESS_DETACHED.rawValue
            if let user = options.confinement.user {
              // The child is that user by then, or this fails and is told.
              spawnOptions.flags |= UV_PROCESS_SETUID.rawValue | UV_PROCESS_SETGID.rawValue
              spawnOptions.uid = user.id
              spawnOptions.gid = user.group
            }
            spawnOptions.stdio_count = Int32(stdio.count)
            spawnOptions.stdio = stdio.baseAddress
            return spawn(&spawnOptions)
          }
        }
      }
    }
  }
}

extension ChildProcess.Options {
  /// The kernel ends a string at its first zero byte and a variable's name at its first `=`.
  fileprivate func refuseUnspeakable() throws(LoopFault) {
    let texts = [executable, workingDirectory ?? ""] + arguments + environment.map(\.value)
    let names = environment.keys
    guard !texts.contains(where: { $0.utf8.contains(0) }),
      !names.contains(where: { $0.isEmpty || $0.utf8.contains(0) || $0.utf8.contains(61) })
    else {
      throw .refused(
        subject: executable,
        reason: "a zero byte in a text, or a variable's name that is empty or has '='; remove it")
    }
  }
}

/// `texts` as C wants them: an array of strings with nil at its end, valid during the call only.
private func withCStrings<Result>(
  _ texts: [String],
  _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  let strings = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
    capacity: texts.count + 1)
  for (index, text) in texts.enumerated() { strings[index] = strdup(text) }
  strings[texts.count] = nil
  defer {
    for index in texts.indices { free(strings[index]) }
    strings.deallocate()
  }
  return body(strings)
}
