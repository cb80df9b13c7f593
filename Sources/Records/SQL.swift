// Every statement that runs while the host is up, one a verb. Parameters and columns are in the
// order in which `RecordTables` and `RecordRows` bind and read them.

enum SQL {
  // MARK: Writing

  static let addName = "INSERT INTO names (id, text) VALUES (?1, ?2)"

  static let accept = """
    INSERT INTO accepted (id, function, trigger, queue, source, type, event_id, subject, time,
      content_type, schema, extensions, data, call, key, cause, redrive_of, hops, created, due,
      attempts_max, priority, durability)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
      ?20, ?21, ?22, ?23)
    """

  static let rememberKey = """
    INSERT INTO keys (invocation, high, low, body_high, body_low, expires)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    """

  static let queue = """
    INSERT INTO unfinished (id, function, due, state, attempts, failures, cpu, priority, lane,
      debounce, debounce_since)
    VALUES (?1, ?2, ?3, 1, 0, 0, 0, ?4, ?5, ?6, ?7)
    """

  static let start = """
    UPDATE unfinished SET state = 2, attempts = ?2, started = ?3, worker = ?4, boot = ?5, release = ?6
    WHERE id = ?1
    """

  static let goOn = """
    UPDATE unfinished SET state = ?2, due = ?3, attempts = ?4, failures = ?5, cpu = cpu + ?6,
      started = ?7, worker = NULL, boot = NULL, release = ?8,
      fingerprint = coalesce(?9, fingerprint)
    WHERE id = ?1
    """

  static let release = """
    UPDATE unfinished SET state = iif(state = 4, 1, state), due = ?2 WHERE id = ?1 AND state IN (1, 3, 4)
    """
  static let relane = "UPDATE unfinished SET lane = ?2 WHERE id = ?1"

  /// Accepted and ended within one commit, or with no attempt on disk: all is known.
  static let finishAtOnce = """
    INSERT INTO finished (id, state, reason, ended, due, attempts, failures, cpu_before, cpu,
      started, attempt_ended, outcome, worker, boot, error_code, error_message, error_type,
      result_status, result_headers, result_body, result_whole, replaced_by,
      release, fingerprint, memory)
    VALUES (?1, ?2, ?3, ?4, NULL, coalesce(?5, 0), ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
      ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)
    """

  /// No row is changed where the invocation is not unfinished: such an end is dropped.
  ///
  /// FAIL: SQLite would otherwise keep copies of the pages, lest one of many rows be refused halfway.
  static let finish = """
    INSERT OR FAIL INTO finished (id, state, reason, ended, due, attempts, failures, cpu_before, cpu,
      started, attempt_ended, outcome, worker, boot, error_code, error_message, error_type,
      result_status, result_headers, result_body, result_whole, replaced_by,
      release, fingerprint, memory)
    SELECT id, ?2, ?3, ?4, iif(attempts > 0, due, NULL), coalesce(?5, attempts), failures + ?6,
      cpu + ?7, ?8, coalesce(?9, started), ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
      ?21, coalesce(?22, release), ?23, ?24
    FROM unfinished WHERE id = ?1
    """

  static let leaveUnfinished = "DELETE FROM unfinished WHERE id = ?1"
  static let leaveFresh = "DELETE FROM unfinished WHERE id = ?1 AND attempts = 0"

  static let keepAttempt = """
    INSERT OR REPLACE INTO attempts (invocation, number, boot, worker, started, ended, outcome, cpu,
      error_code, error_message, error_type, release, fingerprint, memory)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
    """

  static let log = """
    INSERT INTO logs (invocation, attempt, sequence, time, level, message, metadata)
    VALUES (?1, ?2, 1 + coalesce(
        (SELECT max(sequence) FROM logs WHERE invocation = ?1 AND attempt = ?2), 0),
      ?3, ?4, ?5, ?6)
    """

  static let listDead = "INSERT OR REPLACE INTO dead (id, fingerprint) VALUES (?1, ?2)"
  static let delistDead = "DELETE FROM dead WHERE id = ?1"
  static let settle = """
    INSERT OR REPLACE INTO settled (id, redriven_as, action) VALUES (?1, ?2, ?3)
    """

  static let addFailure = "INSERT OR IGNORE INTO failures (fingerprint, invocation) VALUES (?1, ?2)"
  static let addError = """
    INSERT INTO errors (fingerprint, code, message, type, failures, first, last, first_release,
      last_release, first_invocation, last_invocation)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT (fingerprint) DO UPDATE SET failures = failures + excluded.failures,
      message = excluded.message, last = max(last, excluded.last),
      last_release = coalesce(excluded.last_release, last_release),
      last_invocation = excluded.last_invocation
    """
  static let addErrorShare = """
    INSERT INTO error_shares (fingerprint, function, failures) VALUES (?1, ?2, ?3)
    ON CONFLICT (fingerprint, function) DO UPDATE SET failures = failures + excluded.failures
    """

