// Names the crashed attempt to the host, then lets the process die as it would have. Everything
// that runs inside the handler is async-signal-safe: no allocation, no locks, bounded waits.
#define _GNU_SOURCE
#include "CCrash.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  frame_bytes = 16,
  frame_kind_crashed = 6,  // FrameKind.crashed
  signal_stack_bytes = 256 * 1024,
  channel_wait_milliseconds_max = 200,
};

// Written by its thread; read there by the crash handler, and by the thread that watches.
typedef struct {
  _Atomic int64_t invocation;
  _Atomic uint64_t began;
  _Atomic uint16_t attempt;
  _Atomic bool running;
} slice;

static _Thread_local slice current;
static _Thread_local volatile sig_atomic_t handling;

static const int crash_signals[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
enum { crash_signal_count = sizeof crash_signals / sizeof crash_signals[0] };
static struct sigaction previous[crash_signal_count];
static int crash_channel = -1;
static apus_find_attempt find_attempt;
static atomic_bool channel_held;

// One thread writes, so plain moves are enough; `began` first, for who reads from outside.
static void set_began(uint64_t cpu_nanoseconds) {
  atomic_store_explicit(&current.began, cpu_nanoseconds, memory_order_relaxed);
}

static bool is_running(const slice *slice) {
  return atomic_load_explicit(&slice->running, memory_order_acquire);
}

static int64_t invocation_of(const slice *slice) {
  return atomic_load_explicit(&slice->invocation, memory_order_acquire);
}

static uint16_t attempt_of(const slice *slice) {
  return atomic_load_explicit(&slice->attempt, memory_order_acquire);
}

static uint64_t began_of(const slice *slice) {
  return atomic_load_explicit(&slice->began, memory_order_acquire);
}

void apus_slice_begin(int64_t invocation, uint16_t attempt, uint64_t cpu_nanoseconds) {
  set_began(cpu_nanoseconds);
  atomic_store_explicit(&current.invocation, invocation, memory_order_release);
  atomic_store_explicit(&current.attempt, attempt, memory_order_release);
  atomic_store_explicit(&current.running, true, memory_order_release);
}

void apus_slice_end(void) {
  atomic_store_explicit(&current.running, false, memory_order_release);
}

bool apus_slice_began(int64_t invocation, uint16_t attempt, uint64_t *began) {
  *began = began_of(&current);
  return is_running(&current) && invocation_of(&current) == invocation &&
         attempt_of(&current) == attempt;
}

bool apus_slice_current(int64_t *invocation, uint16_t *attempt) {
  *invocation = invocation_of(&current);
  *attempt = attempt_of(&current);
  return is_running(&current);
}

void apus_slice_restart(uint64_t cpu_nanoseconds) { set_began(cpu_nanoseconds); }

bool apus_watch_this_thread(apus_watched_thread *thread) {
  clockid_t clock;
  if (pthread_getcpuclockid(pthread_self(), &clock) != 0) return false;
  thread->slice = &current;
  thread->clock = clock;
  return true;
}

bool apus_watched_slice(const apus_watched_thread *thread, apus_seen_slice *seen) {
  const slice *slice = thread->slice;
  seen->began = began_of(slice);
  seen->invocation = invocation_of(slice);
  seen->attempt = attempt_of(slice);
  // Whoever has seen a name of the next slice sees its begin too.
  return is_running(slice) && began_of(slice) == seen->began;
}

static uint64_t nanoseconds_of(clockid_t clock) {
  struct timespec time = {0};
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t apus_watched_cpu_nanoseconds(const apus_watched_thread *thread) {
  return nanoseconds_of(thread->clock);
}

uint64_t apus_thread_cpu_nanoseconds(void) { return nanoseconds_of(CLOCK_THREAD_CPUTIME_ID); }

bool apus_signal_stack_install(void) {
  void *memory = mmap(
    NULL, signal_stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  stack_t stack = {.ss_sp = memory, .ss_size = signal_stack_bytes, .ss_flags = 0};
  return sigaltstack(&stack, NULL) == 0;
}

void apus_channel_enter(void) {
  struct timespec moment = {.tv_sec = 0, .tv_nsec = 50000};
  while (atomic_exchange_explicit(&channel_held, true, memory_order_acquire)) {
    nanosleep(&moment, NULL);
  }
}

void apus_channel_leave(void) {
  atomic_store_explicit(&channel_held, false, memory_order_release);
}

// The thread that holds the channel is another one and lives on for now, so waiting helps; but if
// the host has stopped reading, a death without a name is better than a hang.
static bool enter_bounded(void) {
  struct timespec moment = {.tv_sec = 0, .tv_nsec = 1000000};
  for (int waited = 0; waited < channel_wait_milliseconds_max; waited++) {
    if (!atomic_exchange_explicit(&channel_held, true, memory_order_acquire)) return true;
    nanosleep(&moment, NULL);
  }
  return false;
}

// u32 payload length | u8 kind | u8 flags | u16 attempt | u64 invocation, little endian.
static void write_crash_frame(int64_t invocation, uint16_t attempt) {
  unsigned char frame[frame_bytes] = {0};
  frame[4] = frame_kind_crashed;
  frame[6] = (unsigned char)(attempt & 0xff);
  frame[7] = (unsigned char)(attempt >> 8);
  for (int index = 0; index < 8; index++) {
    frame[8 + index] = (unsigned char)((uint64_t)invocation >> (8 * index));
  }
  size_t sent = 0;
  while (sent < sizeof frame) {
    ssize_t count =
      send(crash_channel, frame + sent, sizeof frame - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      sent += (size_t)count;
    } else if (count < 0 && errno == EAGAIN) {
      struct pollfd room = {.fd = crash_channel, .events = POLLOUT, .revents = 0};
      if (poll(&room, 1, channel_wait_milliseconds_max) <= 0) return;
    } else if (count == 0 || errno != EINTR) {
      return;
    }
  }
}

// A signal that another process sent says nothing about the code this thread was running.
static bool is_from_this_code(const siginfo_t *info) {
  if (info->si_code > 0) return true;
  return info->si_code == SI_TKILL && info->si_pid == getpid();
}

static void name_the_attempt(void) {
  int64_t invocation = 0;
  uint16_t attempt = 0;
  // The task's own mark is right even in the drain of a shared actor, where the thread's mark names
  // whoever drains; the thread's mark is right where no task runs.
  bool found = find_attempt != NULL && find_attempt(&invocation, &attempt);
  if (!found) found = apus_slice_current(&invocation, &attempt);
  if (!found || !enter_bounded()) return;
  write_crash_frame(invocation, attempt);
  apus_channel_leave();
}

// A fault happens again when its instruction is run again, an aborted or interrupted thread would
// just go on. Handlers that only print, as Swift's does, rely on the first.
static bool happens_again(int number, const siginfo_t *info) {
  return number != SIGABRT && number != SIGTRAP && info->si_code > 0;
}

static void die_of(int number) {
  signal(number, SIG_DFL);
  // Blocked until the handler returns, and then the end.
  raise(number);
}

static void crashed(int number, siginfo_t *info, void *context) {
  int saved = errno;
  if (!is_from_this_code(info)) {
    die_of(number);
    return;
  }
  // A crash inside this handler must not come here again.
  if (!handling) {
    handling = 1;
    name_the_attempt();
  }
  for (int index = 0; index < crash_signal_count; index++) {
    if (crash_signals[index] != number) continue;
    sigaction(number, &previous[index], NULL);
    if (happens_again(number, info)) break;
    // Called from here, because nothing else will.
    bool takes_info = (previous[index].sa_flags & SA_SIGINFO) != 0;
    if (takes_info && previous[index].sa_sigaction != NULL) {
      previous[index].sa_sigaction(number, info, context);
    }
    die_of(number);
  }
  errno = saved;
}

bool apus_crash_handler_install(int channel, apus_find_attempt find) {
  crash_channel = channel;
  find_attempt = find;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = crashed;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (int index = 0; index < crash_signal_count; index++) {
    if (sigaction(crash_signals[index], &action, &previous[index]) != 0) return false;
  }
  return true;
}
