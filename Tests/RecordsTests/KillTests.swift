// kill -9 of a process that records: what it was told is on disk is there, whole.
import Glibc
import Invocations
import Testing

@testable import Records

struct KillTests {
  /// Built beside the test's own executable.
  private static let child: String = {
    var path = [CChar](repeating: 0, count: 4_096)
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    let own = String(
      decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let folder = own.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    return folder.joined(separator: "/") + "/RecordingChild"
  }()

  /// Reads its lines until `count` have come, kills it in mid-flight, and reads the rest.
  private func lastReport(of child: Child, after count: Int) throws -> UInt64 {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    var isKilled = false
    while true {
      let got = read(child.output, &buffer, buffer.count)
      guard got > 0 else { break }
      text += buffer.prefix(got)
      if !isKilled, text.count(where: { $0 == 10 }) >= count {
        kill(child.pid, SIGKILL)
        isKilled = true
      }
    }
    child.wait()
    // The last line may be cut short by the kill.
    let whole = text.prefix((text.lastIndex(of: 10) ?? -1) + 1)
    let last = String(decoding: whole, as: UTF8.self).split(separator: "\n").last
    return try #require(last.flatMap { UInt64($0) }, "the child said \(String(describing: last))")
  }

  @Test(arguments: [1, 20, 60])
  func `what was reported durable survives a kill`(reports: Int) throws {
    let folder = try Folder()
    for round in 1...2 {
      let own = try Folder()
      let child = try spawn(Self.child, [own.path])
      let durable = Int64(try lastReport(of: child, after: reports * round))
      let test = try TestStore(in: own)
      #expect(!test.recovery.wasStoppedCleanly)
      #expect(test.recovery.boot == 2)
      #expect(test.store.losses.isEmpty)
      let acceptedMin = (durable + 1) / 2
      let endedMin = durable / 2
      let ids = "SELECT count(*) FROM accepted WHERE id <= \(acceptedMin)"
      #expect(try test.number(ids) == acceptedMin)
      let ends = """
        SELECT count(*) FROM finished
        WHERE id <= \(endedMin) AND CAST(result_body AS TEXT) = CAST(id AS TEXT)
        """
      #expect(try test.number(ends) == endedMin)
      // Nothing half done either: each is unfinished or finished, once.
      let both = "(SELECT count(*) FROM finished) + (SELECT count(*) FROM unfinished)"
      #expect(try test.number("SELECT \(both) = (SELECT count(*) FROM accepted)") == 1)
      #expect(try test.number("SELECT count(*) FROM pragma_integrity_check") == 1)
    }
    withExtendedLifetime(folder) {}
  }
}
