// Several attempts in one frame: they are of one function and run as one run of its handler. Each
// keeps its own name, and is answered, logged and cancelled by frames of its own.

package struct StartBatch: Sendable, Equatable {
  package static let itemsMax = 1000

  package struct Item: Sendable, Equatable {
    package var invocation: Int64
    package var attempt: UInt16
    package var start: Start

    package init(invocation: Int64, attempt: UInt16, start: Start) {
      self.invocation = invocation
      self.attempt = attempt
      self.start = start
    }
  }

  /// From 1 to `itemsMax`, all of one function and handler, no invocation twice.
  package var items: [Item]

  package init(items: [Item]) { self.items = items }
}

extension StartBatch {
  package func write(to writer: inout FrameWriter) {
    writer.put(items) { writer, item in
      writer.put(item.invocation)
      writer.put(item.attempt)
      item.start.write(to: &writer)
    }
  }

  /// Throws `wrongBatch` for what is well formed and still no batch.
  package init(reading payload: UnsafeRawBufferPointer) throws(FrameFault) {
    var reader = PayloadReader(payload, of: .startBatch)
    // Looked at before anything is read for it: a hostile count costs nothing.
    let count = try reader.peekCount()
    guard 1...Self.itemsMax ~= count else {
      throw .wrongBatch("of \(count) attempts; 1 to \(Self.itemsMax) are allowed")
    }
    let items = try reader.list { (reader: inout PayloadReader) throws(FrameFault) in
      Item(
        invocation: try reader.number(), attempt: try reader.number(),
        start: try Start(from: &reader))
    }
    self.init(items: items)
    try check()
  }

  private func check() throws(FrameFault) {
    let first = items[0].start
    let isOfOne = items.allSatisfy {
      $0.start.function == first.function && $0.start.handler == first.handler
    }
    guard isOfOne else { throw .wrongBatch("of more than one function") }
    guard Set(items.map(\.invocation)).count == items.count else {
      throw .wrongBatch("that has an invocation twice")
    }
  }
}
