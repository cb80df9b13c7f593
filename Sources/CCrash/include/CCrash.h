// The little C that a worker needs and Swift cannot say: marks that a signal handler may read, the
// handler that names the attempt whose code crashed, the alternate stack it runs on, and streams that
// say who prints.
#ifndef CCRASH_H
#define CCRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The job slice of an attempt that the calling thread runs now, and the thread's CPU time when it
// began. The mark is thread-local; a crash handler on the same thread reads it.
void apus_slice_begin(int64_t invocation, uint16_t attempt, uint64_t cpu_nanoseconds);
void apus_slice_end(void);
// True, and `began` set, when the calling thread runs a slice of this attempt.
bool apus_slice_began(int64_t invocation, uint16_t attempt, uint64_t *began);
// True, and the attempt named, when the calling thread runs a slice of one.
bool apus_slice_current(int64_t *invocation, uint16_t *attempt);
// Moves the begin of the running slice forward: what came before has been counted.
void apus_slice_restart(uint64_t cpu_nanoseconds);

// A thread whose slices another thread looks at. It must not end.
typedef struct {
  const void *slice;
  // A clockid_t.
  int clock;
} apus_watched_thread;

// What a thread was seen to run. Another slice has another `began`.
typedef struct {
  int64_t invocation;
  uint64_t began;
  uint16_t attempt;
} apus_seen_slice;

// False when the thread's clock cannot be read by others.
bool apus_watch_this_thread(apus_watched_thread *thread);
// False when it runs none, or has just begun another one.
bool apus_watched_slice(const apus_watched_thread *thread, apus_seen_slice *seen);
// CPU time of that thread.
uint64_t apus_watched_cpu_nanoseconds(const apus_watched_thread *thread);

// CPU time of the calling thread.
uint64_t apus_thread_cpu_nanoseconds(void);

// Gives the calling thread a stack of its own for signal handlers, so that a stack overflow can be
// named too. Once per thread; it is never given back. False when memory is short.
bool apus_signal_stack_install(void);

// Finds the attempt of the calling thread's task. It runs inside a signal handler.
typedef bool (*apus_find_attempt)(int64_t *invocation, uint16_t *attempt);

// From now on a crash of any thread writes one `crashed` frame to `channel` and then goes on to the
// handler that was there before. Once per process. False when the system refuses.
bool apus_crash_handler_install(int channel, apus_find_attempt find);

// Held while bytes of a frame are on their way, so that a crash frame never lands inside another.
void apus_channel_enter(void);
void apus_channel_leave(void);

// Takes what was printed, or refuses it. Called on the thread that prints, for each piece as it was
// given to the stream: often less than a line.
typedef bool (*apus_take_printed)(int descriptor, const char *bytes, size_t count);

// From now on what is printed on `stdout` and `stderr` goes to `take` first, and what that refuses to
// where it went before, in whole lines on stdout. Bytes written to descriptors 1 and 2 are not seen.
// Once per process.
void apus_printed_install(apus_take_printed take);

#endif
