// What `apus dev` shows while it runs: each happening, put into words by the writing thread. The
// loop only hands it over, and is never held up.

import Doors
import EventLoop
import Hosting
import Invocations

@LoopActor
final class LiveLog: HappeningListener {
  /// Lines of a crash that are kept back, of all workers together.
  private static let keptBackMax = 400

  private let output: LineWriter
  private let words: LiveLines
  /// What workers printed while they crashed.
  ///
  /// Where it is known whose crash it was, it is told once more in the log of that attempt; this is
  /// shown only where the second telling does not come.
  private var keptBack: [Int32: [String]] = [:]
  private var wasToldByAttempt = false

  init(_ output: LineWriter, _ words: LiveLines) {
    self.output = output
    self.words = words
  }

  func saw(_ happening: Happening) {
    switch happening {
    // Every invocation has one, and the log shows none of them.
    case .accepted: return
    case .logged(let line, _):
      if line.level == "stderr", line.message.contains("crashed") { wasToldByAttempt = true }
    case .workerEnded(let pid, _, _): releaseCrash(of: pid)
    default: break
    }
    let now = TimeWords.now
    let words = words
    output.write { words.text(Moment(happening, at: now)) }
  }

  /// A line that a worker printed and that belongs to no one attempt.
  func printed(_ pid: Int32, _ line: String) {
    let isOfCrash = keptBack[pid] != nil || line.contains("Fatal error") || line.hasPrefix("*** ")
    guard isOfCrash, keptBack.values.reduce(0, { $0 + $1.count }) < Self.keptBackMax else {
      return show(pid, line)
    }
    keptBack[pid, default: []].append(line)
  }

  /// What the host says of itself.
  func remarked(_ remark: HostRemark) {
    let details = remark.details.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let words = words
    output.write {
      "                 \(words.ink(.dim, "host")) \(remark.message)  "
        + words.ink(.dim, details.joined(separator: "  "))
    }
  }

  private func releaseCrash(of pid: Int32) {
    guard let lines = keptBack.removeValue(forKey: pid) else { return }
    if !wasToldByAttempt { for line in lines { show(pid, line) } }
    wasToldByAttempt = false
  }

  private func show(_ pid: Int32, _ line: String) {
    let words = words
    output.write {
      LogWords.printed(line, words.ink).map {
        "                 \(words.ink(.dim, "worker \(pid)")) \($0)"
      }
    }
  }
}
