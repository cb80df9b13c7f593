// What the host that works on a store says of its functions, its workers and its keeping.

import HTTP
import Invocations

enum HostWord: Equatable {
  case none
  /// It has opened no doors yet.
  case starting(String)
  /// It answers, but not to us.
  case refusing(String)
  case silent(String)
  case answering(HostAnswers)

  /// A host at work answers in a few milliseconds; one that does not is a finding.
  static let answerTime = Duration.seconds(2)

  /// `pid` is the one that holds the directory's lock.
  static func ask(in directory: String, pid: Int32?) -> HostWord {
    guard let pid else { return .none }
    // Without the file there is no door to ask at, whatever the reason.
    let doors = (try? Files.read("\(directory)/doors.json")).map { Answer($0) }
    guard let doors, doors.number("pid") == Int64(pid) else {
      return .starting("it has opened no doors yet")
    }
    do {
      let place = try HostPlace.find(host: nil, dataDirectory: directory)
      return .answering(try HostAnswers.take(ControlClient(place, readTimeout: answerTime)))
    } catch {
      switch CommandFault(error) {
      case .failed(let message): return .refusing(message)
      case let fault: return .silent(fault?.message ?? "\(error)")
      }
    }
  }

  var answers: HostAnswers? {
    guard case .answering(let answers) = self else { return nil }
    return answers
  }
}

struct HostAnswers: Equatable {
  /// Why it takes no events now.
  var obstacle: String?
  var functions: [Answer]
  var store: Answer
  /// What it tells of its process and its doors.
  var itself: Answer

  init(
    obstacle: String? = nil, functions: [Answer] = [], store: Answer = Answer("{}"),
    itself: Answer = Answer("{}")
  ) {
    self.obstacle = obstacle
    self.functions = functions
    self.store = store
    self.itself = itself
  }

  static func take(_ client: ControlClient) throws -> HostAnswers {
    HostAnswers(
      obstacle: try obstacle(client),
      functions: try client.get(["v1", "functions"]).list("items"),
      store: try client.get(["v1", "store"]), itself: try client.get(["v1", "host"]))
  }

  /// 503 tells what stands in the way; that is an answer here.
  private static func obstacle(_ client: ControlClient) throws -> String? {
    do throws(CommandFault) {
      _ = try client.call("GET", ["readyz"])
      return nil
    } catch {
      switch error {
      case .failed(let message): return message
      case .usage, .badInput, .unreachable, .tryLater, .interrupted: throw error
      }
    }
  }

  var declared: Set<String> {
    Set(functions.filter { $0["state"] != "undeclared" }.compactMap { $0["name"] })
  }

  /// nil where an older host does not tell.
  var retention: Retention? {
    guard store.raw("keep") != nil else { return nil }
    return Retention(
      succeeded: store.number("keep.succeededMs").map { .milliseconds($0) },
      dead: store.number("keep.deadMs").map { .milliseconds($0) })
  }

  /// How a function's history is kept; nil where the host does not tell.
  func keeping(of function: String) -> Keeping? {
    guard let answer = functions.first(where: { $0["name"] == function }),
      answer.raw("keep") != nil
    else { return nil }
    return Keeping(
      succeeded: answer.number("keep.succeededMs").map { .milliseconds($0) },
      dead: answer.number("keep.deadMs").map { .milliseconds($0) },
      count: answer.number("keep.count").map(Int.init),
      bytes: answer.number("keep.bytes").map(Int.init))
  }
}
