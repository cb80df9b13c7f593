// Functions, queues and timers: what they are, and the operator's hand on them.

import EventLoop
import HTTP
import Invocations

extension ControlDoor {
  func functions(_ exchange: HTTPExchange, _ path: [String]) throws(RequestFault) {
    guard let name = path.first else {
      _ = try RequestQuery(exchange.request.query, allowed: [])
      return respond(exchange) { json in
        json.object { json in
          json.array("items") { json in for one in house.functions { json.function(one) } }
          json.field("next", nil as String?)
        }
      }
    }
    guard let status = house.functions.first(where: { $0.declaration.name == name }) else {
      return exchange.respond(.problem(.unknown("function", name)))
    }
    switch path.dropFirst().first {
    case "invoke": try invoke(exchange, status.declaration)
    case "pause": pause(exchange, "function:\(name)", true)
    case "resume": pause(exchange, "function:\(name)", false)
    default: respond(exchange) { $0.function(status) }
    }
  }

  func pause(_ exchange: HTTPExchange, _ subject: String, _ isPaused: Bool) {
    house.pause(subject, isPaused) { [weak self] isKnown in
      guard isKnown else {
        return exchange.respond(.problem(.notFound(subject)))
      }
      guard let self else { return exchange.abort() }
      house.note(isPaused ? .pause : .resume, subject, by: operatorName(exchange))
      respond(exchange) { json in
        json.object { json in
          json.field("subject", subject)
          json.field("paused", isPaused)
        }
      }
    }
  }

  func timers(_ exchange: HTTPExchange, _ path: [String]) throws(RequestFault) {
    guard let name = path.first else { return listTimers(exchange) }
    guard house.timerNames.contains(name) else {
      return exchange.respond(.problem(.unknown("timer", name)))
    }
    if path.last == "fire" { return fire(exchange, name) }
    show(exchange, timer: name)
  }

  private func listTimers(_ exchange: HTTPExchange) {
    house.timers(firingsMax: 1) { [weak self] outcome in
      switch outcome {
      case .success(let timers):
        self?.respond(exchange) { json in
          json.object { json in
            json.array("items") { json in for timer in timers { json.timer(timer) } }
            json.field("next", nil as String?)
          }
        }
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      }
    }
  }

  private func show(_ exchange: HTTPExchange, timer name: String) {
    house.timers(firingsMax: Self.shownFiringsMax) { [house] outcome in
      switch outcome {
      case .success(let timers):
        guard let status = timers.first(where: { $0.name == name }) else {
          return exchange.respond(.problem(.unknown("timer", name)))
        }
        house.missedInstants(of: name) { [weak self] outcome in
          switch outcome {
          case .success(let missed): self?.show(exchange, status, missed)
          case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
          }
        }
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      }
    }
  }

  private static let shownFiringsMax = 20

  private func fire(_ exchange: HTTPExchange, _ name: String) {
    let isKnown = house.fire(timer: name) { [weak self] outcome in
      switch outcome {
      case .success(let items):
        if let self { house.note(.fire, "timer:\(name)", by: operatorName(exchange)) }
        var json = JSONWriter()
        json.accepted(items)
        exchange.respond(.json(202, json.bytes))
      case .failure(let refusal): exchange.respond(.problem(HTTPProblem(refusal)))
      }
    }
    if !isKnown { exchange.respond(.problem(.unknown("timer", name))) }
  }

  private func show(_ exchange: HTTPExchange, _ status: TimerStatus, _ missed: [MissedInstant]) {
    respond(exchange) { json in
      json.object { json in
        json.name("timer")
        json.timer(status)
        json.array("missed") { json in
          for one in missed {
            json.object { json in
              json.field("instant", one.instant)
              json.field("count", one.count)
              json.field("reason", one.reason)
            }
          }
        }
      }
    }
  }
}
