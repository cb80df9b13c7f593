// What the doors open and prove themselves with: tokens and certificates, as the files have them at the
// start. Reading blocks.

import Doors
import Glibc
import HTTP
import Invocations
import Schedules

/// The two that are open to the network.
package enum Door: String, Sendable, CaseIterable {
  case function, control
}

struct DoorKeys: Sendable {
  var book: TokenBook
  var uses: TokenUses
  var functionDoor: TLSIdentity?
  var controlDoor: TLSIdentity?
  /// Of the files by their paths, from before they were read.
  var stamps: [String: FileStamp]

  static func read(_ settings: HostSettings) throws(HostFault) -> DoorKeys {
    let now = SystemClocks().wall
    let file = TokenFile(dataDirectory: settings.dataDirectory)
    let files = [settings.functionDoorFiles, settings.controlDoorFiles].compactMap(\.self)
    let paths = [file.path] + files.flatMap { [$0.certificate, $0.key] }
    let stamps = Dictionary(
      paths.map { ($0, FileStamp($0)) }, uniquingKeysWith: { first, _ in first })
    let book: TokenBook
    do throws(TokenFault) { book = try file.read() } catch { throw .tokens(error) }
    try settings.checkDoors(book, now: now)
    return DoorKeys(
      book: book, uses: TokenUses.read(file),
      functionDoor: try identity(settings.functionDoorFiles, now),
      controlDoor: try identity(settings.controlDoorFiles, now), stamps: stamps)
  }

  private static func identity(
    _ files: TLSFiles?, _ now: WallTime
  ) throws(HostFault) -> TLSIdentity? {
    guard let files else { return nil }
    do throws(TLSFault) { return try TLSIdentity.load(files, at: now) } catch {
      throw .certificate(error)
    }
  }
}

extension TLSIdentity {
  static func load(_ files: TLSFiles, at now: WallTime) throws(TLSFault) -> TLSIdentity {
    try load(files, now: Int(now.milliseconds / 1000), moment: moment)
  }

  static func moment(_ seconds: Int) -> String {
    CivilTime.formatRFC3339(milliseconds: Int64(seconds) * 1000)
  }
}

/// What a file is, to tell whether it is still the one that was read; links are followed.
struct FileStamp: Sendable, Equatable {
  private var numbers: [Int64] = []

  static let missing = FileStamp()

  private init() {}

  /// Of a file that is not there or cannot be reached an empty one.
  init(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    numbers = [
      Int64(bitPattern: UInt64(status.st_dev)), Int64(bitPattern: UInt64(status.st_ino)),
      Int64(status.st_size), Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec),
      Int64(status.st_ctim.tv_sec), Int64(status.st_ctim.tv_nsec),
    ]
  }
}
