// One thread of the store, with all signals blocked: signals are the loop's. It is joined once.
import Glibc

final class RecordThread: Sendable {
  private let handle: pthread_t

  /// `owned` belongs to the thread from now on: the caller keeps no reference to it or into it.
  init<Owned>(owning owned: Owned, _ body: @escaping @Sendable (Owned) -> Void) {
    let work = Unmanaged<Work>.passRetained(OwningWork(owned: owned, body: body))
    handle = Self.start(work.toOpaque())
  }

  func join() { pthread_join(handle, nil) }

  private class Work {
    func run() {}
  }

  private final class OwningWork<Owned>: Work {
    private let owned: Owned
    private let body: (Owned) -> Void

    init(owned: Owned, body: @escaping (Owned) -> Void) {
      self.owned = owned
      self.body = body
    }

    override func run() { body(owned) }
  }

  private static func start(_ context: UnsafeMutableRawPointer) -> pthread_t {
    var everything = sigset_t()
    var before = sigset_t()
    sigfillset(&everything)
    pthread_sigmask(SIG_SETMASK, &everything, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var handle = pthread_t()
    let code = pthread_create(&handle, nil, { RecordThread.run($0) }, context)
    precondition(code == 0, "pthread_create failed with \(code): no memory or too many threads")
    return handle
  }

  private static func run(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
    return nil
  }
}
