// `apus top`: a host at work, looked at again and again until somebody quits.

import ArgumentParser
import Glibc
import Invocations

struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "Watches a host at work: functions, workers and the store.",
    discussion: """
      On a terminal it fills the screen: s sorts by something else, j and k or the arrows scroll, \
      q quits. Elsewhere, or with --plain, it prints a block for each interval. Functions show \
      what waits, what runs and how many may, starts a second, failures of the last minute, run \
      times and deaths since the host started.
      Example: apus top --interval 5s
      Example: apus top --json --count 1
      """)

  @Option(help: ArgumentHelp("From one look to the next.", valueName: "time"))
  var interval = "1s"
  @Option(help: ArgumentHelp("Stop after so many.", valueName: "n")) var count: Int?
  @Flag(help: "Print lines, also on a terminal.") var plain = false
  @OptionGroup var asking: AskingOptions

  /// A host that answers no look within this is said not to answer.
  static let answerTime = Duration.seconds(5)

  private var pause: Duration { TimeWords.duration(interval) ?? .seconds(1) }

  func validate() throws {
    guard let pause = TimeWords.duration(interval), pause >= .milliseconds(100),
      pause <= .seconds(3600)
    else { throw ValidationError("--interval must be 100ms…1h, such as 2s; got '\(interval)'") }
    guard count ?? 1 >= 1 else { throw ValidationError("--count must be 1 or more") }
  }

  func run() throws {
    let isScreen =
      !plain && !asking.json && Terminal.isTerminal(STDIN_FILENO)
      && Terminal.isTerminal(STDOUT_FILENO)
    // A host that is not there at all is said at once; one that was there is awaited.
    let first = try take()
    guard isScreen else { return try print(after: first) }
    try TopScreen(first, every: pause, count: count, ink: .output, take: take).run()
  }

  /// The address is looked up each time: a host that starts again may open another door.
  private func take() throws -> TopLook {
    try TopLook.take(try asking.client(readTimeout: Self.answerTime))
  }

  static let silence = "no host answers; trying again"

  static func mayPass(_ error: any Error) -> Bool {
    switch CommandFault(error) {
    case .unreachable, .tryLater: true
    default: false
    }
  }

  /// The first block comes after the first interval, since rates need two looks.
  private func print(after first: TopLook) throws {
    var before: TopLook? = first
    var shown = 0
    var isSilent = false
    while shown < count ?? .max {
      BenchClock.nap(milliseconds: Int(pause.milliseconds))
      do {
        let look = try take()
        isSilent = false
        show(look, since: before, isFirst: shown == 0)
        before = look
        shown += 1
      } catch {
        guard Self.mayPass(error) else { throw error }
        if !isSilent { Terminal.complain(Self.silence) }
        isSilent = true
      }
    }
  }

  private func show(_ look: TopLook, since before: TopLook?, isFirst: Bool) {
    var view = TopView(look, since: before)
    view.ink = .output
    guard !asking.json else { return Terminal.show(view.json(at: TimeWords.now)) }
    Terminal.show((isFirst ? [] : [""]) + view.lines)
  }
}
