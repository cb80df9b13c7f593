// What the command line takes, and what it refuses before any host is asked.

import ArgumentParser
import Testing

@testable import ApusCommand

struct ArgumentTests {
  private func parse<Command: ParsableCommand>(
    _ type: Command.Type, _ arguments: String...
  ) throws -> Command {
    try #require(try ApusCommand.parseAsRoot(arguments) as? Command)
  }

  private func status(_ arguments: String...) -> Int32 {
    do {
      _ = try ApusCommand.parseAsRoot(arguments)
      return 0
    } catch { return ApusCommand.exitCode(for: error).rawValue }
  }

  @Test func `send takes options and a dash for standard input`() throws {
    let send = try parse(
      SendCommand.self, "send", "payments", "-", "--id", "o-1", "--delay", "30s", "--ndjson")
    #expect(send.queue == "payments")
    #expect(send.data == "-")
    #expect(send.id == "o-1")
    #expect(send.delay == "30s")
    #expect(send.ndjson)
  }

  @Test func `a backup that a host makes is asked for as everything else is`() throws {
    let backup = try parse(
      BackupCommand.self, "backup", "x.apus", "--host", "https://h:7443", "--token-file", "t",
      "--ca",
      "a.pem", "--json")
    #expect(backup.asking.tokenFile == "t" && backup.asking.ca == "a.pem" && backup.asking.json)
  }

  @Test func `ndjson has its own content type`() {
    #expect(status("send", "q", "{}", "--ndjson", "--content-type", "text/plain") == 64)
  }

  @Test func `a call that does not wait has no time to wait`() {
    #expect(status("invoke", "f", "{}", "--async", "--wait", "5") == 64)
    #expect(status("invoke", "f", "{}", "--async") == 0)
  }

  @Test func `a cron expression stands behind two dashes, whole or in words`() throws {
    let whole = try parse(
      CronCommand.Next.self, "cron", "next", "--zone", "Europe/Berlin", "--count", "3", "--",
      "*/5 * * * *")
    #expect(whole.expression == ["*/5 * * * *"])
    #expect(whole.count == 3)
    let words = try parse(CronCommand.Next.self, "cron", "next", "--", "0", "3", "*", "*", "1-5")
    #expect(words.expression.joined(separator: " ") == "0 3 * * 1-5")
    #expect(status("cron", "next", "--count", "0", "--", "@daily") == 64)
  }

  @Test func `a noun alone lists`() throws {
    _ = try parse(FunctionsCommand.List.self, "functions")
    _ = try parse(QueuesCommand.List.self, "queues")
    _ = try parse(TimersCommand.List.self, "timers")
    _ = try parse(DeadLettersCommand.List.self, "dead-letters")
    let list = try parse(InvocationsCommand.List.self, "invocations", "--state", "dead,waiting")
    #expect(list.filter.selection.state == "dead,waiting")
  }

  @Test func `a list that ends before now cannot be followed`() {
    #expect(status("invocations", "list", "--follow", "--until", "1h") == 64)
    #expect(status("invocations", "list", "--follow", "--cursor", "06E3T8J9M0000") == 64)
  }

  @Test func `every filter of the control door is a flag of the list`() throws {
    let list = try parse(
      InvocationsCommand.List.self, "invocations", "list", "--function", "f", "--state", "dead",
      "--reason", "crashed", "--queue", "q", "--key", "k", "--since", "2h", "--until", "1h",
      "--text", "t", "--event", "e", "--where", "data.a=1", "--where", "id=e", "--fingerprint",
      "AAG3ZD5YWC",
      "--release", "3", "--limit", "7", "--cursor", "c", "--json")
    let query = (list.filter.query + list.page.query).map { "\($0.0)=\($0.1 ?? "")" }
    #expect(
      query == [
        "function=f", "state=dead", "reason=crashed", "queue=q", "key=k", "text=t", "event=e",
        "fingerprint=AAG3ZD5YWC", "where=data.a=1", "where=id=e", "since=2h", "until=1h",
        "release=3", "limit=7", "cursor=c",
      ])
    #expect(list.asking.json)
  }

  @Test func `dead letters are redriven by ids, by filters or all, and by one of these`() {
    let id = "0AKQNH4800000"
    #expect(status("dead-letters", "redrive") == 64)
    #expect(status("dead-letters", "redrive", "--dry-run") == 64)
    #expect(status("dead-letters", "redrive", id, "--all") == 64)
    #expect(status("dead-letters", "purge", "--all", "--function", "f") == 64)
    #expect(status("dead-letters", "redrive", "not-an-id") == 64)
    #expect(status("dead-letters", "redrive", id, id) == 0)
    #expect(status("dead-letters", "purge", "--reason", "rejected") == 0)
    #expect(status("dead-letters", "purge", "--all") == 0)
  }

  @Test func `a limit cannot make a redrive of everything look like one of a few`() {
    #expect(status("dead-letters", "redrive", "--limit", "1") == 64)
  }

  @Test func `the token is no flag`() {
    #expect(status("serve", "--worker", "./Shop", "--token", "secret") == 64)
    #expect(status("send", "q", "{}", "--token", "secret") == 64)
  }

  @Test func `each fault has its exit code`() {
    #expect(CommandFault.failed("").status == 1)
    #expect(CommandFault.usage("").status == 64)
    #expect(CommandFault.badInput("").status == 65)
    #expect(CommandFault.unreachable("").status == 69)
    #expect(CommandFault.tryLater("").status == 75)
  }
}
