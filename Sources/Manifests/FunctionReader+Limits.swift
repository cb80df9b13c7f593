// The keys that say when an invocation may start, what becomes of one that fails, and what its
// process has.

import Invocations

extension FunctionReader {
  mutating func readStarting(
    from fields: ManifestFields, into declaration: inout FunctionDeclaration
  ) {
    readConcurrency(fields["concurrency"], into: &declaration.concurrency)
    declaration.rate = rate(fields["rate"])
    declaration.order = path(fields["order"])
    let priorities = Priority.allCases.map(\.description)
    if let priority = choice(fields["priority"], of: priorities).flatMap(Priority.init) {
      declaration.priority = priority
    }
    if let timeout = duration(fields["timeout"], in: ManifestLimits.timeout) {
      declaration.timeout = timeout
    }
    if let limit = integer(fields["queueLimit"], in: ManifestLimits.queueLimit) {
      declaration.queueLimit = limit
    }
    if let bytes = size(fields["payloadLimit"], in: ManifestLimits.payloadBytes) {
      declaration.payloadBytesMax = bytes
    }
    readLimits(fields["limits"], into: &declaration.limits)
  }

  private mutating func readLimits(_ field: ManifestField?, into limits: inout FunctionLimits) {
    guard let parts = mapping(field, known: ManifestKeys.limits) else { return }
    if let bytes = size(parts["memory"], in: ManifestLimits.memoryBytes) {
      limits.memoryBytes = bytes
    }
    if let bytes = size(parts["result"], in: ManifestLimits.resultBytes) {
      limits.resultBytes = bytes
    }
    if let count = integer(parts["emits"], in: ManifestLimits.emitted) { limits.emitted = count }
    if let count = integer(parts["logLines"], in: ManifestLimits.logLines) {
      limits.logLines = count
    }
    if let bytes = size(parts["logSize"], in: ManifestLimits.logBytes) { limits.logBytes = bytes }
  }

  private mutating func readConcurrency(
    _ field: ManifestField?, into concurrency: inout ConcurrencyLimit
  ) {
    guard let field else { return }
    guard case .mapping = field.value.content else {
      if let limit = integer(field, in: ManifestLimits.concurrency) { concurrency.limit = limit }
      return
    }
    guard let parts = mapping(field, known: ManifestKeys.concurrency) else { return }
    if let limit = integer(parts["limit"], in: ManifestLimits.concurrency) {
      concurrency.limit = limit
    }
    concurrency.per = path(parts["per"])
    if let limit = integer(parts["limitPer"], in: ManifestLimits.concurrency) {
      concurrency.limitPer = limit
    }
    if let limitPer = parts["limitPer"], parts["per"] == nil {
      note("'limitPer' needs 'per', the path that it counts by", at: limitPer.keyLocation)
    }
  }

  private mutating func rate(_ field: ManifestField?) -> RateLimit? {
    guard let field else { return nil }
    guard case .mapping = field.value.content else {
      return rateText(field).map { RateLimit(count: $0.count, period: $0.period, burst: $0.count) }
    }
    guard let parts = mapping(field, known: ManifestKeys.rate) else { return nil }
    let burst = integer(parts["burst"], in: ManifestLimits.rateCount)
    let per = path(parts["per"])
    if parts.lacks("limit") {
      note("'limit' is missing in 'rate'; write one such as 100/s", at: parts.location)
    }
    return parts["limit"].flatMap { rateText($0) }.map {
      RateLimit(count: $0.count, period: $0.period, burst: burst ?? $0.count, per: per)
    }
  }

  private mutating func rateText(_ field: ManifestField) -> (count: Int, period: Duration)? {
    let form = "a rate such as 100/s (a whole number and /s, /min or /h)"
    guard let text = text(field, form) else { return nil }
    guard let rate = ManifestForms.rate(text) else {
      expected(form, field)
      return nil
    }
    let range = ManifestLimits.rateCount
    guard range.contains(rate.count) else {
      fault(field, "must be \(range.lowerBound)…\(range.upperBound) a period", got: text)
      return nil
    }
    return rate
  }
}

extension FunctionReader {
  mutating func readFailing(from fields: ManifestFields, into draft: inout FunctionDraft) {
    readRetry(fields["retry"], into: &draft.declaration.retry)
    readIdempotency(fields["idempotency"], into: &draft.declaration.idempotency)
    if let queue = name(fields["deadLetter"], "a queue's name") {
      draft.declaration.deadLetter = queue
      draft.deadLetterLocation = fields["deadLetter"]?.value.location
    }
    let policies = CrashPolicy.allCases.map(\.rawValue)
    if let policy = choice(fields["onCrash"], of: policies).flatMap(CrashPolicy.init) {
      draft.declaration.onCrash = policy
    }
  }

  private mutating func readRetry(_ field: ManifestField?, into retry: inout RetryPolicy) {
    guard let parts = mapping(field, known: ManifestKeys.retry) else { return }
    if let attempts = integer(parts["attempts"], in: ManifestLimits.attempts) {
      retry.attemptsMax = attempts
      retry.attemptsAreGiven = true
    }
    if let first = duration(parts["first"], in: ManifestLimits.retryDelay) { retry.first = first }
    if let factor = decimal(parts["factor"], in: ManifestLimits.factor) { retry.factor = factor }
    if let most = duration(parts["max"], in: ManifestLimits.retryDelay) { retry.delayMax = most }
    let jitters = RetryPolicy.Jitter.allCases.map(\.rawValue)
    if let jitter = choice(parts["jitter"], of: jitters).flatMap(RetryPolicy.Jitter.init) {
      retry.jitter = jitter
    }
    if let age = duration(parts["maxAge"], in: ManifestLimits.maxAge) { retry.maxAge = age }
    if retry.first > retry.delayMax, let place = parts["first"] ?? parts["max"] {
      let most = ManifestForms.text(retry.delayMax)
      let first = ManifestForms.text(retry.first)
      note("'first' must be at most 'max' (\(most)); got \(first)", at: place.value.location)
    }
  }

