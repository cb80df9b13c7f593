// Workers that hold more memory than they may: replaced while they finish what they run, or killed
// where that cannot wait. Nothing here measures.
import EventLoop
import Invocations

/// What a worker was found to hold, and what it may.
struct MemoryExcess: Equatable {
  let bytes: Int64
  let limit: Int

  /// Above it nobody waits for the attempts to end.
  static func killBytes(_ limit: Int) -> Int64 { Int64(limit) + Int64(limit / 2) }

  /// Address space that may be asked for.
  ///
  /// The room above the limit is for what a process reserves and never touches: stacks of threads, and
  /// what the allocator keeps.
  static func dataBytes(_ limit: Int) -> Int { 2 * limit + (1 << 30) }

  var words: String {
    "it held \(bytes >> 20) MiB, and 'limits.memory' of its functions is \(limit >> 20) MiB"
  }
}

extension WorkerGroup {
  /// A worker of this group, as the kernel counts it.
  func measured(_ worker: WorkerProcess, _ bytes: Int64) {
    worker.memoryBytes = bytes
    let excess = MemoryExcess(bytes: bytes, limit: memoryBytesMax)
    guard bytes > memoryBytesMax, worker.phase == .ready || worker.phase == .draining else {
      return
    }
    guard worker.answered > 0 || !worker.inFlight.isEmpty else { return warn(of: worker, excess) }
    if bytes > MemoryExcess.killBytes(memoryBytesMax) {
      worker.kill(.outOfMemory(excess, isFresh: worker.answered == 0 || worker.role == .isolation))
    } else if worker.role == .member {
      recycle(worker, excess)
    }
  }

  /// To start it again would change nothing.
  private func warn(of worker: WorkerProcess, _ excess: MemoryExcess) {
    guard worker.excess == nil else { return }
    worker.excess = excess
    pool.printed?(worker.pid, "apus: before it ran anything \(excess.words): raise the limit")
  }
}

extension WorkerProcess {
  /// Of the end of one that was replaced for its memory, or was refused more.
  var memoryWords: String {
    guard ending == nil else { return "" }
    if crashCode == LostWorker.outOfMemory {
      return
        ": refused memory; 'limits.memory' of its functions is \(group.memoryBytesMax >> 20) MiB"
    }
    guard let excess, isDismissed else { return "" }
    return ": replaced, as \(excess.words)"
  }

  /// Of the error of whoever brought it down.
  var crashCode: String {
    if case .outOfMemory = ending { return LostWorker.outOfMemory }
    guard let crashLines else { return LostWorker.crashed }
    // The words come before the crash is announced.
    let lines = lastLines.all.suffix(20) + crashLines.lines
    let isRefused = lines.contains { $0.contains(Self.refusal) }
    return isRefused ? LostWorker.outOfMemory : LostWorker.crashed
  }

  /// How the Swift runtime says that it was given no memory.
  private static let refusal = "Fatal error: failed to allocate "
}
