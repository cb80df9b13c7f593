import Glibc

/// Keeps its thread busy for so much of its own time, however much the machine is shared.
func burn(milliseconds: Int) {
  func spent() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
  let end = spent() + milliseconds * 1_000_000
  while spent() < end {}
}
