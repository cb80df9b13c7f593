// Calls back on the loop when something changes in one directory, not in the folders inside it.
// A hint to look again, not a list of what happened: the kernel may merge and, when overrun, drop
// changes.
import CLibuv
import Glibc

@LoopActor
package final class FileWatcher {
  /// Nil once closed, as the handle: what it holds on to may hold on to the watcher.
  private var changed: (@LoopActor (String?) -> Void)?
  private var handle: UnsafeMutablePointer<uv_fs_event_t>?

  /// Watches until `close()`, whoever still refers to it.
  ///
  /// `changed` gets the name of the entry, or nil where the kernel gave none.
  package init(
    directory: String, _ changed: @escaping @LoopActor (String?) -> Void
  ) throws(LoopFault) {
    self.changed = changed
    try FileWatcher.requireDirectory(directory)
    let handle = allocateHandle(UV_FS_EVENT, as: uv_fs_event_t.self)
    // Cannot fail: it only fills in the structure.
    uv_fs_event_init(EventLoop.shared.raw, handle)
    let code = uv_fs_event_start(
      handle,
      { handle, name, _, _ in
        guard let watcher = owner(of: handle?.pointee.data, as: FileWatcher.self) else { return }
        let name = name.map { String(cString: $0) }
        LoopActor.assumeIsolated { watcher.changed?(name) }
      }, directory, 0)
    guard code == 0 else {
      closeHandle(handle)
      throw .failed(call: "uv_fs_event_start", subject: directory, code: code)
    }
    self.handle = handle
    own(handle, by: self)
  }

  package func close() {
    guard let handle else { return }
    self.handle = nil
    changed = nil
    closeHandle(handle)
  }

  private static func requireDirectory(_ path: String) throws(LoopFault) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw .failed(call: "stat", subject: path, code: lastError())
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw .refused(subject: path, reason: "not a directory; watch the folder that holds it")
    }
  }
}
