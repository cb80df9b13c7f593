// How much there is of everything, by function: events accepted and still kept, and how many of them
// ended how. Counted as it is written, because counting it when asked would walk the whole history.
import Invocations

final class TotalTables {
  private struct Subject: Hashable {
    var function: StoredName
    var kind: Int
  }

  private struct Sum {
    var count = 0
    var bytes = 0

    mutating func add(count: Int, bytes: Int) {
      self.count += count
      self.bytes += bytes
    }
  }

  /// The others are the numbers of `StateWord`.
  static let acceptedKind = 0

  private let add: Statement
  private var sums: [Subject: Sum] = [:]

  init(on connection: Connection) throws(SQLiteFailure) {
    add = try connection.statement(SQL.addTotal)
  }

  func note(_ function: StoredName, kind: Int, count: Int = 1, bytes: Int) {
    let subject = Subject(function: function, kind: kind)
    sums[subject, default: Sum()].add(count: count, bytes: bytes)
  }

  /// Within the commit, at its end.
  func flush() throws(SQLiteFailure) {
    for (subject, sum) in sums {
      add.begin().add(subject.function)
      add.add(subject.kind)
      add.add(sum.count)
      add.add(sum.bytes)
      try add.run()
    }
    sums.removeAll(keepingCapacity: true)
  }

  func rolledBack() { sums.removeAll(keepingCapacity: true) }
}
