// Copies of built executables under the data directory, so that the next build does not overwrite
// one that runs. The last two are kept: the live one, and the one that still ends its work.

import Glibc

struct WorkerCopies {
  static let keptMax = 2

  private let directory: String
  private var last: Identity?

  init(in directory: String) { self.directory = directory }

  /// What tells one build of a file from the next.
  private struct Identity: Equatable {
    var inode: UInt
    var bytes: Int
    var seconds: Int
    var nanoseconds: Int

    init(_ status: stat) {
      inode = UInt(status.st_ino)
      bytes = Int(status.st_size)
      seconds = status.st_mtim.tv_sec
      nanoseconds = status.st_mtim.tv_nsec
    }
  }

  /// The path of the fresh copy, or nil when the executable is the one that was copied last.
  mutating func adopt(_ executable: String) throws(CommandFault) -> String? {
    guard let status = Files.status(executable) else {
      throw .failed("\(executable) is not there after the build; is it an executable product?")
    }
    let identity = Identity(status)
    guard identity != last else { return nil }
    let target = "\(directory)/worker-\((numbers.last ?? 0) + 1)"
    do throws(Files.Fault) { try Files.copyExecutable(executable, to: target) } catch {
      throw .failed("\(error.path): the worker cannot be copied: \(error.reason)")
    }
    last = identity
    for number in numbers.dropLast(Self.keptMax) { unlink("\(directory)/worker-\(number)") }
    return target
  }

  /// Of the copies that are there, in order.
  private var numbers: [Int] {
    Files.names(in: directory).compactMap { name in
      name.hasPrefix("worker-") ? Int(name.dropFirst(7)) : nil
    }.sorted()
  }
}
