import Foundation
import Invocations
import Testing

@testable import Releases

/// On real files.
final class ExecutableShelfTests {
  let folder: URL
  let shelf: ExecutableShelf

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "shelf-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    shelf = try ExecutableShelf(dataDirectory: folder.path())
  }

  deinit { try? FileManager.default.removeItem(at: folder) }  // a leftover folder harms nothing

  func bytes(_ seed: UInt8, count: Int = 10_000) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) &+ seed }
  }

  func file(_ bytes: [UInt8]) throws -> String {
    let path = folder.appending(path: UUID().uuidString)
    try Data(bytes).write(to: path)
    return path.path()
  }

  func mode(_ path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
  }

  @Test func `a file is kept under the hash of its content, for its owner only`() throws {
    let source = try file(bytes(1))
    let kept = try shelf.adopt(source)
    #expect(kept.hash == ContentHash.hex(of: bytes(1)))
    #expect(kept.isWhole)
    #expect(shelf.holds(kept.hash))
    #expect(mode(shelf.path(of: kept.hash)) == 0o700)
    #expect(mode(shelf.directory) == 0o700)
    try Data("other".utf8).write(to: URL(filePath: source))
    #expect(FileManager.default.contents(atPath: shelf.path(of: kept.hash)) == Data(bytes(1)))
    #expect(try shelf.adopt(source).hash != kept.hash)
  }

  @Test func `parts go on where the last one ended, and a repeated one does no harm`() throws {
    let all = bytes(2)
    let hash = ContentHash.hex(of: all)
    func part(_ range: Range<Int>) -> ExecutablePart {
      ExecutablePart(
        hash: hash, offset: range.lowerBound, size: all.count, bytes: Array(all[range]))
    }
    #expect(try shelf.add(part(0..<4000)).bytes == 4000)
    #expect(try shelf.add(part(0..<4000)).bytes == 4000)
    #expect(shelf.status(of: hash) == ShelvedExecutable(hash: hash, bytes: 4000, isWhole: false))
    #expect(throws: ShelfFault.wrongOffset(have: 4000)) { try shelf.add(part(5000..<6000)) }
    #expect(!shelf.holds(hash))
    // Another try, after a restart of either side.
    let again = try ExecutableShelf(dataDirectory: folder.path())
    #expect(try again.add(part(4000..<10_000)).isWhole)
    #expect(try again.add(part(4000..<10_000)).isWhole)
    #expect(FileManager.default.contents(atPath: shelf.path(of: hash)) == Data(all))
  }

  @Test func `what is not what its name says is thrown away`() throws {
    let hash = ContentHash.hex(of: bytes(3))
    let other = bytes(4)
    #expect(
      throws: ShelfFault.wrongHash(given: hash, real: ContentHash.hex(of: other))
    ) {
      try shelf.add(ExecutablePart(hash: hash, offset: 0, size: other.count, bytes: other))
    }
    #expect(shelf.status(of: hash) == ShelvedExecutable(hash: hash, bytes: 0, isWhole: false))
  }

  @Test func `an executable past the limit is refused before a byte is written`() throws {
    let part = ExecutablePart(
      hash: String(repeating: "0", count: 64), offset: 0, size: ExecutableShelf.bytesMax + 1,
      bytes: [1])
    #expect(throws: ShelfFault.tooLarge(bytesMax: ExecutableShelf.bytesMax)) {
      try shelf.add(part)
    }
    #expect(shelf.status(of: part.hash).bytes == 0)
  }

  @Test func `pruning keeps what releases name, and the newest of the rest`() throws {
    let hashes = try (0..<10).map { index in
      let hash = try shelf.adopt(file(bytes(UInt8(index)))).hash
      let date = Date(timeIntervalSince1970: 1_000_000 + Double(index))
      try FileManager.default.setAttributes(
        [.modificationDate: date], ofItemAtPath: shelf.path(of: hash))
      return hash
    }
    shelf.prune(keeping: [hashes[0]])
    let kept = hashes.map(shelf.holds)
    #expect(kept[0])
    #expect(!kept[1...5].contains(true))
    #expect(!kept[6...].contains(false))
    #expect(kept[6...].count == ExecutableShelf.straysMax)
  }

  @Test func `unfinished executables are few`() throws {
    for index in 0..<(ExecutableShelf.straysMax + 3) {
      let all = bytes(UInt8(100 + index))
      _ = try shelf.add(
        ExecutablePart(
          hash: ContentHash.hex(of: all), offset: 0, size: all.count, bytes: Array(all[..<10])))
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: shelf.directory)
    #expect(names.count == ExecutableShelf.straysMax)
  }

  @Test func `a clerk takes so many jobs and no more`() {
    let clerk = ReleaseClerk()
    let gate = DispatchSemaphore(value: 0)
    var taken = 0
    while clerk.add({ gate.wait() }) { taken += 1 }
    #expect(taken == ReleaseClerk.jobsMax)
    for _ in 0..<taken { gate.signal() }
    clerk.finish()
    #expect(clerk.add {})
  }
}
