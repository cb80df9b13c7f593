// Releases: an executable in parts, a deployment with its plan, the list, and the way back.

import EventLoop
import HTTP
import Invocations

extension ControlDoor {
  // MARK: Executables

  func executables(_ exchange: HTTPExchange, _ path: [String]) throws(RequestFault) {
    guard let hash = path.first, hash.utf8.count == 64,
      hash.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
    else {
      throw RequestFault(
        "bad-hash", "an executable is named by its SHA-256, 64 hexadecimal digits in lower case")
    }
    var part: ExecutablePart?
    if exchange.request.method == "PUT" {
      let query = try RequestQuery(exchange.request.query, allowed: ["offset", "size"])
      part = ExecutablePart(
        hash: hash, offset: try Self.count(query, "offset"), size: try Self.count(query, "size"),
        bytes: exchange.request.body)
    }
    house.shelve(part, of: hash) { [weak self] outcome in
      switch outcome {
      case nil: exchange.respond(.problem(HTTPProblem(.filesAreLive)))
      case .failure(let fault)?: exchange.respond(.problem(HTTPProblem(fault)))
      case .success(let executable)?:
        self?.respond(exchange) { json in
          json.object { json in
            json.field("sha256", executable.hash)
            json.field("bytes", executable.bytes)
            json.field("complete", executable.isWhole)
          }
        }
      }
    }
  }

  private static func count(_ query: RequestQuery, _ name: String) throws(RequestFault) -> Int {
    guard let count = query[name].flatMap({ Int($0) }), (0...Int(Int32.max)).contains(count) else {
      throw RequestFault("bad-parameter", "'\(name)' must be a number of bytes")
    }
    return count
  }

  // MARK: Releases

  func releases(_ exchange: HTTPExchange, _ path: [String]) throws(RequestFault) {
    guard let text = path.first else {
      if exchange.request.method == "POST" { return try deploy(exchange) }
      return try listReleases(exchange)
    }
    guard let number = Int(text), number > 0 else {
      throw RequestFault("bad-release", "a release is named by its number; got '\(text)'")
    }
    guard path.last != "activate" else { return try activate(exchange, number) }
    house.release(number) { [weak self] outcome in
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(nil): exchange.respond(.problem(HTTPProblem(.unknownRelease(number))))
      case .success(let line?): self?.respond(exchange) { $0.release(line, isWhole: true) }
      }
    }
  }

  private func listReleases(_ exchange: HTTPExchange) throws(RequestFault) {
    let (limit, before) = try RequestQuery.numberedPage(exchange.request.query)
    house.releases(before: before, limit: limit + 1) { [weak self] outcome in
      switch outcome {
      case .failure(let fault): exchange.respond(.problem(.inspection(fault)))
      case .success(let lines):
        let shown = lines.prefix(limit)
        self?.respond(exchange) { json in
          json.object { json in
            json.array("items") { json in for line in shown { json.release(line, isWhole: false) } }
            json.field("next", lines.count > limit ? shown.last.map { "\($0.record.number)" } : nil)
          }
        }
      }
    }
  }

  private func deploy(_ exchange: HTTPExchange) throws(RequestFault) {
    var wish = try DeploymentWish(
      exchange.request.body, allowed: ["manifests", "executable", "dryRun", "force", "by"])
    guard let manifests = wish.manifests else {
      throw RequestFault(
        "bad-deployment", "'manifests' is missing: an object of texts by their paths")
    }
    wish.by = operatorName(exchange, claim: wish.by)
    carryOut(exchange, wish.deployment(.manifests(manifests, executable: wish.executable)))
  }

  private func activate(_ exchange: HTTPExchange, _ number: Int) throws(RequestFault) {
    let body = exchange.request.body
    var wish = try DeploymentWish(
      body.isEmpty ? Array("{}".utf8) : body, allowed: ["dryRun", "force", "by"])
    let query = try RequestQuery(exchange.request.query, allowed: ["dryRun", "force"])
    if try query.flag("dryRun") { wish.isDryRun = true }
    if try query.flag("force") { wish.isForced = true }
    wish.by = operatorName(exchange, claim: wish.by)
    carryOut(exchange, wish.deployment(.release(number)))
  }

  private func carryOut(_ exchange: HTTPExchange, _ deployment: Deployment) {
    house.deploy(deployment) { [weak self] outcome in
      switch outcome {
      case .failure(let refusal): exchange.respond(.problem(HTTPProblem(refusal)))
      case .success(let report):
        let isNew = report.isChanged && !report.isDryRun
        if isNew { self?.note(deployment, report) }
        self?.respond(exchange, isNew ? 201 : 200) { $0.deployment(report) }
      }
    }
  }
}

