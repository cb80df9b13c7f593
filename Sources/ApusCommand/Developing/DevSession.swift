// One run of `apus dev`. What changed is brought up in order: build, manifests, launch; whatever is
// mistaken is said, and what ran before goes on running.

import EventLoop
import Glibc
import Hosting
import Invocations
import Manifests
import Workers

final class DevSession {
  enum News: Hashable, Sendable { case sources, manifests, stop }

  private let settings: Settings
  private let output: LineWriter
  private let ink = Ink.output
  private let inbox = Inbox<News>()
  private var copies: WorkerCopies
  private var running: RunningHost?
  /// The copy of the last build that worked.
  private var executable: String?
  private var handlers: [HeldHandler] = []
  /// The manifests that were last read without a mistake.
  private var manifests: ManifestSet?

  init(_ settings: Settings, _ output: LineWriter) {
    self.settings = settings
    self.output = output
    copies = WorkerCopies(in: settings.text(.data))
  }

  /// Until SIGTERM or SIGINT.
  func run() throws {
    let inbox = inbox
    try StopSignals.watch { _ in
      ChildRun.endAll()
      inbox.put(.stop)
    }
    let build: PackageBuild
    do { build = try PackageBuild(settings) } catch {
      // Ended by the signal, not by a mistake.
      if inbox.isWaiting(.stop) { return }
      throw error
    }
    try makeDataDirectory()
    watch(build)
    var news: Set<News> = [.sources, .manifests]
    while !news.contains(.stop) {
      try bringUp(news, build)
      news = inbox.take()
    }
    stop()
  }

  private func makeDataDirectory() throws(CommandFault) {
    let path = settings.text(.data)
    if mkdir(path, 0o700) == 0 || Files.isDirectory(path) { return }
    throw .failed("\(path) cannot be made: \(String(cString: strerror(errno)))")
  }

  private func stop() {
    guard let running else { return }
    output.write(
      "stopping: what runs may end within \(settings.text(.drain)); Ctrl-C again ends it now")
    running.stop()
  }

  // MARK: Changes

  private func watch(_ build: PackageBuild) {
    let inbox = inbox
    let manifestDirectory = settings.text(.manifests)
    var roots = build.sourceDirectories.map {
      SourceWatch<News>.Root(directory: $0, topic: .sources, accepts: SourceNames.isSource)
    }
    roots.append(
      .init(
        directory: manifestDirectory, topic: .manifests, accepts: SourceNames.isManifest,
        isRecursive: false))
    roots.append(
      .init(
        directory: build.directory, topic: .sources, accepts: { $0 == "Package.swift" },
        isRecursive: false))
    let all = roots
    let faults = onLoop { () -> [String: String] in
      SourceWatch(all) { topics in
        for topic in topics { inbox.put(topic) }
      }.faults
    }
    for (path, reason) in faults.sorted(by: { $0.key < $1.key }) {
      output.write(ink(.yellow, "\(path) is not watched: \(reason)"))
    }
  }

  private func bringUp(_ news: Set<News>, _ build: PackageBuild) throws {
    var isNew = false
    if news.contains(.sources) { isNew = try rebuild(build) || isNew }
    if news.contains(.manifests) { isNew = readManifests() || isNew }
    guard isNew, let executable, let manifests else { return sayWaiting() }
    let mistakes = ManifestReader.check(manifests, handlers: handlers)
    guard mistakes.isEmpty else {
      complain(mistakes.map(\.description))
      return sayWaiting()
    }
    if let running {
      swap(running, manifests, executable)
    } else {
      try start(manifests, executable)
    }
  }

  private func sayWaiting() {
    if running == nil { output.write(ink(.yellow, "waiting for a change")) }
  }

  private func complain(_ lines: [String]) { for line in lines { output.write(line) } }

  // MARK: Build and manifests

