// How much a batch may hold, and what it costs each of its events.
import Apus
import Testing
import WorkerProtocol

@Suite(.timeLimit(.minutes(5))) struct BatchLoadTests {
  @Test func `a thousand events of eight mebibytes are one batch`() async throws {
    let worker = try WorkerInProcess {
      BatchHandler("Count") { (events: [Event<RawData>], context) in
        for event in events {
          context.emit(queue: "q", [events.count, event.data.bytes.count], for: event)
          context.done(event)
        }
      }
    }
    let size = (8 << 20) / StartBatch.itemsMax
    let data = String(repeating: "x", count: size)
    worker.host.startBatch("Count", Array(repeating: data, count: StartBatch.itemsMax))
    let endings = try await worker.host.endings(StartBatch.itemsMax)
    #expect(
      endings.values.allSatisfy {
        $0.result?.emitted.first?.data == Array("[1000,\(size)]".utf8)
      })
  }

  @Test func `the CPU time of the run is shared equally`() async throws {
    let worker = try WorkerInProcess {
      BatchHandler("Spin") { (events: [Event<Int>], context) in
        await Task.yield()
        burn(milliseconds: 80)
        await Task.yield()
        for event in events { context.done(event) }
      }
    }
    worker.host.startBatch("Spin", ["1", "2", "3", "4"])
    let shares = try await worker.host.endings(4).values.compactMap(\.result?.cpuMicroseconds)
    #expect(shares.count == 4)
    let (least, most) = (shares.min() ?? 0, shares.max() ?? 0)
    #expect(least > 1_000 && most < 30_000)
    #expect(most - least < 5_000)
  }
}
