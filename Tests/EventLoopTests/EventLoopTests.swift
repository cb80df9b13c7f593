// The loop as an executor: order, isolation, the ways in, and that no work keeps it from its I/O.
import EventLoop
import Glibc
import Testing

@Suite(.timeLimit(.minutes(5)))
struct EventLoopTests {
  @Test func `submitted work runs on the loop, in the order of the calls`() async {
    let order = await withCheckedContinuation { continuation in
      let seen = Lock<[Int]>([])
      for number in 0..<1000 {
        EventLoop.shared.submit {
          seen.withLock { $0.append(EventLoop.shared.isCurrent ? number : -1) }
        }
      }
      EventLoop.shared.submit { continuation.resume(returning: seen.withLock { $0 }) }
    }
    #expect(order == Array(0..<1000))
    #expect(!EventLoop.shared.isCurrent)
  }

  @Test func `no wake-up is lost when threads submit while the loop falls asleep`() async {
    let count = Lock(0)
    await withTaskGroup { group in
      for _ in 0..<4 {
        group.addTask { @concurrent in
          for _ in 0..<2000 {
            await withCheckedContinuation { continuation in
              EventLoop.shared.submit {
                count.withLock { $0 += 1 }
                continuation.resume()
              }
            }
          }
        }
      }
    }
    #expect(count.withLock { $0 } == 8000)
  }

  @Test func `a task and an await of other actors reach the loop and leave it`() async {
    let isOnLoop = await Task { @LoopActor in EventLoop.shared.isCurrent }.value
    #expect(isOnLoop)
    #expect(await onLoopByHop())
    #expect(!EventLoop.shared.isCurrent)
  }

  @LoopActor private func onLoopByHop() -> Bool { EventLoop.shared.isCurrent }

  @Test func `a task that prefers the loop stays on it, across continuations and plain actors`()
    async
  {
    let places = await Task(executorPreference: EventLoop.shared.tasks) { () -> [Bool] in
      var places = [EventLoop.shared.isCurrent]
      await withCheckedContinuation { continuation in
        EventLoop.shared.submit { continuation.resume() }
      }
      places.append(EventLoop.shared.isCurrent)
      places.append(await Plain().isOnLoop())
      await Task.yield()
      places.append(EventLoop.shared.isCurrent)
      return places
    }.value
    #expect(places == [true, true, true, true])
  }

  private actor Plain {
    func isOnLoop() -> Bool { EventLoop.shared.isCurrent }
  }

  @Test @LoopActor func `calls within the loop let no other work in between`() async {
    let steps = Happenings<String>()
    EventLoop.shared.submit { steps.happened("submitted") }
    await nothing()
    await withCheckedContinuation { continuation in
      #expect(steps.untaken.isEmpty)
      continuation.resume()
    }
    #expect(await steps.next() == "submitted")
    let sameForPreferring = await Task(executorPreference: EventLoop.shared.tasks) {
      await isUndisturbedAfterContinuation()
    }.value
    #expect(sameForPreferring)
  }

  @LoopActor private func nothing() async {}

  @LoopActor private func isUndisturbedAfterContinuation() async -> Bool {
    await withCheckedContinuation { continuation in
      EventLoop.shared.submit { continuation.resume() }
    }
    let steps = Happenings<String>()
    EventLoop.shared.submit { steps.happened("submitted") }
    await nothing()
    return await withCheckedContinuation { $0.resume(returning: steps.untaken.isEmpty) }
  }

  @Test func `hops to and from the loop by many tasks at once come to an end`() async {
    let counter = LoopCounter()
    await withTaskGroup { group in
      for _ in 0..<16 {
        group.addTask { @concurrent in
          for _ in 0..<500 { await counter.increment() }
        }
      }
    }
    #expect(await counter.value == 8000)
  }

  @LoopActor private final class LoopCounter {
    var value = 0
    nonisolated init() {}
    func increment() { value += 1 }
  }

  @Test func `work that always submits more does not keep timers from firing`() async {
    await Treadmill().runUntilTimerFires()
  }

  /// Each step submits the next; only the timer ends it.
  @LoopActor private final class Treadmill {
    private var runs = true
    nonisolated init() {}

    func runUntilTimerFires() async {
      let fired = Happenings<Void>()
      let timer = LoopTimer { fired.happened(()) }
      step()
      timer.arm(atMonotonic: EventLoop.shared.now + 2_000_000)
      await fired.next()
      runs = false
      timer.close()
    }

    private func step() {
      if runs { EventLoop.shared.submit { self.step() } }
    }
  }

  @Test @LoopActor func `work for the end of the turn runs once, after all submitted work`() async {
    let steps = Happenings<String>()
    EventLoop.shared.submit {
      EventLoop.shared.afterTurn { steps.happened("end") }
      EventLoop.shared.submit { steps.happened("submitted") }
      steps.happened("begin")
    }
    var seen: [String] = []
    for _ in 0..<3 { seen.append(await steps.next()) }
    #expect(seen == ["begin", "submitted", "end"])
    await loopTurn()
    #expect(steps.untaken.isEmpty)
  }

  @Test func `the loop's isolation can be assumed on the loop and nowhere else`() async {
    let answer = await Task { @LoopActor in LoopActor.assumeIsolated { 42 } }.value
    #expect(answer == 42)
    await #expect(processExitsWith: .failure) { LoopActor.assumeIsolated {} }
    await #expect(processExitsWith: .failure) { LoopActor.shared.preconditionIsolated() }
  }

  @Test @LoopActor func `the loop's actor takes a libuv callback for its own context`() async {
    let fired = Happenings<Bool>()
    let timer = LoopTimer {
      LoopActor.shared.preconditionIsolated()
      fired.happened(LoopActor.shared.assumeIsolated { _ in EventLoop.shared.isCurrent })
    }
    timer.arm(atMonotonic: 0)
    #expect(await fired.next())
    timer.close()
  }

  @Test @LoopActor func `an immediate task from a callback runs before the callback returns`() async
  {
    let steps = Happenings<String>()
    EventLoop.shared.submit {
      Task.immediate { @Sendable @LoopActor in steps.happened("task") }
      steps.happened("callback")
    }
    #expect(await steps.next() == "task")
    #expect(await steps.next() == "callback")
  }

  @Test @LoopActor func `a task that prefers the loop starts in the turn of its callback`() async {
    let steps = Happenings<String>()
    EventLoop.shared.submit {
      EventLoop.shared.afterTurn { steps.happened("end of turn") }
      Task.immediate(executorPreference: EventLoop.shared.tasks) { @Sendable @LoopActor in
        steps.happened("task")
      }
      steps.happened("callback")
    }
    var seen: [String] = []
    for _ in 0..<3 { seen.append(await steps.next()) }
    #expect(seen == ["callback", "task", "end of turn"])
  }
}

@Suite(.timeLimit(.minutes(5)))
struct LockTests {
  @Test func `threads that share a lock lose no change`() async {
    let count = Lock(0)
    await withTaskGroup { group in
      for _ in 0..<4 {
        group.addTask { @concurrent in
          for _ in 0..<10_000 { count.withLock { $0 += 1 } }
        }
      }
    }
    #expect(count.withLock { $0 } == 40_000)
  }

  @Test func `a lock is free again after its body threw`() {
    let lock = Lock(1)
    #expect(throws: Failed.self) {
      try lock.withLock { (_: inout Int) throws(Failed) in throw Failed(call: "body") }
    }
    #expect(lock.withLock { $0 } == 1)
  }
}
