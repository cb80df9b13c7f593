// What numbers of a bench depend on: the machine, its disk, the memory and the CPU time of processes,
// as /proc and the file system tell them.

import Glibc

struct BenchMachine {
  var cores: Int
  var memoryBytes: Int
  var kernel: String
  /// Of 4 KiB, overwritten and synced one after the other where the data lies; nil where that
  /// could not be measured.
  var syncsPerSecond: Double?

  static func measure(in folder: String) -> BenchMachine {
    var name = utsname()
    uname(&name)
    let kernel = withUnsafeBytes(of: name.release) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    return BenchMachine(
      cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)),
      memoryBytes: sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)), kernel: kernel,
      syncsPerSecond: syncsPerSecond(in: folder))
  }

  private static let probeSeconds = 0.5
  private static let probeBlocks = 256
  private static let blockBytes = 4096

  private static func syncsPerSecond(in folder: String) -> Double? {
    let path = "\(folder)/sync-probe"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    defer {
      close(descriptor)
      unlink(path)
    }
    let block = [UInt8](repeating: 0x5A, count: blockBytes)
    for index in 0..<probeBlocks
    where pwrite(descriptor, block, blockBytes, off_t(index * blockBytes)) != blockBytes {
      return nil
    }
    guard fsync(descriptor) == 0 else { return nil }
    let began = BenchClock.now
    var count = 0
    while BenchClock.seconds(since: began) < probeSeconds {
      let place = off_t(count % probeBlocks * blockBytes)
      guard pwrite(descriptor, block, blockBytes, place) == blockBytes, fdatasync(descriptor) == 0
      else { return nil }
      count += 1
    }
    return Double(count) / BenchClock.seconds(since: began)
  }
}

/// The CPU time of all that ran on the machine, ours and others', since it was started.
struct MachineUse {
  var busySeconds = 0.0
  var wholeSeconds = 0.0

  static var now: MachineUse {
    // A machine that does not tell was not busy.
    let text = String(decoding: (try? Files.read("/proc/stat")) ?? [], as: UTF8.self)
    return MachineUse(stat: text)
  }

  /// The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal, and guests,
  /// who are part of user.
  init(stat text: String) {
    let line = text.prefix { $0 != "\n" }
    let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
    guard ticks.count == 8 else { return }
    let whole = ticks.reduce(0, +)
    let each = Double(sysconf(Int32(_SC_CLK_TCK)))
    wholeSeconds = whole / each
    busySeconds = (whole - ticks[3] - ticks[4]) / each
  }
}

/// What some processes hold and have used.
struct ProcessUse {
  var bytes = 0
  var peakBytes = 0
  var cpuSeconds = 0.0

  static func of(_ pids: [Int32]) -> ProcessUse {
    var use = ProcessUse()
    for pid in pids {
      use.bytes += kibibytes("VmRSS:", of: pid) << 10
      use.peakBytes += kibibytes("VmHWM:", of: pid) << 10
      use.cpuSeconds += cpuSeconds(of: pid)
    }
    return use
  }

  /// The processes that any thread of this one has started.
  static func children(of pid: Int32) -> [Int32] {
    Files.names(in: "/proc/\(pid)/task").flatMap { task in
      text("/proc/\(pid)/task/\(task)/children").split(separator: " ").compactMap { Int32($0) }
    }
  }

  private static func kibibytes(_ name: String, of pid: Int32) -> Int {
    for line in text("/proc/\(pid)/status").split(separator: "\n") where line.hasPrefix(name) {
      return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }
    return 0
  }

  private static func cpuSeconds(of pid: Int32) -> Double {
    // The second field is the program's name in brackets, with whatever is in it.
    let rest = text("/proc/\(pid)/stat").split(separator: ")").last ?? ""
    let fields = rest.split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
      return 0
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Empty of a process that is gone.
  private static func text(_ path: String) -> String {
    // Whoever is gone uses nothing.
    String(decoding: (try? Files.read(path)) ?? [], as: UTF8.self)
  }
}
