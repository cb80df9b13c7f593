// What is done to many at once: redrive, purge, retry, cancel, by ids or by the filters of a listing.
// Each is an action on record, with who asked for it and how far it has come, and can be aborted.

import EventLoop
import HTTP
package import Invocations

extension ControlDoor {
  /// Who asks: the token's name, which nobody else can have, and what they say of themselves in
  /// `claim`, or else in the header `Apus-Operator`.
  func operatorName(_ exchange: HTTPExchange, claim: String? = nil) -> String {
    let given = claim ?? exchange.request.headers[first: "Apus-Operator"] ?? ""
    guard let token = exchange.asker else {
      let told = Self.told(given, bytesMax: OperatorAction.operatorBytesMax)
      return told.isEmpty ? "unknown" : told
    }
    let room = OperatorAction.operatorBytesMax - token.utf8.count - 2
    let told = Self.told(given, bytesMax: room)
    return told.isEmpty ? token : "\(token): \(told)"
  }

  /// Without control characters, and without what only a token's name may have.
  private static func told(_ text: String, bytesMax: Int) -> String {
    let clean = String(text.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 })
      .replacing(TokenText.prefix, with: "apus-")
    return String(clean.prefix(bytesMax / 4))
  }

  func bulk(_ exchange: HTTPExchange, _ verb: OperatorAction.Verb) throws(RequestFault) {
    let own: Set<String> = verb == .redrive ? ["rate", "set", "to"] : ["rate"]
    let query = try RequestQuery(
      exchange.request.query, allowed: RequestQuery.filters.union(["dryRun", "all"]).union(own))
    let body = try BulkBody(exchange.request.body, members: own)
    var filter = try filter(of: query)
    let isDryRun = try query.flag("dryRun") || body.isDryRun
    let isAll = try query.flag("all") || body.isAll
    guard body.ids.isEmpty || !filter.isSelective else {
      throw RequestFault("two-selections", "ids and filters exclude each other")
    }
    guard !body.ids.isEmpty || filter.isSelective || isAll || isDryRun else {
      throw RequestFault(
        "no-selection",
        "name them by {\"ids\": […]} in the body or by a filter in the query, or say all=true for "
          + "every one")
    }
    filter.states = try Self.states(of: filter, verb)
    var mended = body.mended
    for text in query.all("set") { mended.append(try Self.member(text)) }
    let wish = ActionWish(
      verb: verb, by: operatorName(exchange), filter: filter, fields: query.kept(filter),
      ids: body.ids,
      options: .init(
        rate: query["rate"] ?? body.rate, mended: mended, target: query["to"] ?? body.target))
    try check(wish)
    if isDryRun { return count(exchange, wish) }
    begin(exchange, wish)
  }

  func begin(_ exchange: HTTPExchange, _ wish: ActionWish) {
    let isAnsweredAtOnce = wish.options.rate != nil
    do throws(ActionFault) {
      try house.begin(wish) { [weak self] action in
        self?.tell(exchange, action, isAnsweredAtOnce: isAnsweredAtOnce)
      }
    } catch {
      exchange.respond(error.response)
    }
  }

  private func tell(_ exchange: HTTPExchange, _ action: OperatorAction, isAnsweredAtOnce: Bool) {
    var json = JSONWriter()
    json.action(shown(action), isDryRun: false)
    var response = HTTPResponse.json(action.state.isFinal ? 200 : 202, json.bytes)
    response.headers.append("Location", "/v1/actions/\(action.number)")
    exchange.respond(response)
  }

  private func count(_ exchange: HTTPExchange, _ wish: ActionWish) {
    func answer(_ count: Int) {
      var action = OperatorAction(
        number: 0, verb: wish.verb, subject: wish.subject, by: wish.by, at: house.clocks.wall,
        filter: wish.fields, options: wish.options)
      action.selected = count
      respond(exchange) { $0.action(shown(action), isDryRun: true) }
    }
    guard wish.ids.isEmpty else { return rehearse(exchange, wish) }
    house.count(wish.filter, among: wish.meansDeadLetters ? .deadLetters : .all) { outcome in
      switch outcome {
      case .success(let count): answer(count)
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      }
    }
  }

  /// By ids each is looked at as it would be.
  private func rehearse(_ exchange: HTTPExchange, _ wish: ActionWish) {
    house.rehearse(wish) { [weak self] outcome in
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(let action):
        guard let self else { return exchange.abort() }
        respond(exchange) { $0.action(self.shown(action), isDryRun: true) }
      }
    }
  }

  // MARK: What is asked

  private func check(_ wish: ActionWish) throws(RequestFault) {
    if let rate = wish.options.rate, ActionPace.interval(rate) == nil {
      throw RequestFault(
        "bad-parameter",
        "'rate' must be a whole number up to \(ActionPace.countMax) and /s, /min or /h, such as "
          + "10/s; got '\(rate)'")
    }
    do throws(Mending.Fault) { _ = try Mending(wish.options.mended) } catch {
      throw RequestFault("bad-parameter", error.reason)
    }
    guard let target = wish.options.target else { return }
    guard house.functions.contains(where: { $0.declaration.name == target && $0.isDeclared }) else {
      throw RequestFault("bad-parameter", "'to' must be a function; there is no '\(target)'")
    }
  }

  private static func member(_ text: String) throws(RequestFault) -> HTTPCall.Field {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw RequestFault(
        "bad-parameter",
        "'set' must be a member of the data and its value, such as data.card=tok_2; got '\(text)'")
    }
    return HTTPCall.Field(name: String(parts[0]), value: String(parts[1]))
  }

  /// Those that the verb can do something about, unless the filter says which.
  private static func states(
    of filter: InvocationFilter, _ verb: OperatorAction.Verb
  ) throws(RequestFault) -> [StateWord] {
    let able: [StateWord]
    switch verb {
    case .cancel: able = [.queued, .running, .waiting, .held]
    case .retry: able = [.waiting, .held, .dead, .cancelled]
    default: return filter.states
    }
    guard !filter.states.isEmpty else { return verb == .retry ? [.waiting, .held] : able }
    guard filter.states.allSatisfy(able.contains) else {
      let words = able.map(\.description).joined(separator: ", ")
      throw RequestFault("bad-parameter", "\(verb.rawValue) is for those that are \(words)")
    }
    guard verb != .retry || !filter.states.contains(.dead) || filter.states == [.dead] else {
      throw RequestFault("bad-parameter", "retry dead letters apart from the others")
    }
    return filter.states
  }

  // MARK: What was done

  func actions(_ exchange: HTTPExchange, _ path: [String]) throws(RequestFault) {
    guard let first = path.first else { return try listActions(exchange) }
    guard let number = Int(first), number > 0 else {
      throw RequestFault("bad-action", "an action is named by its number; got '\(first)'")
    }
    if path.count > 1 {
      guard house.abort(action: number, by: operatorName(exchange)) else {
        return refuseAbort(exchange, number)
      }
      return respond(exchange, 202) { json in
        json.object { json in
          json.field("id", number)
          json.field("aborting", true)
        }
      }
    }
    house.action(number) { [weak self] outcome in
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(nil): exchange.respond(.problem(.unknown("action", first)))
      case .success(let action?):
        guard let self else { return exchange.abort() }
        respond(exchange) { $0.action(self.shown(action), isDryRun: false) }
      }
    }
  }

  private func refuseAbort(_ exchange: HTTPExchange, _ number: Int) {
    house.action(number) { outcome in
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(nil): exchange.respond(.problem(.unknown("action", "\(number)")))
      case .success(let action?):
        let detail = "action \(number) is \(action.state); there is nothing to abort"
        exchange.respond(.problem(.conflict("not-running", detail)))
      }
    }
  }

  private func listActions(_ exchange: HTTPExchange) throws(RequestFault) {
    let (limit, before) = try RequestQuery.numberedPage(exchange.request.query)
    house.actions(before: before, limit: limit + 1) { [weak self] outcome in
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(let actions):
        guard let self else { return exchange.abort() }
        respond(exchange) { json in
          json.object { json in
            json.array("items") { json in
              for action in actions.prefix(limit) {
                json.action(self.shown(action), isDryRun: false)
              }
            }
            let next = actions.count > limit ? actions[limit - 1].number : nil
            json.field("next", next.map(String.init))
          }
        }
      }
    }
  }
}

