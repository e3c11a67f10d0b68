/* Whether the store still lies where it was opened. */
#include "store/sqlite/sqlite_private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* Nothing is wrong with what was written: STORE_IO, which no repair is needed for. */
static bool is_gone(const struct sqlite *store, const char *name, struct error *err) {
    return !error_set(err, STORE_IO,
                      "%s: %s was moved away or removed while the store is served: bring that file back, and "
                      "mail is taken again; if it is lost, stop the daemon and restore a backup",
                      store->head.place, name);
}

/* Nothing has the name, or what should be the folder above it is none. */
static bool is_missing(void) {
    return errno == ENOENT || errno == ENOTDIR;
}

/* SQLite knows by the inode whether the database is the one that it opened; of its log it is seen only that
 * there is one. */
static bool database_is_there(const struct sqlite *store, struct error *err) {
    char log[4400];
    struct stat s;
    int moved = 0;
    sqlite3_file_control(store->connection->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved)
        return !is_gone(store, "queue.db", err);
    snprintf(log, sizeof log, "%s/queue.db-wal", store->head.place);
    return stat(log, &s) == 0 || !is_missing() || !is_gone(store, "queue.db-wal", err);
}

/* What is open goes on being written, wherever it lies: a file of the same name must be the same one. */
static bool open_segments_are_there(const struct sqlite *store, struct error *err) {
    for (size_t i = 0; i < store->segment_count; i++) {
        const struct segment *segment = store->segments[i];
        char name[40], path[4400];
        struct stat found, open;
        if (segment->fd < 0)
            continue;
        snprintf(name, sizeof name, "segments/%08llu", (unsigned long long)segment->id);
        snprintf(path, sizeof path, "%s/%s", store->head.place, name);
        bool there = stat(path, &found) == 0;
        if (there ? fstat(segment->fd, &open) == 0 && open.st_ino != found.st_ino : is_missing())
            return !is_gone(store, name, err);
    }
    return true;
}

bool presence_of_folder(const struct sqlite *store, struct error *err) {
    char folder[4400];
    struct stat s;
    snprintf(folder, sizeof folder, "%s/segments", store->head.place);
    bool there = stat(folder, &s) == 0;
    return (there ? S_ISDIR(s.st_mode) : !is_missing()) || !is_gone(store, "segments", err);
}

bool presence_of_store(const struct sqlite *store, struct error *err) {
    return database_is_there(store, err) && presence_of_folder(store, err) &&
           open_segments_are_there(store, err);
}
