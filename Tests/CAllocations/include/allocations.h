#pragma once
#include <stddef.h>

/// How often memory was asked for since the process began, by any thread.
unsigned long apus_allocations(void);
