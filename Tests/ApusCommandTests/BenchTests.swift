// The bench's own parts, without a host: its percentiles, its requests, its reading, its schedule.

import ArgumentParser
import Glibc
import Invocations
import Testing

@testable import ApusCommand

struct LatencyHistogramTests {
  @Test func `every size keeps three digits`() {
    for value in [0, 1, 999, 2047, 2048, 2049, 4095, 4096, 123_456, 98_765_432, 4_000_000_000] {
      let bound = LatencyHistogram.upperBound(of: LatencyHistogram.bucket(of: value))
      #expect(bound >= value)
      #expect(Double(bound - value) <= Double(value) / 1000, "\(value) is counted as \(bound)")
    }
  }

  @Test func `buckets follow each other without a gap`() {
    for bucket in 1..<20_000 {
      let first = LatencyHistogram.upperBound(of: bucket - 1) + 1
      #expect(LatencyHistogram.bucket(of: first) == bucket)
      #expect(LatencyHistogram.bucket(of: LatencyHistogram.upperBound(of: bucket)) == bucket)
    }
  }

  @Test func `a percentile is what so many are not above`() throws {
    var histogram = LatencyHistogram()
    for value in (1...1000).shuffled() { histogram.add(microseconds: value) }
    #expect(histogram.percentile(0.5) == 500)
    #expect(histogram.percentile(0.99) == 990)
    #expect(histogram.percentile(0.999) == 999)
    #expect(histogram.percentile(1) == 1000)
    #expect(histogram.max == 1000)
  }

  @Test func `the maximum is exact and no percentile is above it`() {
    var histogram = LatencyHistogram()
    histogram.add(nanoseconds: 5_000_123_456)
    #expect(histogram.max == 5_000_123)
    #expect(histogram.percentile(0.5) == 5_000_123)
  }

  @Test func `nothing has no percentile, and what is too long is counted as the longest`() {
    var histogram = LatencyHistogram()
    #expect(histogram.percentile(0.5) == nil)
    histogram.add(microseconds: .max)
    histogram.add(microseconds: -5)
    #expect(histogram.max == LatencyHistogram.microsecondsMax)
    #expect(histogram.percentile(0.5) == 0)
    #expect(histogram.total == 2)
  }

  @Test func `two are added as if they were one`() {
    var one = LatencyHistogram.of(milliseconds: [1, 2])
    one.add(.of(milliseconds: [3, 400]))
    #expect(one == .of(milliseconds: [1, 2, 3, 400]))
  }
}

struct LoadRequestTests {
  @Test func `the payload is an order of 300 bytes`() throws {
    #expect(BenchPayload.order.count == 300)
    try JSONScanner.validate(BenchPayload.order)
    #expect(Answer(BenchPayload.order)["orderId"] == "ord-00009182")
    #expect(Answer(BenchPayload.order).list("items").count == 2)
  }

  @Test func `one event is a post of raw JSON`() {
    let text = String(
      decoding: LoadRequest.message(queue: "orders", events: 1, port: 7070).bytes, as: UTF8.self)
    #expect(text.hasPrefix("POST /v1/queues/orders/messages HTTP/1.1\r\nHost: 127.0.0.1:7070\r\n"))
    #expect(text.contains("\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n{"))
  }

  @Test func `several events are one a line, and options stand in the query`() {
    let request = LoadRequest.message(
      queue: "orders", events: 3, port: 7070,
      options: [("at", "2027-01-01T00:00:00Z"), ("delay", nil)])
    let text = String(decoding: request.bytes, as: UTF8.self)
    #expect(request.events == 3)
    #expect(text.hasPrefix("POST /v1/queues/orders/messages?at=2027-01-01T00%3A00%3A00Z HTTP"))
    #expect(text.contains("Content-Type: application/x-ndjson\r\nContent-Length: 903\r\n"))
    #expect(text.split(separator: "\r\n\r\n")[1].split(separator: "\n").count == 3)
  }
}

struct ResponseReaderTests {
  private func read(_ pieces: [String]) throws -> [Int?] {
    var reader = ResponseReader()
    return try pieces.map { piece in
      try Array(piece.utf8).withUnsafeBytes { bytes in Result { try reader.take(bytes) } }.get()
    }
  }

  static let accepted = "HTTP/1.1 202 Accepted\r\nDate: x\r\ncontent-LENGTH: 5\r\n\r\nhello"

