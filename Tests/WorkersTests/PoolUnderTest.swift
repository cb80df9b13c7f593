// A pool with scripted workers, and its news in order: a test awaits what it expects, and nothing
// waits for time to pass.
import EventLoop
import Glibc
import Invocations
import Workers

@LoopActor
final class PoolUnderTest {
  let pool: ProcessWorkerPool
  private let mailbox: Mailbox<WorkerNews>
  let printed = Mailbox<String>()

  init(_ settings: WorkerSettings) {
    let mailbox = Mailbox<WorkerNews>()
    self.mailbox = mailbox
    pool = ProcessWorkerPool(settings: settings) { mailbox.put($0) }
    let printed = printed
    pool.printed = { _, line in printed.put(line) }
  }

  func launch(
    _ functions: [FunctionDeclaration] = [scripted()], number: Int = 1,
    executable: String = scriptedWorkerPath
  ) async -> Result<WorkerRoster, WorkerFault> {
    let release = WorkerRelease(executable: executable, functions: functions, number: number)
    return await withCheckedContinuation { continuation in
      pool.launch(release) { continuation.resume(returning: $0) }
    }
  }

  func stop(giveBackAfter grace: Duration = .seconds(5)) async {
    await withCheckedContinuation { continuation in
      pool.stop(giveBackAfter: grace) { continuation.resume() }
    }
  }

  @discardableResult
  func start(
    _ id: Int64, _ handler: String, attempt: Int = 1, data: String = "{}",
    limits: FunctionLimits = FunctionLimits()
  ) -> Int32 {
    pool.start(
      assignment(id, handler, attempt: attempt, data: Array(data.utf8), limits: limits))
  }

  /// The oldest news that fits and was not awaited before.
  func first<Found>(_ fits: (WorkerNews) -> Found?) async throws -> Found {
    try await mailbox.first(fits)
  }

  /// News that arrived and nobody awaited.
  var unread: [WorkerNews] { mailbox.unread }

  /// Throws when its worker was lost instead, or a test would wait for what cannot come.
  func answer(to id: Int64) async throws -> AttemptAnswer {
    let answer: Result<AttemptAnswer, Lost> = try await first { news in
      switch news {
      case .answered(let name, let answer) where name.id.rawValue == id: .success(answer)
      case .lost(let lost) where (lost.culprits + lost.others).contains { $0.id.rawValue == id }:
        .failure(Lost(how: lost.how))
      default: nil
      }
    }
    return try answer.get()
  }

  struct Lost: Error {
    let how: String
  }

  /// The JSON text of a success; anything else is given as it is described.
  func text(of id: Int64) async throws -> String {
    let answer = try await answer(to: id)
    guard case .succeeded(.json(let bytes), _, _, _) = answer else { return "\(answer)" }
    return String(decoding: bytes, as: UTF8.self)
  }

  func lost() async throws -> LostWorker {
    try await first { if case .lost(let lost) = $0 { lost } else { nil } }
  }

  func started() async throws -> Int32 {
    try await first { if case .workerStarted(let pid, _) = $0 { pid } else { nil } }
  }

  func ended() async throws -> (pid: Int32, how: String, expected: Bool) {
    try await first {
      if case .workerEnded(let pid, let how, let expected) = $0 {
        (pid, how, expected)
      } else {
        nil
      }
    }
  }

  func roomAgain() async throws {
    try await first { if case .roomAgain = $0 { () } else { nil } }
  }

  /// Room after the news that there is some; a pool with room answers at once.
  func room() async throws {
    while !pool.hasRoom(for: scripted()) { try await roomAgain() }
  }
}

/// Things that happen, for one reader who awaits them.
@LoopActor
final class Mailbox<Item> {
  private(set) var unread: [Item] = []
  private var reader: CheckedContinuation<Void, Never>?

  nonisolated init() {}

  func put(_ item: Item) {
    unread.append(item)
    wake()
  }

  private func wake() {
    reader?.resume()
    reader = nil
  }

  /// Throws when the test is cancelled, as its time limit does.
  func first<Found>(_ fits: (Item) -> Found?) async throws -> Found {
    var place = 0
    while true {
      while place < unread.count {
        if let found = fits(unread[place]) {
          unread.remove(at: place)
          return found
        }
        place += 1
      }
      await withTaskCancellationHandler {
        await withCheckedContinuation { reader = $0 }
      } onCancel: {
        EventLoop.shared.submit { self.wake() }
      }
      try Task.checkCancellation()
    }
  }
}

/// A pool for the time of `body`, stopped in any case.
@LoopActor
func withPool(
  _ adjust: (inout WorkerSettings) -> Void = { _ in },
  _ body: @LoopActor (PoolUnderTest) async throws -> Void
) async throws {
  var settings = WorkerSettings()
  // Of a hundred pools at once, slowed down by a sanitizer, a healthy worker may be silent for longer
  // than a host would bear.
  settings.pingTimeout = .seconds(600)
  adjust(&settings)
  let under = PoolUnderTest(settings)
  do {
    try await body(under)
  } catch {
    await under.stop(giveBackAfter: .zero)
    throw error
  }
  await under.stop(giveBackAfter: .zero)
}

let scriptedWorkerPath = path(beside: "ScriptedWorker")
/// A worker of Apus.
let crashingWorkerPath = path(beside: "CrashingWorker")

/// The executable beside the one that runs the tests.
private func path(beside name: String) -> String {
  var path = [CChar](repeating: 0, count: 4096)
  let count = readlink("/proc/self/exe", &path, path.count)
  let own = String(decoding: path[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  return own[...(own.lastIndex(of: "/") ?? own.startIndex)] + name
}

func scripted(
  _ name: String = "scripted", handler: String = "echo", environment: [String: String] = [:],
  secrets: [String] = [], worker: WorkerKind = .shared, timeout: Duration = .seconds(30),
  limits: FunctionLimits = FunctionLimits()
) -> FunctionDeclaration {
  FunctionDeclaration(
    name: name, handler: handler, triggers: [.queue("scripted")], timeout: timeout,
    limits: limits, environment: environment, secrets: secrets, worker: worker)
}

func assignment(
  _ id: Int64, _ handler: String, of function: String = "scripted", attempt: Int = 1,
  data: [UInt8] = Array("{}".utf8), remaining: Duration = .seconds(30),
  limits: FunctionLimits = FunctionLimits()
) -> Assignment {
  let created = WallTime(milliseconds: 1_700_000_000_123)
  let acceptance = Acceptance(
    id: InvocationID(rawValue: id), function: function, trigger: "queue:scripted",
    event: Event(
      id: "e\(id)", source: "/tests", type: "test",
      extensions: [.init(name: "level", value: .integer(7))], data: data),
    call: HTTPCall(method: "POST", path: "/orders", query: nil, parameters: [], headers: []),
    cause: InvocationID(rawValue: 77), createdAt: created, dueAt: created, attemptsMax: 3)
  return Assignment(
    name: name(id, attempt), declared: Shared(scripted(function, handler: handler, limits: limits)),
    attemptsMax: 3, failures: 1, accepted: Shared(acceptance),
    remainingNanoseconds: remaining.nanoseconds)
}

extension WorkerPool {
  func hasRoom(for function: FunctionDeclaration) -> Bool { hasRoom(for: Shared(function)) }
}

func name(_ id: Int64, _ attempt: Int = 1) -> AttemptName {
  AttemptName(id: InvocationID(rawValue: id), attempt: attempt)
}
