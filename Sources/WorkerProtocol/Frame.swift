// The frames between the host and a worker: a 16-byte head, little endian, then the payload.
//
//   u32 payload length | u8 kind | u8 flags (0) | u16 attempt | u64 invocation
//
// The attempt number is the fence: each side ignores a frame about an attempt it no longer knows.

package struct FrameHead: Equatable, Sendable {
  package static let byteCount = 16
  /// A payload past this is refused by both sides: nothing in the contract is that large.
  package static let payloadBytesMax = 16 << 20

  package var payloadBytes: Int
  package var kind: FrameKind
  package var attempt: UInt16
  package var invocation: Int64

  package init(kind: FrameKind, attempt: UInt16 = 0, invocation: Int64 = 0, payloadBytes: Int = 0) {
    self.payloadBytes = payloadBytes
    self.kind = kind
    self.attempt = attempt
    self.invocation = invocation
  }
}

package enum FrameKind: UInt8, Sendable, CaseIterable {
  // From the worker.
  case hello = 1
  case result = 2
  case failure = 3
  case log = 4
  case health = 5
  /// Written by the worker's signal handler: the attempt that was running on the crashed thread.
  case crashed = 6
  case responseHead = 7
  case responseBody = 8
  /// The answer to `probe`; the head has its token.
  case probed = 9

  // From the host.
  case start = 16
  case cancel = 17
  /// Answer what is running, start nothing, then exit with status 0.
  case drain = 18
  case ping = 19
  /// The client of a streamed response reads slowly: send no more body until `resume`.
  case pause = 20
  case resume = 21
  /// Several attempts of one function, to be run as one run of its handler; see `StartBatch`.
  case startBatch = 22
  /// Only decode what a `start` would bring; the head's invocation is a token for the answer.
  case probe = 23
}

package enum FrameFault: Error, Equatable, Sendable, CustomStringConvertible {
  case unknownKind(UInt8)
  case tooLarge(payloadBytes: Int)
  case truncatedPayload(FrameKind)
  case wrongBatch(String)
  case wrongVersion(theirs: UInt32)

  package var description: String {
    switch self {
    case .unknownKind(let kind): "a frame of unknown kind \(kind)"
    case .tooLarge(let bytes):
      "a frame of \(bytes) bytes; the limit is \(FrameHead.payloadBytesMax)"
    case .truncatedPayload(let kind): "the payload of a \(kind) frame ends too early"
    case .wrongBatch(let reason): "a batch \(reason)"
    case .wrongVersion(let theirs):
      "the worker speaks protocol version \(theirs), the host \(Hello.version); "
        + "build both with the same version of Apus"
    }
  }
}

/// Cuts a byte stream into frames.
///
/// It keeps only the part of a frame that a read split.
package struct FrameReader: Sendable {
  private var kept: [UInt8] = []

  package init() {}

  /// Calls `body` for each whole frame; the payload is valid only during the call.
  package mutating func read(
    _ bytes: UnsafeRawBufferPointer, _ body: (FrameHead, UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard !kept.isEmpty else {
      let used = try Self.frames(in: bytes, body)
      kept.append(contentsOf: bytes[used...])
      return
    }
    kept.append(contentsOf: bytes)
    let used = try kept.withUnsafeBytes { try Self.frames(in: $0, body) }
    kept.removeFirst(used)
  }

  private static func frames(
    in bytes: UnsafeRawBufferPointer, _ body: (FrameHead, UnsafeRawBufferPointer) throws -> Void
  ) throws -> Int {
    var offset = 0
    while bytes.count - offset >= FrameHead.byteCount {
      let head = try head(in: bytes, at: offset)
      let start = offset + FrameHead.byteCount
      guard bytes.count - start >= head.payloadBytes else { break }
      try body(head, UnsafeRawBufferPointer(rebasing: bytes[start..<start + head.payloadBytes]))
      offset = start + head.payloadBytes
    }
    return offset
  }

  private static func head(in bytes: UnsafeRawBufferPointer, at offset: Int) throws -> FrameHead {
    let length = Int(
      UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    guard length <= FrameHead.payloadBytesMax else {
      throw FrameFault.tooLarge(payloadBytes: length)
    }
    guard let kind = FrameKind(rawValue: bytes[offset + 4]) else {
      throw FrameFault.unknownKind(bytes[offset + 4])
    }
    let attempt = UInt16(
      littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 6, as: UInt16.self))
    let invocation = Int64(
      littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: Int64.self))
    return FrameHead(kind: kind, attempt: attempt, invocation: invocation, payloadBytes: length)
  }
}
