// What is known and decided of one batch while its handler runs: which of its attempts are open,
// what was answered for each, and what becomes of them. How they run is in Batch+Run.swift.
import WorkerProtocol

struct UnansweredEvent: Error, CustomStringConvertible {
  var description: String { "the handler returned without an answer for this event" }
}

final class Batch: Sendable {
  /// Emitted data of the whole batch, beside the limits of each attempt.
  static let emittedBytesMax = 64 << 20

  struct State: Sendable {
    var answers: [AttemptKey: Result<Void, any Error>] = [:]
    /// Answered before the handler ran: withdrawn or undecodable.
    var gone: Set<AttemptKey> = []
    /// The host asked for their end; none that is gone.
    var cancelled: Set<AttemptKey> = []
    var emittedBytes = 0
    var task: Task<Void, Never>?
    var hasBegun = false
    /// The handler has returned: its context has no effect any more.
    var isOver = false
  }

  /// In the order of the host.
  let items: [Attempt]
  private let places: [AttemptKey: Int]
  let state = Locked(State())

  /// `items` are 1 to `StartBatch.itemsMax`, each with a key of its own.
  init(_ items: [Attempt]) {
    self.items = items
    places = Dictionary(
      items.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The earliest, should they differ.
  var deadline: ContinuousClock.Instant { items.map(\.deadline).min() ?? .now }

  /// Those that are not answered yet.
  var open: [Attempt] {
    let gone = state.withLock { $0.gone }
    return gone.isEmpty ? items : items.filter { !gone.contains($0.key) }
  }

  /// Whose log takes the lines of the batch.
  var first: Attempt {
    let gone = state.withLock { $0.gone }
    return items.first { !gone.contains($0.key) } ?? items[0]
  }

  func item(_ key: AttemptKey) -> Attempt? { places[key].map { items[$0] } }

  /// Nil when it is not of this batch, or the batch is over.
  func openItem(_ key: AttemptKey) -> Attempt? {
    guard !state.withLock({ $0.isOver || $0.gone.contains(key) }) else { return nil }
    return item(key)
  }

  // MARK: what the handler says

  /// The first answer stands.
  func answer(_ key: AttemptKey, _ answer: Result<Void, any Error>) {
    guard let item = item(key) else {
      return first.log(.warning, "an answer for an event of another batch was ignored")
    }
    let isSecond = state.withLock { state in
      guard !state.isOver, !state.gone.contains(key) else { return false }
      guard state.answers[key] == nil else { return true }
      state.answers[key] = answer
      return false
    }
    if isSecond { item.log(.warning, "a second answer for this event was ignored") }
  }

  /// Counts what is emitted; throws past the limit.
  func admit(_ bytes: [UInt8]) throws(EmitFault) -> [UInt8] {
    let fits = state.withLock { state in
      state.emittedBytes += bytes.count
      return state.emittedBytes <= Self.emittedBytesMax
    }
    guard fits else {
      throw EmitFault(description: "one batch may emit \(Self.emittedBytesMax) bytes")
    }
    return bytes
  }

  /// Nothing that the handler says from here on counts.
  func close() {
    state.withLock { state in
      state.isOver = true
      state.task = nil
    }
  }

  // MARK: what becomes of an attempt

  /// Why it failed, or nil when it is done; `error` is what the handler threw.
  func failure(of item: Attempt, after error: (any Error)?) -> (any Error)? {
    let answer = state.withLock { $0.answers[item.key] }
    if error == nil, case .success? = answer { return nil }
    if item.state.withLock({ $0.isCancelled }) { return CancellationError() }
    if let error { return error }
    guard case .failure(let failure)? = answer else { return UnansweredEvent() }
    return failure
  }
}
