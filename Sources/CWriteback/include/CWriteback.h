// Linux's sync_file_range(2), which Swift's Glibc does not show.
#ifndef CWRITEBACK_H
#define CWRITEBACK_H

#include <stdint.h>

// The kernel begins to write what is new in this part of the file, and nobody waits for it: an fsync
// later has the less to wait for. It promises nothing, so that a failure changes nothing.
void cwriteback_begin(int descriptor, int64_t offset, int64_t count);

#endif
