// The invocation log: lists, whole stories, cancel and retry; dead letters, sent again or thrown
// away one page at a time, so that no answer and no commit grows with the backlog.

import EventLoop
import HTTP
import Invocations

extension ControlDoor {
  func invocations(_ exchange: HTTPExchange, _ path: [String]) throws(RequestFault) {
    switch path.first {
    case nil:
      let query = try RequestQuery(exchange.request.query, allowed: RequestQuery.filters)
      return list(exchange, try filter(of: query), among: .all)
    case "retry": return try bulk(exchange, .retry)
    case "cancel": return try bulk(exchange, .cancel)
    default: break
    }
    let first = path[0]
    let id = try id(first)
    house.invocation(id) { [weak self] outcome in
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(nil): exchange.respond(.problem(.unknown("invocation", first)))
      case .success(let record?): self?.answer(exchange, record, path.dropFirst().first)
      }
    }
  }

  private func answer(_ exchange: HTTPExchange, _ record: InvocationRecord, _ verb: String?) {
    switch verb {
    case "cancel": cancel(exchange, record)
    case "retry": retry(exchange, record)
    case "chain": chain(exchange, record.acceptance.id)
    case "why":
      house.ahead(of: record) { [weak self] outcome in
        guard let self else { return exchange.abort() }
        switch outcome {
        case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
        case .success(let ahead):
          self.tellWhy(exchange, record, ahead: ahead)
        }
      }
    default: show(exchange, record)
    }
  }

  private func show(_ exchange: HTTPExchange, _ record: InvocationRecord) {
    let redaction = house.redactions[record.acceptance.function]
    respond(exchange) { $0.invocation(record, isWhole: true, redaction) }
  }

  private func tellWhy(_ exchange: HTTPExchange, _ record: InvocationRecord, ahead: Int?) {
    let cause = house.cause(of: record)
    let subject: String? =
      switch cause.obstacle {
      case .functionPaused: "function:\(record.acceptance.function)"
      case .queuePaused(let queue): "queue:\(queue)"
      default: nil
      }
    guard let subject else {
      return respond(exchange) { $0.why(record, cause, ahead: ahead) }
    }
    house.lastAction(.pause, on: subject) { [weak self] outcome in
      // Who it was is beside the point where the record cannot tell it now.
      let pause = try? outcome.get()
      self?.respond(exchange) { $0.why(record, cause, ahead: ahead, pause: pause) }
    }
  }

  private func id(_ text: String) throws(RequestFault) -> InvocationID {
    guard let id = InvocationID(text) else {
      throw RequestFault(
        "bad-id", "an invocation's id is 13 characters of Crockford base32; got '\(text)'")
    }
    return id
  }

  func list(_ exchange: HTTPExchange, _ filter: InvocationFilter, among selection: Selection) {
    house.invocations(filter, among: selection) { [weak self] outcome in
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(let page):
        guard let self else { return exchange.abort() }
        let redactions = house.redactions
        respond(exchange) { json in
          json.object { json in
            json.array("items") { json in
              for item in page.items {
                json.invocation(item, isWhole: false, redactions[item.acceptance.function])
              }
            }
            if !page.unsearched.isEmpty { json.field("unsearched", page.unsearched) }
            json.field("next", page.next.map { "\($0)" })
          }
        }
      }
    }
  }

  func peek(_ exchange: HTTPExchange, _ queue: String) throws(RequestFault) {
    let query = try RequestQuery(exchange.request.query, allowed: ["limit", "cursor"])
    var filter = try filter(of: query)
    filter.queue = queue
    filter.states = [.queued, .waiting, .running, .held]
    list(exchange, filter, among: .all)
  }

  private func cancel(_ exchange: HTTPExchange, _ record: InvocationRecord) {
    guard !record.state.isFinal, house.cancel(record, onlyWaiting: false) else {
      return exchange.respond(
        .problem(
          .conflict("already-ended", "invocation \(record.acceptance.id) is \(record.state)")))
    }
    house.note(.cancel, "\(record.acceptance.id)", by: operatorName(exchange))
    respond(exchange, 202) { json in
      json.object { json in
        json.field("invocation", "\(record.acceptance.id)")
        json.field("cancelled", true)
      }
    }
  }

  /// A waiting or held one at once; a dead or cancelled one as a new invocation that names it.
  private func retry(_ exchange: HTTPExchange, _ record: InvocationRecord) {
    let id = record.acceptance.id
    let name = operatorName(exchange)
    switch record.state {
    case .waiting:
      guard house.hurry(record) else {
        return exchange.respond(
          .problem(.conflict("not-waiting", "invocation \(id) is not waiting any more")))
      }
      house.note(.retry, "\(id)", by: name)
      respond(exchange, 202) { json in json.object { $0.field("invocation", "\(id)") } }
    case .dead, .cancelled:
      if let again = record.redrivenAs {
        let detail = "invocation \(id) was sent again as \(again)"
        return exchange.respond(.problem(.conflict("already-redriven", detail)))
      }
      let action = house.note(.redrive, "\(id)", by: name)
      house.redrive(record.acceptance, by: action) { outcome in
        switch outcome {
        case .success(let items):
          var json = JSONWriter()
          json.accepted(items)
          exchange.respond(.json(202, json.bytes))
        case .failure(let refusal):
          let problem = HTTPProblem(refusal)
          self.house.noteFailure(of: action, problem.detail)
          exchange.respond(.problem(problem))
        }
      }
    case .held:
      guard house.release(record) else {
        return exchange.respond(
          .problem(.conflict("not-held", "invocation \(id) is not held any more")))
      }
      house.note(.retry, "\(id)", by: name)
      respond(exchange, 202) { json in json.object { $0.field("invocation", "\(id)") } }
    case .queued, .running, .succeeded:
      exchange.respond(
        .problem(
          .conflict("not-retryable", "invocation \(id) is \(record.state); nothing to retry")))
    }
  }

  // MARK: Dead letters

  func deadLetters(_ exchange: HTTPExchange, _ path: [String]) throws(RequestFault) {
    switch path.first {
    case "redrive": try bulk(exchange, .redrive)
    case "purge": try bulk(exchange, .purge)
    case let text?:
      let id = try id(text)
      house.invocation(id) { [weak self] outcome in
        switch outcome {
        case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
        case .success(let record?) where record.state == .dead:
          self?.show(exchange, record)
        case .success(let record?):
          let detail = "invocation \(text) is \(record.state) and no dead letter"
          exchange.respond(.problem(.conflict("not-dead", detail)))
        case .success(nil): exchange.respond(.problem(.unknown("invocation", text)))
        }
      }
    case nil:
      let query = try RequestQuery(exchange.request.query, allowed: RequestQuery.filters)
      list(exchange, try filter(of: query), among: .deadLetters)
    }
  }
}
