// The frame of a batch: it comes back as it was sent, at its limits too, and what is no batch is
// refused by its own words.
import Testing
import WorkerProtocol

struct StartBatchTests {
  private func items(_ count: Int, data: [UInt8] = []) -> [StartBatch.Item] {
    (0..<count).map { number in
      var start = MessageTests.bareStart
      start.event.data = data
      return StartBatch.Item(invocation: Int64(number) + 1, attempt: 7, start: start)
    }
  }

  private func sent(_ items: [StartBatch.Item]) -> [UInt8]? {
    var writer = FrameWriter()
    let fits = writer.append(.startBatch) { StartBatch(items: items).write(to: &$0) }
    return fits ? Array(writer.take().dropFirst(FrameHead.byteCount)) : nil
  }

  private func read(_ items: [StartBatch.Item]) throws -> StartBatch {
    let payload = try #require(sent(items))
    return try payload.withUnsafeBytes { try StartBatch(reading: $0) }
  }

  @Test func `a batch comes back as it was sent, and none of its beginnings is one`() throws {
    let full = StartBatch.Item(invocation: -1, attempt: .max, start: MessageTests.fullStart)
    var other = full
    other.invocation = 2
    other.start.event.id = "e-2"
    let payload = try #require(sent([full, other]))
    let batch = try payload.withUnsafeBytes { try StartBatch(reading: $0) }
    #expect(batch.items == [full, other])
    for end in 0..<payload.count {
      #expect(throws: FrameFault.truncatedPayload(.startBatch)) {
        try payload[..<end].withUnsafeBytes { try StartBatch(reading: $0) }
      }
    }
  }

  @Test func `a thousand attempts and eight mebibytes fit one frame`() throws {
    let items = items(StartBatch.itemsMax, data: [UInt8](repeating: 65, count: (8 << 20) / 1000))
    #expect(try read(items).items.count == StartBatch.itemsMax)
  }

  @Test(arguments: [0, 1001]) func `a batch of too few or too many is refused`(count: Int) throws {
    #expect(throws: FrameFault.wrongBatch("of \(count) attempts; 1 to 1000 are allowed")) {
      try read(items(count))
    }
  }

  @Test func `a count that lies is refused before anything is kept for it`() {
    let payload: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 64)
    #expect(throws: FrameFault.wrongBatch("of 4294967295 attempts; 1 to 1000 are allowed")) {
      try payload.withUnsafeBytes { try StartBatch(reading: $0) }
    }
  }

  @Test func `a batch past the size of a frame is not written`() {
    #expect(sent(items(2, data: [UInt8](repeating: 65, count: 9 << 20))) == nil)
  }

  @Test func `a batch of two functions, or with an invocation twice, is refused`() {
    var mixed = items(2)
    mixed[1].start.function = "another"
    #expect(throws: FrameFault.wrongBatch("of more than one function")) { try read(mixed) }
    var twice = items(2)
    twice[1].invocation = 1
    #expect(throws: FrameFault.wrongBatch("that has an invocation twice")) { try read(twice) }
  }
}
