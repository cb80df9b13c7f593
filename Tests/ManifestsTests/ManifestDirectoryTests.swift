// Real folders with real files: what is read, in which order, and what cannot be.

import Glibc
import Invocations
import Testing

@testable import Manifests

/// A folder of its own for each test, gone with it.
private final class TemporaryFolder {
  let path: String

  init() throws {
    var template = Array("\(P_tmpdir)/apus-manifests-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw FolderFault(code: errno) }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit {
    while let name = entries().first { if remove("\(path)/\(name)") != 0 { break } }
    remove(path)
  }

  func write(_ bytes: [UInt8], to name: String) throws {
    let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FolderFault(code: errno) }
    defer { close(descriptor) }
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
      throw FolderFault(code: errno)
    }
  }

  func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }

  /// Of reading the folder, with its path left out.
  func mistakes() -> [String] {
    guard case .failure(let found) = ManifestReader.read(directory: path, now: nil) else {
      return []
    }
    return found.list.map { String($0.description.dropFirst(path.count)) }
  }

  private func entries() -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}

private struct FolderFault: Error { let code: Int32 }

struct ManifestDirectoryTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func `files with the ending are read in the order of their names`() throws {
    try folder.write("function: b\ntriggers: [{ queue: b }]", to: "b.yml")
    try folder.write("function: a\ntriggers: [{ queue: a }]", to: "a.yaml")
    try folder.write("not: [yaml", to: "notes.txt")
    try folder.write("not: [yaml", to: ".hidden.yaml")

    let set = try ManifestReader.read(directory: folder.path, now: nil).get()
    #expect(set.declarations.map(\.name) == ["a", "b"])
    #expect(set.locations["a"]?.file == "\(folder.path)/a.yaml")
    let withSlash = try ManifestReader.read(directory: folder.path + "/", now: nil).get()
    #expect(withSlash.locations == set.locations)
  }

  @Test func `a folder without manifests is a mistake`() throws {
    #expect(
      folder.mistakes() == [": there is no *.yaml in this directory; begin with 'apus new NAME'"])
    try folder.write("# later", to: "a.yaml")
    #expect(folder.mistakes() == [": there is no function in any *.yaml here"])
  }

  @Test func `a folder that is not there is a mistake`() {
    let result = ManifestReader.read(directory: folder.path + "/none", now: nil)
    #expect(
      mistakes(result) == [
        "\(folder.path)/none: the directory cannot be read: No such file or directory; "
          + "create it, or name another with --manifests"
      ])
  }

  @Test func `bytes that are not UTF-8 have a place`() throws {
    try folder.write(Array("function: ä\n# ".utf8) + [0xFF, 0x0A], to: "a.yaml")
    #expect(folder.mistakes() == ["/a.yaml:2:3: not UTF-8; save the file in that encoding"])
  }

  @Test func `a file that cannot be read is a mistake beside the others`() throws {
    try folder.write("function: a\ntriggers: [{ queue: a }]\nx: 1", to: "a.yaml")
    try #require(symlink("nowhere", "\(folder.path)/b.yaml") == 0)
    try #require(mkdir("\(folder.path)/c.yaml", 0o700) == 0)
    try #require(mkfifo("\(folder.path)/d.yaml", 0o600) == 0)

    let found = folder.mistakes()
    #expect(found.count == 4)
    #expect(found[0].hasPrefix("/a.yaml:3:1: unknown key 'x'"))
    #expect(found[1] == "/b.yaml: the file cannot be read: No such file or directory")
    #expect(found[2] == "/c.yaml: not a file; only files may have this ending here")
    #expect(found[3] == "/d.yaml: not a file; only files may have this ending here")
  }

  @Test func `a file has a limit of bytes`() throws {
    let text = Array("function: a\ntriggers: [{ queue: a }]\n#".utf8)
    let fits = text + Array(repeating: UInt8(ascii: "x"), count: (256 << 10) - text.count)
    try folder.write(fits, to: "a.yaml")
    #expect(folder.mistakes().isEmpty)
    try folder.write(fits + [0x78], to: "a.yaml")
    #expect(folder.mistakes() == ["/a.yaml: a manifest file has at most 256KiB; split it"])
  }

  @Test func `a folder has a limit of files`() throws {
    for number in 1...1000 {
      try folder.write(
        "function: f\(number)\ntriggers: [{ queue: q\(number) }]", to: "\(number).yaml")
    }
    #expect(
      try ManifestReader.read(directory: folder.path, now: nil).get().declarations.count == 1000)
    try folder.write("# one more", to: "1001.yaml")
    #expect(folder.mistakes() == [": there are more than 1000 manifest files"])
  }

  @Test func `a set has a limit of functions`() {
    func sources(_ count: Int) -> [ManifestSource] {
      let documents = (1...count).map { "---\nfunction: f\($0)\ntriggers: [{ queue: q\($0) }]\n" }
      return stride(from: 0, to: count, by: 1000).map { start in
        ManifestSource(path: "\(start)", text: documents[start..<min(count, start + 1000)].joined())
      }
    }
    #expect(mistakes(ManifestReader.read(sources(10_000), now: nil)).isEmpty)
    #expect(
      mistakes(ManifestReader.read(sources(10_001), now: nil)) == [
        "manifests: there are more than 10000 functions"
      ])
  }
}
