// The tables, as numbered migrations that are never edited: a new one is added at the end.
// `Docs/Schema.md` says what each column means.

enum Schema {
  /// "APUS" in the file's header, so that nobody takes another file for a store.
  static let applicationID: Int64 = 0x4150_5553

  /// The schema this program writes; larger numbers in a file are from the future.
  static var version: Int { migrations.count }

  static let migrations = [first, flow, releases, durability, questions]

  /// The first with fingerprints and fields.
  static let questionsVersion = 5

  /// Names are typeless columns: the number of a row in `names`, or the text itself.
  private static let first = """
    CREATE TABLE host (
      boot INTEGER NOT NULL, clean INTEGER NOT NULL,
      digest_high INTEGER NOT NULL, digest_low INTEGER NOT NULL
    );

    CREATE TABLE names (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

    CREATE TABLE accepted (
      id INTEGER PRIMARY KEY,
      function NOT NULL, trigger NOT NULL, queue,
      source NOT NULL, type NOT NULL, event_id TEXT NOT NULL, subject TEXT, time TEXT,
      content_type, schema, extensions TEXT, data BLOB NOT NULL,
      call TEXT, key TEXT, cause INTEGER, redrive_of INTEGER, hops INTEGER NOT NULL,
      created INTEGER NOT NULL, due INTEGER NOT NULL, attempts_max INTEGER NOT NULL
    );
    CREATE INDEX accepted_cause ON accepted (cause) WHERE cause IS NOT NULL;

    CREATE TABLE keys (
      invocation INTEGER PRIMARY KEY,
      high INTEGER NOT NULL, low INTEGER NOT NULL, body_high INTEGER, body_low INTEGER,
      expires INTEGER NOT NULL
    );

    CREATE TABLE unfinished (
      id INTEGER PRIMARY KEY, function NOT NULL, due INTEGER NOT NULL, state INTEGER NOT NULL,
      attempts INTEGER NOT NULL, failures INTEGER NOT NULL, cpu INTEGER NOT NULL,
      started INTEGER, worker INTEGER, boot INTEGER
    );
    CREATE INDEX unfinished_line ON unfinished (function, due) WHERE state IN (1, 3);

    CREATE TABLE finished (
      id INTEGER PRIMARY KEY, state INTEGER NOT NULL, reason INTEGER, ended INTEGER NOT NULL,
      due INTEGER, attempts INTEGER NOT NULL, failures INTEGER NOT NULL,
      cpu_before INTEGER NOT NULL, cpu INTEGER NOT NULL,
      started INTEGER, attempt_ended INTEGER, outcome INTEGER, worker INTEGER, boot INTEGER,
      error_code TEXT, error_message TEXT, error_type TEXT,
      result_status INTEGER, result_headers TEXT, result_body BLOB, result_whole INTEGER
    );

    CREATE TABLE attempts (
      invocation INTEGER NOT NULL, number INTEGER NOT NULL, boot INTEGER, worker INTEGER,
      started INTEGER NOT NULL, ended INTEGER NOT NULL, outcome INTEGER NOT NULL,
      cpu INTEGER NOT NULL, error_code TEXT, error_message TEXT, error_type TEXT,
      PRIMARY KEY (invocation, number)
    ) WITHOUT ROWID;

    CREATE TABLE logs (
      invocation INTEGER NOT NULL, attempt INTEGER NOT NULL, sequence INTEGER NOT NULL,
      time INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL, metadata TEXT,
      PRIMARY KEY (invocation, attempt, sequence)
    ) WITHOUT ROWID;

    CREATE TABLE dead (id INTEGER PRIMARY KEY);
    CREATE TABLE settled (id INTEGER PRIMARY KEY, redriven_as INTEGER);
    CREATE TABLE duplicates (id INTEGER PRIMARY KEY, count INTEGER NOT NULL);

    CREATE TABLE timers (
      name TEXT PRIMARY KEY, rule TEXT NOT NULL, last INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE missed (
      id INTEGER PRIMARY KEY, timer TEXT NOT NULL, instant INTEGER NOT NULL,
      count INTEGER NOT NULL, reason TEXT NOT NULL
    );
    CREATE INDEX missed_timer ON missed (timer, id);
    CREATE TABLE firings (
      timer TEXT NOT NULL, invocation INTEGER NOT NULL, PRIMARY KEY (timer, invocation)
    ) WITHOUT ROWID;

    CREATE TABLE paused (subject TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE probe (filler BLOB);
    """

  /// Where work stands among the other work of its function: priority, lane, quiet time.
  private static let flow = """
    ALTER TABLE accepted ADD COLUMN priority INTEGER;
    ALTER TABLE unfinished ADD COLUMN priority INTEGER NOT NULL DEFAULT 2;
    ALTER TABLE unfinished ADD COLUMN lane INTEGER;
    ALTER TABLE unfinished ADD COLUMN debounce INTEGER;
    ALTER TABLE unfinished ADD COLUMN debounce_since INTEGER;
    ALTER TABLE finished ADD COLUMN replaced_by INTEGER;
    DROP INDEX unfinished_line;
    CREATE INDEX unfinished_line ON unfinished (function, priority, due) WHERE state IN (1, 3);
    CREATE INDEX unfinished_lane ON unfinished (function, lane, due)
      WHERE lane IS NOT NULL AND state IN (1, 3);
    CREATE INDEX unfinished_debounce ON unfinished (id) WHERE debounce IS NOT NULL;
    """

