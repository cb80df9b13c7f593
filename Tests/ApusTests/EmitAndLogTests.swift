// What an attempt says beside its result: events that leave with the success or not at all, and log
// lines, which are the first to give way.
import Apus
import Testing
import WorkerProtocol

private struct Unencodable: Encodable {
  func encode(to encoder: any Encoder) throws {
    throw EncodingError.invalidValue(0, .init(codingPath: [], debugDescription: "never"))
  }
}

@Suite(.timeLimit(.minutes(5))) struct EmitTests {
  @Test func `what is emitted leaves with the success`() async throws {
    let worker = try WorkerInProcess {
      Handler("Emit") { (_: NoInput, context) in
        context.emit(queue: "a", ["x": 1])
        context.emit(
          queue: "b", "two", type: "t", subject: "s", id: "i", delay: .microseconds(1_500))
        context.emit(queue: "c", bytes: [0, 255], contentType: "image/png")
      }
    }
    worker.host.start("Emit")
    let emitted = try await worker.host.ending().result?.emitted
    #expect(
      emitted == [
        .init(
          queue: "a", type: nil, subject: nil, id: nil, delayMilliseconds: 0,
          contentType: "application/json", data: Array(#"{"x":1}"#.utf8)),
        .init(
          queue: "b", type: "t", subject: "s", id: "i", delayMilliseconds: 2,
          contentType: "application/json", data: Array(#""two""#.utf8)),
        .init(
          queue: "c", type: nil, subject: nil, id: nil, delayMilliseconds: 0,
          contentType: "image/png", data: [0, 255]),
      ])
  }

  @Test func `an attempt that fails has emitted nothing`() async throws {
    let worker = try WorkerInProcess {
      Handler("EmitAndFail") { (_: NoInput, context) in
        context.emit(queue: "a", 1)
        throw Reject("no")
      }
    }
    worker.host.start("EmitAndFail")
    worker.host.send(.drain)
    #expect(await worker.end() == .drained)
    worker.host.hangUp()
    #expect(await worker.host.rest().map(\.head.kind) == [.hello, .failure])
  }

  @Test(arguments: [1_000, 1_001]) func `the number of events has a limit`(
    _ count: Int
  ) async throws {
    let worker = try WorkerInProcess {
      Handler("Many") { (_: NoInput, context) in
        for number in 0..<count { context.emit(queue: "a", number) }
      }
    }
    worker.host.start("Many")
    let ending = try await worker.host.ending()
    if count <= 1_000 {
      #expect(ending.result?.emitted.count == count)
    } else {
      #expect(ending.failure?.kind == .thrown)
      #expect(
        ending.failure?.message == "one attempt may emit 1000 events; this one emits more")
    }
  }

  @Test func `the bytes of events have a limit`() async throws {
    let worker = try WorkerInProcess {
      Handler("Large") { (mebibytes: Int, context) in
        for _ in 0..<mebibytes {
          context.emit(
            queue: "a", bytes: [UInt8](repeating: 1, count: 1 << 20), contentType: "x/y")
        }
      }
    }
    worker.host.start("Large", 1, "14")
    #expect(try await worker.host.ending().result?.emitted.count == 14)
    worker.host.start("Large", 2, "15")
    #expect(
      try await worker.host.ending().failure?.message
        == "one attempt may emit 15728640 bytes; this one emits more")
  }

  @Test func `result and events share their limit`() async throws {
    let worker = try WorkerInProcess {
      Handler("Both") { (resultBytes: Int, context) in
        context.emit(queue: "a", bytes: [UInt8](repeating: 1, count: 8 << 20), contentType: "x/y")
        return String(repeating: "x", count: resultBytes)
      }
    }
    worker.host.start("Both", 1, "\((7 << 20) - 1024)")
    #expect(try await worker.host.ending().result?.emitted.count == 1)
    worker.host.start("Both", 2, "\(7 << 20)")
    let failure = try await worker.host.ending().failure
    #expect(failure?.kind == .thrown)
    #expect(failure?.type == "ResultTooLarge")
    #expect(failure?.message.hasPrefix("result too large") == true)
  }

  @Test func `an event that cannot be encoded fails the attempt at its end`() async throws {
    let worker = try WorkerInProcess {
      Handler("Bad") { (_: NoInput, context) in
        context.emit(queue: "a", Unencodable())
        context.logger.info("still running")
      }
    }
    worker.host.start("Bad")
    let ending = try await worker.host.ending()
    #expect(ending.log == ["still running"])
    #expect(ending.failure?.message.hasPrefix("the event for queue 'a': ") == true)
  }
}

@Suite(.timeLimit(.minutes(5))) struct LogTests {
  @Test func `lines come in order, with level and metadata, before the result`() async throws {
    let worker = try WorkerInProcess {
      Handler("Talk") { (_: NoInput, context) in
        var logger = context.logger
        logger[metadataKey: "order"] = "1"
        for number in 0..<500 { logger.info("\(number)") }
        logger.debug("below the level")
        logger.error("bad", metadata: ["card": "2"])
      }
    }
    worker.host.start("Talk", 3, attempt: 2)
    _ = try await worker.host.hello()
    var entries: [LogEntry] = []
    while let said = await worker.host.next(), let entry = try said.log {
      #expect(said.head.invocation == 3 && said.head.attempt == 2)
      entries.append(entry)
    }
    #expect(entries.map(\.message) == (0..<500).map(String.init) + ["bad"])
    #expect(entries.last?.level == .error)
    #expect(
      entries.last?.metadata
        == [NameValue(name: "card", value: "2"), NameValue(name: "order", value: "1")])
    #expect(entries.allSatisfy { $0.time > 1_700_000_000_000 })
  }

  @Test func `a handler may ask for more than the level`() async throws {
    let worker = try WorkerInProcess {
      Handler("Debug") { (_: NoInput, context) in
        var logger = context.logger
        logger.logLevel = .trace
        logger.debug("d")
        logger.trace("t")
      }
    }
    worker.host.start("Debug")
    #expect(try await worker.host.ending().log == ["d", "t"])
  }

  @Test func `a long line is cut at a character and marked`() async throws {
    let worker = try WorkerInProcess {
      Handler("Long") { (_: NoInput, context) in
        context.logger.info(
          "\(String(repeating: "€", count: 30_000))", metadata: ["key": "is dropped"])
        context.logger.info("short", metadata: ["key": "\(String(repeating: "x", count: 70_000))"])
      }
    }
    worker.host.start("Long")
    _ = try await worker.host.hello()
    let long = try #require(try await worker.host.next()?.log)
    #expect(long.message.hasSuffix("€ … (cut)"))
    #expect((65_530...65_536).contains(long.message.utf8.count))
    #expect(long.metadata == [NameValue(name: "cut", value: "1 more")])
    let short = try #require(try await worker.host.next()?.log)
    #expect(short.message == "short")
    #expect(short.metadata == [NameValue(name: "cut", value: "1 more")])
  }

  @Test func `an attempt has so many lines and then one that says so`() async throws {
    let worker = try WorkerInProcess {
      Handler("Chatter") { (_: NoInput, context) in
        for number in 0..<10_100 { context.logger.info("\(number)") }
      }
    }
    worker.host.start("Chatter")
    let log = try await worker.host.ending().log
    // The socket may have been full for a moment; what was dropped is counted, never lost silently.
    #expect(
      log == (0..<10_000).map(String.init) + [
        "more than 10000 log lines in one attempt; the rest is dropped"
      ])
  }

  @Test func `lines are dropped and counted while the host does not read`() async throws {
    let done = Gate()
    let worker = try WorkerInProcess(reads: false) {
      Handler("Flood") { (_: NoInput, context) in
        for _ in 0..<400 { context.logger.info("\(String(repeating: "x", count: 60_000))") }
        done.open()
        return "done"
      }
    }
    worker.host.start("Flood")
    await done.wait()
    worker.host.startReading()
    let ending = try await worker.host.ending()
    #expect(ending.json == #""done""#)
    let kept = ending.log.filter { $0.hasPrefix("x") }.count
    // 8 MiB of ours, and what the kernel takes.
    #expect((139...200).contains(kept))
    #expect(
      ending.log.last == "\(400 - kept) log lines dropped: the host reads them too slowly")
  }

  @Test func `results wait while the host does not read and all of them arrive`() async throws {
    let worker = try WorkerInProcess(reads: false) {
      Handler("Large") { (number: Int, _) in "\(number)" + String(repeating: "x", count: 3 << 20) }
    }
    for number in 1...12 { worker.host.start("Large", Int64(number), "\(number)") }
    worker.host.startReading()
    var seen: Set<Int64> = []
    for _ in 1...12 {
      let ending = try await worker.host.ending()
      #expect(ending.json?.hasPrefix("\"\(ending.invocation)x") == true)
      #expect(ending.json?.utf8.count == "\(ending.invocation)".utf8.count + (3 << 20) + 2)
      seen.insert(ending.invocation)
    }
    #expect(seen.count == 12)
  }
}
