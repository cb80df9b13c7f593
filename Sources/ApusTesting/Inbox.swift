// What other threads tell a test house, kept until the house asks: the store's threads and the
// thread that reads the handlers' frames put in, the test's own task takes out.

import Apus
import Invocations

final class Inbox: Sendable {
  private struct State: Sendable {
    var record: [RecordNews] = []
    var worker: [WorkerNews] = []
    var workerFault: String?
    var streamedBytes = 0
    /// A handler has begun since the house last waited.
    var isNudged = false
    var waiter: CheckedContinuation<Void, Never>?

    var isEmpty: Bool { record.isEmpty && worker.isEmpty && workerFault == nil && !isNudged }
  }

  /// Of streamed responses that the house has not taken yet.
  static let streamedBytesMax = 64 << 20

  private let state = Locked(State())

  func post(_ news: RecordNews) { put { $0.record.append(news) } }

  func post(_ news: WorkerNews) {
    put { state in
      if case .streamed(_, let bytes) = news { state.streamedBytes += bytes.count }
      guard state.streamedBytes <= Self.streamedBytesMax else {
        state.workerFault = "a handler streamed more than \(Self.streamedBytesMax) bytes in one go"
        return
      }
      state.worker.append(news)
    }
  }

  func workerBroke(_ reason: String) { put { $0.workerFault = reason } }

  /// Wakes whoever waits, though nothing was put in: a handler has begun.
  func nudge() { put { $0.isNudged = true } }

  private func put(_ change: (inout State) -> Void) {
    let waiter = state.withLock { state in
      change(&state)
      return state.waiter.take()
    }
    waiter?.resume()
  }

  func takeRecordNews() -> [RecordNews] {
    state.withLock { state in
      defer { state.record = [] }
      return state.record
    }
  }

  func takeWorkerNews() throws(TestFault) -> [WorkerNews] {
    let (news, fault) = state.withLock { state in
      defer {
        state.worker = []
        state.streamedBytes = 0
      }
      return (state.worker, state.workerFault)
    }
    if let fault { throw .worker(fault) }
    return news
  }

  /// Until something is put in; false when nothing came in `limit` of real time.
  ///
  /// What is there already counts.
  func wait(atMost limit: Duration) async -> Bool {
    await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        await self.arrival()
        return true
      }
      group.addTask {
        // Cancelled when something came first.
        try? await Task.sleep(for: limit)
        return false
      }
      let isArrived = await group.next() ?? false
      group.cancelAll()
      return isArrived
    }
  }

  private func arrival() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let waits = state.withLock { state in
          defer { state.isNudged = false }
          guard state.isEmpty, !Task.isCancelled else { return false }
          state.waiter = continuation
          return true
        }
        if !waits { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiter.take() }?.resume()
    }
  }
}
