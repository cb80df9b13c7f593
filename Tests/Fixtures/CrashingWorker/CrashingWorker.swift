// A worker for tests that need a process of its own: handlers that crash in different ways, one that
// only waits, so that there is something else in flight, and some that print.
import Apus
import Dispatch
import Glibc

@main struct CrashingWorker: FunctionApp {
  var functions: [any Function] {
    Misbehaving.failAtStart()
    Handler("Wait") { (_: NoInput, context) in
      context.logger.info("waiting")
      try await untilCancelled()
    }
    Handler("Trap") { (_: NoInput, _) in try await settleThen { fatalError("on purpose") } }
    Handler("OutOfRange") { (index: Int, _) in
      try await settleThen { _ = [1, 2, 3][index] }
    }
    Handler("BadAddress") { (address: UInt, _) in
      try await settleThen { UnsafeMutablePointer<UInt8>(bitPattern: address)?.pointee = 1 }
    }
    Handler("Abort") { (_: NoInput, _) in try await settleThen { abort() } }
    Handler("Overflow") { (depth: Int, _) in
      try await settleThen { _ = overflow(depth) }
    }
    Handler("TrapInActor") { (_: NoInput, _) in await Shared.actor.trap() }
    Handler("TrapInChild") { (_: NoInput, _) in
      try await Task { try await settleThen { fatalError("in a task of its own") } }.value
    }
    Handler("KillFromOutside") { (_: NoInput, context) in
      context.logger.info("\(getpid())")
      while !Task.isCancelled {}
    }
    // Runs until the file is there, and says where it ran. It polls: the file comes from another
    // process, and a handler's library has nothing that watches files.
    Handler("Gate") { (path: String, _) in
      while access(path, F_OK) != 0 { try await Task.sleep(for: .milliseconds(5)) }
      return Int(getpid())
    }
    Handler("Echo") { (text: String, _) in text }
    Handler("Bank") { (order: BankOrder, context) in
      context.logger.info("asked for \(order.orderId)")
      switch order.card {
      case "stolen": throw Reject("the card of \(order.orderId) is stolen")
      case "empty": throw Reject("\(order.orderId) costs more than the \(order.orderId.count) left")
      default: context.emit(queue: "receipts", order)
      }
    }
    BatchHandler("Sort") { (events: [Event<String>], context) in
      for event in events { try await sort(event, context) }
    }
    Handler("Block") { (_: NoInput, context) in
      context.logger.info("blocking")
      DispatchSemaphore(value: 0).wait()
    }
    Handler("Spin") { (_: NoInput, _) in
      while !Task.isCancelled {}
      return true
    }
    // So many megabytes, for longer than a reading of memory may be old.
    Handler("Hold") { (megabytes: Int, _) in
      let bytes = [UInt8](repeating: 1, count: megabytes << 20)
      try await Task.sleep(for: .milliseconds(50))
      return bytes.count
    }
    Handler("Fail") { (_: NoInput, _) in throw Reject("no") }
    Printing.functions
    Misbehaving.functions
    Blurting.functions
  }
}

private struct BankOrder: Codable, Sendable {
  var orderId: String
  var card: String
}

/// Does what the event's data says.
private func sort(_ event: Event<String>, _ context: BatchContext) async throws {
  switch event.data {
  case "done": context.done(event)
  case "emit":
    context.emit(queue: "sorted", event.data, for: event)
    context.done(event)
  case "retry": context.retry(event, after: .seconds(30), "busy")
  case "reject": context.reject(event, "not ours")
  case "throw": throw Retry(after: .seconds(7), "all of it")
  case "trap": try await settleThen { fatalError("in a batch") }
  case "exit": exit(3)
  case "wait":
    context.logger.info("waiting")
    try await untilCancelled()
  case "block": DispatchSemaphore(value: 0).wait()
  case "deaf":
    context.logger(for: event).info("deaf")
    while true { await Task.yield() }
  default: break
  }
}

func untilCancelled() async throws {
  for await _ in AsyncStream<Never>.makeStream().stream {}
  try Task.checkCancellation()
}

/// Suspends first, so that the crash is not on the thread and in the slice that the attempt began in.
private func settleThen(_ crash: () -> Void) async throws {
  await Task.yield()
  try await Task.sleep(for: .milliseconds(1))
  crash()
}

private actor Shared {
  static let actor = Shared()

  func trap() { fatalError("in a shared actor") }
}

@inline(never) private func overflow(_ depth: Int) -> Int {
  withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { bytes in
    bytes[0] = UInt8(truncatingIfNeeded: depth)
    return overflow(depth + 1) + Int(bytes[0])
  }
}
