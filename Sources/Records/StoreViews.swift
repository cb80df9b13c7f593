// The views of `apus sql`: the store's tables in the words of everything else, ids as text and times as
// RFC 3339. They live on the connection that asks, so that they change with the program and no file
// has to be migrated for them. `Docs/Schema.md` lists them; a test compares.
import Invocations

package struct StoreView: Sendable {
  package struct Column: Sendable {
    package let name: String
    package let meaning: String
    /// In the words of the tables behind it.
    fileprivate let expression: String

    fileprivate init(_ name: String, _ expression: String, _ meaning: String) {
      self.name = name
      self.expression = expression
      self.meaning = meaning
    }
  }

  package let name: String
  package let meaning: String
  package let columns: [Column]
  private let rows: String

  private init(_ name: String, _ meaning: String, from rows: String, _ columns: [Column]) {
    self.name = name
    self.meaning = meaning
    self.columns = columns
    self.rows = rows
  }

  var sql: String {
    let list = columns.map { "\($0.expression) AS \"\($0.name)\"" }.joined(separator: ", ")
    return "CREATE TEMP VIEW \"\(name)\" AS SELECT \(list) FROM \(rows)"
  }

  package static let all = [
    invocations, attempts, logs, deadLetters, timers, releases, paused,
  ]

  private static func name(_ column: String) -> String {
    "iif(typeof(\(column)) = 'integer', (SELECT text FROM main.names WHERE id = \(column)), \(column))"
  }

  private static func word(_ column: String, _ words: [(Int, String)]) -> String {
    let cases = words.map { number, word in "WHEN \(number) THEN '\(word)'" }
    return "CASE \(column) \(cases.joined(separator: " ")) END"
  }

  private static func function(of id: String) -> String {
    "(SELECT \(name("function")) FROM main.accepted WHERE id = \(id))"
  }

  private static let states = StateWord.allCases.map { ($0.rawValue, $0.description) }
  private static let reasons = DeathReason.allCases.map { ($0.rawValue, $0.description) }
  private static let priorities = Priority.allCases.map { ($0.rawValue, $0.description) }
  private static let durabilities = Durability.allCases.map { ($0.number, $0.rawValue) }
  private static let outcomes = (1...9).compactMap { number in
    AttemptRecord.Outcome(rawValue: number).map { (number, $0.word) }
  }

  // MARK: The views

  private static let invocations = StoreView(
    "invocations", "every invocation on record",
    from: """
      main.accepted a JOIN apus_ids i ON i.n = a.id
      LEFT JOIN main.unfinished u ON u.id = a.id LEFT JOIN main.finished f ON f.id = a.id
      """,
    [
      Column("n", "a.id", "the id as a number, in time order: what ranges and orders are quick by"),
      Column("id", "i.text", "the id as everywhere else"),
      Column("function", name("a.function"), "the function it runs"),
      Column("state", word("coalesce(f.state, u.state)", states), "queued … cancelled"),
      Column("reason", word("f.reason", reasons), "why it is dead, or replaced"),
      Column("key", "a.key", "the idempotency key as written"),
      Column("queue", name("a.queue"), "the queue it came through"),
      Column("trigger", name("a.trigger"), "the line of the manifest that took its event"),
      Column("event_id", "a.event_id", "the event's attributes, as sent"),
      Column("event_type", name("a.type"), ""),
      Column("event_source", name("a.source"), ""),
      Column("subject", "a.subject", ""),
      Column("content_type", name("a.content_type"), ""),
      Column(
        "data", "CAST(a.data AS TEXT)",
        "the event's data as text; `data ->> '$.orderId'` where it is JSON"),
      Column("created_at", "apus_time(a.created)", "when it was accepted"),
      Column("due_at", "apus_time(coalesce(f.due, u.due, a.due))", "when its last attempt was due"),
      Column("started_at", "apus_time(coalesce(f.started, u.started))", "of the last attempt"),
      Column("finished_at", "apus_time(f.ended)", "when it ended"),
      Column("attempts", "coalesce(f.attempts, u.attempts)", "the last attempt's number"),
      Column("attempts_max", "a.attempts_max", "failed attempts allowed"),
      Column("failures", "coalesce(f.failures, u.failures)", "attempts that failed"),
      Column("run_ms", "max(0, f.ended - f.started)", "from the last attempt's start to the end"),
      Column(
        "cpu_ms", "coalesce(f.cpu_before + f.cpu, u.cpu) / 1000.0", "CPU time of all attempts"),
      Column("release", "coalesce(f.release, u.release)", "which release ran the last attempt"),
      Column("error_code", "f.error_code", "the error it ended with"),
      Column("error_type", "f.error_type", ""),
      Column("error_message", "f.error_message", ""),
      Column("result_status", "f.result_status", "the result's HTTP status"),
      Column("result", "CAST(f.result_body AS TEXT)", "the result's body as text"),
      Column("cause", "apus_id(a.cause)", "the invocation that emitted its event"),
      Column("hops", "a.hops", "emissions between the first event and this one"),
      Column("redrive_of", "apus_id(a.redrive_of)", "the dead letter that it repeats"),
      Column(
        "redriven_as", "(SELECT apus_id(redriven_as) FROM main.settled WHERE id = a.id)",
        "the invocation that repeats this dead letter"),
      Column("replaced_by", "apus_id(f.replaced_by)", "the later event that ran in its place"),
      Column(
        "duplicates", "coalesce((SELECT count FROM main.duplicates WHERE id = a.id), 0)",
        "how often its event came again"),
      Column(
        "priority", word("coalesce(u.priority, a.priority)", priorities),
        "high, normal or low; NULL of an ended one whose sender left it to the function"),
      Column(
        "durability", word("coalesce(a.durability, 1)", durabilities),
        "what its acknowledgement outlives: disk, os or memory"),
    ])

  private static let attempts = StoreView(
    "attempts", "every attempt that began, the running ones too",
    from: """
      (SELECT i.n, i.text, m.number, m.outcome, m.started, m.ended, m.cpu, m.worker, m.boot,
        m.release, m.error_code, m.error_type, m.error_message
      FROM main.attempts m JOIN apus_ids i ON i.n = m.invocation
      UNION ALL
      SELECT i.n, i.text, f.attempts, f.outcome, f.started, coalesce(f.attempt_ended, f.ended),
        f.cpu, f.worker, f.boot, f.release, f.error_code, f.error_type, f.error_message
      FROM main.finished f JOIN apus_ids i ON i.n = f.id
      WHERE f.outcome IS NOT NULL AND f.started IS NOT NULL
      UNION ALL
      SELECT i.n, i.text, u.attempts, NULL, u.started, NULL, NULL, u.worker, u.boot, u.release,
        NULL, NULL, NULL
      FROM main.unfinished u JOIN apus_ids i ON i.n = u.id
      WHERE u.state = \(StateWord.running.rawValue)) t
      """,
    [
      Column("n", "t.n", "the invocation's id as a number"),
      Column("invocation", "t.text", "the invocation's id"),
      Column("function", function(of: "t.n"), "its function"),
      Column("number", "t.number", "1 for the first"),
      Column("outcome", word("t.outcome", outcomes), "succeeded … cancelled; NULL while it runs"),
      Column("started_at", "apus_time(t.started)", ""),
      Column("finished_at", "apus_time(t.ended)", ""),
      Column("run_ms", "max(0, t.ended - t.started)", ""),
      Column("cpu_ms", "t.cpu / 1000.0", ""),
      Column("worker", "t.worker", "the worker's process id"),
      Column("boot", "t.boot", "which start of the host"),
      Column("release", "t.release", "which release ran it"),
      Column("error_code", "t.error_code", ""),
      Column("error_type", "t.error_type", ""),
      Column("error_message", "t.error_message", ""),
    ])

  private static let logs = StoreView(
    "logs", "what handlers logged and printed",
    from: "main.logs l JOIN apus_ids i ON i.n = l.invocation",
    [
      Column("n", "l.invocation", "the invocation's id as a number"),
      Column("invocation", "i.text", "the invocation's id"),
      Column("function", function(of: "l.invocation"), "its function"),
      Column("attempt", "l.attempt", "the attempt's number"),
      Column("sequence", "l.sequence", "the line's place in the attempt, from 1"),
      Column("time", "apus_time(l.time)", ""),
      Column("level", "l.level", "trace … critical, stderr"),
      Column("message", "l.message", ""),
      Column(
        "metadata",
        "(SELECT json_group_object(value ->> 0, value ->> 1) FROM json_each(l.metadata))",
        "a JSON object of texts"),
    ])

  private static let deadLetters = StoreView(
    "dead_letters", "dead, neither sent again nor thrown away",
    from: "temp.invocations v WHERE v.n IN (SELECT id FROM main.dead)",
    [
      "n", "id", "function", "reason", "key", "queue", "trigger", "event_id", "event_type",
      "event_source", "subject", "data", "created_at", "finished_at", "attempts", "failures",
      "release", "error_code", "error_type", "error_message", "cause", "redrive_of",
    ].map { Column($0, "v.\"\($0)\"", "as in invocations") })

  private static let timers = StoreView(
    "timers", "how far each timer has come", from: "main.timers t",
    [
      Column("name", "t.name", "the function and the trigger's place"),
      Column("rule", "t.rule", "as its manifest has it"),
      Column("last_at", "apus_time(t.last)", "no instant up to here fires any more"),
      Column(
        "fired", "(SELECT count(*) FROM main.firings WHERE timer = t.name)",
        "firings on record, 1,000 or a few more"),
      Column(
        "missed", "(SELECT coalesce(sum(count), 0) FROM main.missed WHERE timer = t.name)",
        "instants on record that did not fire"),
    ])

  private static let releases = StoreView(
    "releases", "what was deployed", from: "main.releases r",
    [
      Column("number", "r.number", ""),
      Column("created_at", "apus_time(r.created)", ""),
      Column("by", "r.by", "who deployed it, as they said"),
      Column("origin", "r.origin", "start or deploy"),
      Column("functions", "r.functions", "how many"),
      Column("executable", "r.executable", "SHA-256 of the workers' executable"),
      Column("executable_bytes", "r.executable_bytes", ""),
      Column(
        "activated_at",
        "(SELECT apus_time(at) FROM main.activations WHERE release = r.number ORDER BY id DESC LIMIT 1)",
        "when it last went live"),
      Column(
        "live", "r.number = (SELECT release FROM main.activations ORDER BY id DESC LIMIT 1)",
        "1 of the one that is live"),
      Column("manifests", "r.manifests", "a JSON object of texts by path"),
    ])

  private static let paused = StoreView(
    "paused", "functions and queues that are paused", from: "main.paused p",
    [
      Column("kind", "substr(p.subject, 1, instr(p.subject, ':') - 1)", "function or queue"),
      Column("name", "substr(p.subject, instr(p.subject, ':') + 1)", ""),
      Column("since", "apus_time(p.since)", ""),
    ])
}