  @Test func `an answer is complete with its last byte, and the next begins afresh`() throws {
    #expect(try read([Self.accepted, Self.accepted]) == [202, 202])
  }

  @Test func `an answer may come byte by byte`() throws {
    let statuses = try read(Self.accepted.map(String.init))
    #expect(statuses.dropLast().allSatisfy { $0 == nil })
    #expect(statuses.last == 202)
  }

  @Test func `an answer without a body ends with its head`() throws {
    #expect(try read(["HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"]) == [503])
    #expect(try read(["HTTP/1.1 204 No Content\r\n\r\n"]) == [204])
  }

  @Test func `a header that only ends like the length is another one`() throws {
    let text = "HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\nContent-Length: 2\r\n\r\nok"
    #expect(try read([text]) == [200])
  }

  @Test(arguments: [
    ("SSH-2.0-OpenSSH_9.2\r\n\r\n", ResponseReader.Fault.notHTTP),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .noContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", .noContentLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok", .unasked),
    (String(repeating: "a", count: ResponseReader.headBytesMax + 1), .headTooLong),
  ])
  func `what it cannot read it refuses`(text: String, fault: ResponseReader.Fault) {
    #expect(throws: fault) { try read([text]) }
  }
}

struct LoadScheduleTests {
  static let second: UInt64 = 1_000_000_000

  @Test func `an open loop has a time for each request, whatever was answered`() {
    let schedule = LoadSchedule(
      pace: .open(requestsPerSecond: 4), end: LoadEnd(seconds: 2), start: 10 * Self.second)
    #expect(schedule.time(of: 0) == 10 * Self.second)
    #expect(schedule.time(of: 6) == 11 * Self.second + Self.second / 2)
    #expect(!schedule.isDue(6, at: 11 * Self.second))
    #expect(schedule.isDue(6, at: 12 * Self.second))
    // Sent late, it counts from when it should have been sent.
    #expect(schedule.beginning(of: 6, sentAt: 15 * Self.second) == schedule.time(of: 6))
    // Eight belong to two seconds, however late it is.
    #expect((0..<20).filter { schedule.includes($0, at: 90 * Self.second) } == Array(0..<8))
  }

  @Test func `a closed loop sends at once until its time is over`() {
    let schedule = LoadSchedule(
      pace: .closed, end: LoadEnd(seconds: 2), start: 10 * Self.second)
    #expect(schedule.isDue(1_000_000, at: 10 * Self.second))
    #expect(schedule.includes(1_000_000, at: 12 * Self.second - 1))
    #expect(!schedule.includes(0, at: 12 * Self.second))
    #expect(schedule.beginning(of: 3, sentAt: 11 * Self.second) == 11 * Self.second)
  }

  @Test func `a count ends a loop of either kind`() {
    for pace in [LoadPace.closed, .open(requestsPerSecond: 1)] {
      let schedule = LoadSchedule(pace: pace, end: LoadEnd(requests: 3), start: 0)
      #expect(schedule.includes(2, at: 0))
      #expect(!schedule.includes(3, at: 0))
    }
  }
}

struct BenchCheckTests {
  private func check(_ expected: Int, _ change: (inout BenchCounts) -> Void) -> BenchCheck {
    var counts = BenchCounts()
    counts.finished = expected
    counts.started = expected
    change(&counts)
    return BenchCheck(expected: expected, counts: counts)
  }

  @Test func `all finished once holds`() {
    let check = check(120_000) { _ in }
    #expect(check.holds)
    #expect(check.text == "120,000 accepted, 120,000 finished, 0 twice, 0 lost")
  }

  @Test func `attempts that were tried again are not twice`() {
    #expect(
      check(10) {
        $0.started = 30
        $0.retried = 20
      }.holds)
  }

  @Test func `what is missing is lost, what ran too often is twice, what is dead did not finish`() {
    #expect(check(10) { $0.finished = 9 }.lost == 1)
    #expect(check(10) { $0.waiting = 2 }.lost == 2)
    #expect(check(10) { $0.finished = 11 }.twice == 1)
    #expect(check(10) { $0.started = 13 }.twice == 3)
    #expect(!check(10) { $0.dead = 1 }.holds)
    var unread = check(10) { _ in }
    unread.rows = 9
    #expect(!unread.holds)
  }

  @Test func `metrics are summed over functions, and counters that are missing are unknown`() {
    var counts = BenchCounts()
    counts.take(
      metrics: Array(
        """
        # TYPE apus_attempts_started_total counter
        apus_attempts_started_total{function="a"} 3
        apus_attempts_started_total{function="b"} 4
        apus_fsyncs_total 12

        """.utf8))
    #expect(counts.started == 7)
    #expect(counts.syncs == 12)
    #expect(counts.commits == nil)
  }
}