/// Why an action cannot begin.
package struct ActionFault: Error, Sendable {
  package var code: String
  package var reason: String
  /// The same may be asked again later.
  package var isPassing: Bool

  package init(code: String, reason: String, isPassing: Bool = false) {
    self.code = code
    self.reason = reason
    self.isPassing = isPassing
  }

  var response: HTTPResponse {
    guard isPassing else { return .problem(.badRequest(code, reason)) }
    return .problem(
      HTTPProblem(
        status: 503, code: code, title: "Not now", detail: reason,
        headers: HTTPFields([("Retry-After", "5")])))
  }
}

/// The filter of an action, as its record has it.
package enum ActionFilter {
  package static func read(_ fields: [HTTPCall.Field]) throws(ActionFault) -> InvocationFilter {
    do throws(RequestFault) {
      // Its times are instants; no moment is needed to read them.
      return try RequestQuery(fields).filter(now: WallTime(milliseconds: 0))
    } catch {
      throw ActionFault(code: error.code, reason: error.detail)
    }
  }
}

extension InvocationFilter {
  /// True when it leaves out anything at all.
  var isSelective: Bool {
    function != nil || reason != nil || queue != nil || key != nil || since != nil || until != nil
      || text != nil || eventText != nil || !matches.isEmpty || fingerprint != nil || release != nil
      || !states.isEmpty
  }
}

