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

/* Octets of a page of the database; after so many of them SQLite takes them over from the log, and begins at
 * its start again. */
#define LOG_PAGE   8192
#define LOG_FRAMES 2000

/*
 * Fills the log of the store at `place` with zeros, up to the size that it soon has anyway. Each commit that
 * makes it longer has to sync its new size as well, by the file system's own log, at several times the cost.
 * What can't be filled is not; the zeros are no frames to SQLite, and nothing that stands in the file is
 * touched.
 */
void log_file_fill(const char *place);

#endif
