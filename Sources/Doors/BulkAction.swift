// Redrive and purge of many dead letters: one page after the other, each on disk before the next,
// until the selection is through. The answer counts what was done.

import EventLoop
import HTTP
import Invocations

@LoopActor
final class BulkAction {
  enum Verb: String { case redrive, purge }

  private let verb: Verb
  private unowned let house: any House
  private let exchange: HTTPExchange
  private let isDryRun: Bool
  private let pace: Duration
  private var selected = 0
  private var done = 0
  private var sent = 0
  private var refused: [(InvocationID, String)] = []

  /// `pace` is the time between two that are sent again.
  init(
    _ verb: Verb, on house: any House, _ exchange: HTTPExchange, isDryRun: Bool,
    pace: Duration = .zero
  ) {
    self.pace = pace
    self.verb = verb
    self.house = house
    self.exchange = exchange
    self.isDryRun = isDryRun
  }

  func begin(_ ids: [InvocationID], _ filter: InvocationFilter) {
    guard ids.isEmpty else { return take(ids[...]) }
    nextPage(filter)
  }

  // MARK: By ids

  private func take(_ ids: ArraySlice<InvocationID>) {
    guard let id = ids.first else { return finish() }
    house.invocation(id) { outcome in
      switch outcome {
      case .failure(let fault): self.exchange.respond(.problem(.inspection(fault)))
      case .success(let record?) where record.state == .dead && !record.isSettled:
        self.act(on: [record.acceptance]) { self.take(ids.dropFirst()) }
      case .success:
        self.refused.append((id, "it is not a dead letter"))
        self.take(ids.dropFirst())
      }
    }
  }

  // MARK: By filter

  private func nextPage(_ filter: InvocationFilter) {
    house.invocations(filter, among: .deadLetters) { outcome in
      switch outcome {
      case .failure(let fault): self.exchange.respond(.problem(.inspection(fault)))
      case .success(let page):
        self.act(on: page.items.map(\.acceptance)) {
          guard let next = page.next, self.refused.isEmpty else { return self.finish() }
          var rest = filter
          rest.before = next
          self.nextPage(rest)
        }
      }
    }
  }

  private func act(on letters: [Acceptance], then next: @escaping @LoopActor () -> Void) {
    selected += letters.count
    guard !isDryRun, !letters.isEmpty else { return next() }
    switch verb {
    case .purge:
      done += letters.count
      house.purge(letters.map(\.id), then: next)
    case .redrive:
      var open = letters.count
      for letter in letters {
        // Each is on disk at once and due in its turn: the pace outlives the call and the host.
        let delay = pace * sent
        sent += 1
        house.redrive(letter, delay: delay) { outcome in
          switch outcome {
          case .success: self.done += 1
          case .failure(let refusal):
            if self.refused.count < 100 {
              self.refused.append((letter.id, HTTPProblem(refusal).detail))
            }
          }
          open -= 1
          if open == 0 { next() }
        }
      }
    }
  }

  private func finish() {
    var json = JSONWriter()
    json.object { json in
      json.field("action", verb.rawValue)
      json.field("dryRun", isDryRun)
      json.field("selected", selected)
      json.field("done", done)
      json.array("refused") { json in
        for (id, why) in refused {
          json.object { json in
            json.field("id", "\(id)")
            json.field("reason", why)
          }
        }
      }
    }
    exchange.respond(.json(200, json.bytes))
  }
}

/// How fast dead letters are sent again: `10/s`, `100/min`, `5/h`.
enum RedrivePace {
  static let countMax = 100_000

  static func read(_ text: String?) throws(RequestFault) -> Duration {
    guard let text else { return .zero }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let periods: [Substring: Int] = ["s": 1, "min": 60, "h": 3600]
    guard parts.count == 2, let count = Int(parts[0]), (1...countMax).contains(count),
      let seconds = periods[parts[1]]
    else {
      throw RequestFault(
        "bad-parameter",
        "'rate' must be a whole number up to \(countMax) and /s, /min or /h, such as 10/s; got "
          + "'\(text)'")
    }
    return .seconds(seconds) / count
  }
}

extension ControlDoor {
  /// Cancels what waits in a queue, page by page; what runs is left to end.
  func purge(_ exchange: HTTPExchange, queue: String) {
    var filter = InvocationFilter(states: [.queued, .waiting], queue: queue)
    filter.limit = InvocationFilter.limitMax
    purgePage(exchange, filter, cancelled: 0)
  }

  private func purgePage(_ exchange: HTTPExchange, _ filter: InvocationFilter, cancelled: Int) {
    house.invocations(filter, among: .all) { [weak self] outcome in
      guard let self else { return exchange.abort() }
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(let page):
        let count = cancelled + page.items.count { self.house.cancel($0, onlyWaiting: true) }
        guard let next = page.next else {
          return self.respond(exchange) { json in json.object { $0.field("cancelled", count) } }
        }
        var rest = filter
        rest.before = next
        self.purgePage(exchange, rest, cancelled: count)
      }
    }
  }
}
