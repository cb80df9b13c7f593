// What can go wrong when a resource of the loop is made: the call, the name of the error, the remedy.
// What breaks later on a stream is no fault but a `StreamEnd`.
import CLibuv
import Glibc

package enum LoopFault: Error, Equatable, CustomStringConvertible {
  /// A system call failed.
  ///
  /// `code` is libuv's: the negative errno.
  case failed(call: String, subject: String, code: Int32)
  /// Refused before any system call; `reason` says what to do instead.
  case refused(subject: String, reason: String)

  /// Such as `EADDRINUSE`; nil where no system call was made.
  package var errorName: String? {
    guard case .failed(_, _, let code) = self else { return nil }
    return String(cString: uv_err_name(code))
  }

  package var description: String {
    switch self {
    case .refused(let subject, let reason):
      "\(subject): \(reason)"
    case .failed(let call, let subject, let code):
      "\(subject): \(call) failed with \(describeError(code))\(LoopFault.remedy(for: code))"
    }
  }

  private static func remedy(for code: Int32) -> String {
    switch code {
    case UV_EADDRINUSE.rawValue:
      "; another process listens there: stop it or choose another address (port 0 takes a free one)"
    case UV_EADDRNOTAVAIL.rawValue:
      "; this machine has no such address: listen on 127.0.0.1, or on 0.0.0.0 for all of its own"
    case UV_EACCES.rawValue, UV_EPERM.rawValue:
      "; check owner and mode of the file and its folders (ports below 1024 need privileges)"
    case UV_ENOENT.rawValue:
      "; check that the file, its folder and the working directory exist"
    case UV_EMFILE.rawValue, UV_ENFILE.rawValue:
      "; too many open files: raise the limit (ulimit -n) or close some"
    case UV_ENOSPC.rawValue:
      "; out of space or of inotify watches (fs.inotify.max_user_watches)"
    default:
      ""
    }
  }
}

/// Name and meaning of a libuv error code, as `EPIPE (broken pipe)`.
func describeError(_ code: Int32) -> String {
  "\(String(cString: uv_err_name(code))) (\(String(cString: uv_strerror(code))))"
}

/// The errno of the call that just failed, in libuv's sign.
func lastError() -> Int32 { -errno }

/// Turns libuv's negative result into a fault; anything else passes.
func check(_ result: Int32, _ call: String, on subject: String) throws(LoopFault) {
  guard result < 0 else { return }
  throw .failed(call: call, subject: subject, code: result)
}
