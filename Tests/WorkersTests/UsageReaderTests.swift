// Looks at processes: so many wait, and one more is refused.

import Dispatch
import Glibc
import Testing

import Workers

struct UsageReaderTests {
  @Test func `at the limit one more look is refused, and is taken when there is room`() {
    let reader = UsageReader()
    let (begun, open, done) = (
      DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
    )
    // The thread is held up by whoever gets the first answer.
    let isFirstTaken = reader.read([getpid()]) { found in
      #expect(found.count == 1)
      begun.signal()
      open.wait()
    }
    #expect(isFirstTaken)
    begun.wait()
    for _ in 0..<UsageReader.looksMax {
      #expect(reader.read([]) { _ in done.signal() })
    }
    #expect(!reader.read([]) { _ in Issue.record("a refused look was taken") })
    open.signal()
    for _ in 0..<UsageReader.looksMax { done.wait() }
    let isTakenAgain = reader.read([.max]) { found in
      #expect(found.isEmpty)
      done.signal()
    }
    #expect(isTakenAgain)
    done.wait()
  }
}