  static let addField = """
    INSERT OR IGNORE INTO fields (segment, digest, invocation) VALUES (?1, ?2, ?3)
    """
  /// Level -1 is the one that is not full; its bounds are open.
  static let openSegment = """
    INSERT INTO segments (number, least, greatest, level) VALUES (?1, 0, 9223372036854775806, -1)
    """
  static let sealSegment = """
    UPDATE segments SET least = ?2, greatest = ?3, level = 0 WHERE number = ?1
    """
  static let declareField = "INSERT OR IGNORE INTO declared (path, function) VALUES (?1, ?2)"
  static let forgetDeclared = "DELETE FROM declared"
  static let addTotal = """
    INSERT INTO totals (function, kind, count, bytes) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (function, kind) DO UPDATE SET count = count + excluded.count,
      bytes = bytes + excluded.bytes
    """
  static let writeAction = """
    INSERT OR REPLACE INTO actions (number, verb, subject, by, at, filter, ids, rate, mended, target,
      state, selected, done, refused_count, refused, cursor, ended, note)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
    """

  static let countDuplicate = """
    INSERT INTO duplicates (id, count) VALUES (?1, 1)
    ON CONFLICT (id) DO UPDATE SET count = count + 1
    """

  /// A mark never steps back while its rule stays.
  static let advanceTimer = """
    INSERT INTO timers (name, rule, last) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET
      last = iif(rule = excluded.rule, max(last, excluded.last), excluded.last),
      rule = excluded.rule
    """
  static let miss = "INSERT INTO missed (timer, instant, count, reason) VALUES (?1, ?2, ?3, ?4)"
  static let fire = "INSERT OR REPLACE INTO firings (timer, invocation) VALUES (?1, ?2)"

  static let pruneMissed = """
    DELETE FROM missed WHERE timer = ?1 AND id <= (
      SELECT id FROM missed WHERE timer = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
    """
  static let pruneFirings = """
    DELETE FROM firings WHERE timer = ?1 AND invocation <= (
      SELECT invocation FROM firings WHERE timer = ?1 ORDER BY invocation DESC LIMIT 1 OFFSET ?2)
    """

  static let pause = "INSERT OR REPLACE INTO paused (subject, since) VALUES (?1, ?2)"
  static let resume = "DELETE FROM paused WHERE subject = ?1"

  static let addRelease = """
    INSERT INTO releases (number, created, by, origin, manifests, functions, executable,
      executable_bytes)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    """
  static let activate = "INSERT INTO activations (release, at, by) VALUES (?1, ?2, ?3)"

  // MARK: Reading

  static let name = "SELECT text FROM names WHERE id = ?1"
  static let nameNumber = "SELECT id FROM names WHERE text = ?1"

  /// An acceptance with its key, as `RecordRows.acceptance` reads it.
  private static let acceptance = """
    a.id, a.function, a.trigger, a.queue, a.source, a.type, a.event_id, a.subject, a.time,
    a.content_type, a.schema, a.extensions, a.data, a.call, a.key, a.cause, a.redrive_of, a.hops,
    a.created, a.due, a.attempts_max, a.priority, a.durability, k.high, k.low, k.body_high,
    k.body_low, k.expires
    """

  /// An unfinished invocation, as `RecordRows.waiting` reads it.
  private static let unfinished = """
    SELECT u.state, u.due, u.attempts, u.failures, u.priority, u.lane, u.debounce, u.debounce_since,
      \(acceptance)
    FROM unfinished u
    """
  private static let withAcceptance = """
    CROSS JOIN accepted a ON a.id = u.id LEFT JOIN keys k ON k.invocation = u.id
    """

  private static let line = """
    \(unfinished) INDEXED BY unfinished_line \(withAcceptance)
    WHERE u.function = ?1 AND u.priority = ?2 AND u.state IN (1, 3)
    """

  /// The rest of a line after a place is two walks of the index: what is due at that very moment,
  /// and what is due later.
  ///
  /// As one comparison of pairs SQLite would walk the whole moment.
  static let waitingThen = "\(line) AND u.due = ?3 AND u.id > ?4 ORDER BY u.id LIMIT ?5"
  static let waitingLater = "\(line) AND u.due > ?3 ORDER BY u.due, u.id LIMIT ?4"

  private static let lane = """
    \(unfinished) INDEXED BY unfinished_lane \(withAcceptance)
    WHERE u.function = ?1 AND u.lane = ?2 AND u.lane IS NOT NULL AND u.state IN (1, 3)
    """
  static let laneThen = "\(lane) AND u.due = ?3 AND u.id >= ?4 ORDER BY u.id LIMIT ?5"
  static let laneLater = "\(lane) AND u.due > ?3 AND u.due <= ?4 ORDER BY u.due, u.id LIMIT ?5"

  static let aheadInLine = """
    SELECT count(*) FROM unfinished INDEXED BY unfinished_line
    WHERE function = ?1 AND priority = ?2 AND state IN (1, 3)
      AND (due < ?3 OR due = ?3 AND id < ?4)
    """
  static let aheadInLane = """
    SELECT count(*) FROM unfinished INDEXED BY unfinished_lane
    WHERE function = ?1 AND lane = ?2 AND lane IS NOT NULL AND state IN (1, 3)
      AND (due < ?3 OR due = ?3 AND id < ?4)
    """

