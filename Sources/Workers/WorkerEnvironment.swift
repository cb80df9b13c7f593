// Which functions share processes, and the exact environment of each group. Nothing of the host's
// environment reaches a handler but what is listed here.
import Invocations

/// Functions that ask for the same environment and memory can share a process; a dedicated one shares
/// with nobody.
struct ProcessNeeds: Hashable {
  let environment: [String: String]
  let secrets: Set<String>
  let memoryBytesMax: Int
  let dedicatedTo: String?

  init(of function: FunctionDeclaration) {
    environment = function.environment
    secrets = Set(function.secrets)
    memoryBytesMax = function.limits.memoryBytes
    dedicatedTo = function.worker == .dedicated ? function.name : nil
  }
}

struct GroupPlan {
  /// Sorted.
  var functions: [String]
  var environment: [String: String]
  var memoryBytesMax: Int
  /// Hides the release's secrets in what its handlers say; nil where it has none.
  var mask: TextMask?
}

/// One plan for each group, in the order of their first functions' names.
func planGroups(
  of functions: [FunctionDeclaration], _ settings: WorkerSettings
) throws(WorkerFault) -> [GroupPlan] {
  let values = try lookUpSecrets(of: functions, settings)
  let mask = mask(of: values)
  let groups = Dictionary(grouping: functions, by: ProcessNeeds.init(of:))
  let plans = groups.map { needs, members in
    GroupPlan(
      functions: members.map(\.name).sorted(),
      environment: environment(for: needs, secrets: values, settings),
      memoryBytesMax: needs.memoryBytesMax, mask: mask)
  }
  return plans.sorted { $0.functions[0] < $1.functions[0] }
}

private func lookUpSecrets(
  of functions: [FunctionDeclaration], _ settings: WorkerSettings
) throws(WorkerFault) -> [String: String] {
  var values: [String: String] = [:]
  var missing: [String: [String]] = [:]
  for function in functions {
    // The host's own are not handed to the handler; that they are there is asked in one place.
    for name in Set(function.secrets + function.webhookSecrets).sorted() {
      values[name] = values[name] ?? settings.secret(name)
      if values[name] == nil { missing[name, default: []].append(function.name) }
    }
  }
  guard missing.isEmpty else { throw .missingSecrets(missing) }
  return values
}

/// A secret of several lines is printed line by line, and each is hidden.
private func mask(of secrets: [String: String]) -> TextMask? {
  let values = secrets.sorted { $0.key < $1.key }.flatMap { name, value in
    ([value] + value.split(whereSeparator: \.isNewline).map(String.init)).map {
      (value: $0, mark: "[secret \(name)]")
    }
  }
  return TextMask(values, bytesMin: WorkerSettings.secretBytesMin)
}

/// Later entries win: a manifest may set its own `TZ`, a secret is never shadowed.
private func environment(
  for needs: ProcessNeeds, secrets: [String: String], _ settings: WorkerSettings
) -> [String: String] {
  var environment = settings.passedThrough
  environment["SWIFT_BACKTRACE"] = settings.swiftBacktrace
  environment.merge(needs.environment) { _, manifest in manifest }
  for name in needs.secrets { environment[name] = secrets[name] }
  return environment
}
