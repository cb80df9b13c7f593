// A listing of invocations, page by page. The host looks at a bounded part of a long history at a time
// and says where to go on; here it goes on until there is something to show.

import Glibc
import Invocations

struct PagedListing {
  /// Looking for longer is left to whoever asks again.
  private static let patience = Duration.seconds(20)

  let path: [String]
  let filter: FilterOptions
  let page: PageOptions
  /// Values of the events that get a column.
  var columns: [String] = []
  let asking: AskingOptions
  /// In the place of an empty list.
  let sentence: String

  func show() throws {
    let client = try asking.client()
    let first = try client.get(path, filter.query + page.query)
    // Programs get each page as the host gave it.
    guard !asking.json else { return asking.show(first) { _ in [] } }
    let wanted = page.limit ?? InvocationFilter.limitDefault
    var items = first.list("items")
    var next = first["next"]
    let end = ContinuousClock.now.advanced(by: Self.patience)
    while items.count < wanted, let cursor = next, ContinuousClock.now < end {
      Self.progress(
        "looked back to \(Self.place(of: cursor)), \(items.count) found; Ctrl-C ends the search")
      let rest = [("limit", "\(wanted - items.count)" as String?), ("cursor", cursor)]
      let more = try client.get(path, filter.query + rest)
      items += more.list("items")
      next = more["next"]
    }
    Self.progress("")
    let isGivenUp = items.count < wanted && next != nil
    let empty = isGivenUp ? "nothing found so far" : sentence
    asking.show(first) { InvocationsCommand.table(items, columns: columns, $0, ifEmpty: empty) }
    tellOfRest(first, next: next, isGivenUp: isGivenUp)
    if items.isEmpty, next == nil { try tellOfTypos(client) }
  }

  /// On stderr, so that the list stays a list.
  private func tellOfRest(_ first: Answer, next: String?, isGivenUp: Bool) {
    if let next, isGivenUp {
      Terminal.complain(
        "searched back to \(Self.place(of: next)): go on with --cursor \(next), or search less with "
          + "--function, --state, --since or --where on a path of 'fields'")
    } else if let next {
      Terminal.complain("there are more: --cursor \(next)")
    }
    let unsearched = first.texts("unsearched")
    guard !unsearched.isEmpty else { return }
    let shown = unsearched.prefix(5).joined(separator: ", ")
    let more = unsearched.count > 5 ? " and \(unsearched.count - 5) more" : ""
    Terminal.complain(
      "not searched, as their manifests do not have the path among their 'fields': \(shown)\(more); "
        + "--function names one to search event by event")
  }

  /// Tells nothing there from nothing of that name.
  private func tellOfTypos(_ client: ControlClient) throws {
    for (kind, name) in [
      ("function", filter.selection.function), ("queue", filter.selection.queue),
    ] {
      guard let name else { continue }
      let names = try client.get(["v1", "\(kind)s"]).list("items").compactMap { $0["name"] }
      guard !names.contains(name) else { continue }
      Terminal.complain(
        "no manifest has the \(kind) '\(name)'; there are \(names.joined(separator: ", "))")
    }
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
