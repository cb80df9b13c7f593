// Streams over real socket pairs, TCP and FIFOs: what goes in comes out, both ends, every limit.
import EventLoop
import Glibc
import Testing

@Suite(.timeLimit(.minutes(5)))
@LoopActor
struct ByteStreamTests {
  @Test func `what was written in one turn arrives in one piece and in order`() async throws {
    let (stream, peer) = try streamAndPeer()
    let recorded = Recorded(stream, reading: false)
    for part in ["one ", "two ", "three"] { stream.write(Array(part.utf8)) }
    #expect(stream.unsentBytes == 13)
    await recorded.drains.next()
    #expect(stream.unsentBytes == 0)
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = read(peer, &buffer, buffer.count)
    #expect(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self) == "one two three")
    stream.close()
    close(peer)
  }

  @Test func `bytes echo between two streams, more than socket buffers hold`() async throws {
    let (stream, peer) = try streamAndPeer()
    let here = Recorded(stream)
    let echo = try ByteStream.adopt(descriptor: peer)
    echo.onRead = { echo.write(Array($0)) }
    echo.startReading()
    let sent = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    for start in stride(from: 0, to: sent.count, by: 300_000) {
      stream.write(Array(sent[start..<start + 300_000]))
    }
    #expect(await here.bytes(sent.count) == sent)
    stream.close()
    echo.close()
  }

  @Test func `after the end of writing the peer sees the end and can still answer`() async throws {
    let (stream, peer) = try streamAndPeer()
    let here = Recorded(stream)
    let there = Recorded(try ByteStream.adopt(descriptor: peer))
    stream.write(Array("question".utf8))
    stream.endWriting()
    #expect(await there.ends.next() == .endOfFile)
    #expect(await there.text(8) == "question")
    there.stream.write(Array("answer".utf8))
    #expect(await here.text(6) == "answer")
    there.stream.close()
    #expect(await here.ends.next() == .endOfFile)
    stream.close()
  }

