// `--follow` of a listing: a row for each invocation that fits, when it ends or fails.

import Invocations

struct ListFollowing {
  private let filter: FilterOptions
  private let asking: AskingOptions

  init(_ filter: FilterOptions, _ asking: AskingOptions) {
    self.filter = filter
    self.asking = asking
  }

  func run() throws {
    let client = try asking.client()
    let silenceMax = Duration.seconds(60)
    let stream = try asking.client(readTimeout: silenceMax)
    var events = ServerSentEvents()
    try stream.stream(["v1", "stream"], filter.selection.query) { bytes in
      guard let arrived = events.take(bytes) else { return false }
      for event in arrived where ["ended", "attempt"].contains(event.name) {
        show(Answer(event.data), client)
      }
      return true
    }
    throw CommandFault.tryLater("the stream ended: the host stops, or stopped")
  }

  private func show(_ event: Answer, _ client: ControlClient) {
    // What ended a moment ago may be on its way to disk, or gone when nothing is kept of it.
    guard let id = event["invocation"], let item = try? client.get(["v1", "invocations", id])
    else { return }
    guard !asking.json else { return Terminal.show(String(decoding: item.bytes, as: UTF8.self)) }
    let presentation = Presentation.current
    let row = InvocationsCommand.row(item, presentation)
    let widths = [13, 20, 18, 5, 8, 7]
    var line = ""
    for (place, cell) in row.enumerated() {
      let width = place < widths.count ? widths[place] : 0
      line += presentation.ink(cell.colour, cell.text)
      line += String(repeating: " ", count: max(0, width - cell.text.count) + 2)
    }
    Terminal.show(presentation.columnsMax.map { Table.cut(line, to: $0) } ?? line)
  }
}
