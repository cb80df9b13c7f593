// Runs in the child of a process with many threads: nothing here allocates or takes a lock, and all
// calls go to the kernel as they are.
#define _GNU_SOURCE
#include "CConfine.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local const cconfine_rules *current;
static _Thread_local pid_t parent;

static void limit(int resource, uint64_t value) {
  struct rlimit now;
  if (value == CCONFINE_UNSET || getrlimit(resource, &now) != 0) return;
  rlim_t bound = (rlim_t)value < now.rlim_max ? (rlim_t)value : now.rlim_max;
  struct rlimit wanted = {.rlim_cur = bound, .rlim_max = bound};
  setrlimit(resource, &wanted);
}

// What fails here fails again when libuv sets the same, and is told to whoever spawns.
static void change_user(const cconfine_rules *rules) {
  syscall(SYS_setgroups, 0, NULL);
  syscall(SYS_setresgid, rules->group, rules->group, rules->group);
  syscall(SYS_setresuid, rules->user, rules->user, rules->user);
}

static void confine(void) {
  const cconfine_rules *rules = current;
  if (rules == NULL) return;
  limit(RLIMIT_CORE, rules->core_bytes);
  limit(RLIMIT_NOFILE, rules->descriptors);
  limit(RLIMIT_NPROC, rules->processes);
  limit(RLIMIT_DATA, rules->data_bytes);
  if (rules->changes_user) change_user(rules);
  if (rules->no_new_privileges) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  // After the change of user, which takes it back.
  if (rules->ends_with_parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // It may have ended before it was asked for.
    if (getppid() != parent) _exit(0);
  }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int registered = -1;

static void install(void) { registered = pthread_atfork(NULL, NULL, confine); }

bool cconfine_enter(const cconfine_rules *rules) {
  pthread_once(&once, install);
  if (registered != 0) return false;
  parent = getpid();
  current = rules;
  return true;
}

void cconfine_leave(void) { current = NULL; }
