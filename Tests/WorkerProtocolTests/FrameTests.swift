// Frames as bytes: cut anywhere, too long, of unknown kinds.
import Testing
import WorkerProtocol

struct FrameTests {
  private func frames(in bytes: [UInt8], cutInto pieces: [Int]) throws -> [Received] {
    var reader = FrameReader()
    var received: [Received] = []
    var offset = 0
    for piece in pieces + [bytes.count - pieces.reduce(0, +)] {
      let part = Array(bytes[offset..<offset + piece])
      offset += piece
      try part.withUnsafeBytes { part in
        try reader.read(part) { received.append(Received(head: $0, payload: Array($1))) }
      }
    }
    return received
  }

  private func threeFrames() -> [UInt8] {
    var writer = FrameWriter()
    writer.append(.ping)
    writer.append(.responseBody, attempt: 65_535, invocation: .min, bytes: [1, 2, 3, 4, 5])
    writer.append(.cancel, attempt: 3, invocation: 0x0102_0304_0506_0708)
    return writer.take()
  }

  @Test func `a frame lies in memory as the protocol says`() {
    var writer = FrameWriter()
    writer.append(
      .responseBody, attempt: 0x0201, invocation: 0x0807_0605_0403_0201, bytes: [0xAA, 0xBB])
    #expect(
      writer.take() == [2, 0, 0, 0, 8, 0, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0xAA, 0xBB])
    #expect(writer.isEmpty)
  }

  @Test func `frames are found wherever a read cuts them`() throws {
    let bytes = threeFrames()
    let whole = try frames(in: bytes, cutInto: [])
    #expect(whole.map(\.head.kind) == [.ping, .responseBody, .cancel])
    #expect(whole.map(\.head.attempt) == [0, 65_535, 3])
    #expect(whole.map(\.head.invocation) == [0, .min, 0x0102_0304_0506_0708])
    #expect(whole[1].payload == [1, 2, 3, 4, 5])
    for first in 0...bytes.count {
      #expect(try frames(in: bytes, cutInto: [first]) == whole)
      for second in 0...bytes.count - first {
        #expect(try frames(in: bytes, cutInto: [first, second]) == whole)
      }
    }
    #expect(try frames(in: bytes, cutInto: bytes.dropLast().map { _ in 1 }) == whole)
  }

  @Test func `a frame that is not whole yet is not handed over`() throws {
    let bytes = threeFrames()
    #expect(try frames(in: Array(bytes.dropLast()), cutInto: []).count == 2)
  }

  @Test func `a kind that nobody knows is refused`() {
    #expect(throws: FrameFault.unknownKind(99)) {
      try frames(in: [0, 0, 0, 0, 99] + Array(repeating: 0, count: 11), cutInto: [])
    }
  }

  @Test func `a length past the limit is refused before the payload comes`() {
    let over = UInt32(FrameHead.payloadBytesMax + 1)
    let length = withUnsafeBytes(of: over.littleEndian) { Array($0) }
    #expect(throws: FrameFault.tooLarge(payloadBytes: Int(over))) {
      try frames(in: length + [4] + Array(repeating: 0, count: 11), cutInto: [])
    }
  }

  @Test func `a payload at the limit is written and one past it leaves no trace`() throws {
    var writer = FrameWriter()
    writer.append(.ping)
    let limit = [UInt8](repeating: 7, count: FrameHead.payloadBytesMax)
    let wasOverTaken = writer.append(.responseBody, bytes: (limit + [7])[...])
    #expect(!wasOverTaken)
    #expect(writer.bytes.count == FrameHead.byteCount)
    let wasLimitTaken = writer.append(.responseBody, bytes: limit[...])
    #expect(wasLimitTaken)
    let received = try frames(in: writer.take(), cutInto: [20, 65_536])
    #expect(received.map(\.payload.count) == [0, FrameHead.payloadBytesMax])
  }
}

private struct Received: Equatable {
  let head: FrameHead
  let payload: [UInt8]
}