extension ControlDoor {
  private func note(_ deployment: Deployment, _ report: DeploymentReport) {
    let verb: OperatorAction.Verb =
      if case .release = deployment.content { .activate } else { .deploy }
    house.note(verb, "release \(report.number)", by: deployment.by)
  }
}

/// The body of a deployment, member by member.
private struct DeploymentWish {
  var manifests: [ManifestText]?
  var executable: String?
  var isDryRun = false
  var isForced = false
  var by: String?

  init(_ body: [UInt8], allowed: Set<String>) throws(RequestFault) {
    let members: [(name: String, value: JSONSlice)]
    do { members = try JSONScanner.members(of: body).map { ($0.name, $0.value) } } catch {
      throw RequestFault("bad-deployment", "the body must be a JSON object: \(error)")
    }
    for (name, value) in members {
      guard allowed.contains(name) else {
        throw RequestFault(
          "bad-deployment",
          "unknown member '\(name)'; this call takes \(allowed.sorted().joined(separator: ", "))")
      }
      switch name {
      case "manifests": manifests = try Self.texts(value)
      case "executable": executable = value.kind == .null ? nil : try Self.string(name, value)
      case "by": by = try Self.string(name, value)
      case "dryRun": isDryRun = try Self.truth(name, value)
      default: isForced = try Self.truth(name, value)
      }
    }
  }

  func deployment(_ content: Deployment.Content) -> Deployment {
    Deployment(content, isDryRun: isDryRun, isForced: isForced, by: by ?? "unknown")
  }

  private static func texts(_ value: JSONSlice) throws(RequestFault) -> [ManifestText] {
    let fault = RequestFault(
      "bad-deployment", "'manifests' must be an object of texts by their paths")
    guard value.kind == .object else { throw fault }
    do {
      return try JSONScanner.members(of: Array(value.bytes)).map { member in
        guard let text = member.value.string else { throw fault }
        return ManifestText(path: member.name, text: text)
      }
    } catch { throw fault }
  }

  private static func string(_ name: String, _ value: JSONSlice) throws(RequestFault) -> String {
    guard let text = value.string else {
      throw RequestFault("bad-deployment", "'\(name)' must be a text")
    }
    return text
  }

  private static func truth(_ name: String, _ value: JSONSlice) throws(RequestFault) -> Bool {
    guard value.kind == .boolean else {
      throw RequestFault("bad-deployment", "'\(name)' must be true or false")
    }
    return value.text == "true"
  }
}

extension JSONWriter {
  mutating func release(_ line: ReleaseLine, isWhole: Bool) {
    object { json in
      json.field("number", line.record.number)
      json.field("live", line.isLive)
      json.field("origin", line.record.origin.rawValue)
      json.field("by", line.record.by)
      json.field("createdAt", line.record.createdAt)
      json.field("activatedAt", line.activatedAt)
      json.field("functions", line.record.functions)
      json.field("executable", line.record.executable)
      json.field("executableBytes", line.record.executableBytes)
      guard isWhole else { return }
      json.object("manifests") { json in
        for manifest in line.record.manifests { json.field(manifest.path, manifest.text) }
      }
    }
  }

