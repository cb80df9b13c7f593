// The worker pool of a test house. Attempts that may run at once do run at once, on the threads of the
// handler library; what they say is held until all of them have ended, and heard in the order in which
// they started. So the same test has the same record every time.

import Apus
import Invocations
import Workers

final class InProcessWorkers: WorkerPool {
  private struct Flight {
    let function: String
    let limits: FunctionLimits
    var said: [WorkerNews] = []
    var isAnswered = false
    var isToldToStop = false
  }

  private let socket: HandlerSocket
  private var flights: [AttemptName: Flight] = [:]
  /// In the order of their start.
  private var order: [AttemptName] = []
  private var runningNow: [String: Int] = [:]
  private(set) var mostAtOnce: [String: Int] = [:]
  private(set) var started: [String: Int] = [:]
  private(set) var startedTotal = 0

  init(_ functions: [any Function], inbox: Inbox) throws(TestFault) {
    socket = try HandlerSocket(functions, inbox: inbox)
  }

  /// A handler that still runs is told to stop: the test it belonged to is over.
  func close() {
    for name in order { socket.cancel(name) }
    socket.hangUp()
  }

  // MARK: The port

  func hasRoom(for function: Shared<FunctionDeclaration>) -> Bool { true }

  func start(_ assignment: Assignment) -> Int32 {
    note(assignment)
    socket.start(assignment)
    return 0
  }

  func start(batch: [Assignment]) -> Int32 {
    for assignment in batch { note(assignment) }
    socket.start(batch: batch[...])
    return 0
  }

  private func note(_ assignment: Assignment) {
    let function = assignment.function.name
    flights[assignment.name] = Flight(function: function, limits: assignment.function.limits)
    order.append(assignment.name)
    startedTotal += 1
    started[function, default: 0] += 1
    runningNow[function, default: 0] += 1
    mostAtOnce[function] = max(mostAtOnce[function] ?? 0, runningNow[function] ?? 0)
  }

  func cancel(_ attempt: AttemptName) {
    flights[attempt]?.isToldToStop = true
    socket.cancel(attempt)
  }

  /// There is no process to kill; a handler that goes on is found by the limit of real time.
  func kill(_ attempt: AttemptName) {}
  func pauseStream(_ attempt: AttemptName) {}
  func resumeStream(_ attempt: AttemptName) {}

  // MARK: Rounds

  /// Attempts that are with a handler, or whose answer has not been heard; those of `function` do not
  /// count.
  func isRunning(besides function: String? = nil) -> Bool {
    flights.values.contains { $0.function != function }
  }

  /// Every attempt that counts has ended.
  func isRoundWhole(besides function: String? = nil) -> Bool {
    flights.values.allSatisfy { $0.isAnswered || $0.function == function }
  }

  /// The functions whose handlers have not returned.
  var unanswered: [String] {
    Set(flights.values.filter { !$0.isAnswered }.map(\.function)).sorted()
  }

  /// Every handler of the function that should run has been called, or has ended without.
  func hasBegun(_ function: String) -> Bool {
    flights.allSatisfy { name, flight in
      flight.function != function || flight.isAnswered || socket.hasBegun(name)
    }
  }

  /// Attempts of the function that run on and have not been told to stop.
  func hasUntold(_ function: String) -> Bool {
    flights.values.contains { $0.function == function && !$0.isAnswered && !$0.isToldToStop }
  }

  /// True when an attempt ended with it.
  func note(_ news: [WorkerNews], at now: WallTime) -> Bool {
    var isProgress = false
    for one in news {
      switch one {
      case .answered(let name, let answer):
        flights[name]?.isAnswered = true
        if let limits = flights[name]?.limits {
          flights[name]?.said.append(.answered(name, answer.held(to: limits)))
        }
        isProgress = true
      case .logged(var line):
        // Written while the house's time stood still.
        line.time = now
        let name = AttemptName(id: line.invocation, attempt: line.attempt)
        flights[name]?.said.append(.logged(line))
      case .streamBegan(let name, _, _), .streamed(let name, _):
        flights[name]?.said.append(one)
      case .waits, .begins, .lost, .roomAgain, .unhealthy, .healthy, .workerStarted, .workerEnded:
        break
      }
    }
    return isProgress
  }

  func takeRound(besides function: String? = nil) -> [WorkerNews] {
    let round = order.filter { flights[$0]?.function != function }
    order.removeAll { flights[$0]?.function != function }
    return round.flatMap { name in
      let flight = flights.removeValue(forKey: name)
      runningNow[flight?.function ?? "", default: 0] -= 1
      return flight?.said ?? []
    }
  }
}
