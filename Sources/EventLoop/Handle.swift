// How memory of libuv handles comes and goes: allocated in libuv's own size, freed only in the close
// callback, and until then the handle keeps its owner alive.
import CLibuv

func allocateHandle<Handle>(
  _ type: uv_handle_type, as _: Handle.Type
) -> UnsafeMutablePointer<Handle> {
  // The size of the library that runs, not of the header that was compiled.
  let bytes = max(uv_handle_size(type), MemoryLayout<Handle>.size)
  let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
  memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
  return memory.assumingMemoryBound(to: Handle.self)
}

/// The owner stays alive until `closeHandle` has come to its end, closed over or not.
@LoopActor
func own<Handle>(_ handle: UnsafeMutablePointer<Handle>, by owner: AnyObject) {
  asHandle(handle).pointee.data = Unmanaged.passRetained(owner).toOpaque()
}

/// The owner of a handle, by the handle's data.
///
/// Nil for a handle that has none yet.
func owner<Owner: AnyObject>(
  of data: UnsafeMutableRawPointer?, as _: Owner.Type = Owner.self
) -> Owner? {
  guard let data else { return nil }
  return Unmanaged<Owner>.fromOpaque(data).takeUnretainedValue()
}

/// Once for each handle whose init succeeded.
///
/// Frees the memory and lets the owner go, later.
@LoopActor
func closeHandle<Handle>(_ handle: UnsafeMutablePointer<Handle>) {
  uv_close(asHandle(handle)) { handle in
    guard let handle else { return }
    if let data = handle.pointee.data { Unmanaged<AnyObject>.fromOpaque(data).release() }
    UnsafeMutableRawPointer(handle).deallocate()
  }
}

func asHandle<Handle>(_ handle: UnsafeMutablePointer<Handle>) -> UnsafeMutablePointer<uv_handle_t> {
  UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)
}
