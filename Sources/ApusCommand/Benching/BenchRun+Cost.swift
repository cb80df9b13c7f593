// What a scenario cost: syncs, memory, CPU time, bytes on disk, and what the machine did beside it.

import Glibc

extension BenchRun {
  struct Usage {
    let host: ProcessUse
    let workers: ProcessUse
    let bench: ProcessUse
    let machine = MachineUse.now
    let counts: BenchCounts

    init(_ host: BenchHost, _ counts: BenchCounts) {
      self.host = .of([host.pid])
      workers = .of(ProcessUse.children(of: host.pid))
      bench = .of([getpid()])
      self.counts = counts
    }
  }

  func add(
    _ before: Usage, _ after: Usage, _ host: BenchHost, to report: inout BenchReport
  ) {
    addSyncs(before.counts, after.counts, to: &report)
    report.add(
      "startMillis", "start", (host.startSeconds * 1000).rounded(),
      "\(BenchWords.digits(host.startSeconds * 1000)) ms to open doors")
    for (name, label, before, after) in [
      ("host", "host memory", before.host, after.host),
      ("workers", "workers' memory", before.workers, after.workers),
    ] {
      report.add(
        "\(name)PeakBytes", label, Double(after.peakBytes),
        "\(BenchWords.bytes(before.bytes)) idle, \(BenchWords.bytes(after.peakBytes)) at most",
        parts: [("\(name)IdleBytes", Double(before.bytes))])
    }
    let cpu = [
      ("host", after.host.cpuSeconds - before.host.cpuSeconds),
      ("workers", after.workers.cpuSeconds - before.workers.cpuSeconds),
      ("bench", after.bench.cpuSeconds - before.bench.cpuSeconds),
    ]
    let each = 1e6 * (cpu[0].1 + cpu[1].1) / Double(max(1, after.counts.finished))
    report.add(
      "cpuMicrosPerInvocation", "cpu time", each,
      cpu.map { "\($0.0) \(BenchWords.digits($0.1)) s" }.joined(separator: ", ")
        + "; host and workers \(BenchWords.digits(each)) µs an invocation",
      parts: cpu.map { ("\($0.0)CPUSeconds", $0.1) })
    let busy = after.machine.busySeconds - before.machine.busySeconds
    let whole = after.machine.wholeSeconds - before.machine.wholeSeconds
    let others = max(0, busy - cpu.reduce(0) { $0 + $1.1 }) / max(whole, 0.01)
    report.add(
      "othersCPUShare", "other work", others,
      "\(BenchWords.digits(100 * others)) % of the machine's CPU time went to other processes")
  }

  private func addSyncs(
    _ before: BenchCounts, _ after: BenchCounts, to report: inout BenchReport
  ) {
    for (name, label, first, last) in [
      ("invocationsPerCommit", "per commit", before.commits, after.commits),
      ("invocationsPerFsync", "per fsync", before.syncs, after.syncs),
    ] {
      let count = (last ?? 0) - (first ?? 0)
      guard count > 0 else {
        report.add(name, label, nil, last == nil ? "unknown (not in /metrics)" : "none")
        continue
      }
      let each = Double(after.finished - before.finished) / Double(count)
      report.add(
        name, label, each,
        "\(BenchWords.digits(each)) invocations (\(BenchWords.count(count)) in all)")
    }
  }

  /// Of a host that has stopped: its log is in the file by then.
  func addStore(of host: BenchHost, invocations: Int, to report: inout BenchReport) {
    guard invocations > 0 else { return }
    let bytes = Files.names(in: host.data).filter { $0.hasPrefix("apus.db") }
      .reduce(0) { $0 + Int(Files.status("\(host.data)/\($1)")?.st_size ?? 0) }
    let each = Double(bytes) / Double(invocations)
    report.add(
      "storeBytesPerInvocation", "store", each,
      "\(BenchWords.count(Int(each))) bytes an invocation (\(BenchWords.bytes(bytes)))")
  }
}
