// Calls back on the loop when the process receives one kind of signal. Several of the same kind that
// come close together may be seen as one. Signals that end the process at once cannot be watched.
import CLibuv

@LoopActor
package final class SignalWatcher {
  /// Nil once closed, as the handle: what it holds on to may hold on to the watcher.
  private var seen: (@LoopActor () -> Void)?
  private var handle: UnsafeMutablePointer<uv_signal_t>?

  /// Watches until `close()`, whoever still refers to it.
  package init(_ number: Int32, _ seen: @escaping @LoopActor () -> Void) throws(LoopFault) {
    self.seen = seen
    let handle = allocateHandle(UV_SIGNAL, as: uv_signal_t.self)
    do {
      try check(uv_signal_init(EventLoop.shared.raw, handle), "uv_signal_init", on: "signal")
    } catch {
      handle.deallocate()
      throw error
    }
    let code = uv_signal_start(
      handle,
      { handle, _ in
        guard let watcher = owner(of: handle?.pointee.data, as: SignalWatcher.self) else { return }
        LoopActor.assumeIsolated { watcher.seen?() }
      }, number)
    guard code == 0 else {
      closeHandle(handle)
      throw .failed(call: "uv_signal_start", subject: "signal \(number)", code: code)
    }
    self.handle = handle
    own(handle, by: self)
  }

  package func close() {
    guard let handle else { return }
    self.handle = nil
    seen = nil
    closeHandle(handle)
  }
}
