// What a child does to itself between fork and exec, so that nothing of the program that it becomes
// has run before: its limits, its user, and its end when its parent ends.
#ifndef CCONFINE_H
#define CCONFINE_H

#include <stdbool.h>
#include <stdint.h>

// A limit that is not set stays as it is.
#define CCONFINE_UNSET UINT64_MAX

typedef struct {
  // SIGKILL when the thread that forked has ended, and with it its process.
  bool ends_with_parent;
  // No executable that it runs gives it more rights than it has.
  bool no_new_privileges;
  // Another user, without supplementary groups. Only root may.
  bool changes_user;
  uint32_t user;
  uint32_t group;
  // Soft and hard limits of the kernel; above the present hard limit the present one stays.
  uint64_t core_bytes;
  uint64_t descriptors;
  uint64_t processes;
  uint64_t data_bytes;
} cconfine_rules;

// From now until `cconfine_leave` they hold for each child that the calling thread forks, and for no
// other. False when the system refuses to be told of forks.
bool cconfine_enter(const cconfine_rules *rules);
void cconfine_leave(void);

#endif
