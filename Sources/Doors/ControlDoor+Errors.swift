// What went wrong, by fingerprint, and the chain of cause and effect.

import EventLoop
import HTTP
import Invocations

extension ControlDoor {
  func errors(_ exchange: HTTPExchange, _ path: [String]) throws(RequestFault) {
    let query = try RequestQuery(
      exchange.request.query,
      allowed: path.isEmpty ? ["function", "since", "text", "open", "limit"] : [])
    var filter = ErrorFilter(function: query["function"], text: query["text"])
    filter.since = try query.time("since", now: house.clocks.wall)
    filter.isOpenOnly = try query.flag("open")
    filter.limit = try query.limit()
    if let first = path.first { filter.fingerprint = try query.fingerprint(first) }
    house.errors(filter) { [weak self] outcome in
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(let groups):
        guard let first = path.first else { return self?.list(exchange, groups) ?? () }
        guard let group = groups.first else {
          return exchange.respond(.problem(.unknown("error", first)))
        }
        self?.respond(exchange) { $0.errorGroup(group) }
      }
    }
  }

  private func list(_ exchange: HTTPExchange, _ groups: [ErrorGroup]) {
    respond(exchange) { json in
      json.object { json in
        json.array("items") { json in for group in groups { json.errorGroup(group) } }
        json.field("next", nil as String?)
      }
    }
  }

  func chain(_ exchange: HTTPExchange, _ id: InvocationID) {
    house.chain(of: id) { [weak self] outcome in
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(let chain): self?.respond(exchange) { $0.chain(chain) }
      }
    }
  }
}

extension JSONWriter {
  fileprivate mutating func errorGroup(_ group: ErrorGroup) {
    object { json in
      json.field("fingerprint", "\(group.fingerprint)")
      json.field("code", group.error.code)
      json.field("type", group.error.type)
      json.field("message", group.error.message)
      json.field("pattern", ErrorPattern.text(of: group.error.message))
      json.field("failures", group.failures)
      json.field("deadLetters", group.deadLetters)
      json.field("retrying", group.retrying)
      json.field("firstAt", group.firstAt)
      json.field("lastAt", group.lastAt)
      json.field("firstRelease", group.firstRelease)
      json.field("lastRelease", group.lastRelease)
      json.field("firstInvocation", "\(group.firstInvocation)")
      json.field("lastInvocation", "\(group.lastInvocation)")
      json.array("functions") { json in
        for share in group.shares {
          json.object { json in
            json.field("name", share.function)
            json.field("failures", share.failures)
          }
        }
      }
    }
  }

  fileprivate mutating func chain(_ chain: InvocationChain) {
    object { json in
      json.array("items") { json in
        for node in chain.nodes {
          json.object { json in
            json.field("id", "\(node.record.acceptance.id)")
            json.field("function", node.record.acceptance.function)
            json.field("state", node.record.state.description)
            json.field("reason", node.record.reason?.description)
            json.field("link", node.link.rawValue)
            json.field("parent", node.parent.map { "\($0)" })
            json.field("queue", node.record.acceptance.queue)
            json.field("createdAt", node.record.acceptance.createdAt)
            json.field("finishedAt", node.record.endedAt)
            json.field("attempt", node.record.attempts)
            json.error(node.record.error, node.record.fingerprint)
          }
        }
      }
      json.field("isCut", chain.isCut)
    }
  }
}
