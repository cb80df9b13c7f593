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
}

extension WalkRange {
  /// The same for all ranges of a kind, so that a statement is used again.
  var sql: String {
    let (id, from, range) = parts
    return """
      SELECT \(id), CASE WHEN (?3 IS NULL OR a.function = ?3) AND (?4 IS NULL OR a.queue = ?4)
          AND (?5 IS NULL OR a.key = ?5)
          AND (?6 = 0 OR (?6 >> coalesce(f.state, u.state)) & 1)
          AND (?7 IS NULL OR f.reason = ?7)
          AND (?9 IS NULL OR coalesce(f.release, u.release) = ?9)
          AND (?10 IS NULL OR \(fingerprint))
        THEN ?8 IS NULL OR \(Self.text)
        ELSE 0 END
      FROM \(from)
      WHERE \(range) \(id) < ?1 AND \(id) >= ?2 ORDER BY \(id) DESC
      """
  }

  /// The dearest questions stand last.
  private static let text = """
    instr(lower(f.error_message), ?8) OR instr(lower(CAST(a.data AS TEXT)), ?8)
      OR EXISTS (SELECT 1 FROM logs l WHERE l.invocation = a.id AND instr(lower(l.message), ?8))
      OR EXISTS (SELECT 1 FROM attempts t
        WHERE t.invocation = a.id AND instr(lower(t.error_message), ?8))
    """

  /// Whoever redrives what died of an error means neither what failed of it once and died of another.
  private var fingerprint: String {
    switch self {
    case .dead, .deadOf: "f.fingerprint = ?10"
    default:
      """
      EXISTS (SELECT 1 FROM failures y WHERE y.fingerprint = ?10 AND y.invocation = a.id)
      """
    }
  }

  private var parts: (id: String, from: String, range: String) {
    let accepted = "CROSS JOIN accepted a"
    let finished = "LEFT JOIN finished f ON f.id = a.id"
    let unfinished = "LEFT JOIN unfinished u ON u.id = a.id"
    return switch self {
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
    case .history, .unfinished, .dead: break
    case .deadOf(let fingerprint), .failed(let fingerprint): statement.add(fingerprint.rawValue)
    case .ended(let state): statement.add(state.rawValue)
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
