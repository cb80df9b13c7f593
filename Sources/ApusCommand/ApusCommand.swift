// The `apus` executable: parse, call, print. What it prints is for people; with --json for
// programs. It decides nothing about invocations; that is the host's, whom it starts or asks.

import ArgumentParser
import Glibc

@main
struct ApusCommand: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "apus",
    abstract:
      "Runs Swift functions for events: queues, timers and HTTP, every invocation on record.",
    discussion: """
      Exit codes: 0 done, 1 failed, 64 wrong usage, 65 bad input, 69 host not reachable, \
      75 try again later.
      Example: apus dev
      """,
    version: version,
    groupedSubcommands: [
      CommandGroup(
        name: "Host", subcommands: [NewCommand.self, DevCommand.self, ServeCommand.self]),
      CommandGroup(
        name: "Releases",
        subcommands: [DeployCommand.self, ReleasesCommand.self, RollbackCommand.self]),
      CommandGroup(
        name: "Keeping", subcommands: [BackupCommand.self, RestoreCommand.self]),
      CommandGroup(
        name: "Manifests", subcommands: [CheckCommand.self, SchemaCommand.self, CronCommand.self]),
      CommandGroup(
        name: "Events", subcommands: [SendCommand.self, InvokeCommand.self]),
      CommandGroup(
        name: "Inspection and operation",
        subcommands: [
          FunctionsCommand.self, QueuesCommand.self, TimersCommand.self, InvocationsCommand.self,
          DeadLettersCommand.self, ErrorsCommand.self, ActionsCommand.self, TopCommand.self,
          SQLCommand.self, DoctorCommand.self, TokensCommand.self,
        ]),
      CommandGroup(name: "Measurement", subcommands: [BenchCommand.self]),
    ])

  static func main() {
    guard !BenchWorker.isAsked else { return BenchWorker.begin() }
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      guard let fault = CommandFault(error) else { exit(withError: error) }
      if !fault.message.isEmpty { Terminal.complain(fault.message) }
      Glibc.exit(fault.status)
    }
  }
}