/// The body of a bulk call, such as `{"ids": […], "dryRun": true, "set": {"data.card": "tok_2"}}`, or
/// nothing.
struct BulkBody {
  var ids: [InvocationID] = []
  var isDryRun = false
  var isAll = false
  var rate: String?
  var target: String?
  var mended: [HTTPCall.Field] = []

  init(_ body: [UInt8], members own: Set<String>) throws(RequestFault) {
    guard !body.isEmpty else { return }
    do {
      try JSONScanner.validate(body)
      for (name, value) in try JSONScanner.members(of: body) {
        switch name {
        case "ids": ids = try Self.ids(Array(value.bytes))
        case "dryRun": isDryRun = value.text == "true"
        case "all": isAll = value.text == "true"
        case "rate": rate = value.string ?? value.text
        case "to" where own.contains(name): target = value.string
        case "set" where own.contains(name):
          mended = try JSONScanner.members(of: value.bytes).map {
            HTTPCall.Field(name: $0.name, value: String(decoding: $0.value.bytes, as: UTF8.self))
          }
        default:
          let known = ["ids", "dryRun", "all"] + own.sorted()
          throw RequestFault(
            "bad-body",
            "unknown member '\(name)'; there are \(known.joined(separator: ", "))")
        }
      }
    } catch let fault as RequestFault {
      throw fault
    } catch {
      throw RequestFault("bad-body", "the body must be a JSON object: \(error)")
    }
  }

  private static func ids(_ bytes: [UInt8]) throws -> [InvocationID] {
    let elements = try JSONScanner.elements(of: bytes)
    guard elements.count <= OperatorAction.idsMax else {
      throw RequestFault("bad-body", "at most \(OperatorAction.idsMax) ids; got \(elements.count)")
    }
    return try elements.map { element in
      guard let id = element.string.flatMap(InvocationID.init) else {
        throw RequestFault("bad-body", "'\(element.text ?? "null")' is not an invocation id")
      }
      return id
    }
  }
}

extension ControlDoor {
  /// Cancels what waits in a queue; what runs is left to end.
  func purge(_ exchange: HTTPExchange, queue: String) {
    let filter = InvocationFilter(states: [.queued, .waiting], queue: queue)
    let wish = ActionWish(
      verb: .cancel, by: operatorName(exchange), filter: filter,
      fields: [.init(name: "queue", value: queue), .init(name: "state", value: "queued,waiting")],
      ids: [], options: .init())
    do throws(ActionFault) {
      try house.begin(wish) { [weak self] action in
        self?.respond(exchange, action.state.isFinal ? 200 : 202) { json in
          json.object { json in
            json.field("cancelled", action.done)
            json.field("action", action.number)
          }
        }
      }
    } catch {
      exchange.respond(error.response)
    }
  }
}

extension JSONWriter {
  mutating func action(_ action: OperatorAction, isDryRun: Bool) {
    object { json in
      if !isDryRun { json.field("id", action.number) }
      json.field("action", action.verb.rawValue)
      json.field("subject", action.subject)
      json.field("by", action.by)
      json.field("at", action.at)
      json.field("dryRun", isDryRun)
      if !isDryRun { json.field("state", action.state.description) }
      json.object("filter") { json in
        for field in action.filter where field.name != "where" {
          json.field(field.name, field.value)
        }
        json.field("where", action.filter.filter { $0.name == "where" }.map(\.value))
      }
      json.field("ids", action.ids.map { "\($0)" })
      json.field("rate", action.options.rate)
      json.pairs("set", action.options.mended)
      json.field("to", action.options.target)
      json.field("selected", action.selected)
      json.field("done", action.done)
      json.field("refusedCount", action.refusedCount)
      json.array("refused") { json in
        for refused in action.refused {
          json.object { json in
            json.field("id", "\(refused.id)")
            json.field("reason", refused.reason)
          }
        }
      }
      json.field("finishedAt", action.endedAt)
      json.field("note", action.note)
    }
  }
}
