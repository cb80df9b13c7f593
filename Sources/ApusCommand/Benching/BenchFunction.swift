// The functions of a bench as manifests: limits so wide that none of them is what is measured.

struct BenchFunction {
  var name: String
  var handler: String
  var trigger: String
  var retry: String?
  /// Beside the one that makes the program its own worker.
  var environment: [String: String] = [:]

  static let queueLimit = 10_000_000
  /// A worker has 1,024 attempts in flight at most.
  static let concurrency = 1_000

  static func queue(
    _ name: String, _ handler: String = "Take", retry: String? = nil,
    environment: [String: String] = [:]
  ) -> BenchFunction {
    BenchFunction(
      name: name, handler: handler, trigger: "queue: \(name)", retry: retry,
      environment: environment)
  }

  static func answer(environment: [String: String] = [:]) -> BenchFunction {
    BenchFunction(
      name: "answer", handler: "AnswerOrder", trigger: "http: POST /answer",
      environment: environment)
  }

  var manifest: String {
    let variables = environment.merging([BenchWorker.variable: "1"]) { $1 }
      .sorted { $0.key < $1.key }.map { "\($0.key): \"\($0.value)\"" }.joined(separator: ", ")
    return """
      function: \(name)
      handler: \(handler)
      triggers:
        - \(trigger)
      concurrency: \(Self.concurrency)
      queueLimit: \(Self.queueLimit)
      environment: { \(variables) }
      \(retry.map { "retry: \($0)" } ?? "")
      """
  }
}
