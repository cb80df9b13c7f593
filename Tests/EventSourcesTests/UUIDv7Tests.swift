// Ids that sort in the order in which they were made.
import EventSources
import Invocations
import Testing

struct UUIDv7Tests {
  @Test func `time, version and variant stand where RFC 9562 has them`() {
    var ids = UUIDv7Generator(random: SeededRandom())
    let id = ids.next(at: WallTime(milliseconds: 0x0123_4567_89AB))
    let parts = id.split(separator: "-")
    #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
    #expect(parts[0] == "01234567" && parts[1] == "89ab")
    #expect(parts[2].first == "7" && "89ab".contains(parts[3].first ?? " "))
    #expect(id.allSatisfy { $0 == "-" || "0123456789abcdef".contains($0) })
  }

  @Test func `ids grow within a millisecond and when the clock steps back`() {
    var ids = UUIDv7Generator(random: SeededRandom())
    var made: [String] = []
    for step in 0..<5_000 {
      let jitter: Int64 = step % 7 == 0 ? -50 : Int64(step / 100)
      made.append(ids.next(at: WallTime(milliseconds: WallTime.newYear.milliseconds + jitter)))
    }
    #expect(Set(made).count == made.count)
    #expect(made == made.sorted())
  }

  @Test func `a carry goes into the upper part and leaves version and time alone`() {
    var ids = UUIDv7Generator(random: LargestSteps())
    var last = ids.next(at: .newYear)
    let time = last.prefix(13)
    for _ in 0..<20 {
      let next = ids.next(at: .newYear)
      #expect(next > last)
      last = next
    }
    #expect(last.prefix(13) == time)
    #expect(last.split(separator: "-")[2] == "7800")
  }

  @Test func `times outside of 48 bits are cut to them`() {
    var ids = UUIDv7Generator(random: SeededRandom())
    #expect(ids.next(at: WallTime(milliseconds: -5)).hasPrefix("00000000-0000-7"))
    #expect(ids.next(at: .distantFuture).hasPrefix("ffffffff-ffff-7"))
  }

  @Test func `two generators seeded by the system never meet`() {
    var first = UUIDv7Generator()
    var second = UUIDv7Generator()
    let made = (0..<5_000).flatMap { _ in [first.next(at: .newYear), second.next(at: .newYear)] }
    #expect(Set(made).count == 10_000)
  }

  /// Starts just below a carry and takes the largest step each time.
  private struct LargestSteps: RandomNumberGenerator, Sendable {
    mutating func next() -> UInt64 { .max }
  }
}