  static let begun = """
    \(unfinished) \(withAcceptance)
    WHERE u.function = ?1 AND u.id > ?2 AND (u.attempts > 0 OR u.state = 4) ORDER BY u.id LIMIT ?3
    """

  private static let result = """
    f.error_code, f.error_message, f.error_type, f.result_status, f.result_headers,
    f.result_body, f.result_whole
    """

  static let replay = "SELECT f.state, f.reason, \(result) FROM finished f WHERE f.id = ?1"

  /// One that waits shows what its latest attempt failed of.
  static let record = """
    SELECT \(acceptance),
      u.state, u.due, u.attempts, u.failures, u.cpu, u.started, u.priority, u.lane, u.debounce,
      u.debounce_since, u.release, u.worker, u.boot,
      f.state, f.reason, f.ended, f.due, f.attempts, f.failures, f.cpu_before, f.cpu, f.started,
      f.attempt_ended, f.outcome, f.worker, f.boot, f.release, f.memory,
      coalesce(f.error_code, t.error_code), coalesce(f.error_message, t.error_message),
      coalesce(f.error_type, t.error_type), f.result_status, f.result_headers, f.result_body,
      f.result_whole,
      d.count, s.redriven_as, f.replaced_by, s.id IS NOT NULL, s.action,
      coalesce(f.fingerprint, u.fingerprint)
    FROM accepted a LEFT JOIN keys k ON k.invocation = a.id
      LEFT JOIN unfinished u ON u.id = a.id LEFT JOIN finished f ON f.id = a.id
      LEFT JOIN duplicates d ON d.id = a.id LEFT JOIN settled s ON s.id = a.id
      LEFT JOIN attempts t ON t.invocation = u.id AND t.number = u.attempts
    WHERE a.id = ?1
    """

  static let attempts = """
    SELECT number, boot, worker, started, ended, outcome, cpu, error_code, error_message,
      error_type, release, memory
    FROM attempts WHERE invocation = ?1 ORDER BY number LIMIT ?2
    """

  /// The latest lines, so that a long story still shows how it ended.
  static let logs = """
    SELECT attempt, time, level, message, metadata FROM logs
    WHERE invocation = ?1 ORDER BY attempt DESC, sequence DESC LIMIT ?2
    """

  static let emitted = "SELECT id FROM accepted WHERE cause = ?1 ORDER BY id LIMIT ?2"

  static let missed = """
    SELECT instant, count, reason FROM missed WHERE timer = ?1 ORDER BY id DESC LIMIT ?2
    """
  static let firings = """
    SELECT invocation FROM firings WHERE timer = ?1 ORDER BY invocation DESC LIMIT ?2
    """

  private static let releaseLine = """
    SELECT r.number, r.created, r.by, r.origin, r.functions, r.executable, r.executable_bytes,
      (SELECT at FROM activations a WHERE a.release = r.number ORDER BY a.id DESC LIMIT 1),
      r.number = (SELECT release FROM activations ORDER BY id DESC LIMIT 1)
    """
  /// Newest first, without the manifests.
  static let releases = """
    \(releaseLine), '{}' FROM releases r WHERE r.number < ?1 ORDER BY r.number DESC LIMIT ?2
    """
  static let oneRelease = "\(releaseLine), r.manifests FROM releases r WHERE r.number = ?1"
  static let liveRelease = """
    \(releaseLine), r.manifests FROM releases r
    WHERE r.number = (SELECT release FROM activations ORDER BY id DESC LIMIT 1)
    """
  static let lastStart = """
    \(releaseLine), r.manifests FROM releases r
    WHERE r.number = (SELECT max(number) FROM releases WHERE origin = 'start')
    """

  /// What a function would do next, and what was accepted last: the oldest events are the likeliest
  /// to be of another shape than the newest.
  static let sampleWaiting = """
    SELECT id FROM (
      SELECT id FROM unfinished WHERE function = ?1 AND state IN (1, 3)
      ORDER BY priority, due, id LIMIT ?2)
    UNION
    SELECT id FROM (
      SELECT id FROM unfinished WHERE function = ?1 AND state IN (1, 3)
      ORDER BY priority DESC, due DESC, id DESC LIMIT ?2)
    """
  // CROSS: history is long and the open work is short, and SQLite does not know that.

  /// Waiting of one function, by the queue it came through; a queue of names as in `accepted`.
  static let countQueues = """
    SELECT a.queue, count(*) FROM unfinished u CROSS JOIN accepted a ON a.id = u.id
    WHERE u.function = ?1 AND u.state IN (1, 3) GROUP BY a.queue
    """

  static let queueLoads = """
    SELECT a.queue, count(*), sum(u.state = 4), min(u.id)
    FROM unfinished u CROSS JOIN accepted a ON a.id = u.id
    WHERE a.queue IS NOT NULL GROUP BY a.queue
    """
  static let countUnfinished = """
    SELECT function, state, count(*), min(due) FROM unfinished GROUP BY function, state
    """
  static let countDead = """
    SELECT a.function, count(*) FROM dead d CROSS JOIN accepted a ON a.id = d.id GROUP BY a.function
    """
}
