// What SQLite is told through variable arguments, which Swift cannot pass.
#ifndef CSQLITE_H
#define CSQLITE_H

#include <stdbool.h>

// SQLite keeps no count of the memory it uses: behind the count is a lock that each of its allocations
// would take, and several connections are busy at once. False where SQLite has begun already; it counts
// then. See sqlite.org/c3ref/c_config_covering_index_scan.html, SQLITE_CONFIG_MEMSTATUS.
bool csqlite_count_no_memory(void);

#endif
