// Worker executables under the hash of their content, in the host's own directory: what a release
// names is there, whole and on disk, whatever becomes of the file it came from. Every call blocks;
// none is for the loop.

import CWriteback
import Glibc
package import Invocations

package struct ExecutableShelf: Sendable {
  /// Of one executable.
  package static let bytesMax = 1 << 30
  /// The newest releases that keep their executables beside the live one.
  package static let releasesKept = 20
  /// Whole executables that no release names, and unfinished ones: the newest of each.
  package static let straysMax = 4

  package let directory: String

  /// Whose members may execute what is here, and not list it; nil is the owner alone.
  private let group: UInt32?

  private static let chunkBytes = 1 << 20
  /// Of a copy: the disk takes up these while the next are hashed.
  private static let writebackBytes = 8 << 20

  /// Makes the directory where it is missing, inside one that is there.
  package init(dataDirectory: String, group: UInt32? = nil) throws(ShelfFault) {
    self.group = group
    directory = "\(dataDirectory)/executables"
    guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw .now(directory) }
    guard let group else { return }
    guard chown(directory, .max, group) == 0, chmod(directory, 0o710) == 0 else {
      throw .now(directory)
    }
    for name in Self.names(in: directory) where ContentHash.isHex(name) {
      let path = path(of: name)
      guard chown(path, .max, group) == 0, chmod(path, 0o750) == 0 else { throw .now(path) }
    }
  }

  package func path(of hash: String) -> String { "\(directory)/\(hash)" }
  private func partPath(of hash: String) -> String { "\(directory)/\(hash).part" }

  package func holds(_ hash: String) -> Bool {
    ContentHash.isHex(hash) && Self.status(path(of: hash)) != nil
  }

  package func status(of hash: String) -> ShelvedExecutable {
    if let status = Self.status(path(of: hash)) {
      return ShelvedExecutable(hash: hash, bytes: Int(status.st_size), isWhole: true)
    }
    let bytes = Self.status(partPath(of: hash)).map { Int($0.st_size) } ?? 0
    return ShelvedExecutable(hash: hash, bytes: bytes, isWhole: false)
  }

  // MARK: From a file

  /// Takes a copy of the file.
  ///
  /// One that is there already is only read.
  package func adopt(_ source: String) throws(ShelfFault) -> ShelvedExecutable {
    if holdsOne(asLargeAs: source) {
      let known = status(of: try Self.hash(of: source))
      if known.isWhole { return known }
    }
    let from = open(source, O_RDONLY | O_CLOEXEC)
    guard from >= 0 else { throw .now(source) }
    defer { close(from) }
    let fresh = "\(directory)/\(getpid()).new"
    let to = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o700)
    guard to >= 0 else { throw .now(fresh) }
    defer { close(to) }
    // Hashed as it is copied: the file may change meanwhile, and the name is of what is kept.
    var hash = ContentHash()
    var (written, begun) = (0, 0)
    try Self.read(from, of: source) { bytes throws(ShelfFault) in
      try Self.write(bytes, to: to, of: fresh)
      written += bytes.count
      if written - begun >= Self.writebackBytes {
        cwriteback_begin(to, Int64(begun), Int64(written - begun))
        begun = written
      }
      hash.add(bytes)
    }
    let name = hash.finish()
    try publish(fresh, to, as: name)
    return status(of: name)
  }

  /// To hash what is new all the same would double the time of a first start.
  private func holdsOne(asLargeAs source: String) -> Bool {
    guard let size = Self.status(source)?.st_size else { return false }
    return Self.names(in: directory).contains { name in
      ContentHash.isHex(name) && Self.status(path(of: name))?.st_size == size
    }
  }

  /// Of a file's content.
  package static func hash(of source: String) throws(ShelfFault) -> String {
    let descriptor = open(source, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .now(source) }
    defer { close(descriptor) }
    var hash = ContentHash()
    try read(descriptor, of: source) { bytes throws(ShelfFault) in hash.add(bytes) }
    return hash.finish()
  }

  // MARK: In parts

  /// Goes on where the last part ended; the last one is checked against the hash and published.
  ///
  /// A part that is there already is not written again, so that an answer that got lost does no
  /// harm.
  package func add(_ part: ExecutablePart) throws(ShelfFault) -> ShelvedExecutable {
    guard part.size <= Self.bytesMax else { throw .tooLarge(bytesMax: Self.bytesMax) }
    let before = status(of: part.hash)
    let end = part.offset + part.bytes.count
    if before.isWhole || end <= before.bytes, part.offset < before.bytes { return before }
    guard part.offset == before.bytes, end <= part.size else {
      throw .wrongOffset(have: before.bytes)
    }
    let path = partPath(of: part.hash)
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o700)
    guard descriptor >= 0 else { throw .now(path) }
    defer { close(descriptor) }
    guard lseek(descriptor, off_t(part.offset), SEEK_SET) >= 0 else { throw .now(path) }
    try Self.write(part.bytes[...], to: descriptor, of: path)
    if end == part.size { try complete(part.hash, path, descriptor) }
    prune(keeping: nil)
    return status(of: part.hash)
  }

  private func complete(
    _ hash: String, _ path: String, _ descriptor: Int32
  ) throws(ShelfFault) {
    let real = try Self.hash(of: path)
    guard real == hash else {
      unlink(path)
      throw .wrongHash(given: hash, real: real)
    }
    try publish(path, descriptor, as: hash)
  }

  /// On disk before it has its name, and the name on disk before anybody is told.
  private func publish(
    _ fresh: String, _ descriptor: Int32, as hash: String
  ) throws(ShelfFault) {
    let target = path(of: hash)
    if let group, fchown(descriptor, .max, group) != 0 { throw .now(fresh) }
    let mode: mode_t = group == nil ? 0o700 : 0o750
    guard fchmod(descriptor, mode) == 0, fsync(descriptor) == 0, rename(fresh, target) == 0 else {
      throw .now(target)
    }
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw .now(directory) }
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw .now(directory) }
  }

  // MARK: Keeping small

  /// Removes executables that no kept release names, but for the newest few: one of those may be on
  /// its way into a release.
  ///
  /// With nil only unfinished ones are looked at.
  package func prune(keeping named: Set<String>?) {
    var parts: [(path: String, time: Int)] = []
    var strays: [(path: String, time: Int)] = []
    for name in Self.names(in: directory) {
      let path = "\(directory)/\(name)"
      guard let status = Self.status(path) else { continue }
      if name.hasSuffix(".part") || name.hasSuffix(".new") {
        parts.append((path, status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec))
      } else if let named, ContentHash.isHex(name), !named.contains(name) {
        strays.append((path, status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec))
      }
    }
    for list in [parts, strays] {
      for old in list.sorted(by: { $0.time > $1.time }).dropFirst(Self.straysMax) {
        unlink(old.path)
      }
    }
  }

  // MARK: Files

  private static func read(
    _ descriptor: Int32, of path: String,
    _ each: (ArraySlice<UInt8>) throws(ShelfFault) -> Void
  ) throws(ShelfFault) {
    var chunk = [UInt8](repeating: 0, count: chunkBytes)
    var total = 0
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 { return }
      if count < 0 {
        guard errno == EINTR else { throw .now(path) }
        continue
      }
      total += count
      guard total <= bytesMax else { throw .tooLarge(bytesMax: bytesMax) }
      try each(chunk[..<count])
    }
  }

  private static func write(
    _ bytes: ArraySlice<UInt8>, to descriptor: Int32, of path: String
  ) throws(ShelfFault) {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count >= 0 || errno == EINTR else { throw .now(path) }
      rest = rest.dropFirst(max(0, count))
    }
  }

  private static func status(_ path: String) -> stat? {
    var status = stat()
    return stat(path, &status) == 0 ? status : nil
  }

  private static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        })
    }
    return names
  }
}

extension ShelfFault {
  /// In words, for whoever gave the file.
  package var reason: String {
    switch self {
    case .wrongOffset(let have): "the next part begins at \(have)"
    case .wrongHash(let given, let real): "it was to be \(given) and is \(real)"
    case .tooLarge(let bytesMax): "it has more than \(bytesMax) bytes"
    case .busy: "too much is on its way to disk"
    case .system(let path, let reason): "\(path): \(reason)"
    }
  }

  /// What the system has just said of this path.
  fileprivate static func now(_ path: String) -> ShelfFault {
    .system(path: path, reason: String(cString: strerror(errno)))
  }
}