  /// True when there is a new executable.
  private func rebuild(_ build: PackageBuild) throws(CommandFault) -> Bool {
    let begin = EventLoop.monotonicNow()
    output.write(ink(.dim, "building \(build.product) …"))
    let progress = BuildProgress()
    let outcome = try build.run(progress: { progress.show($0) }, ink: ink)
    progress.clear()
    switch outcome {
    case .stopped: return false
    case .failed(let lines):
      complain(lines)
      output.write(
        ink(.red, "the build failed") + (running == nil ? "" : "; what ran before goes on running"))
      return false
    case .built(let path, let lines):
      complain(lines)
      guard let copy = try copies.adopt(path) else {
        output.write(ink(.dim, "nothing new in \(build.product)"))
        return false
      }
      do throws(CommandFault) { handlers = try WorkerHandlers.list(of: copy) } catch {
        complain([error.message])
        return false
      }
      executable = copy
      let time = TimeWords.length(
        milliseconds: Int64((EventLoop.monotonicNow() - begin) / 1_000_000))
      output.write(ink(.green, "built \(build.product)") + ink(.dim, " in \(time)"))
      return true
    }
  }

  /// True when they could be read and are others than before.
  ///
  /// `now` is nil: an instant that has passed was once to come.
  private func readManifests() -> Bool {
    switch ManifestReader.read(directory: settings.text(.manifests), now: nil) {
    case .success(let set):
      guard set != manifests else { return false }
      manifests = set
      return true
    case .failure(let mistakes):
      complain(mistakes.list.map(\.description))
      output.write(
        ink(.red, "the manifests have mistakes")
          + (running == nil ? "" : "; what was deployed before goes on running"))
      return false
    }
  }

  // MARK: Launch

  private func start(_ manifests: ManifestSet, _ executable: String) throws {
    var host = try settings.hostSettings(manifests, executable: executable)
    host.told = { Terminal.complain($0) }
    let columns = manifests.declarations.map(\.name.count).max() ?? 0
    let words = LiveLines(
      ink: ink, offsetSeconds: TimeWords.localOffsetSeconds(at: TimeWords.now),
      functionColumns: columns)
    let output = output
    do {
      let running = try RunningHost.start(
        host,
        prepare: { host in
          let log = LiveLog(output, words)
          host.follow(log)
          host.printed = { log.printed($0, $1) }
          host.remarked = { log.remarked($0) }
        })
      self.running = running
      complain(running.losses + running.remarks)
      greet(running.addresses, manifests)
    } catch HostFault.workers(let reason) {
      complain([ink(.red, "the workers do not start: ") + reason])
      sayWaiting()
    }
  }

  private func greet(_ addresses: Host.Addresses, _ manifests: ManifestSet) {
    let dataDirectory = settings.text(.data)
    let line = FirstTry.line(
      manifests.declarations, functionDoor: addresses.functionDoor, dataDirectory: dataDirectory)
    complain([""] + DeclarationWords.lines(manifests.declarations, ink).map { "  \($0)" })
    complain([
      "", "  function door  \(ink(.cyan, addresses.functionDoor))",
      "  control door   \(ink(.cyan, addresses.controlDoor))",
    ])
    if let line { complain(["  try            \(line)"]) }
    output.write("")
  }

  /// What runs ends on the workers it runs on; what waits goes to the new ones.
  private func swap(_ running: RunningHost, _ manifests: ManifestSet, _ executable: String) {
    let host = running.host
    let outcome = awaitLoop {
      (done: @escaping @Sendable (Result<WorkerRoster, HostFault>) -> Void) in
      host.launch(
        manifests.declarations, executable: executable,
        missing: { ManifestReader.check(manifests, handlers: $0).map(\.description) }
      ) { done($0) }
    }
    switch outcome {
    case .success:
      let count = manifests.declarations.count
      output.write(ink(.green, "swapped") + ink(.dim, ": \(count) functions are live"))
    case .failure(let fault):
      complain([ink(.red, "not swapped: ") + fault.description])
    }
  }
}
