// The key `verify` of an http trigger: whose signature a call must have.

import Invocations

extension FunctionReader {
  mutating func readWebhook(
    _ field: ManifestField, of source: ManifestField, _ trigger: Trigger?,
    into draft: inout FunctionDraft
  ) {
    guard source.name == "http" else {
      note("'verify' goes with http triggers only", at: field.keyLocation)
      return
    }
    guard let policy = webhook(field), case .http(let route)? = trigger else { return }
    draft.declaration.webhooks[route] = policy
  }

  private mutating func webhook(_ field: ManifestField) -> WebhookPolicy? {
    guard let parts = mapping(field, known: ManifestKeys.verify) else { return nil }
    let schemes = WebhookPolicy.Scheme.allCases.map(\.rawValue)
    if parts.lacks("scheme") {
      let list = ManifestForms.alternatives(schemes)
      note("'scheme' is missing in 'verify'; write \(list)", at: parts.location)
    }
    if parts.lacks("secret") {
      note(
        "'secret' is missing in 'verify'; write the name of one such as WEBHOOK_SECRET",
        at: parts.location)
    }
    let scheme = choice(parts["scheme"], of: schemes).flatMap(WebhookPolicy.Scheme.init)
    let secrets = webhookSecrets(parts["secret"])
    let tolerance = duration(parts["tolerance"], in: ManifestLimits.tolerance)
    guard let scheme, !secrets.isEmpty else { return nil }
    if let place = parts["tolerance"], !scheme.signsTime {
      note(
        "'tolerance' does not go with the scheme \(scheme.rawValue), which signs no time",
        at: place.keyLocation)
    }
    var policy = WebhookPolicy(scheme: scheme, secrets: secrets)
    if let tolerance { policy.tolerance = tolerance }
    return policy
  }

  /// One name, or several while one secret takes the place of another.
  private mutating func webhookSecrets(_ field: ManifestField?) -> [String] {
    guard let field else { return [] }
    guard case .list(let items) = field.value.content else {
      return name(ofSecret: field).map { [$0] } ?? []
    }
    guard allows(items.count, of: field, in: ManifestLimits.webhookSecrets) else { return [] }
    var names: [String] = []
    for item in items {
      var entry = field
      entry.value = item
      guard let name = name(ofSecret: entry) else { continue }
      if names.contains(name) { note("secret '\(name)' is listed twice", at: item.location) }
      names.append(name)
    }
    return names
  }

  private mutating func name(ofSecret field: ManifestField) -> String? {
    guard let name = text(field, "the name of a secret such as WEBHOOK_SECRET") else { return nil }
    requireVariableName(name, at: field.value.location)
    return name
  }
}
