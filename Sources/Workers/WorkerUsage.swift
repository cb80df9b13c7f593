// What a process has of the machine, from the kernel's files under /proc. It blocks, if only for some
// microseconds: never on the loop.
import Glibc

package enum WorkerUsage {
  package struct Reading: Sendable, Equatable {
    package var memoryBytes: Int64
    package var memoryPeakBytes: Int64
    package var cpuMicroseconds: Int64
  }

  /// Nil of a process that is gone.
  package static func read(pid: Int32) -> Reading? {
    guard let memory = text("/proc/\(pid)/statm").flatMap(residentPages),
      let cpu = text("/proc/\(pid)/stat").flatMap(ticks)
    else { return nil }
    let memoryBytes = memory * Int64(sysconf(Int32(_SC_PAGESIZE)))
    // A process that ends at this moment has no such line any more.
    let peakBytes = text("/proc/\(pid)/status").flatMap(peakKilobytes).map { $0 * 1024 }
    return Reading(
      memoryBytes: memoryBytes, memoryPeakBytes: max(peakBytes ?? 0, memoryBytes),
      cpuMicroseconds: cpu * (1_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK)))))
  }

  /// The second number of `statm`.
  static func residentPages(_ statm: String) -> Int64? {
    statm.split(separator: " ").dropFirst().first.flatMap { Int64($0) }
  }

  /// User and system time.
  ///
  /// They stand behind the name, which may have blanks and brackets in it.
  static func ticks(_ stat: String) -> Int64? {
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let user = Int64(fields[11]), let system = Int64(fields[12])
    else { return nil }
    return user + system
  }

  static func peakKilobytes(_ status: String) -> Int64? {
    status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
      .flatMap { $0.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first }
      .flatMap { Int64($0) }
  }

  private static let fileBytesMax = 16 << 10

  private static func text(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: fileBytesMax)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
  }
}
