// Which release a start comes up with. The files it was given count when they are others than at
// the start before; else whatever was deployed since stays live, so that a restart after a crash
// never takes a deployment back. It blocks, on the thread that starts the host.

import Glibc
package import Invocations
package import Manifests
import Releases

package struct StartingRelease: Sendable {
  package var record: ReleaseRecord
  package var set: ManifestSet
  package var executablePath: String
  /// Made of the files at this start.
  package var isNew: Bool
  /// Why the files count although they are those of before; nil in the ordinary case.
  package var remark: String?
  var lastNumber: Int
  var shelf: ExecutableShelf

  /// Of all manifests together.
  static let manifestBytesMax = 4 << 20

  /// Nil where the files themselves are live.
  static func choose(
    _ settings: HostSettings, _ book: ReleaseBook, _ shelving: Aside<Shelved>
  ) throws(HostFault) -> StartingRelease? {
    guard let texts = settings.manifests else { return nil }
    guard texts.reduce(0, { $0 + $1.text.utf8.count }) <= manifestBytesMax else {
      throw .manifestsTooLarge(bytesMax: manifestBytesMax)
    }
    let (shelf, executable) = try shelving.value.get()
    let fresh = StartingRelease(
      record: ReleaseRecord(
        number: book.lastNumber + 1, createdAt: SystemClocks().wall, by: "apus serve",
        origin: .start, manifests: texts, functions: settings.declarations.count,
        executable: executable.hash, executableBytes: executable.bytes),
      set: try read(texts), executablePath: shelf.path(of: executable.hash), isNew: true,
      lastNumber: book.lastNumber, shelf: shelf)
    guard let live = book.live, let last = book.lastStart, fresh.isSame(as: last) else {
      return fresh
    }
    return fresh.orRather(live)
  }

  typealias Shelved = Result<(ExecutableShelf, ShelvedExecutable), HostFault>

  static func shelve(_ settings: HostSettings) -> Shelved {
    do throws(ShelfFault) {
      let shelf = try ExecutableShelf(
        dataDirectory: settings.dataDirectory, group: settings.workerUser?.group)
      return .success((shelf, try shelf.adopt(settings.executable)))
    } catch { return .failure(.executable(path: settings.executable, reason: error.reason)) }
  }

  private static func read(_ texts: [ManifestText]) throws(HostFault) -> ManifestSet {
    switch ManifestReader.read(texts: texts, now: nil) {
    case .success(let set): return set
    case .failure(let mistakes): throw .missingHandlers(mistakes.list.map(\.description))
    }
  }

  /// By what the manifests say, not by how they are written.
  private func isSame(as release: ReleaseRecord) -> Bool {
    guard release.executable == record.executable,
      case .success(let set) = ManifestReader.read(texts: release.manifests, now: nil)
    else { return false }
    return Self.sorted(set) == Self.sorted(self.set)
  }

  private static func sorted(_ set: ManifestSet) -> [FunctionDeclaration] {
    set.declarations.sorted { $0.name < $1.name }
  }

  /// The live release, unless it cannot be had any more.
  private func orRather(_ live: ReleaseRecord) -> StartingRelease {
    var other = self
    guard shelf.holds(live.executable) else {
      other.remark =
        "the executable of release \(live.number) is gone from \(shelf.directory); the files of "
        + "this start are live in its place"
      return other
    }
    guard case .success(let set) = ManifestReader.read(texts: live.manifests, now: nil) else {
      other.remark =
        "the manifests of release \(live.number) cannot be read by this version; the files of this "
        + "start are live in its place"
      return other
    }
    other.record = live
    other.set = set
    other.executablePath = shelf.path(of: live.executable)
    other.isNew = false
    return other
  }

  /// Functions that none of these handlers fits.
  var missing: @Sendable ([HeldHandler]) -> [String] {
    { [set] handlers in ManifestReader.check(set, handlers: handlers).map(\.description) }
  }
}
