// `apus invocations tail`: what happens, as it happens, until it is interrupted. A connection that
// is lost is made again; what happened in between is in the record, not here.

import ArgumentParser
import Glibc
import Invocations

extension InvocationsCommand {
  struct Tail: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Follows starts, ends and log lines as they happen.",
      discussion: "Example: apus invocations tail --function charge-payment")

    private static let pauseSeconds: UInt32 = 1
    /// The host says something every 15 s, if only that it is alive.
    private static let silenceMax = Duration.seconds(60)

    @OptionGroup var filter: SelectionOptions
    @OptionGroup var asking: AskingOptions

    func run() throws {
      // A host that is not there at all is said at once; one that was there is awaited.
      try follow()
      while true {
        Terminal.complain("the stream ended; connecting again")
        try followAgain()
      }
    }

    private func followAgain() throws {
      while true {
        sleep(Self.pauseSeconds)
        do { return try follow() } catch {
          guard let fault = CommandFault(error), Self.mayPass(fault) else { throw error }
        }
      }
    }

    private static func mayPass(_ fault: CommandFault) -> Bool {
      switch fault {
      case .unreachable, .tryLater: true
      case .failed, .usage, .badInput, .interrupted: false
      }
    }

    /// Until the stream ends, in order or not.
    private func follow() throws {
      var events = ServerSentEvents()
      var hasBegun = false
      let words = LiveLines(
        ink: .output, offsetSeconds: TimeWords.localOffsetSeconds(at: TimeWords.now))
      let client = try asking.client(readTimeout: Self.silenceMax)
      do throws(CommandFault) {
        try client.stream(["v1", "stream"], filter.query) { bytes in
          hasBegun = true
          guard let arrived = events.take(bytes) else { return false }
          for event in arrived { show(event, words) }
          return true
        }
      } catch {
        guard hasBegun, Self.mayPass(error) else { throw error }
      }
    }

    /// The name of a happening is beside its data in the stream; a line has room for one object.
    static func named(_ event: ServerSentEvents.Event) -> String {
      let rest = event.data.dropFirst()
      return "{\"happening\":\"\(event.name)\"" + (rest.first == "}" ? "" : ",") + rest
    }

    private func show(_ event: ServerSentEvents.Event, _ words: LiveLines) {
      guard !asking.json else { return Terminal.show(Self.named(event)) }
      let moment = Moment(event.name, Answer(event.data), at: TimeWords.now)
      if let moment, let text = words.text(moment) { Terminal.show(text) }
    }
  }
}
