// How much memory this process has held at most. `getrusage` would be the cheaper call, but what it tells
// begins with the memory of the process that started this one: a worker of a large host would seem as
// large as its host.
import Glibc
import Synchronization

enum ProcessMemory {
  /// Reading costs some 50 µs, and attempts may end a hundred thousand times a second.
  private static let readIntervalMilliseconds: Int64 = 20

  private static let lastRead = Atomic<Int64>(.min / 2)
  private static let lastBytes = Atomic<UInt64>(0)

  /// As of 20 ms ago at the earliest; 0 where the system does not tell.
  static var highWaterBytes: UInt64 {
    let now = milliseconds()
    let last = lastRead.load(ordering: .relaxed)
    guard now - last >= readIntervalMilliseconds else { return lastBytes.load(ordering: .relaxed) }
    // One thread reads, the others take what it read before.
    guard lastRead.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
    else { return lastBytes.load(ordering: .relaxed) }
    let bytes = read()
    lastBytes.store(bytes, ordering: .relaxed)
    return bytes
  }

  private static func milliseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
    return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
  }

  /// `VmHWM` of `/proc/self/status`, in KiB there.
  private static func read() -> UInt64 {
    let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { text in
      guard let start = text.baseAddress else { return 0 }
      let count = Glibc.read(file, start, text.count - 1)
      guard count > 0 else { return 0 }
      text[count] = 0
      guard let line = strstr(start, name) else { return 0 }
      return UInt64(strtoull(line + name.utf8.count, nil, 10)) << 10
    }
  }

  private static let name = "VmHWM:"
}
