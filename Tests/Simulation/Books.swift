// After every history the books balance. Each check is a sentence of what is promised; the rows are read
// from the file.
import Invocations
import Schedules

struct Books {
  let world: World
  private var ledger: Ledger { world.ledger }
  private var look: StoreLook { world.look }

  /// What does not balance; empty where all does.
  func faults() throws -> [String] {
    var faults = try checkFile()
    faults += try checkEnds()
    faults += try checkPromises()
    faults += try checkResults()
    faults += try checkCauses()
    faults += try checkKeys()
    faults += try checkInstants()
    faults += try checkAttempts()
    return faults
  }

  private static let functionOf =
    "(SELECT text FROM names WHERE id = accepted.function)"

  private func checkFile() throws -> [String] {
    let said = try look.rows("PRAGMA integrity_check").flatMap(\.self)
    var faults = said == ["ok"] ? [] : ["the file is damaged: \(said)"]
    let totals = try look.rows(
      """
      SELECT t.function, t.count,
        (SELECT count(*) FROM accepted a WHERE a.function = t.function)
      FROM totals t WHERE t.kind = 0 AND t.count <>
        (SELECT count(*) FROM accepted a WHERE a.function = t.function)
      """)
    if !totals.isEmpty { faults.append("totals that are not the sum: \(totals)") }
    return faults
  }

  /// Exactly one final state each.
  private func checkEnds() throws -> [String] {
    var faults: [String] = []
    let owed = try look.rows(
      "SELECT u.id, u.state, \(Self.functionOf) FROM unfinished u JOIN accepted ON accepted.id = u.id"
    )
    if !owed.isEmpty { faults.append("still owed: \(owed.prefix(5))") }
    let both = try look.number(
      "SELECT count(*) FROM unfinished WHERE id IN (SELECT id FROM finished)")
    if both > 0 { faults.append("\(both) are finished and unfinished") }
    let neither = try look.numbers(
      """
      SELECT id FROM accepted WHERE id NOT IN (SELECT id FROM finished)
        AND id NOT IN (SELECT id FROM unfinished)
      """)
    if !neither.isEmpty { faults.append("accepted, and neither finished nor owed: \(neither)") }
    let orphans = try look.number(
      "SELECT count(*) FROM finished WHERE id NOT IN (SELECT id FROM accepted)")
    if orphans > 0 { faults.append("\(orphans) ended that were never accepted") }
    return faults
  }

  /// P1: what was acknowledged is there.
  private func checkPromises() throws -> [String] {
    let there = Set(try look.numbers("SELECT id FROM finished"))
    return ledger.promises.compactMap { promise in
      if there.contains(promise.invocation.rawValue) { return nil }
      if ledger.isForgiven(promise) { return nil }
      return "\(promise.invocation) of \(promise.function) was acknowledged and is lost"
    }
  }

  /// P2, P3: a stored result is the one of a live attempt, and the one that was answered.
  private func checkResults() throws -> [String] {
    var faults: [String] = []
    var stored: [Int64: (state: String, body: String)] = [:]
    for row in try look.rows("SELECT id, state, CAST(result_body AS TEXT) FROM finished") {
      guard let id = Int64(row[0]) else { continue }
      stored[id] = (row[1], row[2])
      guard row[1] == "5" else { continue }
      let given = world.workers.results[InvocationID(rawValue: id)] ?? []
      if !given.contains(row[2]) { faults.append("\(id) has a result nobody gave: \(row[2])") }
    }
    for reply in ledger.replies {
      guard let row = stored[reply.invocation.rawValue] else {
        faults.append("\(reply.invocation) was answered and is not on record")
        continue
      }
      if row.state != "\(reply.state.rawValue)" {
        faults.append("\(reply.invocation) was answered as \(reply.state), stored as \(row.state)")
      }
      let body = reply.body.map { String(decoding: $0, as: UTF8.self) } ?? ""
      if body != row.body {
        faults.append("\(reply.invocation) was answered \(body), stored \(row.body)")
      }
    }
    return faults
  }

  /// P5: what a success emitted is there once, of a failure nothing; each dead letter is mourned once.
  private func checkCauses() throws -> [String] {
    var faults: [String] = []
    let charges = try look.rows(
      """
      SELECT f.id, f.state, (SELECT count(*) FROM accepted c WHERE c.cause = f.id)
      FROM finished f JOIN accepted ON accepted.id = f.id
      WHERE \(Self.functionOf) IN ('order', 'charge')
      """)
    let functions = try functions()
    for row in charges {
      guard let id = Int64(row[0]) else { continue }
      let wanted =
        switch (functions[id] ?? "", row[1]) {
        case ("order", "5"), ("charge", "6"): "1"
        default: "0"
        }
      if row[2] != wanted {
        faults.append("\(row[0]) of \(functions[id] ?? "?") in state \(row[1]) caused \(row[2])")
      }
    }
    return faults
  }

  private func functions() throws -> [Int64: String] {
    var functions: [Int64: String] = [:]
    for row in try look.rows("SELECT id, \(Self.functionOf) FROM accepted") {
      if let id = Int64(row[0]) { functions[id] = row[1] }
    }
    return functions
  }

  /// P3: one key, one invocation.
  private func checkKeys() throws -> [String] {
    try look.rows(
      """
      SELECT function, key, count(*) FROM accepted WHERE key IS NOT NULL
      GROUP BY function, key HAVING count(*) > 1
      """
    ).map { "one key, several invocations: \($0)" }
  }

  /// P6: an instant fires once, and each that did not fire is listed.
  private func checkInstants() throws -> [String] {
    var faults: [String] = []
    for (place, period) in [(0, Int64(1_000)), (1, 60_000)] {
      let name = "tick/\(place)"
      let trigger = "(SELECT id FROM names WHERE text = 'timer:\(name)')"
      let fired = try look.rows("SELECT time FROM accepted WHERE trigger = \(trigger)")
        .compactMap { $0.first.flatMap { try? CivilTime.parseRFC3339($0) } }
      if Set(fired).count != fired.count { faults.append("\(name) fired an instant twice") }
      let missed = try look.rows(
        "SELECT instant, count FROM missed WHERE timer = '\(name)' ORDER BY instant")
      let listed = missed.compactMap { Int64($0[0]) }
      let count = missed.compactMap { Int64($0[1]) }.reduce(0, +)
      let both = Set(fired).intersection(listed)
      if !both.isEmpty { faults.append("\(name) fired and missed \(both)") }
      // Only the latest thousand are kept.
      guard count < 900, let first = (fired + listed).min(), let last = (fired + listed).max()
      else { continue }
      let all = (last - first) / period + 1
      if Int64(fired.count) + count < all {
        faults.append("\(name): of \(all) instants \(fired.count) fired and \(count) were missed")
      }
    }
    return faults
  }

  /// Numbers grow by one, and no more failures than allowed.
  private func checkAttempts() throws -> [String] {
    var faults: [String] = []
    let failures = try look.rows(
      "SELECT id, failures FROM finished WHERE failures > 3")
    if !failures.isEmpty { faults.append("more failures than attempts: \(failures)") }
    let beyond = try look.rows(
      """
      SELECT a.invocation, max(a.number), f.attempts FROM attempts a
      JOIN finished f ON f.id = a.invocation GROUP BY a.invocation
      HAVING max(a.number) > f.attempts
      """)
    if !beyond.isEmpty { faults.append("attempts past the last: \(beyond)") }
    return faults
  }
}
