// The store without its threads: whoever holds it says when the writer and the dispatcher's reader have
// their turns. The same writer, the same reader and the same SQLite; for a simulation that decides by a
// seed who comes when, on a file of its own making.
package import Invocations

package final class SteppedStore: RecordLog {
  private let mailbox = Mailbox()
  private let requests = LineRequests()
  private let writer: Writer
  private let reader: LineReader
  private let stop = Flag()

  /// Opens the file as a host does.
  ///
  /// Nobody locks it: it must be this store's alone.
  package static func open(
    file: String, durability: Durability = .disk, tuning: RecordTuning,
    deliver: @escaping @Sendable (RecordNews) -> Void
  ) throws(RecordFault) -> (store: SteppedStore, recovery: Recovery) {
    let connection = try Opening.writer(file: file, durability: durability)
    do throws(SQLiteFailure) {
      let recovery = try Taking(connection: connection, now: tuning.now()).recover()
      let store = try SteppedStore(
        connection, SipHasher(key: recovery.digestKey), durability, tuning, deliver)
      return (store, recovery)
    } catch {
      throw error.fault(at: file)
    }
  }

  private init(
    _ connection: Connection, _ hasher: SipHasher, _ durability: Durability,
    _ tuning: RecordTuning, _ deliver: @escaping @Sendable (RecordNews) -> Void
  ) throws(SQLiteFailure) {
    writer = try Writer(
      connection: connection, hasher: hasher, mailbox: mailbox, durability: durability,
      tuning: tuning, deliver: deliver)
    reader = try LineReader(
      connection: try Opening.reader(file: connection.path, stop: stop), requests: requests,
      hasher: hasher, deliver: deliver)
  }

  // MARK: The port

  @discardableResult
  package func append(_ changes: [RecordChange], _ terms: CommitTerms) -> UInt64 {
    mailbox.append(changes, terms, wakes: false)
  }

  package var backlog: Int { mailbox.backlog }

  package func read(_ read: RecordRead) { requests.add(read) }

  // MARK: Turns

  /// One turn of the writer: what gathered, a commit of it at most, a little housekeeping.
  package func write() { writer.turn(mailbox.takeNow()) }

  /// The oldest question of the dispatcher is answered; false where there is none.
  @discardableResult
  package func answer() -> Bool {
    guard let turn = requests.nextNow() else { return false }
    reader.take(turn)
    return true
  }

  /// A clean end; says how many changes could not be written.
  @discardableResult
  package func close() -> Int { writer.finish(mailbox.takeNow()) }
}