  mutating func deployment(_ report: DeploymentReport) {
    object { json in
      json.field("number", report.number)
      json.field("changed", report.isChanged)
      json.field("dryRun", report.isDryRun)
      json.array("plan") { json in for step in report.plan.steps { json.step(step) } }
      json.field("warnings", report.warnings)
    }
  }

  private mutating func step(_ step: ReleasePlan.Step) {
    object { json in
      json.field("action", step.action.rawValue)
      json.field("subject", step.subject.rawValue)
      json.field("name", step.name)
      json.array("changes") { json in
        for change in step.changes {
          json.object { json in
            json.field("key", change.key)
            json.field("old", change.old)
            json.field("new", change.new)
          }
        }
      }
      json.field("notes", step.notes)
    }
  }
}

extension HTTPProblem {
  init(_ refusal: DeploymentRefusal) {
    let again = HTTPFields([("Retry-After", "1")])
    switch refusal {
    case .mistakes(let mistakes):
      self.init(
        status: 422, code: "bad-manifests", title: "The manifests have mistakes",
        detail: mistakes.joined(separator: "\n"))
    case .tooLarge(let bytesMax):
      self.init(
        status: 413, code: "manifests-too-large", title: "The manifests are too large",
        detail: "all manifests together may have \(bytesMax) bytes")
    case .missingHandlers(let mistakes):
      self = .refused("missing-handler", mistakes.joined(separator: "\n"))
    case .undecodable(let faults):
      self = .refused(
        "undecodable-events",
        (faults + ["deploy with --force to let them end dead"]).joined(separator: "\n"))
    case .unknownExecutable(let hash):
      self = .refused(
        "unknown-executable",
        "there is no executable \(hash) here: send it with PUT /v1/executables/{sha256} before")
    case .executableGone(let number):
      self = .refused(
        "executable-gone",
        "the executable of release \(number) is no longer kept; deploy it again with --worker")
    case .unknownRelease(let number): self = .unknown("release", "\(number)")
    case .workers(let code, let reason): self = .refused(code, reason)
    case .busy:
      self = .refused("deployment-running", "another deployment is under way; try again", again)
    case .filesAreLive:
      self = .refused(
        "files-are-live", "this host is `apus dev`: edit the files, nothing has to be deployed")
    case .storeStalled(let reason): self.init(Refusal.storeStalled(reason: reason))
    case .unreadable(let reason): self = .inspection(InspectionFault(reason: reason))
    case .stopping: self.init(Refusal.draining)
    }
  }

  init(_ fault: ShelfFault) {
    switch fault {
    case .wrongOffset(let have):
      self = .refused(
        "wrong-offset", "the next part begins at offset \(have), and ends at the size")
    case .wrongHash(let given, let real):
      self.init(
        status: 422, code: "wrong-hash", title: "Not what its name says",
        detail: "the executable was to be \(given) and is \(real); send it again from the start")
    case .tooLarge(let bytesMax):
      self.init(
        status: 413, code: "executable-too-large", title: "The executable is too large",
        detail: "an executable may have \(bytesMax) bytes; strip its symbols")
    case .busy:
      self.init(
        status: 503, code: "busy", title: "Too much at once",
        detail: "too many parts of executables are on their way to disk; send this one again",
        headers: HTTPFields([("Retry-After", "1")]))
    case .system(let path, let reason):
      self.init(
        status: 503, code: "shelf-unavailable", title: "The executable cannot be kept",
        detail: "\(path): \(reason)", headers: HTTPFields([("Retry-After", "5")]))
    }
  }

  private static func refused(
    _ code: String, _ detail: String, _ headers: HTTPFields = HTTPFields()
  ) -> HTTPProblem {
    HTTPProblem(
      status: 409, code: code, title: "Nothing was deployed", detail: detail, headers: headers)
  }
}
