// How a record looks to a client.
import Invocations
import Testing

@testable import Doors

struct RecordJSONTests {
  private func json(memoryBytes: Int64) -> String {
    let noon = WallTime(milliseconds: 1_800_014_400_000)
    let attempt = AttemptRecord(
      invocation: InvocationID(rawValue: 7), number: 1, boot: 1, worker: 4711, startedAt: noon,
      endedAt: noon + .milliseconds(12), outcome: .succeeded, cpuMicroseconds: 1_500,
      memoryBytes: memoryBytes)
    var json = JSONWriter()
    json.attempt(attempt)
    return json.text
  }

  @Test func `an attempt tells its CPU time and its worker's memory`() {
    #expect(json(memoryBytes: 42 << 20).contains(#""cpuMs":1.5,"memoryBytes":44040192,"worker":"#))
  }

  @Test func `memory that is not known is not told`() {
    #expect(json(memoryBytes: 0).contains(#""cpuMs":1.5,"worker":4711"#))
  }
}
