// What the scripted worker sees of its process, and plain writes that wait until all is written.
import Glibc

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// As the kernel handed it over, sorted, one `NAME=value` a line.
func environmentLines() -> String {
  let bytes = readFile("/proc/self/environ")
  let lines = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  return lines.sorted().joined(separator: "\n")
}

/// Numbers of the open descriptors, without the one that looks.
func openDescriptors() -> String {
  guard let folder = opendir("/proc/self/fd") else { return "" }
  defer { closedir(folder) }
  var numbers: [Int32] = []
  while let entry = readdir(folder) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if let number = Int32(name), number != dirfd(folder) { numbers.append(number) }
  }
  return numbers.sorted().map(String.init).joined(separator: " ")
}

private func readFile(_ path: String) -> [UInt8] {
  let descriptor = open(path, O_RDONLY)
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = read(descriptor, &part, part.count)
    if count <= 0 { return bytes }
    bytes += part[..<count]
  }
}

func sleepForEver() -> Never {
  while true { pause() }
}

/// A child with our streams that leaves our group; its process id.
func spawnSleeper() -> pid_t {
  var pid: pid_t = 0
  let words: [UnsafeMutablePointer<CChar>?] = [
    strdup("setsid"), strdup("sleep"), strdup("1000"), nil,
  ]
  defer { for word in words { free(word) } }
  return posix_spawnp(&pid, "setsid", nil, nil, words, nil) == 0 ? pid : 0
}

func say(_ descriptor: Int32, _ text: String) {
  Array(text.utf8).withUnsafeBytes { send(descriptor, $0) }
}

/// Blocks until all is written; without a reader the process has nothing left to do.
func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
    if count < 0 && errno != EAGAIN && errno != EINTR { exit(0) }
    rest = rest.dropFirst(max(0, count))
  }
}
