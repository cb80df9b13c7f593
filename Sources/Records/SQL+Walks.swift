// The walks through the log: each goes down the ids of one range of one index and says of every
// invocation it meets whether it fits the filter; the reader decides how far.
import Invocations

/// What a walk goes through: the smallest range that holds everything a filter could show.
enum WalkRange: Hashable {
  case history
  case unfinished
  /// Dead letters that nobody has dealt with.
  case dead
  case deadOf(Fingerprint)
  /// Of a state that is neither unfinished nor succeeded.
  case ended(StateWord)
  case failed(Fingerprint)
  case trigger(StoredName, StoredName)
  case field(segment: Int64, digest: Int64)
  /// Invocations by what they wrote, and by what their attempts failed of.
  case logs
  case attempts
}

extension WalkRange {
  /// The same for all ranges of a kind, so that a statement is used again.
  var sql: String {
    switch self {
    case .logs: Self.lines("logs", "message")
    case .attempts: Self.lines("attempts", "error_message")
    default:
      """
      SELECT \(parts.id), CASE WHEN \(Self.fits(fingerprint))
        THEN (?8 IS NULL OR \(Self.text)) AND \(Self.event) ELSE 0 END
      FROM \(parts.from)
      WHERE \(parts.range) \(parts.id) < ?1 AND \(parts.id) >= ?2 ORDER BY \(parts.id) DESC
      """
    }
  }

  private static func fits(_ fingerprint: String) -> String {
    """
    (?3 IS NULL OR a.function = ?3) AND (?4 IS NULL OR a.queue = ?4)
      AND (?5 IS NULL OR a.key = ?5)
      AND (?6 = 0 OR (?6 >> coalesce(f.state, u.state)) & 1)
      AND (?7 IS NULL OR f.reason = ?7)
      AND (?9 IS NULL OR coalesce(f.release, u.release) = ?9)
      AND (?10 IS NULL OR \(fingerprint))
    """
  }

  /// Line by line: the invocation is looked at only where the words are.
  private static func lines(_ table: String, _ column: String) -> String {
    """
    SELECT x.invocation, CASE WHEN instr(lower(x.\(column)), ?8) THEN (
        SELECT \(fits(anyFailure)) AND \(event) FROM accepted a
          LEFT JOIN finished f ON f.id = a.id LEFT JOIN unfinished u ON u.id = a.id
        WHERE a.id = x.invocation)
      ELSE 0 END
    FROM \(table) x
    WHERE x.invocation < ?1 AND x.invocation >= ?2 ORDER BY x.invocation DESC
    """
  }

  /// The dearest questions stand last.
  private static let text = """
    coalesce(instr(lower(f.error_message), ?8), 0)
      OR EXISTS (SELECT 1 FROM logs l WHERE l.invocation = a.id AND instr(lower(l.message), ?8))
      OR EXISTS (SELECT 1 FROM attempts t
        WHERE t.invocation = a.id AND instr(lower(t.error_message), ?8))
    """

  private static let event = """
    (?13 IS NULL OR instr(lower(CAST(a.data AS TEXT)), ?13))
    """
  private static let anyFailure = """
    EXISTS (SELECT 1 FROM failures y WHERE y.fingerprint = ?10 AND y.invocation = a.id)
    """

  /// Whoever redrives what died of an error means neither what failed of it once and died of another.
  private var fingerprint: String {
    switch self {
    case .dead, .deadOf: "f.fingerprint = ?10"
    default: Self.anyFailure
    }
  }

  private var parts: (id: String, from: String, range: String) {
    let accepted = "CROSS JOIN accepted a"
    let finished = "LEFT JOIN finished f ON f.id = a.id"
    let unfinished = "LEFT JOIN unfinished u ON u.id = a.id"
    return switch self {
    case .logs, .attempts: ("", "", "")
    case .history: ("a.id", "accepted a \(finished) \(unfinished)", "")
    case .unfinished: ("u.id", "unfinished u \(accepted) ON a.id = u.id \(finished)", "")
    case .dead: ("d.id", "dead d \(accepted) ON a.id = d.id \(finished) \(unfinished)", "")
    case .deadOf:
      (
        "d.id",
        "dead d INDEXED BY dead_fingerprint \(accepted) ON a.id = d.id \(finished) \(unfinished)",
        "d.fingerprint = ?11 AND"
      )
    case .ended:
      (
        "f.id", "finished f INDEXED BY finished_badly \(accepted) ON a.id = f.id \(unfinished)",
        "f.state = ?11 AND f.state <> 5 AND"
      )
    case .failed:
      (
        "x.invocation", "failures x \(accepted) ON a.id = x.invocation \(finished) \(unfinished)",
        "x.fingerprint = ?11 AND"
      )
    case .trigger:
      (
        "a.id", "accepted a INDEXED BY accepted_trigger \(finished) \(unfinished)",
        "a.trigger = ?11 AND a.function = ?12 AND"
      )
    case .field:
      (
        "x.invocation", "fields x \(accepted) ON a.id = x.invocation \(finished) \(unfinished)",
        "x.segment = ?11 AND x.digest = ?12 AND"
      )
    }
  }

  /// Binds ?11 and ?12.
  func bind(to statement: Statement) {
    switch self {
    case .history, .unfinished, .dead, .logs, .attempts:
      statement.addNull()
      statement.addNull()
    case .deadOf(let fingerprint), .failed(let fingerprint):
      statement.add(fingerprint.rawValue)
      statement.addNull()
    case .ended(let state):
      statement.add(state.rawValue)
      statement.addNull()
    case .trigger(let trigger, let function):
      statement.add(trigger)
      statement.add(function)
    case .field(let segment, let digest):
      statement.add(segment)
      statement.add(digest)
    }
  }
}

extension SQL {
  /// Which triggers brought events to which functions: steps from one pair to the next.
  ///
  /// As one comparison of pairs SQLite would walk all events of the first trigger.
  static let firstTrigger = """
    SELECT trigger, function FROM accepted INDEXED BY accepted_trigger
    ORDER BY trigger, function LIMIT 1
    """
  static let nextFunction = """
    SELECT trigger, function FROM accepted INDEXED BY accepted_trigger
    WHERE trigger = ?1 AND function > ?2 ORDER BY function LIMIT 1
    """
  static let nextTrigger = """
    SELECT trigger, function FROM accepted INDEXED BY accepted_trigger
    WHERE trigger > ?1 ORDER BY trigger, function LIMIT 1
    """
}