  @Test func `writing after endWriting is a programmer error`() async {
    await #expect(processExitsWith: .failure) {
      await Task { @LoopActor in
        guard let (stream, _) = try? streamAndPeer() else { exit(0) }
        stream.endWriting()
        stream.write([1])
      }.value
    }
  }

  @Test func `a slow reader holds bytes back until it reads, then they drain`() async throws {
    let (stream, peer) = try streamAndPeer()
    let here = Recorded(stream, reading: false)
    let there = Recorded(try ByteStream.adopt(descriptor: peer), reading: false)
    let count = 2_000_000
    stream.write([UInt8](repeating: 7, count: count))
    await loopTurn()
    #expect(stream.unsentBytes > 0)
    #expect(here.drains.untaken.isEmpty)
    there.stream.startReading()
    #expect(await there.bytes(count) == [UInt8](repeating: 7, count: count))
    await here.drains.next()
    #expect(stream.unsentBytes == 0)
    stream.close()
    there.stream.close()
  }

  @Test func `a stream that may not hold more unsent bytes fails, one byte earlier it does not`()
    async throws
  {
    for (extra, fails) in [(0, false), (1, true)] {
      let (stream, peer) = try streamAndPeer()
      let here = Recorded(stream, reading: false)
      stream.write([UInt8](repeating: 1, count: 1_000_000))
      await loopTurn()
      let waiting = stream.unsentBytes
      #expect(waiting > 0)
      stream.unsentBytesMax = waiting + 100
      stream.write([UInt8](repeating: 2, count: 100 + extra))
      await loopTurn()
      if fails {
        guard case .failed(let text) = await here.ends.next() else {
          Issue.record("the stream ended well")
          return
        }
        #expect(text.contains("\(waiting + 100)"))
      } else {
        #expect(here.ends.untaken.isEmpty)
        #expect(stream.unsentBytes == waiting + 100)
      }
      stream.close()
      close(peer)
    }
  }

  @Test func `closeAfterWriting sends all that is unsent first`() async throws {
    let (stream, peer) = try streamAndPeer()
    let there = Recorded(try ByteStream.adopt(descriptor: peer), reading: false)
    stream.write([UInt8](repeating: 9, count: 1_500_000))
    stream.closeAfterWriting()
    stream.write([0])
    there.stream.startReading()
    #expect(await there.wholeText().utf8.count == 1_500_000)
    there.stream.close()
  }

  @Test func `close drops what is unsent, calls nobody and may be repeated`() async throws {
    let (stream, peer) = try streamAndPeer()
    let here = Recorded(stream)
    stream.write([UInt8](repeating: 9, count: 1_500_000))
    await loopTurn()
    stream.close()
    stream.close()
    stream.write([1])
    stream.endWriting()
    stream.closeAfterWriting()
    close(peer)
    await loopTurn()
    #expect(here.ends.untaken.isEmpty)
    #expect(here.drains.untaken.isEmpty)
    #expect(stream.unsentBytes == 0)
  }

  @Test func `a stream may be closed by its own callbacks`() async throws {
    let (stream, peer) = try streamAndPeer()
    let reads = Happenings<Int>()
    stream.onRead = { bytes in
      stream.close()
      reads.happened(bytes.count)
    }
    stream.startReading()
    writeAll(peer, "ab")
    #expect(await reads.next() == 2)
    var byte: UInt8 = 0
    #expect(read(peer, &byte, 1) == 0)
    close(peer)
  }

  @Test func `writing to a peer that has gone fails the stream once and not the process`()
    async throws
  {
    let (stream, peer) = try streamAndPeer()
    let here = Recorded(stream, reading: false)
    close(peer)
    stream.write([1])
    guard case .failed(let text) = await here.ends.next() else {
      Issue.record("no failure")
      return
    }
    #expect(text.contains("EPIPE"))
    stream.write([1])
    stream.startReading()
    await loopTurn()
    #expect(here.ends.untaken.isEmpty)
    stream.closeAfterWriting()
  }

  @Test func `a stream that does not read leaves the bytes with the kernel`() async throws {
    let (stream, peer) = try streamAndPeer()
    let here = Recorded(stream)
    writeAll(peer, "first")
    #expect(await here.text(5) == "first")
    stream.stopReading()
    writeAll(peer, "second")
    await loopTurn()
    #expect(here.reads.untaken.isEmpty)
    stream.startReading()
    #expect(await here.text(6) == "second")
    stream.close()
    close(peer)
  }

  @Test func `both ends of a FIFO are streams, and the end of writing closes it`() async throws {
    var pair: [Int32] = [-1, -1]
    try #require(pipe(&pair) == 0)
    let reader = Recorded(try ByteStream.adopt(descriptor: pair[0]))
    let writer = try ByteStream.adopt(descriptor: pair[1])
    #expect(fcntl(pair[0], F_GETFD) == FD_CLOEXEC)
    writer.write(Array("through".utf8))
    writer.endWriting()
    #expect(await reader.wholeText() == "through")
    reader.stream.close()
  }

  @Test func `a file is no stream, and stays its owner's`() throws {
    let descriptor = open("/dev/null", O_RDWR | O_CLOEXEC)
    #expect(throws: LoopFault.self) { try ByteStream.adopt(descriptor: descriptor) }
    #expect(close(descriptor) == 0)
    #expect {
      try ByteStream.adopt(descriptor: -1)
    } throws: {
      "\($0)".contains("EBADF")
    }
  }

  @Test func `a closed stream gives its memory and its callbacks free`() async throws {
    weak var stream: ByteStream?
    do {
      let (adopted, peer) = try streamAndPeer()
      stream = adopted
      adopted.onRead = { _ in adopted.stopReading() }
      close(peer)
    }
    #expect(stream != nil)
    stream?.close()
    await loopTurn()
    #expect(stream == nil)
  }

  private func writeAll(_ descriptor: Int32, _ text: String) {
    _ = text.withCString { write(descriptor, $0, strlen($0)) }
  }
}