struct BenchWordsTests {
  @Test func `the machine's time is whole, and what is idle or waits for a disk is not busy`() {
    let use = MachineUse(stat: "cpu  100 20 30 4000 500 6 7 37 99 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n")
    #expect(use.wholeSeconds == 4700 / Double(sysconf(Int32(_SC_CLK_TCK))))
    #expect(use.busySeconds == 200 / Double(sysconf(Int32(_SC_CLK_TCK))))
    #expect(MachineUse(stat: "").wholeSeconds == 0)
  }

  @Test func `numbers have three digits and their unit`() {
    #expect(BenchWords.time(microseconds: 87) == "87 µs")
    #expect(BenchWords.time(microseconds: 1249) == "1.25 ms")
    #expect(BenchWords.time(microseconds: 45_049) == "45.0 ms")
    #expect(BenchWords.time(microseconds: 4_080_000) == "4.08 s")
    #expect(BenchWords.bytes(20_971_520) == "21.0 MB")
    #expect(BenchWords.count(1_234_567) == "1,234,567")
    #expect(BenchWords.count(0) == "0")
  }

  @Test func `the host is asked seldom while much is left and often at the end`() {
    var looks = FinishLooks(expected: 100_000)
    #expect(looks.nap(afterSeeing: 0, at: 1_000_000_000) == 10)
    #expect(looks.nap(afterSeeing: 10_000, at: 2_000_000_000) == 250)
    #expect(looks.nap(afterSeeing: 99_000, at: 11_000_000_000) == 25)
    #expect(looks.nap(afterSeeing: 100_000, at: 12_000_000_000) == 5)
  }
}

struct BenchArgumentTests {
  private func parse(_ arguments: String...) throws -> BenchCommand {
    try #require(try ApusCommand.parseAsRoot(["bench"] + arguments) as? BenchCommand)
  }

  private func status(_ arguments: String...) -> Int32 {
    do {
      _ = try ApusCommand.parseAsRoot(["bench"] + arguments)
      return 0
    } catch { return ApusCommand.exitCode(for: error).rawValue }
  }

  @Test func `scenarios are named, and each flag has its place`() throws {
    let bench = try parse(
      "queue", "retry-storm", "--seconds", "2.5", "--connections", "4", "--rate", "5000",
      "--count", "2000", "--json", "--data", "/tmp")
    #expect(bench.scenarios == [.queue, .retryStorm])
    #expect(bench.settings.seconds == 2.5)
    #expect(bench.settings.connections == 4)
    #expect(bench.settings.pace(batch: 10) == .open(requestsPerSecond: 500))
    #expect(bench.settings.end(batch: 300) == LoadEnd(requests: 7))
    #expect(bench.json)
  }

  @Test func `nothing named is the short set in a closed loop`() throws {
    let bench = try parse()
    #expect(bench.scenarios.isEmpty)
    #expect(bench.settings.pace(batch: 1) == .closed)
    #expect(bench.settings.end(batch: 1) == LoadEnd(seconds: 5))
    #expect(bench.settings.hostArguments == ["--durability", "disk", "--workers", "1"])
  }

  @Test func `what makes no bench is wrong usage`() {
    #expect(status("nonsense") == 64)
    #expect(status("--seconds", "0") == 64)
    #expect(status("--rate", "0") == 64)
    #expect(status("--count", "0") == 64)
    #expect(status("--connections", "1000") == 64)
    #expect(status("--batch", "1001") == 64)
    #expect(status("--durability", "paper") == 64)
  }

  @Test func `the last post of a count has the rest`() {
    let end = LoadEnd(requests: 3)
    let messages = BenchRun.Messages(batch: 100, connections: 1, end: end, count: 250)
    let requests = messages.requests(port: 1)
    #expect([0, 1, 2].map { requests($0).events } == [100, 100, 50])
  }
}
