// A store in a folder of its own, and its news as something a test can wait for.
import Foundation
import Glibc
import Invocations
import Testing

@testable import Records

/// Gone with its last reference.
final class Folder: Sendable {
  let path: String

  init() throws {
    let parent = FileManager.default.temporaryDirectory.path
    var template = Array("\(parent)/apus-records-XXXXXX".utf8CString)
    path = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    let removal = try? spawn("/bin/rm", ["-rf", path])
    removal?.wait()
  }
}

struct Child {
  let pid: pid_t
  /// What it writes, to be read until it ends.
  let output: Int32

  func wait() {
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    close(output)
  }
}

func spawn(_ executable: String, _ arguments: [String]) throws -> Child {
  var ends: [Int32] = [0, 0]
  // A pair of sockets, because pipes that are closed on exec cannot be had from Swift here.
  let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
  try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
  defer { posix_spawn_file_actions_destroy(&actions) }
  var words = ([executable] + arguments).map { strdup($0) }
  words.append(nil)
  defer { for word in words { free(word) } }
  var pid: pid_t = 0
  let code = posix_spawn(&pid, executable, &actions, nil, words, nil)
  close(ends[1])
  try #require(code == 0, "posix_spawn of \(executable): \(String(cString: strerror(code)))")
  return Child(pid: pid, output: ends[0])
}

/// Everything the store said, in order.
final class NewsBox: Sendable {
  private let heard = Monitor<[RecordNews]>([])

  var all: [RecordNews] { heard.withLock { $0 } }

  func put(_ news: RecordNews) { heard.change(wakingAll: true) { $0.append(news) } }

  /// The first match, waited for; five minutes are for machines that are busy with other things.
  func first<Match: Sendable>(
    _ what: String, since known: Int = 0, where match: @Sendable (RecordNews) -> Match?
  ) throws -> Match {
    let deadline = MonotonicTime.now + 300_000_000_000
    let found = heard.wait(until: deadline) { news in
      news.dropFirst(known).lazy.compactMap(match).first
    }
    return try #require(found, "no \(what) within five minutes")
  }

  func waitDurable(_ number: UInt64) throws {
    _ = try first("durable(upTo: \(number))") { news in
      if case .durable(let upTo) = news, upTo >= number { true } else { nil }
    }
  }

  var durableNumbers: [UInt64] {
    all.compactMap { if case .durable(let upTo) = $0 { upTo } else { nil } }
  }

  var refused: [InvocationID] {
    all.flatMap { news -> [InvocationID] in
      if case .stalled(_, let refused) = news { refused } else { [] }
    }
  }
}

final class TestStore: Sendable {
  let folder: Folder
  let news: NewsBox
  let store: RecordStore
  let recovery: Recovery

  init(
    in folder: Folder? = nil, tuning: RecordTuning = .prompt, durability: Durability = .os
  ) throws {
    self.folder = try folder ?? Folder()
    let news = NewsBox()
    self.news = news
    (store, recovery) = try RecordStore.open(
      directory: self.folder.path, durability: durability, tuning: tuning
    ) { news.put($0) }
  }

  deinit { store.close() }

  var file: String { "\(folder.path)/apus.db" }

  func write(_ changes: RecordChange...) throws {
    try news.waitDurable(store.append(changes))
  }

  /// What a second connection sees in the file.
  func number(_ sql: String) throws -> Int64? { try fileNumber(sql, at: file) }

  func show(_ id: InvocationID) throws -> InvocationRecord? {
    try answer { store.show(id, then: $0) }
  }

  func list(_ filter: InvocationFilter = InvocationFilter()) throws -> Page<InvocationRecord> {
    try answer { store.list(filter, then: $0) }
  }

  func waiting(
    _ function: String, after: LinePlace? = nil, limit: Int
  ) throws -> (records: [WaitingRecord], hasMore: Bool) {
    let known = news.all.count
    let read = RecordRead.waiting(
      function: function, priority: .normal, after: after, limit: limit)
    store.read(read)
    return try news.first("waiting work of \(function)", since: known) {
      guard case .rows(of: read, let records, let hasMore) = $0 else { return nil }
      return (records, hasMore)
    }
  }
}

func fileNumber(_ sql: String, at path: String) throws -> Int64? {
  let connection = try Connection(path: path, readOnly: true)
  return try connection.use { () throws(SQLiteFailure) in try connection.number(sql) }
}

/// Waits for what an inspection answers.
func answer<Value: Sendable>(
  _ ask: (@escaping RecordStore.Answer<Value>) -> Void
) throws -> Value {
  let box = Monitor<Result<Value, RecordFault>?>(nil)
  ask { result in box.change { $0 = result } }
  let result = box.wait(until: MonotonicTime.now + 300_000_000_000) { $0 }
  return try #require(result, "no answer within five minutes").get()
}

/// Turns over until it holds: for what the store does without saying so.
func eventually(_ what: String, _ holds: () throws -> Bool) throws {
  let deadline = MonotonicTime.now + 300_000_000_000
  while try !holds() {
    try #require(MonotonicTime.now < deadline, "\(what) did not come true within five minutes")
    sched_yield()
  }
}

// MARK: Values

let noon = WallTime(milliseconds: 1_800_000_000_000)

func id(_ number: Int64) -> InvocationID {
  InvocationID(rawValue: InvocationID.first(at: noon).rawValue + number)
}

func accepted(
  _ number: Int64, function: String = "charge", due: WallTime = noon, data: [UInt8] = [123, 125],
  key: IdempotencyKey? = nil, cause: InvocationID? = nil, trigger: String = "queue:payments",
  queue: String? = "payments"
) -> Acceptance {
  Acceptance(
    id: id(number), function: function, trigger: trigger, queue: queue,
    event: Event(id: "e\(number)", source: "/queues/payments", type: "apus.message", data: data),
    key: key, cause: cause, createdAt: noon, dueAt: due, attemptsMax: 3)
}

func started(_ number: Int64, attempt: Int = 1) -> RecordChange {
  .start(AttemptStart(id: id(number), attempt: attempt, boot: 1, worker: 4711, at: noon))
}

func attempt(
  _ number: Int64, _ attempt: Int = 1, _ outcome: AttemptRecord.Outcome = .succeeded,
  error: ErrorRecord? = nil
) -> AttemptRecord {
  AttemptRecord(
    invocation: id(number), number: attempt, boot: 1, worker: 4711, startedAt: noon,
    endedAt: noon + .seconds(1), outcome: outcome, error: error, cpuMicroseconds: 40)
}

func succeeded(
  _ number: Int64, attempts: Int = 1, emitted: [Acceptance] = []
) -> Ending {
  Ending(
    id: id(number), function: "charge", state: .succeeded, endedAt: noon + .seconds(1),
    attempt: attempt(number, attempts),
    result: StoredResult(status: 200, headers: [], body: Array("done".utf8)), emitted: emitted)
}

func died(_ number: Int64, message: String = "no such card") -> Ending {
  let error = ErrorRecord(code: "H001", message: message, type: "CardError")
  return Ending(
    id: id(number), function: "charge", state: .dead, reason: .rejected,
    endedAt: noon + .seconds(1), attempt: attempt(number, 1, .rejected, error: error),
    error: error)
}

extension RecordTuning {
  /// Starts are written with the next commit, so that a test need not wait for them.
  static var prompt: RecordTuning {
    var tuning = RecordTuning()
    tuning.startHeld = 0
    return tuning
  }
}
