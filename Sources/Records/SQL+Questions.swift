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
  static let segmentRows = """
    SELECT count(*), min(invocation), max(invocation) FROM fields WHERE segment = ?1
    """
  /// When another release went live for the last time after this one, and a second, in which clocks
  /// may differ; 0 for one to come.
  static let releaseEnd = """
    SELECT CASE WHEN ?1 > (SELECT max(number) FROM releases) THEN 0
      ELSE (SELECT min(at) + 1000 FROM activations
        WHERE id > (SELECT max(id) FROM activations WHERE release = ?1)) END
    """
  static let declaring = "SELECT function FROM declared WHERE path = ?1"
  static let withEvents = "SELECT function FROM totals WHERE kind = 0 AND count > 0"
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
  static let lastOfSubject = """
    SELECT \(actionColumns) FROM actions WHERE verb = ?1 AND subject = ?2
    ORDER BY number DESC LIMIT 1
    """
  static let openActions = """
    SELECT \(actionColumns) FROM actions INDEXED BY actions_open WHERE state < 3 ORDER BY number
    """
  static let totals = "SELECT function, kind, count, bytes FROM totals WHERE count <> 0"

  // MARK: Segments of fields

  /// The lowest level that has too many.
  static let crowdedLevel = """
    SELECT level FROM segments WHERE level BETWEEN 0 AND ?2 GROUP BY level HAVING count(*) >= ?1
    ORDER BY level LIMIT 1
    """
  static let oldestSegments = """
    SELECT number, least, greatest FROM segments WHERE level = ?1 ORDER BY least LIMIT ?2
    """
  /// Two walks of the index: as one comparison of pairs it would be one of the whole segment.
  static let sameDigest = """
    SELECT digest, invocation FROM fields WHERE segment = ?1 AND digest = ?2 AND invocation > ?3
    ORDER BY invocation LIMIT ?4
    """
  static let laterDigests = """
    SELECT digest, invocation FROM fields WHERE segment = ?1 AND digest > ?2
    ORDER BY digest, invocation LIMIT ?3
    """
  static let addMerged = """
    INSERT INTO segments (number, least, greatest, level) VALUES (?1, ?2, ?3, ?4)
    """
  static let dropSegment = "DELETE FROM segments WHERE number = ?1"
  static let nextWithRows = "SELECT segment FROM fields WHERE segment > ?1 ORDER BY segment LIMIT 1"
  static let isSegment = "SELECT 1 FROM segments WHERE number = ?1"
  static let greatestNumber = """
    SELECT max(coalesce((SELECT max(number) FROM segments), 0),
      coalesce((SELECT segment FROM fields ORDER BY segment DESC LIMIT 1), 0))
    """
  static let pruneSegment = """
    DELETE FROM fields WHERE (segment, digest, invocation) IN (
      SELECT segment, digest, invocation FROM fields WHERE segment = ?1 LIMIT ?2)
    """
}
