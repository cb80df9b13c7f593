// What keeps the store small: whose rows go when their time, their number or their meaning is over.

extension SQL {
  /// Neither the live one, nor the one that tells the next start whether its files have changed.
  static let pruneReleases = """
    DELETE FROM releases
    WHERE number <= (SELECT number FROM releases ORDER BY number DESC LIMIT 1 OFFSET ?1)
      AND number <> (SELECT release FROM activations ORDER BY id DESC LIMIT 1)
      AND number <> coalesce((SELECT max(number) FROM releases WHERE origin = 'start'), 0)
    """
  static let pruneActivations = """
    DELETE FROM activations
    WHERE id <= (SELECT id FROM activations ORDER BY id DESC LIMIT 1 OFFSET ?1)
    """

  /// Those go first that nobody has to deal with, and then those not seen for longest.
  static let pruneErrors = """
    DELETE FROM errors WHERE fingerprint IN (
      SELECT fingerprint FROM errors e
      ORDER BY EXISTS (SELECT 1 FROM dead d WHERE d.fingerprint = e.fingerprint), last LIMIT ?1)
    """
  static let pruneErrorShares = """
    DELETE FROM error_shares WHERE fingerprint NOT IN (SELECT fingerprint FROM errors)
    """
  static let pruneActions = """
    DELETE FROM actions WHERE state >= 3
      AND number <= (SELECT number FROM actions ORDER BY number DESC LIMIT 1 OFFSET ?1)
    """

  /// Where a step over the keys ends; NULL behind the last one.
  static let keysStepEnd = """
    SELECT max(invocation) FROM (
      SELECT invocation FROM keys WHERE invocation > ?1 ORDER BY invocation LIMIT ?2)
    """

  /// The key of unfinished work stays: whoever takes it up needs its digest.
  static let pruneKeys = """
    DELETE FROM keys WHERE invocation > ?1 AND invocation <= ?2 AND expires <= ?3
      AND NOT EXISTS (SELECT 1 FROM unfinished WHERE unfinished.id = keys.invocation)
    """

  /// What has ended, oldest first, and whether a key of it is still kept.
  static let ended = """
    SELECT f.id, f.state, f.ended, EXISTS (SELECT 1 FROM keys k WHERE k.invocation = f.id),
      (SELECT function FROM accepted a WHERE a.id = f.id)
    FROM finished f WHERE f.id > ?1 AND f.id < ?2 ORDER BY f.id LIMIT ?3
    """

  /// All rows of one that has ended, the one that lists it last.
  static let forget = [
    """
    DELETE FROM failures WHERE (fingerprint, invocation) IN (
      SELECT fingerprint, invocation FROM attempts WHERE invocation = ?1
      UNION ALL SELECT fingerprint, id FROM finished WHERE id = ?1)
    """,
    "DELETE FROM attempts WHERE invocation = ?1", "DELETE FROM logs WHERE invocation = ?1",
    "DELETE FROM dead WHERE id = ?1", "DELETE FROM settled WHERE id = ?1",
    "DELETE FROM duplicates WHERE id = ?1", "DELETE FROM accepted WHERE id = ?1",
    "DELETE FROM finished WHERE id = ?1",
  ]

  /// What an ended one counts for.
  static let weight = """
    SELECT a.function, length(a.data), f.state,
      coalesce(length(f.result_body), 0) + coalesce(length(f.error_message), 0)
    FROM accepted a JOIN finished f ON f.id = a.id WHERE a.id = ?1
    """
  static let functionTotals = "SELECT kind, count, bytes FROM totals WHERE function = ?1"
  /// The oldest of one trigger that ended well and have no key that somebody may repeat.
  static let oldestEnded = """
    SELECT a.id FROM accepted a INDEXED BY accepted_trigger CROSS JOIN finished f ON f.id = a.id
    WHERE a.trigger = ?1 AND a.function = ?2 AND a.id > ?3 AND f.state IN (5, 7)
      AND NOT EXISTS (SELECT 1 FROM keys k WHERE k.invocation = a.id)
    ORDER BY a.id LIMIT ?4
    """
  static let pruneForgottenErrors = """
    DELETE FROM errors WHERE NOT EXISTS (
      SELECT 1 FROM failures f WHERE f.fingerprint = errors.fingerprint);
    DELETE FROM error_shares WHERE fingerprint NOT IN (SELECT fingerprint FROM errors)
    """
  /// A segment of which no invocation is kept.
  static let emptySegment = """
    SELECT number FROM segments s WHERE level >= 0 AND NOT EXISTS (
      SELECT 1 FROM accepted a WHERE a.id BETWEEN s.least AND s.greatest)
    ORDER BY number LIMIT 1
    """

  /// Takes pages that only come if there is space; `probeEnd` gives them back.
  static let probe = "INSERT INTO probe (filler) VALUES (zeroblob(65536))"
  static let probeEnd = "DELETE FROM probe"
}
