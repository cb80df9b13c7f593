// Workers without processes: they remember what they were given, and a test says what becomes of it.

package import Invocations

package final class ScriptedWorkers: WorkerPool {
  package private(set) var started: [Assignment] = []
  package private(set) var batches: [[Assignment]] = []
  package private(set) var running: [AttemptName: Assignment] = [:]
  package private(set) var cancelled: [AttemptName] = []
  package private(set) var killed: [AttemptName] = []
  package var roomMax = Int.max

  package init() {}

  package func hasRoom(for function: Shared<FunctionDeclaration>) -> Bool {
    running.count < roomMax
  }

  package func start(_ assignment: Assignment) -> Int32 {
    started.append(assignment)
    running[assignment.name] = assignment
    return 4711
  }

  package func start(batch: [Assignment]) -> Int32 {
    batches.append(batch)
    for assignment in batch { _ = start(assignment) }
    return 4711
  }

  package func cancel(_ attempt: AttemptName) { cancelled.append(attempt) }
  package func kill(_ attempt: AttemptName) { killed.append(attempt) }
  package func pauseStream(_ attempt: AttemptName) {}
  package func resumeStream(_ attempt: AttemptName) {}

  /// Takes the attempt off the worker and makes the news of its end.
  package func answer(_ name: AttemptName, _ answer: AttemptAnswer) -> WorkerNews {
    running[name] = nil
    return .answered(name, answer)
  }

  package func lose(culprits: [AttemptName]) -> WorkerNews {
    let others = running.keys.filter { !culprits.contains($0) }
    running = [:]
    return .lost(
      LostWorker(
        pid: 4711, how: "signal 4 (SIGILL)", culprits: culprits, others: others,
        wasKilledByHost: false))
  }

  package func forgetAll() { running = [:] }
}

package final class Witness: Observer {
  package private(set) var happenings: [Happening] = []

  package init() {}

  package func saw(_ happening: Happening) { happenings.append(happening) }
}
