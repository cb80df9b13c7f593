import EventSources
import Invocations
import Testing

/// What is offered to a store that refuses, or that takes its time.
struct TimerBookTests {
  private final class Store {
    var clocks = StillClocks()
    var offers: [(instants: [String], mark: TimerAdvance)] = []
    var refuses = false
    /// Answers at once unless it takes its time.
    var takesItsTime = false
    var answers: [(Result<[Accepted], Refusal>) -> Void] = []

    func take(
      _ proposals: [Proposal], _ mark: TimerAdvance,
      _ answered: @escaping (Result<[Accepted], Refusal>) -> Void
    ) {
      offers.append((proposals.map(\.event.id), mark))
      if takesItsTime {
        answers.append(answered)
      } else {
        answered(refuses ? .failure(.busy) : .success([]))
      }
    }
  }

  private final class StillClocks: Clocks {
    var wall = WallTime(milliseconds: 1_800_000_000_000)
    var monotonic: UInt64 = 1_000_000_000

    func advance(by duration: Duration) {
      wall = wall + duration
      monotonic += duration.nanoseconds
    }
  }

  private func book(_ store: Store, timers: Int) throws -> TimerBook {
    let trigger = Trigger.timer(TimerTrigger(rule: .every(.seconds(10)), missed: .latest))
    let function = FunctionDeclaration(
      name: "tick", handler: "Tick", triggers: Array(repeating: trigger, count: timers))
    let book = try TimerBook([function], recovered: [], clocks: store.clocks) {
      store.take($0, $1, $2)
    }
    book.recordNewMarks()
    store.offers = []
    return book
  }

  @Test func `what a full store refused of several timers is offered again, of each`() throws {
    let store = Store()
    let book = try book(store, timers: 3)
    store.refuses = true
    store.clocks.advance(by: .seconds(10))
    book.look()
    #expect(store.offers.count == 3)
    store.refuses = false
    store.offers = []
    store.clocks.advance(by: .seconds(1))
    book.look()
    #expect(store.offers.count == 3)
    #expect(store.offers.allSatisfy { $0.instants == ["2027-01-15T08:00:10.000Z"] })
  }

  @Test func `a timer's next firing waits for the answer to the last`() throws {
    let store = Store()
    let book = try book(store, timers: 1)
    store.takesItsTime = true
    store.clocks.advance(by: .seconds(10))
    book.look()
    store.clocks.advance(by: .seconds(10))
    #expect(book.nextInstant == nil)
    book.look()
    #expect(store.offers.count == 1)
    // Refused: both instants are due now, and the older one is listed as missed.
    store.takesItsTime = false
    store.answers[0](.failure(.busy))
    store.clocks.advance(by: .seconds(1))
    book.look()
    #expect(store.offers.last?.instants == ["2027-01-15T08:00:20.000Z"])
    let missed = store.offers.last?.mark.missed.map(\.instant.milliseconds)
    #expect(missed == [1_800_000_010_000])
  }

  @Test func `instants that came due while the disk was slow are on time`() throws {
    let store = Store()
    let function = FunctionDeclaration(
      name: "tick", handler: "Tick",
      triggers: [.timer(TimerTrigger(rule: .every(.seconds(1)), missed: .skip))])
    let book = try TimerBook([function], recovered: [], clocks: store.clocks) {
      store.take($0, $1, $2)
    }
    store.clocks.advance(by: .seconds(3))
    book.look()
    #expect(store.offers.last?.instants.count == 3)
    #expect(store.offers.last?.mark.missed.isEmpty == true)
  }
}