  /// What was deployed, and what was live when: the last activation says what is.
  private static let releases = """
    CREATE TABLE releases (
      number INTEGER PRIMARY KEY, created INTEGER NOT NULL, by TEXT NOT NULL, origin TEXT NOT NULL,
      manifests TEXT NOT NULL, functions INTEGER NOT NULL,
      executable TEXT NOT NULL, executable_bytes INTEGER NOT NULL
    );
    CREATE INDEX releases_origin ON releases (origin, number);
    CREATE TABLE activations (
      id INTEGER PRIMARY KEY, release INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL
    );
    CREATE INDEX activations_release ON activations (release, id);
    ALTER TABLE unfinished ADD COLUMN release INTEGER;
    ALTER TABLE finished ADD COLUMN release INTEGER;
    ALTER TABLE attempts ADD COLUMN release INTEGER;
    """

  /// What an acknowledgement was worth; NULL is the disk's promise.
  private static let durability = "ALTER TABLE accepted ADD COLUMN durability INTEGER;"

  /// What the log is asked: errors by fingerprint, what ended badly, what came through which trigger,
  /// values of events, who did what, and how much there is of everything.
  private static let questions = """
    ALTER TABLE unfinished ADD COLUMN fingerprint INTEGER;
    CREATE INDEX unfinished_failing ON unfinished (fingerprint) WHERE fingerprint IS NOT NULL;
    ALTER TABLE finished ADD COLUMN fingerprint INTEGER;
    ALTER TABLE finished ADD COLUMN memory INTEGER;
    CREATE INDEX finished_badly ON finished (state) WHERE state <> 5;
    ALTER TABLE attempts ADD COLUMN fingerprint INTEGER;
    ALTER TABLE attempts ADD COLUMN memory INTEGER;
    ALTER TABLE dead ADD COLUMN fingerprint INTEGER;
    CREATE INDEX dead_fingerprint ON dead (fingerprint);
    ALTER TABLE settled ADD COLUMN action INTEGER;
    CREATE INDEX accepted_trigger ON accepted (trigger, function);

    CREATE TABLE errors (
      fingerprint INTEGER PRIMARY KEY, code TEXT NOT NULL, message TEXT NOT NULL,
      type TEXT NOT NULL, failures INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
      first_release INTEGER, last_release INTEGER,
      first_invocation INTEGER NOT NULL, last_invocation INTEGER NOT NULL
    );
    CREATE INDEX errors_last ON errors (last);
    CREATE TABLE error_shares (
      fingerprint INTEGER NOT NULL, function NOT NULL, failures INTEGER NOT NULL,
      PRIMARY KEY (fingerprint, function)
    ) WITHOUT ROWID;
    CREATE TABLE failures (
      fingerprint INTEGER NOT NULL, invocation INTEGER NOT NULL,
      PRIMARY KEY (fingerprint, invocation)
    ) WITHOUT ROWID;

    CREATE TABLE fields (
      segment INTEGER NOT NULL, digest INTEGER NOT NULL, invocation INTEGER NOT NULL,
      PRIMARY KEY (segment, digest, invocation)
    ) WITHOUT ROWID;
    CREATE TABLE segments (
      number INTEGER PRIMARY KEY, least INTEGER NOT NULL, greatest INTEGER NOT NULL,
      level INTEGER NOT NULL
    );
    CREATE TABLE declared (
      path TEXT NOT NULL, function NOT NULL, PRIMARY KEY (path, function)
    ) WITHOUT ROWID;

    CREATE TABLE totals (
      function NOT NULL, kind INTEGER NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL,
      PRIMARY KEY (function, kind)
    ) WITHOUT ROWID;

    CREATE TABLE actions (
      number INTEGER PRIMARY KEY, verb TEXT NOT NULL, subject TEXT NOT NULL, by TEXT NOT NULL,
      at INTEGER NOT NULL, filter TEXT, ids TEXT, rate TEXT, mended TEXT, target TEXT,
      state INTEGER NOT NULL, selected INTEGER NOT NULL, done INTEGER NOT NULL,
      refused_count INTEGER NOT NULL, refused TEXT, cursor INTEGER, ended INTEGER, note TEXT
    );
    CREATE INDEX actions_open ON actions (number) WHERE state < 3;
    INSERT INTO totals (function, kind, count, bytes)
      SELECT function, 0, count(*), sum(length(data)) FROM accepted GROUP BY function;
    INSERT INTO totals (function, kind, count, bytes)
      SELECT a.function, f.state, count(*),
        sum(coalesce(length(f.result_body), 0) + coalesce(length(f.error_message), 0))
      FROM finished f JOIN accepted a ON a.id = f.id GROUP BY a.function, f.state;
    """
}
