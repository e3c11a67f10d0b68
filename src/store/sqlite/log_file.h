/*
 * SQLite's write-ahead log, written in few calls: SQLite writes the 24 octets before each page and the page
 * by calls of their own, some ten for the smallest commit. Here they gather, and go to the file together when
 * it is synced or read, or its size is asked for.
 *
 * That is sound where nobody reads of a commit before it is synced: with `synchronous` FULL the log's index,
 * by which other processes read, names a page only after the sync. A write that fails is told by the sync.
 */
#ifndef STORE_SQLITE_LOG_FILE_H
#define STORE_SQLITE_LOG_FILE_H

/* SQLite's name for file operations that gather the writes of the log, and are those of `under` (NULL: the
 * default's) otherwise; NULL without memory. */
const char *log_file_vfs(const char *under);

#endif
