// A process that records without end and says on its standard output, a line of decimal digits
// each, up to which change the disk has it. The test kills it and looks at what is there.
//
// Invocation i (from 1) is accepted by change 2i - 1 and ended by change 2i; its result is i.
import Glibc
import Invocations
import Records

let unreportedMax: UInt64 = 4_000
let progress = Monitor<UInt64>(0)

func say(_ line: String) {
  let bytes = Array("\(line)\n".utf8)
  // The reader has gone where this fails, and the process is about to be killed.
  _ = write(1, bytes, bytes.count)
}

func acceptance(_ number: Int64, now: WallTime) -> Acceptance {
  Acceptance(
    id: InvocationID(rawValue: number), function: "record", trigger: "queue:records",
    queue: "records",
    event: Event(id: "\(number)", source: "/child", type: "test", data: Array("\(number)".utf8)),
    createdAt: now, dueAt: now, attemptsMax: 1)
}

func ending(_ number: Int64, now: WallTime) -> Ending {
  Ending(
    id: InvocationID(rawValue: number), function: "record", state: .succeeded, endedAt: now,
    result: StoredResult(status: 200, headers: [], body: Array("\(number)".utf8)))
}

func record(into store: RecordStore) -> Never {
  var number: Int64 = 0
  while true {
    number += 1
    let now = MonotonicTime.wall()
    store.append([.accept(acceptance(number, now: now))])
    let last = store.append([.end(ending(number, now: now))])
    guard last > unreportedMax else { continue }
    _ = progress.wait(until: nil) { $0 >= last - unreportedMax ? true : nil }
  }
}

do {
  let (store, _) = try RecordStore.open(directory: CommandLine.arguments[1]) { news in
    guard case .durable(let number) = news else { return }
    say("\(number)")
    progress.change { $0 = number }
  }
  record(into: store)
} catch {
  say("\(error)")
  exit(1)
}
