// Rows of the host's own record, read through its listing: what became of single invocations.

import Invocations

enum BenchRecord {
  struct Row {
    var id: String
    var state: String
    var created: WallTime?
    var due: WallTime?
    var started: WallTime?
    var finished: WallTime?

    init(_ answer: Answer) {
      id = answer["id"] ?? ""
      state = answer["state"] ?? ""
      created = answer.time("createdAt")
      due = answer.time("dueAt")
      started = answer.time("startedAt")
      finished = answer.time("finishedAt")
    }
  }

  private static let pageRows = 1000

  /// The newest first, `rowsMax` at most.
  static func rows(
    _ host: BenchHost, _ rowsMax: Int, telling progress: BenchProgress
  ) throws -> [Row] {
    var rows: [Row] = []
    var cursor: String?
    repeat {
      let page = try host.control.get(
        ["v1", "invocations"], [("limit", "\(pageRows)"), ("cursor", cursor)])
      rows += page.list("items").map(Row.init)
      cursor = page["next"]
      try progress.tell("reading the record: \(BenchWords.count(rows.count)) rows")
    } while cursor != nil && rows.count < rowsMax
    return rows
  }

  /// Milliseconds from one time of a row to another, for the rows that have both.
  static func spread(
    _ rows: [Row], from: KeyPath<Row, WallTime?>, to: KeyPath<Row, WallTime?>
  ) -> LatencyHistogram {
    .of(
      milliseconds: rows.compactMap { row in
        guard let first = row[keyPath: from], let last = row[keyPath: to] else { return nil }
        return last.milliseconds - first.milliseconds
      })
  }
}
