// The isolation of everything that lives on the loop's thread, and the way into it from code that
// the compiler cannot place there. It decides nothing and holds no state.

@globalActor
package actor LoopActor {
  package static let shared = LoopActor()

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    EventLoop.shared.asUnownedSerialExecutor()
  }

  package static var sharedUnownedExecutor: UnownedSerialExecutor {
    EventLoop.shared.asUnownedSerialExecutor()
  }

  /// Runs the body here and now.
  ///
  /// The caller must already be on the loop's thread; anything else is a programmer error and stops
  /// the process.
  package static func assumeIsolated<Result: Sendable>(
    _ body: @LoopActor () throws -> Result
  ) rethrows -> Result {
    EventLoop.shared.checkIsolated()
    // The type system has no other way to drop the isolation that was just checked; the two
    // function types differ in nothing else.
    return try withoutActuallyEscaping(body) { body in
      try unsafeBitCast(body, to: (() throws -> Result).self)()
    }
  }
}
