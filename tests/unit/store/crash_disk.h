/*
 * A disk that forgets: what was written and not synced lives in this process
 * only, and dies with it. SQLite reaches it as a VFS, the segments by their
 * table of file operations. Some writes go through at once, as the system's own
 * write-back would let them (`through` in 256), so that a crash also finds later
 * writes without earlier ones.
 */
#ifndef TESTS_STORE_CRASH_DISK_H
#define TESTS_STORE_CRASH_DISK_H

#include "store/sqlite/options.h"

/* Registers the VFS; its name. */
const char *crash_disk_vfs(void);
extern const struct store_files crash_disk_files;
void crash_disk_seed(unsigned seed, unsigned through);

#endif
