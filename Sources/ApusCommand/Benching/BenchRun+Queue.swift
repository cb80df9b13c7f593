// Queues under load: as fast as they take it, or at a rate; on an empty store and on a full one.

extension BenchRun {
  static let eventsPerPost = 100
  static let postConnections = 16

  /// Posts of messages to one queue.
  struct Messages {
    var queue = "orders"
    var batch: Int
    var connections: Int
    var pace = LoadPace.closed
    var end: LoadEnd
    /// Of all posts together, where they are counted; the last one has the rest.
    var count: Int?
    var options: [(String, String?)] = []

    func group(_ host: BenchHost) -> LoadGroup {
      LoadGroup(
        port: host.controlPort, connections: connections, pace: pace, end: end,
        request: requests(port: host.controlPort))
    }

    func requests(port: UInt16) -> (_ index: Int) -> LoadRequest {
      let usual = request(batch, port)
      let rest = (count ?? 0) % batch
      let last = rest == 0 ? usual : request(rest, port)
      return { [end] index in index + 1 == end.requests ? last : usual }
    }

    private func request(_ events: Int, _ port: UInt16) -> LoadRequest {
      .message(queue: queue, events: events, port: port, options: options)
    }
  }

  /// So many, as fast as the host takes them.
  func pile(_ count: Int, on queue: String = "orders", inPostsOf posted: Int? = nil) -> Messages {
    let batch = posted ?? settings.batch ?? Self.eventsPerPost
    return Messages(
      queue: queue, batch: batch, connections: settings.connections(Self.postConnections),
      end: LoadEnd(requests: (count + batch - 1) / batch), count: count)
  }

  /// For the time or the count that was asked for.
  func stream(on queue: String = "orders", counted: Bool = true) -> Messages {
    // In an open loop each event is a sender of its own, unless posts were asked to have more.
    let batch = settings.batch ?? (settings.rate == nil ? Self.eventsPerPost : 1)
    let connections = settings.rate == nil ? Self.postConnections : 64
    let end = counted ? settings.end(batch: batch) : LoadEnd(seconds: settings.seconds)
    return Messages(
      queue: queue, batch: batch, connections: settings.connections(connections),
      pace: settings.pace(batch: batch), end: end, count: counted ? settings.count : nil)
  }

  /// One load, waited for; `before` were accepted by the same host already.
  func send(
    _ messages: Messages, to host: BenchHost, after before: Int = 0, times: Int = 1
  ) throws -> (load: LoadResult, finishedPerSecond: Double) {
    let result = try load([messages.group(host)])[0]
    let end = try untilFinished(host, (before + result.events) * times)
    let seconds = Double(end.at - result.beganAt) / 1e9
    return (result, Double(result.events * times) / seconds)
  }

  func add(_ result: LoadResult, to report: inout BenchReport) {
    report.add(rate: "acceptedPerSecond", "accepted", result.eventsPerSecond, of: "events")
  }

  func addRefusals(_ results: [LoadResult], to report: inout BenchReport) {
    let refused = results.reduce(0) { $0 + $1.refused }
    let unsent = results.reduce(0) { $0 + $1.unsent }
    guard refused + unsent > 0 else { return }
    report.add(
      "refusedRequests", "refused", Double(refused),
      "\(BenchWords.count(refused)) requests with 429 or 503, nothing of them accepted")
    report.add(
      "unsentRequests", "unsent", Double(unsent),
      "\(BenchWords.count(unsent)) requests: the host was too far behind")
  }

  // MARK: Scenarios

  private var orders: BenchFunction {
    .queue("orders", settings.isUndecoded ? "TakeRaw" : "Take")
  }

  func queue() throws -> BenchReport {
    let messages = stream()
    let about =
      "posts of \(messages.batch), \(messages.connections) connections, \(settings.paceWords), "
      + settings.extent
    return try report(.queue, about, [orders]) { host, report in
      let (result, finished) = try send(messages, to: host)
      add(result, to: &report)
      report.add(rate: "finishedPerSecond", "finished", finished, of: "invocations")
      addRefusals([result], to: &report)
      report.add("postToAnswer", "post → 202", result.latencies)
      if settings.rate != nil { try addTimes(of: host, result.events, to: &report) }
      return result.events
    }
  }

  /// Of the record, in its milliseconds.
  private func addTimes(of host: BenchHost, _ count: Int, to report: inout BenchReport) throws {
    let rows = try BenchRecord.rows(host, min(count, 100_000), telling: progress)
    report.add(
      "createdToStarted", "record: created → started (ms)",
      BenchRecord.spread(rows, from: \.created, to: \.started))
    report.add(
      "createdToFinished", "record: created → finished (ms)",
      BenchRecord.spread(rows, from: \.created, to: \.finished))
  }

  func history() throws -> BenchReport {
    let count = settings.count ?? 1_000_000
    let messages = stream(counted: false)
    let about =
      "as queue, \(BenchWords.digits(settings.seconds)) s each, with nothing and with "
      + "\(BenchWords.count(count)) finished before"
    return try report(.history, about, [orders]) { host, report in
      let (first, empty) = try send(messages, to: host)
      let (filling, _) = try send(pile(count), to: host, after: first.events)
      let before = first.events + filling.events
      let (last, full) = try send(messages, to: host, after: before)
      report.add(rate: "finishedPerSecondWhenEmpty", "empty store", empty, of: "invocations")
      report.add(rate: "finishedPerSecondWhenFull", "full store", full, of: "invocations")
      report.add(
        "ratio", "full : empty", full / empty, "\(BenchWords.digits(100 * full / empty)) %")
      addRefusals([first, filling, last], to: &report)
      report.add("postToAnswerWhenEmpty", "post → 202, empty store", first.latencies)
      report.add("postToAnswerWhenFull", "post → 202, full store", last.latencies)
      return before + last.events
    }
  }

  func backlog() throws -> BenchReport {
    let count = settings.count ?? 1_000_000
    let about = "\(BenchWords.count(count)) events wait for a paused function, which is resumed"
    return try report(.backlog, about, [orders]) { host, report in
      _ = try host.control.post(["v1", "functions", "orders", "pause"])
      let result = try load([pile(count).group(host)])[0]
      let waiting = ProcessUse.of([host.pid]).bytes
      let began = BenchClock.now
      _ = try host.control.post(["v1", "functions", "orders", "resume"])
      let end = try untilFinished(host, result.events)
      let seconds = Double(end.at - began) / 1e9
      add(result, to: &report)
      report.add(
        "hostBytesWhenWaiting", "memory then", Double(waiting),
        "\(BenchWords.bytes(waiting)) with \(BenchWords.count(result.events)) waiting")
      report.add("drainSeconds", "drained in", seconds, "\(BenchWords.digits(seconds)) s")
      report.add(
        rate: "finishedPerSecond", "finished", Double(result.events) / seconds, of: "invocations")
      addRefusals([result], to: &report)
      return result.events
    }
  }
}
