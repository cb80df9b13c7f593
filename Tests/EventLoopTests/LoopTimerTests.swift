// Deadlines: never early, the last one counts, none after disarm or close.
import EventLoop
import Testing

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct LoopTimerTests {
  @Test(arguments: [0, 1, 500_000, 999_999] as [UInt64])
  func `a timer never fires before its deadline`(pastMillisecond: UInt64) async {
    let fired = Happenings<UInt64>()
    let timer = LoopTimer { fired.happened(EventLoop.shared.now) }
    // Again and again, as the machine may be late often enough to hide a timer that is early.
    for _ in 0..<20 {
      let deadline = (EventLoop.shared.now / 1_000_000 + 2) * 1_000_000 + pastMillisecond
      timer.arm(atMonotonic: deadline)
      #expect(await fired.next() >= deadline)
    }
    timer.close()
  }

  @Test func `arming again replaces the deadline`() async {
    let fired = Happenings<String>()
    let timer = LoopTimer { fired.happened("timer") }
    let later = LoopTimer { fired.happened("later") }
    timer.arm(atMonotonic: UInt64.max)
    timer.arm(atMonotonic: EventLoop.shared.now + 1_000_000)
    later.arm(atMonotonic: EventLoop.shared.now + 5_000_000)
    #expect(await fired.next() == "timer")
    #expect(await fired.next() == "later")
    #expect(fired.untaken.isEmpty)
    timer.close()
    later.close()
  }

  @Test func `a timer that was disarmed or closed does not fire`() async {
    let fired = Happenings<String>()
    let disarmed = LoopTimer { fired.happened("disarmed") }
    let closed = LoopTimer { fired.happened("closed") }
    let witness = LoopTimer { fired.happened("witness") }
    let deadline = EventLoop.shared.now + 1_000_000
    for timer in [disarmed, closed, witness] { timer.arm(atMonotonic: deadline) }
    disarmed.disarm()
    closed.close()
    closed.close()
    closed.arm(atMonotonic: deadline)
    witness.arm(atMonotonic: deadline + 2_000_000)
    #expect(await fired.next() == "witness")
    disarmed.close()
    witness.close()
  }

  @Test func `a timer that arms itself for the past leaves the loop its other work`() async {
    let restless = Restless()
    let done = Happenings<Void>()
    let other = LoopTimer { done.happened(()) }
    restless.start()
    other.arm(atMonotonic: EventLoop.shared.now + 5_000_000)
    await done.next()
    restless.stop()
    other.close()
    #expect(restless.rounds > 0)
  }

  @LoopActor private final class Restless {
    var rounds = 0
    private var timer: LoopTimer?

    func start() {
      timer = LoopTimer { [weak self] in
        self?.rounds += 1
        self?.timer?.arm(atMonotonic: 0)
      }
      timer?.arm(atMonotonic: 0)
    }

    func stop() { timer?.close() }
  }

  @Test func `a closed timer lets go of what its closure held`() async {
    weak var held: Restless?
    let timer: LoopTimer
    do {
      let restless = Restless()
      held = restless
      timer = LoopTimer { restless.rounds += 1 }
    }
    #expect(held != nil)
    timer.close()
    #expect(held == nil)
  }
}
