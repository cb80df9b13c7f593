// The descriptors between us and a child while it is started: two pipes and, if asked for, a socket
// pair. Close-on-exec on both ends, blocking on the child's end only. It starts nothing itself.
import CLibuv
import Glibc

struct ChildDescriptors {
  /// By the child's numbers; -1 is none.
  private(set) var ours: [Int32] = [-1]
  private(set) var theirs: [Int32] = [-1]

  mutating func open(channel: Bool) throws(LoopFault) {
    // Real pipes: a program may open /dev/stdout again, which a socket refuses.
    for name in ["standard output", "standard error"] {
      var pair: [Int32] = [-1, -1]
      try check(uv_pipe(&pair, Int32(UV_NONBLOCK_PIPE.rawValue), 0), "pipe", on: name)
      ours.append(pair[0])
      theirs.append(pair[1])
    }
    guard channel else { return }
    var pair: [Int32] = [-1, -1]
    let code = uv_socketpair(
      Int32(SOCK_STREAM.rawValue), 0, &pair, Int32(UV_NONBLOCK_PIPE.rawValue), 0)
    try check(code, "socketpair", on: "the child's channel")
    ours.append(pair[0])
    theirs.append(pair[1])
  }

  /// The stream owns the descriptor from here on.
  @LoopActor
  mutating func adoptOurs(_ number: Int) throws(LoopFault) -> ByteStream {
    let stream = try ByteStream.adopt(descriptor: ours[number], peerAddress: nil)
    ours[number] = -1
    return stream
  }

  mutating func closeAll() {
    for descriptor in ours + theirs where descriptor >= 0 { close(descriptor) }
    ours = []
    theirs = []
  }
}
