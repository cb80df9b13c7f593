// The rules of one release, by route: made when it is launched, with the secrets as they are then.

package import Invocations

package struct WebhookRules: Sendable {
  private var rules: [HTTPRoute: WebhookRule] = [:]
  /// Secrets that their scheme cannot use; never their values.
  package private(set) var mistakes: [String] = []

  /// Of no release.
  package init() {}

  /// `secret` is asked for each name; one that has no value is its caller's to refuse.
  ///
  /// A route of
  /// which one is missing or no good has no rule, and takes no call.
  package init(_ functions: [FunctionDeclaration], secret: (String) -> String?) {
    for function in functions {
      for (route, policy) in function.webhooks {
        let values = policy.secrets.compactMap(secret)
        guard values.count == policy.secrets.count else { continue }
        if let rule = WebhookRule(policy, secrets: values) {
          rules[route] = rule
        } else {
          mistakes.append(
            "a secret among \(policy.secrets.joined(separator: ", ")), which verifies "
              + "\(route.method) \(route.pattern) of '\(function.name)', is none of the scheme "
              + "\(policy.scheme.rawValue): that wants whsec_ and the base64 of at least "
              + "\(WebhookRule.standardKeyBytesMin) bytes")
        }
      }
    }
    mistakes.sort()
  }

  package subscript(route: HTTPRoute) -> WebhookRule? { rules[route] }
}
