// When the start of an attempt is written: with another commit, by itself, or never.
import Invocations
import Synchronization
import Testing

@testable import Records

struct StartTests {
  @Test func `a start is written with the next commit when its attempt still runs`() throws {
    let test = try TestStore()
    try test.write(.accept(accepted(1)), started(1))
    try test.write(.pause(subject: "queue:other", since: noon))
    #expect(try test.number("SELECT state FROM unfinished") == 2)
    #expect(try test.number("SELECT worker FROM unfinished") == 4711)
  }

  @Test func `a start that its end follows soon is never written by itself`() throws {
    let held = StoreLimits.startHeldNanoseconds
    let test = try TurnedStore()
    test.turn(at: 0, .accept(accepted(1)), started(1), .accept(accepted(2)), started(2))
    test.turn(at: held - 1, .pause(subject: "queue:other", since: noon))
    #expect(try test.startsWritten() == 0)
    test.turn(at: held, .end(succeeded(1)))
    #expect(try test.number("SELECT id FROM unfinished WHERE state = 2") == id(2).rawValue)
    #expect(try test.number("SELECT count(*) FROM unfinished") == 1)
    #expect(test.store.close() == 0)
    let reopened = try TestStore(in: test.folder)
    let story = try #require(try reopened.show(id(1)))
    #expect(story.history == [attempt(1, 1)])
    #expect(story.state == .succeeded)
  }

  @Test func `starts are written by themselves when nothing else comes`() throws {
    let test = try TurnedStore()
    test.turn(at: 0, .accept(accepted(1)), started(1))
    test.turn(at: StoreLimits.lingerNanoseconds - 1)
    #expect(try test.startsWritten() == 0)
    test.turn(at: StoreLimits.lingerNanoseconds)
    #expect(try test.startsWritten() == 1)
    #expect(test.store.close() == 0)
  }

  @Test func `a start is written without another commit when nothing comes`() throws {
    let test = try TestStore(tuning: RecordTuning())
    try test.write(.accept(accepted(1)))
    try test.write(started(1))
    try eventually("the start") { try test.number("SELECT state FROM unfinished") == 2 }
    try test.write(.end(succeeded(1)))
    #expect(try test.number("SELECT count(*) FROM unfinished") == 0)
  }
}

/// A store whose writer's turns and whose clock are the test's.
///
/// The writer's own thread would write starts as soon as the clock says that nothing else came, before
/// the next change can be handed over.
private final class TurnedStore {
  let folder: Folder
  let store: SteppedStore
  private let file: String
  private let clock = Clock()

  private final class Clock: Sendable {
    let now = Mutex<UInt64>(0)
  }

  init() throws {
    let clock = clock
    folder = try Folder()
    file = "\(folder.path)/apus.db"
    let tuning = RecordTuning(monotonic: { clock.now.withLock { $0 } })
    store = try SteppedStore.open(file: file, tuning: tuning) { _ in }.store
  }

  func turn(at time: UInt64, _ changes: RecordChange...) {
    clock.now.withLock { $0 = time }
    store.append(changes, CommitTerms())
    store.write()
  }

  func number(_ sql: String) throws -> Int64? { try fileNumber(sql, at: file) }

  func startsWritten() throws -> Int64? {
    try number("SELECT count(*) FROM unfinished WHERE state = 2")
  }
}
