// libuv, with what the Swift importer cannot take from the C library's own headers.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

// A stream socket that no child inherits and that never blocks. -1 with errno.
static inline int clibuv_stream_socket(int family) {
  return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

// The next waiting connection, as above. The header hides accept4 without _GNU_SOURCE, which must not
// be defined here: it changes structures that the Glibc module has imported already.
extern int accept4(int, struct sockaddr *, socklen_t *, int);
static inline int clibuv_accept(int descriptor, struct sockaddr *address, socklen_t *length) {
  return accept4(descriptor, address, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

// Marks every open descriptor from `first` on as not for children. Linux 5.11 does it in one call;
// before that, one by one up to the limit, of which no more than 65536 are looked at.
static inline void clibuv_close_on_exec_from(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, (unsigned)first, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) == 0) return;
#endif
  long end = sysconf(_SC_OPEN_MAX);
  if (end < 0 || end > 65536) end = 65536;
  for (int descriptor = first; descriptor < end; descriptor++) {
    int flags = fcntl(descriptor, F_GETFD);
    if (flags >= 0 && !(flags & FD_CLOEXEC)) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
  }
}
