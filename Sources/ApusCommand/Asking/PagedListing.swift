// A listing of invocations, page by page. The host looks at a bounded part of a long history at a time
// and says where to go on; here it goes on until there is something to show.

import Glibc
import Invocations

enum PagedListing {
  /// Looking for longer is left to whoever asks again.
  private static let patience = Duration.seconds(20)

  static func show(
    _ path: [String], _ filter: [(String, String?)], _ page: PageOptions, _ asking: AskingOptions,
    _ sentence: String
  ) throws {
    let client = try asking.client()
    let first = try client.get(path, filter + page.query)
    // Programs get each page as the host gave it.
    guard !asking.json else { return asking.show(first) { _ in [] } }
    let wanted = page.limit ?? InvocationFilter.limitDefault
    var items = first.list("items")
    var next = first["next"]
    let end = ContinuousClock.now.advanced(by: patience)
    while items.count < wanted, let cursor = next, ContinuousClock.now < end {
      progress("looked back to \(place(of: cursor)), \(items.count) found; Ctrl-C ends the search")
      let rest = [("limit", "\(wanted - items.count)" as String?), ("cursor", cursor)]
      let more = try client.get(path, filter + rest)
      items += more.list("items")
      next = more["next"]
    }
    progress("")
    asking.show(first) { InvocationsCommand.table(items, $0, ifEmpty: sentence) }
    if let next { Terminal.complain("there are more: --cursor \(next)") }
  }

  private static func place(of cursor: String) -> String {
    guard let id = InvocationID(cursor) else { return cursor }
    return TimeWords.relative(id.time, to: TimeWords.now)
  }

  /// A line that the next one replaces; nothing where nobody looks.
  private static func progress(_ text: String) {
    guard Terminal.isTerminal(STDERR_FILENO) else { return }
    Terminal.write("\r\u{1B}[K" + text, to: STDERR_FILENO)
  }
}
