// Names a handler that holds its thread: a busy loop or a blocking call in one slice takes the thread
// from all other attempts of the worker, and without a word nobody would know why they are slow. It
// only looks: a slice pays nothing for it, and while nothing runs it sleeps. It stops nobody.
import CCrash
import Glibc
import WorkerProtocol

/// How long a thread must be held to be told, and told again.
package enum HogTimes {
  package static let first = Duration.seconds(1)
  package static let second = Duration.seconds(10)
  package static let then = Duration.seconds(60)

  /// After it was told at `told`.
  package static func next(after told: Duration) -> Duration {
    told < first ? first : told < second ? second : told + then
  }
}

final class HogWatch {
  private static let lookIntervalNanoseconds = 100_000_000
  /// So many looks that find nothing, and it sleeps until there is work.
  private static let idleLooksMax = 10

  private struct Hold {
    let slice: apus_seen_slice
    /// The first look that saw it.
    let since: ContinuousClock.Instant
    var told = Duration.zero
  }

  private let pool = HandlerPool.shared
  private let attempt: (AttemptKey) -> Attempt?
  /// By the place of the thread.
  private var holds: [Int: Hold] = [:]

  private init(_ attempt: @escaping (AttemptKey) -> Attempt?) { self.attempt = attempt }

  /// Once per process: there is one pool.
  static func start(_ attempt: @escaping @Sendable (AttemptKey) -> Attempt?) {
    startThread { HogWatch(attempt).watch() }
  }

  private func watch() {
    let clock = ContinuousClock()
    var last = clock.now
    var idleLooks = 0
    while true {
      if idleLooks >= Self.idleLooksMax {
        pool.waitForWork()
        idleLooks = 0
        last = clock.now
      }
      var pause = timespec(tv_sec: 0, tv_nsec: Self.lookIntervalNanoseconds)
      nanosleep(&pause, nil)
      let now = clock.now
      // The whole process stood still; that says nothing of its handlers.
      if now - last > HogTimes.first { holds = [:] }
      look(now)
      last = now
      idleLooks = holds.isEmpty ? idleLooks + 1 : 0
    }
  }

  private func look(_ now: ContinuousClock.Instant) {
    for (place, thread) in pool.watched.enumerated() {
      holds[place] = hold(of: thread, before: holds[place], now)
    }
  }

  private func hold(
    of thread: apus_watched_thread, before: Hold?, _ now: ContinuousClock.Instant
  ) -> Hold? {
    var thread = thread
    var slice = apus_seen_slice()
    guard apus_watched_slice(&thread, &slice) else { return nil }
    guard var hold = before, hold.slice.began == slice.began else {
      return Hold(slice: slice, since: now)
    }
    let held = now - hold.since
    guard held >= HogTimes.next(after: hold.told) else { return hold }
    // Rounded to the time that was due, so that the next one is not late by as much again.
    while HogTimes.next(after: hold.told) <= held { hold.told = HogTimes.next(after: hold.told) }
    let used = apus_watched_cpu_nanoseconds(&thread) &- slice.began
    tell(slice, held, cpu: .nanoseconds(Int64(clamping: used)))
    return hold
  }

  private func tell(_ slice: apus_seen_slice, _ held: Duration, cpu: Duration) {
    let key = AttemptKey(invocation: slice.invocation, number: slice.attempt)
    // Who waits uses next to nothing; who computes may have to share the cores.
    let word = cpu * 10 >= held ? "busy" : "blocked"
    attempt(key)?.log(
      .warning,
      "holds its thread for \(held.inTenths) s without suspending, \(word) "
        + "(\(cpu.inTenths) s of CPU time); \(pool.threadCount) threads serve all attempts of this "
        + "worker: use async calls, or move blocking work to a thread of its own",
      metadata: [
        NameValue(name: "code", value: "hog"), NameValue(name: "cpuMs", value: "\(cpu.whole)"),
      ], gathers: false)
  }
}

extension Duration {
  /// Milliseconds, rounded down.
  fileprivate var whole: Int64 {
    components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
  }

  fileprivate var inTenths: String { "\(whole / 1_000).\(whole % 1_000 / 100)" }
}
