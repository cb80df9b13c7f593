// `apus cron next`: when an expression fires, daylight saving included.

import ArgumentParser
import Invocations
import Schedules

struct CronCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cron",
    abstract: "Explains cron expressions.",
    discussion: "Example: apus cron next --zone Europe/Berlin -- '30 2 * * *'",
    subcommands: [Next.self])

  struct Next: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints the next instants of an expression, one a line.",
      discussion: "Example: apus cron next --zone Europe/Berlin --count 3 -- '30 2 * * *'")

    static let countMax = 100_000

    @Option(help: ArgumentHelp("An IANA time zone.", valueName: "zone")) var zone = "UTC"
    @Option(help: ArgumentHelp("Instants later than this time (default: now).", valueName: "time"))
    var from: String?
    @Option(help: ArgumentHelp("So many instants.", valueName: "n")) var count = 1
    @Argument(help: "Five fields: minute hour day month weekday; or @hourly and its kin.")
    var expression: [String]

    func validate() throws {
      guard (1...Self.countMax).contains(count) else {
        throw ValidationError("--count must be 1…\(Self.countMax); got \(count)")
      }
    }

    func run() throws {
      let instants = try Self.instants(
        expression.joined(separator: " "), zone: zone, from: from, count: count)
      Terminal.show(instants)
    }

    static func instants(
      _ text: String, zone: String, from: String?, count: Int
    ) throws(CommandFault) -> [String] {
      let expression: CronExpression
      do throws(CronError) { expression = try CronExpression(parsing: text) } catch {
        let caret = String(repeating: " ", count: error.column - 1) + "^"
        throw .badInput("\(error.message)\n  \(text)\n  \(caret)")
      }
      let rules: TimeZoneRules
      do throws(TimeZoneError) { rules = try TimeZoneRules.named(zone) } catch {
        throw .badInput(error.message)
      }
      var last = try start(from)
      var instants: [String] = []
      while instants.count < count, let next = expression.next(after: last, in: rules) {
        last = next.milliseconds
        instants.append(
          CivilTime.formatRFC3339(
            milliseconds: next.milliseconds, offsetSeconds: next.offsetSeconds))
      }
      guard !instants.isEmpty else {
        throw .badInput("'\(text)' never fires: no such day comes in \(zone)")
      }
      return instants
    }

    private static func start(_ from: String?) throws(CommandFault) -> Int64 {
      guard let from else { return TimeWords.now.milliseconds }
      do throws(RFC3339Error) { return try CivilTime.parseRFC3339(from) } catch {
        throw .badInput(
          "--from must be a time such as 2027-01-01T00:00:00Z: \(error.message); got '\(from)'")
      }
    }
  }
}
