// Whose calls an http trigger takes: of senders that signed them with a secret which both know. The
// secret's value is never here, only its name.

package struct WebhookPolicy: Sendable, Equatable {
  /// How the sender signs.
  package enum Scheme: String, Sendable, CaseIterable {
    case github
    case standardWebhooks = "standard-webhooks"
    case stripe

    /// Whether the time of sending is under the signature, so that an old call can be told.
    package var signsTime: Bool { self != .github }
  }

  package var scheme: Scheme
  /// Names of secrets; several while one takes the place of another.
  package var secrets: [String]
  /// How far the time of sending may be from the host's clock, either way.
  package var tolerance: Duration

  package init(scheme: Scheme, secrets: [String], tolerance: Duration = .seconds(300)) {
    self.scheme = scheme
    self.secrets = secrets
    self.tolerance = tolerance
  }
}
