// Seats one of NIO's decoders in an EmbeddedChannel, the least pipeline it can live in, and calls
// it directly. The channel has no loop, no time and no socket; nothing is ever scheduled on it. Use
// it on the thread that made it.

import NIOCore
import NIOEmbedded

final class EmbeddedDecoder<Decoder: ByteToMessageDecoder> {
  private var decoder: Decoder
  private let channel = EmbeddedChannel()
  private let seat = DecoderSeat()
  private let parts = PartCollector<Decoder.InboundOut>()
  /// Bytes the decoder has not finished with: it keeps offsets into them.
  private var buffer = ByteBuffer()
  private var isOpen = false

  init(_ decoder: Decoder) {
    self.decoder = decoder
    do {
      try channel.pipeline.syncOperations.addHandlers([seat, parts])
    } catch {
      preconditionFailure("a fresh EmbeddedChannel refused a handler: \(error)")
    }
    isOpen = true
    self.decoder.decoderAdded(context: context)
  }

  deinit {
    precondition(!isOpen, "close() must be called: the decoder keeps itself alive until then")
  }

  func decode(_ bytes: UnsafeRawBufferPointer) throws {
    if buffer.readableBytes == 0 { buffer.clear() }
    buffer.writeBytes(bytes)
    _ = try decoder.decode(context: context, buffer: &buffer)
  }

  /// The end of the stream, which ends a body that has no length.
  func decodeEnd() throws {
    _ = try decoder.decodeLast(context: context, buffer: &buffer, seenEOF: true)
  }

  /// Lets the decoder of responses know which request the next one answers.
  func tell(_ change: (inout Decoder) -> Void) {
    change(&decoder)
  }

  func takeParts(_ take: (Decoder.InboundOut) -> Void) {
    for part in parts.collected { take(part) }
    parts.collected.removeAll(keepingCapacity: true)
  }

  func close() {
    guard isOpen else { return }
    decoder.decoderRemoved(context: context)
    isOpen = false
    // Why try?: the channel has neither socket nor pending writes that could fail to close, and
    // what is left in it is of no more use.
    _ = try? channel.finish(acceptAlreadyClosed: true)
  }

  private var context: ChannelHandlerContext {
    guard let context = seat.context else {
      preconditionFailure("the decoder is used after close()")
    }
    return context
  }
}

/// The place in the pipeline whose context the decoder speaks through.
private final class DecoderSeat: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private(set) var context: ChannelHandlerContext?

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }
}

private final class PartCollector<Part>: ChannelInboundHandler {
  typealias InboundIn = Part

  /// Never more than one `decode` yields: its caller takes them all at once.
  var collected: [Part] = []

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    collected.append(unwrapInboundIn(data))
  }

  /// The same fault is thrown by `decode`.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
