// How a test house goes on: step by step until nothing can happen without time passing, and from
// instant to instant when time passes.

import Dispatching
import Invocations
import Schedules

extension TestHost {
  /// The house's time, RFC 3339.
  public var now: String { CivilTime.formatRFC3339(milliseconds: clocks.wall.milliseconds) }

  /// Lets everything happen that needs no time to pass.
  ///
  /// When it returns, no handler runs and no invocation is due: what is unfinished waits for its
  /// backoff, its delay or its timer.
  ///
  /// - Throws: ``TestFault/handlerHangs(_:)`` when a handler does not return, and
  ///   ``TestFault/tooMuch(_:)`` when there is no end to it.
  public func settle() async throws { try await step(until: { false }) }

  /// Lets time pass.
  ///
  /// Time stops at each instant at which something is due, a retry, a delayed event or a timer, and
  /// the house settles there before it goes on. So what fires at one instant has had its effects before
  /// the next.
  ///
  /// - Parameter duration: How far; it is added to ``now``.
  /// - Throws: As ``settle()``, and ``TestFault/tooMuch(_:)`` past ``TestLimits/instants``.
  public func advance(by duration: Duration) async throws {
    let end = clocks.monotonic.addingReportingOverflow(duration.nanoseconds)
    try await advance(toMonotonic: end.overflow ? .max : end.partialValue)
  }

  /// Lets time pass up to a time, as ``advance(by:)`` does.
  ///
  /// - Parameter time: RFC 3339; a time that is past only settles.
  /// - Throws: As ``advance(by:)``, and ``TestFault/badTime(_:)``.
  public func advance(to time: String) async throws {
    try await advance(toMonotonic: clocks.monotonic(at: try Self.time(time)))
  }

  private func advance(toMonotonic end: UInt64) async throws {
    let before = workers.started
    var instants = 0
    try await settle()
    while let next = nextInstant, next <= end {
      instants += 1
      guard instants <= limits.instants else {
        throw TestFault.tooMuch(
          "\(limits.instants) instants have passed and there is no end yet (\(busiest(since: before))); "
            + "advance by less, or raise TestLimits.instants")
      }
      clocks.move(toMonotonic: next)
      try await settle()
    }
    clocks.move(toMonotonic: end)
    try await settle()
  }

  /// Lets the deadlines of a function's running attempts pass, without waiting for its handlers.
  ///
  /// Each of these attempts is cancelled as a host cancels it, and its timeout is recorded. Use it after
  /// ``send(_:_:id:type:subject:delay:priority:)`` for a handler that takes longer than its manifest allows;
  /// ``settle()`` would wait for it in real time.
  ///
  /// - Parameter function: The function's name in its manifest.
  /// - Throws: As ``settle()``; a handler that ignores its cancellation hangs.
  public func passDeadline(of function: String) async throws {
    try await step(leaving: function, until: { false })
    try await waitUntilBegun(function)
    var instants = 0
    while workers.hasUntold(function), let next = nextInstant {
      instants += 1
      guard instants <= limits.instants else {
        throw TestFault.tooMuch("\(limits.instants) instants have passed before the deadline")
      }
      clocks.move(toMonotonic: next)
      _ = timers.fireDue()
      dispatcher.tick()
      try await step(leaving: function, until: { false })
    }
    try await settle()
  }
}

extension Duration {
  /// So many minutes, for ``TestHost/advance(by:)``.
  public static func minutes(_ count: Int) -> Duration { .seconds(60 * count) }

  /// So many hours.
  public static func hours(_ count: Int) -> Duration { .minutes(60 * count) }

  /// So many days of 24 hours.
  public static func days(_ count: Int) -> Duration { .hours(24 * count) }
}
