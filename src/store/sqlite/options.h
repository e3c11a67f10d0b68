/*
 * What a test may tell the SQLite engine, by store_options.engine.
 */
#ifndef STORE_SQLITE_OPTIONS_H
#define STORE_SQLITE_OPTIONS_H

#include <stdbool.h>

#include "store/sqlite/files.h"

struct sqlite_options {
    const char *vfs; /* SQLite's name of other file operations for the database; NULL means the
                        system's */
    const struct store_files *files; /* file operations for the segments; NULL means the system's */
    bool beside; /* each commit is the thread's work (store_options.thread), however small */
};

#endif