  private mutating func readIdempotency(
    _ field: ManifestField?, into policy: inout IdempotencyPolicy
  ) {
    guard let parts = mapping(field, known: ManifestKeys.idempotency) else { return }
    policy.key = path(parts["key"])
    if let keep = duration(parts["keep"], in: ManifestLimits.keep) { policy.keep = keep }
    if let isRequired = boolean(parts["required"]) { policy.isRequired = isRequired }
    if let word = choice(parts["whenRunning"], of: ["reject", "join"]),
      let whenRunning = IdempotencyPolicy.WhenRunning(rawValue: word)
    {
      policy.whenRunning = whenRunning
    }
  }
}

extension FunctionReader {
  mutating func readProcess(
    from fields: ManifestFields, into declaration: inout FunctionDeclaration
  ) {
    declaration.environment = environment(fields["environment"])
    declaration.secrets = secrets(fields["secrets"], environment: declaration.environment)
    let kinds = WorkerKind.allCases.map(\.rawValue)
    if let kind = choice(fields["worker"], of: kinds).flatMap(WorkerKind.init) {
      declaration.worker = kind
    }
    let promises = Durability.allCases.map(\.rawValue)
    if let promise = choice(fields["durability"], of: promises).flatMap(Durability.init(rawValue:))
    {
      declaration.durability = promise
    }
  }

  mutating func readRecord(
    from fields: ManifestFields, into declaration: inout FunctionDeclaration
  ) {
    declaration.fields = paths(fields["fields"])
    readRedaction(from: fields, into: &declaration)
    declaration.keep = keep(fields["keep"])
  }

  private mutating func paths(_ field: ManifestField?) -> [EventPath] {
    guard let field else { return [] }
    guard case .list(let items) = field.value.content else {
      expected("a list of paths such as [data.orderId, data.customerId]", field)
      return []
    }
    guard allows(items.count, of: field, in: ManifestLimits.fields) else { return [] }
    var paths: [EventPath] = []
    for item in items {
      var entry = field
      entry.value = item
      guard let path = path(entry) else { continue }
      if paths.contains(path) { note("'\(path)' is listed twice", at: item.location) }
      paths.append(path)
    }
    return paths
  }

  private mutating func keep(_ field: ManifestField?) -> Keeping {
    guard let parts = mapping(field, known: ManifestKeys.keep) else { return Keeping() }
    return Keeping(
      succeeded: duration(parts["succeeded"], in: ManifestLimits.history),
      dead: duration(parts["dead"], in: ManifestLimits.history),
      count: integer(parts["count"], in: ManifestLimits.historyCount),
      bytes: size(parts["size"], in: ManifestLimits.historyBytes))
  }

  private mutating func environment(_ field: ManifestField?) -> [String: String] {
    guard let field else { return [:] }
    guard case .mapping(let entries) = field.value.content else {
      expected("a mapping such as { MODE: test }", field)
      return [:]
    }
    let range = ManifestLimits.environmentEntries
    guard allows(entries.count, of: field, in: range) else { return [:] }
    var environment: [String: String] = [:]
    for entry in entries {
      let variable = ManifestField(
        name: entry.key, path: "", keyLocation: entry.keyLocation, value: entry.value)
      requireVariableName(entry.key, at: entry.keyLocation)
      let value = text(variable, "text (for none at all, write \"\")")
      if let value, isUsable(value, of: variable) { environment[entry.key] = value }
    }
    return environment
  }

  private mutating func isUsable(_ value: String, of variable: ManifestField) -> Bool {
    let limit = ManifestLimits.environmentValueBytes.upperBound
    if value.utf8.count > limit {
      let bytes = "\(value.utf8.count) bytes"
      fault(variable, "must be at most \(ManifestForms.sizeText(limit))", got: bytes)
      return false
    }
    if value.utf8.contains(0) {
      note("'\(variable.name)' must not contain a NUL", at: variable.value.location)
      return false
    }
    return true
  }

  private mutating func secrets(
    _ field: ManifestField?, environment: [String: String]
  ) -> [String] {
    guard let field else { return [] }
    guard case .list(let items) = field.value.content else {
      expected("a list such as [STRIPE_KEY]", field)
      return []
    }
    guard allows(items.count, of: field, in: ManifestLimits.secrets) else { return [] }
    var secrets: [String] = []
    for item in items {
      var entry = field
      entry.value = item
      guard let name = text(entry, "the name of a variable") else { continue }
      requireVariableName(name, at: item.location)
      if secrets.contains(name) { note("secret '\(name)' is listed twice", at: item.location) }
      if environment[name] != nil {
        note("'\(name)' is in 'environment' and in 'secrets'; keep one", at: item.location)
      }
      secrets.append(name)
    }
    return secrets
  }

  mutating func requireVariableName(_ name: String, at location: ManifestLocation) {
    guard !ManifestForms.isVariableName(name) else { return }
    note(
      "a variable's name has letters, digits and _ and begins with no digit; got "
        + ManifestForms.quoted(name), at: location)
  }

  /// What is past its limit is not looked at one by one.
  mutating func allows(_ count: Int, of field: ManifestField, in range: ClosedRange<Int>) -> Bool {
    if range.contains(count) { return true }
    fault(
      field, "must have \(range.lowerBound)…\(range.upperBound) entries", got: String(count))
    return false
  }
}
