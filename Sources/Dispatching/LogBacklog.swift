// Log lines on their way to disk. Workers may log faster than a disk writes, and no line is worth the
// host's memory: past the limit lines are dropped and counted, and nothing else is.

import DequeModule
import Invocations

struct LogBacklog {
  private let limit: Int
  private var bytes = 0
  /// By the number of the change, oldest first.
  private var waiting: Deque<(sequence: UInt64, bytes: Int)> = []
  /// Of attempts that are not over; each is told of once.
  private var dropped: [InvocationID: Int] = [:]

  init(limit: Int = RecordLimits.logBytesMax) { self.limit = limit }

  /// False, and the line is counted, when too many are on their way.
  mutating func admits(_ line: LogLine) -> Bool {
    if bytes < limit { return true }
    dropped[line.invocation, default: 0] += 1
    return false
  }

  mutating func took(_ line: LogLine, as sequence: UInt64) {
    let count = line.bytes
    bytes += count
    waiting.append((sequence, count))
  }

  mutating func reached(_ sequence: UInt64) {
    while let first = waiting.first, first.sequence <= sequence {
      bytes -= first.bytes
      waiting.removeFirst()
    }
  }

  mutating func takeDropped(of id: InvocationID) -> Int? {
    dropped.isEmpty ? nil : dropped.removeValue(forKey: id)
  }
}

extension LogLine {
  fileprivate var bytes: Int {
    metadata.reduce(message.utf8.count + 64) { $0 + $1.name.utf8.count + $1.value.utf8.count }
  }
}
