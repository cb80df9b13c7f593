// The idempotency keys that are still kept, in memory: which invocation a key stands for. The store
// has the same list on disk; this one answers before anything is written.

import DequeModule
package import Invocations

package struct KeyBook {
  /// About 70 bytes each.
  ///
  /// Past it new keyed events are refused until old keys expire.
  package static let keysMax = 20_000_000

  package struct Entry: Equatable {
    package var invocation: InvocationID
    package var expiresAt: WallTime
    package var isFinished: Bool
  }

  private var entries: [Digest: Entry] = [:]
  /// Digests of request bodies, for the keys that have one.
  private var bodies: [Digest: Digest] = [:]
  /// In order of expiry for each length of keeping, because one length appends in order.
  private var expiry: [Int64: Deque<Expiry>] = [:]

  private struct Expiry {
    var at: WallTime
    var digest: Digest
  }

  package init(_ remembered: [RememberedKey] = []) {
    entries.reserveCapacity(remembered.count)
    for key in remembered.sorted(by: { $0.expiresAt < $1.expiresAt }) {
      entries[key.digest] = Entry(
        invocation: key.invocation, expiresAt: key.expiresAt, isFinished: key.isFinished)
      bodies[key.digest] = key.body
      // Their length of keeping is not known any more; as one group they are still in order.
      expiry[0, default: []].append(Expiry(at: key.expiresAt, digest: key.digest))
    }
  }

  package var count: Int { entries.count }
  package var isFull: Bool { entries.count >= Self.keysMax }

  package subscript(_ digest: Digest) -> Entry? { entries[digest] }

  package func body(of digest: Digest) -> Digest? { bodies[digest] }

  package mutating func remember(_ key: IdempotencyKey, for id: InvocationID, keep: Duration) {
    entries[key.digest] = Entry(invocation: id, expiresAt: key.expiresAt, isFinished: false)
    bodies[key.digest] = key.body
    expiry[keep.milliseconds, default: []].append(
      Expiry(at: key.expiresAt, digest: key.digest))
  }

  package mutating func finish(_ digest: Digest, of id: InvocationID) {
    guard entries[digest]?.invocation == id else { return }
    entries[digest]?.isFinished = true
  }

  /// For an acceptance that never reached the disk.
  package mutating func forget(_ digest: Digest, of id: InvocationID) {
    guard entries[digest]?.invocation == id else { return }
    entries[digest] = nil
    bodies[digest] = nil
  }

  /// Drops what is past its time, at most `limit` keys a call.
  ///
  /// The key of unfinished work stays: it is looked at again after another length of keeping.
  package mutating func expire(at now: WallTime, limit: Int = 1000) {
    var rest = limit
    for keep in Array(expiry.keys) {
      while rest > 0, let first = expiry[keep]?.first, first.at <= now {
        rest -= 1
        expiry[keep]?.removeFirst()
        settle(first, keep: keep, now: now)
      }
      if expiry[keep]?.isEmpty == true { expiry[keep] = nil }
    }
  }

  private mutating func settle(_ expired: Expiry, keep: Int64, now: WallTime) {
    guard let entry = entries[expired.digest], entry.expiresAt == expired.at else { return }
    guard entry.isFinished else {
      let again = now + .milliseconds(max(keep, 60_000))
      entries[expired.digest]?.expiresAt = again
      expiry[keep, default: []].append(Expiry(at: again, digest: expired.digest))
      return
    }
    entries[expired.digest] = nil
    bodies[expired.digest] = nil
  }
}
