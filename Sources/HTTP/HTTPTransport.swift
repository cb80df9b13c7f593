// What a connection needs of the bytes below it, whether they travel as they are or encrypted.

import EventLoop

/// The rules of `ByteStream` hold for all: callbacks in turns of the loop, none after `close()`.
@LoopActor
protocol HTTPTransport: AnyObject {
  var onRead: (@LoopActor (UnsafeRawBufferPointer) -> Void)? { get set }
  var onEnd: (@LoopActor (StreamEnd) -> Void)? { get set }
  var onDrained: (@LoopActor () -> Void)? { get set }
  /// Written and not yet taken by the kernel, as it travels.
  var unsentBytes: Int { get }
  /// All that was ever written, as it travels.
  var writtenBytes: Int { get }
  var unsentBytesMax: Int { get set }

  func startReading()
  func stopReading()
  func write(_ bytes: [UInt8])
  func endWriting()
  func close()
}

extension ByteStream: HTTPTransport {}
