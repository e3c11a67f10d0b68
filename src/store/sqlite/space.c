/* What becomes of the disk meanwhile: how much of it is free, and whether the store still lies there. */
#include "store/sqlite/sqlite_private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define SPACE_CHECK_COMMITS 64

/* What lies in free segments of ours is given back before anybody is refused for want of space. */
bool space_look(struct sqlite *store, struct error *err) {
    int64_t space = store->files->free_space(store->head.place);
    if (space >= 0 && (uint64_t)space < store->head.low_water) {
        segments_keep_end(store); /* mail comes before a backup */
        if (segments_drop_free(store))
            space = store->files->free_space(store->head.place);
    }
    return space < 0 || (uint64_t)space >= store->head.low_water ||
           error_set(err, STORE_FULL,
                     "%s: only %lld MiB of the disk are free; make room: mail is taken again above %llu MiB",
                     store->head.place, (long long)(space >> 20),
                     (unsigned long long)(store->head.low_water >> 20));
}

/* Nothing is wrong with what was written: STORE_IO, which no repair is needed for. */
static bool is_gone(const struct sqlite *store, const char *name, struct error *err) {
    return !error_set(err, STORE_IO,
                      "%s: %s was moved away or removed while the store is served: bring that file back, and "
                      "mail is taken again; if it is lost, stop the daemon and restore a backup",
                      store->head.place, name);
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
    return stat(log, &s) == 0 || errno != ENOENT || !is_gone(store, "queue.db-wal", err);
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
        if (there ? fstat(segment->fd, &open) == 0 && open.st_ino != found.st_ino : errno == ENOENT)
            return !is_gone(store, name, err);
    }
    return true;
}

bool space_folder_is_there(const struct sqlite *store, struct error *err) {
    char folder[4400];
    struct stat s;
    snprintf(folder, sizeof folder, "%s/segments", store->head.place);
    return stat(folder, &s) == 0 || errno != ENOENT || !is_gone(store, "segments", err);
}

bool space_store_is_there(const struct sqlite *store, struct error *err) {
    return database_is_there(store, err) && space_folder_is_there(store, err) &&
           open_segments_are_there(store, err);
}

void space_watch(struct sqlite *store) {
    struct error cause;
    if (store->commits_to_space_check--)
        return;
    store->commits_to_space_check = SPACE_CHECK_COMMITS;
    if (store->head.accepting && (!space_store_is_there(store, &cause) || !space_look(store, &cause)))
        store_refuses(&store->head, &cause);
}

void sqlite_figures(const struct store *head, struct store_figures *figures) {
    const struct sqlite *store = (const struct sqlite *)head;
    for (size_t i = 0; i < store->segment_count; i++) {
        figures->segments++;
        figures->free_segments += store->segments[i]->live == 0;
        figures->content_octets += store->segments[i]->live;
    }
}
