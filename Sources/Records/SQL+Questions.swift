// What operators ask beside listings: errors, values of events, actions, how much there is.

extension SQL {
  static let errors = """
    SELECT fingerprint, code, message, type, failures, first, last, first_release, last_release,
      first_invocation, last_invocation,
      (SELECT count(*) FROM dead d WHERE d.fingerprint = e.fingerprint),
      (SELECT count(*) FROM unfinished u WHERE u.fingerprint = e.fingerprint)
    FROM errors e WHERE last >= ?1 AND (?2 IS NULL OR fingerprint = ?2)
    """
  static let errorShares = """
    SELECT function, failures FROM error_shares WHERE fingerprint = ?1 ORDER BY failures DESC
    LIMIT 100
    """
  static let openSegment = """
    SELECT count(*), min(invocation), max(invocation) FROM fields WHERE segment = ?1
    """
  static let isDeclared = "SELECT 1 FROM declared WHERE path = ?1"
  /// Newest first, those only that hold ids below a bound.
  static let segments = """
    SELECT number, greatest FROM segments WHERE least < ?1 AND greatest >= ?2 ORDER BY greatest DESC
    """
  static let actionColumns = """
    number, verb, subject, by, at, filter, ids, rate, mended, target, state, selected, done,
    refused_count, refused, cursor, ended, note
    """
  static let actions = """
    SELECT \(actionColumns) FROM actions WHERE number < ?1 ORDER BY number DESC LIMIT ?2
    """
  static let oneAction = "SELECT \(actionColumns) FROM actions WHERE number = ?1"
  static let openActions = """
    SELECT \(actionColumns) FROM actions INDEXED BY actions_open WHERE state < 3 ORDER BY number
    """
  static let totals = "SELECT function, kind, count, bytes FROM totals WHERE count <> 0"
}
