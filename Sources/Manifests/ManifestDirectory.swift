// Finds and reads the files of a manifest directory. What cannot be read is a mistake with its
// path; a pipe or a device in the place of a file is never waited for.

import Glibc

enum ManifestDirectory {
  static func sources(
    in directory: String
  ) -> (sources: [ManifestSource], mistakes: [ManifestMistake]) {
    guard let names = names(in: directory) else {
      let remedy = "create it, or name another with --manifests"
      let message = "the directory cannot be read: \(reason(errno)); \(remedy)"
      return ([], [ManifestMistake(file: directory, message: message)])
    }
    var sources: [ManifestSource] = []
    var mistakes: [ManifestMistake] = []
    // One past the limit tells the reader that there are too many, without reading them all.
    for name in names.prefix(ManifestLimits.filesMax + 1) {
      let path = directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
      do throws(ManifestMistake) {
        sources.append(ManifestSource(path: path, text: try text(at: path)))
      } catch {
        mistakes.append(error)
      }
    }
    if names.isEmpty {
      let message = "there is no *.yaml in this directory; begin with 'apus new NAME'"
      mistakes.append(ManifestMistake(file: directory, message: message))
    }
    return (sources, mistakes)
  }

  /// Sorted, so that mistakes and declarations come in the same order everywhere.
  private static func names(in directory: String) -> [String]? {
    guard let stream = opendir(directory) else { return nil }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard !name.hasPrefix("."), name.hasSuffix(".yaml") || name.hasSuffix(".yml") else {
        continue
      }
      names.append(name)
    }
    return names.sorted()
  }

  private static func text(at path: String) throws(ManifestMistake) -> String {
    let bytes = try bytes(at: path)
    if let (line, column) = placeOfBadUTF8(in: bytes) {
      let message = "not UTF-8; save the file in that encoding"
      throw ManifestMistake(file: path, line: line, column: column, message: message)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func bytes(at path: String) throws(ManifestMistake) -> [UInt8] {
    // Without O_NONBLOCK, opening a named pipe would wait for its writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ManifestMistake(file: path, message: "not a file; only files may have this ending here")
    }
    return try bytes(from: descriptor, path: path)
  }

  private static func bytes(
    from descriptor: Int32, path: String
  ) throws(ManifestMistake) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count <= ManifestLimits.fileBytesMax {
      let count = read(descriptor, &chunk, chunk.count)
      if count == 0 { return bytes }
      if count > 0 {
        bytes += chunk[..<count]
      } else if errno != EINTR {
        throw unreadable(path, errno)
      }
    }
    throw .tooLarge(path)
  }

  private static func placeOfBadUTF8(in bytes: [UInt8]) -> (line: Int, column: Int)? {
    var place = (line: 1, column: 1)
    var rest = bytes.makeIterator()
    var decoder = UTF8()
    while true {
      switch decoder.decode(&rest) {
      case .scalarValue("\n"): place = (place.line + 1, 1)
      case .scalarValue: place.column += 1
      case .emptyInput: return nil
      case .error: return place
      }
    }
  }

  private static func unreadable(_ path: String, _ code: Int32) -> ManifestMistake {
    ManifestMistake(file: path, message: "the file cannot be read: \(reason(code))")
  }

  private static func reason(_ code: Int32) -> String {
    strerror(code).map { String(cString: $0) } ?? "error \(code)"
  }
}
