// Releases and activations, what a start learns of them, and what a deployment asks of the waiting.
import Invocations
import Testing

@testable import Records

struct ReleaseTests {
  private func release(
    _ number: Int, _ origin: ReleaseRecord.Origin = .deploy
  ) -> ReleaseRecord {
    ReleaseRecord(
      number: number, createdAt: noon, by: "ada@host", origin: origin,
      manifests: [
        ManifestText(path: "Manifests/b.yaml", text: "function: b\n# \"quoted\" ümlaut\n"),
        ManifestText(path: "Manifests/a.yaml", text: "function: a\n"),
      ], functions: 2, executable: String(repeating: "0", count: 64), executableBytes: 4_000)
  }

  private func activation(_ number: Int) -> RecordChange {
    .activated(Activation(release: number, at: noon + .seconds(number), by: "ada@host"))
  }

  @Test func `a start finds the live release, its manifests and the newest start`() throws {
    let folder = try Folder()
    let test = try TestStore(in: folder)
    #expect(test.recovery.releases == ReleaseBook())
    try test.write(.deployed(release(1, .start)), activation(1))
    try test.write(.deployed(release(2)), activation(2))
    try test.write(.deployed(release(3)), activation(3))
    try test.write(activation(2))
    test.store.close()
    let again = try TestStore(in: folder)
    #expect(
      again.recovery.releases
        == ReleaseBook(lastNumber: 3, live: release(2), lastStart: release(1, .start)))
  }

  @Test func `a listing by release ends where the release did, wherever that was`() throws {
    let test = try TestStore()
    for number in 1...2 { try test.write(.deployed(release(number)), activation(number)) }
    func accept(_ second: Int64, by number: Int) throws -> InvocationID {
      let id = InvocationID.first(at: noon + .seconds(second))
      var acceptance = accepted(0)
      acceptance.id = id
      var attempt = attempt(0)
      attempt.invocation = id
      attempt.release = number
      try test.write(
        .accept(acceptance),
        .end(
          Ending(
            id: id, function: "charge", state: .succeeded, endedAt: noon + .seconds(second),
            attempt: attempt)))
      return id
    }
    let first = try accept(1, by: 1)
    let second = try accept(10, by: 2)
    func listed(_ number: Int) throws -> [InvocationID] {
      var filter = InvocationFilter()
      filter.release = number
      return try test.list(filter).items.map(\.acceptance.id)
    }
    #expect(try listed(1) == [first])
    #expect(try listed(2) == [second])
    #expect(try listed(3) == [])
    // Live again, it may run what comes.
    try test.write(.activated(Activation(release: 1, at: noon + .seconds(20), by: "ada@host")))
    let third = try accept(30, by: 1)
    #expect(try listed(1) == [third, first])
  }

  @Test func `the list is newest first, says which is live and leaves the manifests out`() throws {
    let test = try TestStore()
    for number in 1...3 { try test.write(.deployed(release(number)), activation(number)) }
    try test.write(activation(1))
    let lines = try answer { test.store.releases(before: nil, limit: 2, then: $0) }
    #expect(lines.map(\.record.number) == [3, 2])
    #expect(lines.map(\.isLive) == [false, false])
    #expect(lines.allSatisfy { $0.record.manifests.isEmpty })
    let rest = try answer { test.store.releases(before: 2, limit: 2, then: $0) }
    #expect(rest.map(\.record.number) == [1])
    #expect(rest.first?.isLive == true)
    let whole = try answer { test.store.release(3, then: $0) }
    #expect(whole?.record == release(3))
    #expect(whole?.activatedAt == noon + .seconds(3))
    #expect(try answer { test.store.release(4, then: $0) } == nil)
  }

  @Test func `so many are kept, and the live one and the newest start beside them`() throws {
    let test = try TestStore()
    let count = StoreLimits.releasesMax + 10
    try test.write(.deployed(release(1, .start)), activation(1))
    try test.write(.deployed(release(2)), activation(2))
    let changes = (3...count).flatMap { [RecordChange.deployed(release($0)), activation(2)] }
    try test.news.waitDurable(test.store.append(changes))
    #expect(
      try test.number("SELECT count(*) FROM releases") == Int64(StoreLimits.releasesMax + 2))
    #expect(try test.number("SELECT count(*) FROM releases WHERE number IN (1, 2)") == 2)
    #expect(
      try test.number("SELECT count(*) FROM activations") == Int64(StoreLimits.releasesMax))
  }

  @Test func `waiting work is counted by queue, and sampled from both ends of the line`() throws {
    let test = try TestStore()
    let changes = (1...50).map { number in
      RecordChange.accept(accepted(number, due: noon + .seconds(Int(number))))
    }
    try test.news.waitDurable(test.store.append(changes))
    var direct = accepted(60, function: "charge", due: noon + .seconds(9))
    direct.queue = nil
    try test.write(.accept(direct), .accept(accepted(61, function: "other")))
    let counts = try answer { test.store.waitingByQueue(of: ["charge", "absent"], then: $0) }
    #expect(counts == ["charge": ["payments": 50, "": 1], "absent": [:]])
    let sample = try answer { test.store.sampleWaiting(of: "charge", limit: 4, then: $0) }
    #expect(sample.map(\.id) == [id(1), id(2), id(49), id(50)])
    let few = try answer { test.store.sampleWaiting(of: "other", limit: 20, then: $0) }
    #expect(few.map(\.id) == [id(61)])
  }

  @Test func `every attempt tells which release ran it`() throws {
    let test = try TestStore()
    var first = attempt(1, 1, .thrown)
    first.release = 4
    var ending = succeeded(1, attempts: 2)
    ending.attempt?.release = 5
    try test.write(.accept(accepted(1)))
    try test.write(
      .goOn(first, function: "charge", state: .waiting, due: noon, failures: 1))
    #expect(try test.show(id(1))?.release == 4)
    try test.write(
      .start(
        AttemptStart(id: id(1), attempt: 2, boot: 1, worker: 7, at: noon, release: 5)),
      .end(ending))
    let story = try #require(try test.show(id(1)))
    #expect(story.release == 5)
    #expect(story.history.map(\.release) == [4, 5])
  }
}
