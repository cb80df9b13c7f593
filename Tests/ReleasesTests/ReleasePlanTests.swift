import Invocations
import Manifests
import Testing

@testable import Releases

struct ReleasePlanTests {
  let charge = """
    function: charge-payment
    triggers:
      - queue: payments
      - timer: { cron: "*/5 * * * *", timezone: Europe/Berlin }
    """

  func functions(_ texts: String...) throws -> [FunctionDeclaration] {
    let manifests = texts.enumerated().map { ManifestText(path: "\($0).yaml", text: $1) }
    return try ManifestReader.read(texts: manifests, now: nil).get().declarations
  }

  func plan(
    _ old: [FunctionDeclaration], _ new: [FunctionDeclaration], _ work: LiveWork = LiveWork(),
    executables: (String, String) = ("a", "a")
  ) -> ReleasePlan {
    ReleasePlan(
      from: .init(functions: old, executable: executables.0),
      to: .init(functions: new, executable: executables.1), work: work)
  }

  @Test func `the same twice is an empty plan, however it is written`() throws {
    let other = charge.replacing("\"*/5 * * * *\"", with: "'*/5 * * * *'") + "\n# a remark\n"
    #expect(plan(try functions(charge), try functions(other)).isEmpty)
  }

  @Test func `a change is told key by key, with the value before and after`() throws {
    let new = charge + "\ntimeout: 10s\nretry: { attempts: 5, first: 250ms }\nqueueLimit: 500\n"
    let steps = plan(try functions(charge), try functions(new)).steps
    #expect(steps.map(\.action) == [.change])
    #expect(
      steps[0].changes == [
        .init("timeout", old: "30s", new: "10s"),
        .init("retry.attempts", old: "3 (default)", new: "5"),
        .init("retry.first", old: "1s", new: "250ms"),
        .init("queueLimit", old: "100000", new: "500"),
      ])
  }

  @Test func `a new function is shown with what is not the default`() throws {
    let new = "function: greet\ntriggers: [{ queue: visitors }]\nenvironment: { MODE: test }\n"
    let step = try #require(plan([], try functions(new)).steps.first)
    #expect(step.action == .create)
    #expect(
      step.changes == [
        .init("triggers", old: nil, new: "queue: visitors"),
        .init("handler", old: nil, new: "Greet"),
        .init("environment.MODE", old: nil, new: "test"),
      ])
  }

  @Test func `a removal says what waits, what runs, which timer and how many dead letters`() throws
  {
    let work = LiveWork(
      functions: ["charge-payment": .init(waiting: 12, running: 2, deadLetters: 3)],
      queues: ["charge-payment": ["payments": 12]],
      timers: ["charge-payment/1": "2027-01-01T00:05:00.000Z"])
    let step = try #require(plan(try functions(charge), [], work).steps.first)
    #expect(step.action == .remove)
    #expect(step.notes.count == 4)
    #expect(step.notes[0].hasPrefix("12 waiting in queue payments"))
    #expect(step.notes[1].hasPrefix("2 running"))
    #expect(
      step.notes[2]
        == "removes a timer (cron */5 * * * * (Europe/Berlin)) that fires next at "
        + "2027-01-01T00:05:00.000Z")
    #expect(step.notes[3].hasPrefix("3 dead letters name this function"))
  }

  @Test func `a queue that another function takes over is named with its new owner`() throws {
    let before = try functions(charge)
    let after = try functions(
      charge.replacing("- queue: payments", with: "- queue: charges"),
      "function: other\ntriggers: [{ queue: payments }]\n")
    let work = LiveWork(queues: ["charge-payment": ["payments": 7]])
    let step = try #require(plan(before, after, work).steps.first)
    #expect(
      step.changes == [
        .init("triggers", old: "queue: payments", new: nil),
        .init("triggers", old: nil, new: "queue: charges"),
      ])
    #expect(
      step.notes == [
        "queue payments goes to other; 7 waiting in queue payments still run here"
      ])
  }

  @Test func `another rule in the place of a timer removes the one that was there`() throws {
    let after = try functions(charge.replacing("*/5", with: "*/10"))
    let step = try #require(plan(try functions(charge), after).steps.first)
    #expect(step.notes.map { $0.hasPrefix("removes a timer (cron */5 * * * *") } == [true])
    let moved = try functions(charge.replacing("payments", with: "charges"))
    let other = try #require(plan(try functions(charge), moved).steps.first)
    #expect(other.notes == ["queue payments takes no more events"])
  }

  @Test func `a tighter limit is told where there is more than it allows`() throws {
    let after = try functions(charge + "\nqueueLimit: 10\nconcurrency: 1\n")
    let work = LiveWork(functions: ["charge-payment": .init(waiting: 9, running: 3)])
    let step = try #require(plan(try functions(charge), after, work).steps.first)
    #expect(step.notes.count == 2)
    let fewer = LiveWork(functions: ["charge-payment": .init(waiting: 1, running: 1)])
    #expect(plan(try functions(charge), after, fewer).steps.first?.notes == [])
  }

  @Test func `another executable is a step of its own`() throws {
    let same = try functions(charge)
    let steps = plan(same, same, executables: ("a", "b")).steps
    #expect(
      steps == [
        .init(.change, .worker, "worker", changes: [.init("executable", old: "a", new: "b")])
      ])
  }
}
