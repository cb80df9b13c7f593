// A copy of the store as it is at one moment, into a new file, while the host works. It holds a
// snapshot for as long as it takes, so the write-ahead log grows meanwhile; one runs at a time.
import GRDBSQLite
import Glibc
import Synchronization

extension RecordStore {
  /// The file appears under its name only when it is whole and synced; an existing one is not
  /// overwritten.
  package func backup(to path: String, then: @escaping Answer<Void>) {
    guard isBackingUp.raise() else { return then(.failure(.busy(requestsMax: 1))) }
    let (isBackingUp, stop) = (isBackingUp, stop)
    let answer: Answer<Void> = { result in
      isBackingUp.lower()
      then(result)
    }
    ask(refused: { answer(.failure($0)) }) { inspector in
      answer(Backup(of: inspector.connection.path, to: path, stop: stop).run())
    }
  }
}

/// A flag that several threads look at.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)

  var isRaised: Bool { value.load(ordering: .acquiring) }

  /// False where it was up already.
  @discardableResult
  func raise() -> Bool { !value.exchange(true, ordering: .acquiringAndReleasing) }

  func lower() { value.store(false, ordering: .releasing) }
}

private struct Backup {
  private let source: String
  private let path: String
  private let stop: Flag
  private var partial: String { "\(path).partial" }

  init(of source: String, to path: String, stop: Flag) {
    self.source = source
    self.path = path
    self.stop = stop
  }

  func run() -> Result<Void, RecordFault> {
    do throws(RecordFault) {
      try copy()
      try publish()
      return .success(())
    } catch {
      unlink(partial)
      return .failure(error)
    }
  }

  private func copy() throws(RecordFault) {
    guard access(path, F_OK) != 0 else { throw fault("the file exists") }
    unlink(partial)
    // Made first, so that its mode is ours and not the umask's.
    let descriptor = open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw fault(String(cString: strerror(errno))) }
    close(descriptor)
    do throws(SQLiteFailure) {
      let connection = try Connection(path: source, readOnly: true, stop: stop)
      try connection.use { () throws(SQLiteFailure) in
        let vacuum = try connection.statement("VACUUM INTO ?1")
        vacuum.begin().add(partial)
        try vacuum.run()
      }
    } catch {
      throw fault(error.message)
    }
  }

  private func publish() throws(RecordFault) {
    let descriptor = open(partial, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { throw fault(String(cString: strerror(errno))) }
    defer { close(descriptor) }
    // `link` and not `rename`: it does not overwrite a file that came meanwhile.
    guard fsync(descriptor) == 0, link(partial, path) == 0 else {
      throw fault(String(cString: strerror(errno)))
    }
    unlink(partial)
  }

  private func fault(_ detail: String) -> RecordFault { .backup(path: path, detail: detail) }
}
