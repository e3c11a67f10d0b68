/*
 * SQLite's write-ahead log, written in few calls, and seldom made longer.
 *
 * FEW CALLS: SQLite writes the 24 octets before each page and the page
 * by calls of their own, some ten for the smallest commit. Here they gather, and go to the file together when
 * it is synced or read, or its size is asked for.
 *
 * That is sound where nobody reads of a commit before it is synced: with `synchronous` FULL the log's index,
 * by which other processes read, names a page only after the sync. A write that fails is told by the sync.
 *
 * LENGTH: each commit that makes the file longer syncs its new length as well, by the file system's own log,
 * at twice the cost. So where it grows it is filled with zeros some way ahead, up to the length that it has
 * soon anyway. They are to SQLite what a former round of the log leaves behind the end of the present one: no
 * frame, for a frame has a page number above 0 and the salts of the log's head (SQLite's file format, 4.4).
 * Octets that a crash takes from them, or that could not be written, were never needed.
 *
 * A SYNC THAT FAILS leaves a whole transaction in the file, of which SQLite says that it was rolled back: it
 * is spoiled at once, or the next to open the database would find it done.
 */
#ifndef STORE_SQLITE_LOG_FILE_H
#define STORE_SQLITE_LOG_FILE_H

#include <sqlite3.h>
#include <stdbool.h>

/* SQLite's name for file operations that gather the writes of the log, and are those of `under` (NULL: the
 * default's) otherwise; NULL without memory. */
const char *log_file_vfs(const char *under);

/* A transaction whose sync failed could not be spoiled, and nothing has been written since: should the
 * process end now, the next to open the database may find it done. `db` was opened by the operations above.
 */
bool log_file_may_come_true(sqlite3 *db);

#endif
