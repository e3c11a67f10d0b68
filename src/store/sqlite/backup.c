/*
 * Copies of a whole store. The database is copied within one read transaction, so that it is the store of one
 * moment; then the octets that its extents name, from segments in which the writer gives out no space again
 * meanwhile (store_keep). The database gets its name last: a copy without it is not complete.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "store/backup.h"
#include "store/mark_private.h"
#include "store/sqlite/sqlite_private.h"

#define PAGES_A_STEP 256
#define COPY_STEP    (256 * 1024)
#define PATH_ROOM    4400

struct copy {
    struct sqlite *from;
    const char *to;
    sqlite3 *db;   /* the copy of the database */
    bool allocate; /* segments get their blocks at once, as the writer makes them */
    bool bring_up; /* from an older schema to ours */
    int segment;   /* the copy that is being filled, -1: none */
    uint64_t segment_id;
    uint8_t *octets;
    uint64_t done, total;
    store_progress_cb *progress;
    void *context;
};

/* ---- files ---- */

static bool file_error(const char *path, struct error *err) {
    int number = errno;
    return error_set(err, number == ENOSPC || number == EDQUOT ? STORE_FULL : STORE_IO, "%s: %s", path,
                     strerror(number));
}

static bool sync_path(const char *path, int flags, struct error *err) {
    int fd = open(path, flags | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        file_error(path, err);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Whoever else may write a folder can exchange what is put there before it is restored. `owner`: the store's.
 */
static bool is_ours(const char *path, uid_t owner, struct error *err) {
    struct stat status;
    if (stat(path, &status) != 0)
        return file_error(path, err);
    if (status.st_uid != geteuid() && status.st_uid != owner)
        return error_set(err, STORE_IN_USE,
                         "%s belongs to uid %u, who could exchange what is put there: name a new folder",
                         path, (unsigned)status.st_uid);
    return !(status.st_mode & S_IWOTH) ||
           error_set(
               err, STORE_IN_USE,
               "%s may be written by everybody, who could exchange what is put there: name a new folder",
               path);
}

/* Makes the folder; one that is there must be empty. */
static bool make_empty(const char *path, uid_t owner, struct error *err) {
    if (mkdir(path, 0700) == 0)
        return true;
    if (errno == ENOENT)
        return error_set(err, STORE_NOT_FOUND, "%s can't be made: make the folder above it first (mkdir -p)",
                         path);
    DIR *folder = errno == EEXIST ? opendir(path) : NULL;
    if (!folder)
        return file_error(path, err);
    bool empty = true;
    for (struct dirent *entry; empty && (entry = readdir(folder));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(folder);
    return empty ? is_ours(path, owner, err)
                 : error_set(err, STORE_IN_USE, "%s is not empty: name a new folder", path);
}

static void tell(const struct copy *copy) {
    if (copy->progress)
        copy->progress(copy->context, copy->done, copy->total);
}

/* ---- the database ---- */

static bool copy_error(const struct copy *copy, struct error *err) {
    return sqlite_error(copy->db, copy->to, "copy of the database", err);
}

/* The number that a query gives, 0 when it gives none. */
static uint64_t number_of(sqlite3 *db, const char *text) {
    sqlite3_stmt *statement = NULL;
    uint64_t value = 0;
    if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static bool copy_pages(struct copy *copy, struct error *err) {
    sqlite3_backup *backup = sqlite3_backup_init(copy->db, "main", copy->from->writing.db, "main");
    if (!backup)
        return copy_error(copy, err);
    uint64_t page = number_of(copy->from->writing.db, "PRAGMA page_size");
    int code;
    do {
        code = sqlite3_backup_step(backup, PAGES_A_STEP);
        copy->done = page * (uint64_t)(sqlite3_backup_pagecount(backup) - sqlite3_backup_remaining(backup));
        tell(copy);
    } while (code == SQLITE_OK);
    sqlite3_backup_finish(backup);
    return code == SQLITE_DONE || copy_error(copy, err);
}

static bool copy_database(struct copy *copy, const char *path, struct error *err) {
    static const char totals[] =
        "SELECT (SELECT coalesce(sum(length), 0) FROM extent) + (SELECT page_count * page_size FROM"
        " pragma_page_count, pragma_page_size)";
    if (sqlite3_open_v2(path, &copy->db, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                        NULL) != SQLITE_OK)
        return copy->db ? copy_error(copy, err) : error_set(err, STORE_NO_MEMORY, "out of memory");
    if (!sql_exec(copy->from, "BEGIN", err))
        return false;
    copy->total =
        number_of(copy->from->writing.db, totals); /* the transaction's moment is that of its first read */
    bool ok = copy_pages(copy, err);
    sql_exec(copy->from, "COMMIT", NULL); /* a longer read would keep the writer's log from being reused */
    /* No log beside it: it is one file until a daemon opens it. */
    ok = ok && (sqlite3_exec(copy->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) == SQLITE_OK ||
                copy_error(copy, err));
    return ok && (!copy->bring_up || schema_migrate(copy->db, copy->to, SCHEMA_VERSION, err));
}

/* ---- segments ---- */

static bool finish_segment(struct copy *copy, struct error *err) {
    if (copy->segment < 0)
        return true;
    bool ok = fsync(copy->segment) == 0;
    ok = close(copy->segment) == 0 && ok;
    copy->segment = -1;
    return ok || file_error(copy->to, err);
}

static bool begin_segment(struct copy *copy, uint64_t id, struct error *err) {
    char path[PATH_ROOM];
    if (copy->segment >= 0 && copy->segment_id == id)
        return true;
    if (!finish_segment(copy, err))
        return false;
    snprintf(path, sizeof path, "%s/segments/%08llu", copy->to, (unsigned long long)id);
    copy->segment_id = id;
    copy->segment = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (copy->segment < 0)
        return file_error(path, err);
    errno = copy->allocate ? posix_fallocate(copy->segment, 0, (off_t)SEGMENT_SIZE)
            : ftruncate(copy->segment, (off_t)SEGMENT_SIZE) ? errno
                                                            : 0;
    return errno == 0 || file_error(path, err);
}

static bool write_octets(struct copy *copy, uint64_t offset, size_t length, struct error *err) {
    for (size_t at = 0; at < length;) {
        ssize_t done = pwrite(copy->segment, copy->octets + at, length - at, (off_t)(offset + at));
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return file_error(copy->to, err);
        at += (size_t)done;
    }
    return true;
}

static bool copy_extent(struct copy *copy, uint64_t id, uint64_t offset, uint64_t length, struct error *err) {
    struct segment *segment = segment_find(copy->from, id);
    if (!segment && !(segment = segment_note(copy->from, id)))
        return error_set(err, STORE_NO_MEMORY, "out of memory");
    if (!begin_segment(copy, id, err))
        return false;
    for (uint64_t at = 0; at < length; at += COPY_STEP) {
        size_t part = length - at < COPY_STEP ? (size_t)(length - at) : COPY_STEP;
        if (!segment_read(copy->from, segment, offset + at, copy->octets, part, err) ||
            !write_octets(copy, offset + at, part, err))
            return false;
        copy->done += part;
        tell(copy);
    }
    return true;
}

static bool copy_segments(struct copy *copy, struct error *err) {
    sqlite3_stmt *walk = NULL;
    bool ok =
        sqlite3_prepare_v2(copy->db, "SELECT segment, offset, length FROM extent ORDER BY segment, offset",
                           -1, &walk, NULL) == SQLITE_OK;
    int code = ok ? SQLITE_ROW : SQLITE_ERROR;
    while (ok && (code = sqlite3_step(walk)) == SQLITE_ROW)
        ok = copy_extent(copy, (uint64_t)sqlite3_column_int64(walk, 0),
                         (uint64_t)sqlite3_column_int64(walk, 1), (uint64_t)sqlite3_column_int64(walk, 2),
                         err);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        ok = copy_error(copy, err);
    sqlite3_finalize(walk);
    return ok && finish_segment(copy, err);
}

/* ---- the whole ---- */

/* Was it moved away, or is a move into it not at its end? `err` says it then. A mark that can't be read (the
 * store is damaged, or older than marks are) is none. */
static bool is_no_more(struct sqlite *store, struct error *err) {
    struct error mark = {0};
    return !move_is_over(&store->head, &mark) && mark.code == STORE_MOVED &&
           !error_set(err, mark.code, "%s", mark.text);
}

static bool copy_all(struct copy *copy, struct error *err) {
    char segments[PATH_ROOM], unfinished[PATH_ROOM], database[PATH_ROOM];
    struct stat store = {.st_uid = geteuid()};
    stat(copy->from->head.place, &store);
    snprintf(segments, sizeof segments, "%s/segments", copy->to);
    snprintf(unfinished, sizeof unfinished, "%s/queue.db.unfinished", copy->to);
    snprintf(database, sizeof database, "%s/queue.db", copy->to);
    bool ok = make_empty(copy->to, store.st_uid, err) &&
              (mkdir(segments, 0700) == 0 || file_error(segments, err)) &&
              copy_database(copy, unfinished, err) && copy_segments(copy, err);
    sqlite3_close_v2(copy->db);
    if (copy->segment >= 0)
        close(copy->segment);
    return ok && sync_path(unfinished, O_RDWR, err) && sync_path(segments, O_RDONLY | O_DIRECTORY, err) &&
           (rename(unfinished, database) == 0 || file_error(database, err)) &&
           sync_path(copy->to, O_RDONLY | O_DIRECTORY, err);
}

static bool copy_store(const char *place, struct copy *copy, bool alone, struct error *err) {
    struct store_options options = {.read_only = true, .alone = alone};
    mode_t mask = umask(077);
    copy->segment = -1;
    copy->octets = mem_alloc(COPY_STEP);
    copy->from = !copy->octets    ? NULL
                 : copy->bring_up ? sqlite_open_older(place, err)
                                  : sqlite_open(place, &options, err);
    bool ok = copy->from ? !is_no_more(copy->from, err) && copy_all(copy, err)
                         : copy->octets || error_set(err, STORE_NO_MEMORY, "out of memory");
    ok = ok && copy->from;
    sqlite_close(copy->from);
    mem_free(copy->octets);
    umask(mask);
    return ok;
}

bool sqlite_backup(const char *place, const char *to, bool alone, store_progress_cb *progress, void *context,
                   struct error *err) {
    struct copy copy = {.to = to, .progress = progress, .context = context};
    return copy_store(place, &copy, alone, err);
}

/* ---- back ---- */

/* Takes `path` away with all that is in it; segments and the like, one level deep. */
static bool remove_folder(const char *path, struct error *err) {
    char name[PATH_ROOM];
    DIR *folder = opendir(path);
    if (!folder)
        return errno == ENOENT || file_error(path, err);
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        ok =
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < (int)sizeof name && unlink(name) == 0;
        ok = ok || file_error(name, err);
    }
    closedir(folder);
    return ok && (rmdir(path) == 0 || file_error(path, err));
}

static bool move(const char *place, const char *from, const char *to, const char *what, struct error *err) {
    char old[PATH_ROOM], new[PATH_ROOM];
    snprintf(old, sizeof old, "%s%s/%s", place, from, what);
    snprintf(new, sizeof new, "%s%s/%s", place, to, what);
    return rename(old, new) == 0 || file_error(old, err);
}

/* What an earlier restore replaced is not replaced in its turn. */
static bool may_put_aside(const char *place, struct error *err) {
    char aside[PATH_ROOM];
    struct stat status;
    snprintf(aside, sizeof aside, "%s/replaced", place);
    if (lstat(aside, &status) != 0)
        return errno == ENOENT || file_error(aside, err);
    return error_set(err, STORE_IN_USE,
                     "%s holds what an earlier restore replaced: look it over and remove it first", aside);
}

/* In the order in which they go: the database first, so that what a crash leaves in between is no store. */
static const char *const parts[] = {"queue.db", "queue.db-wal", "queue.db-shm", "segments"};
enum { PARTS = sizeof parts / sizeof *parts };

/* Back to where they were, the database last. */
static void take_back(const char *place, const char *from) {
    struct error untold = {0};
    for (size_t i = PARTS; i > 0; i--)
        move(place, from, "", parts[i - 1], &untold);
}

/* What was there is kept in a folder of its own, for what came since the backup is nowhere else. */
static bool put_aside(const char *place, struct error *err) {
    char aside[PATH_ROOM];
    bool ok = true;
    snprintf(aside, sizeof aside, "%s/replaced", place);
    if (mkdir(aside, 0700) != 0)
        return file_error(aside, err);
    for (size_t i = 0; ok && i < PARTS; i++)
        ok = move(place, "", "/replaced", parts[i], err) || errno == ENOENT;
    if (!ok)
        take_back(place, "/replaced");
    rmdir(aside); /* when nothing was there, or is again */
    return ok;
}

static bool put_in(const char *place, struct error *err) {
    struct error untold = {0};
    if (!move(place, "/restored", "", "segments", err))
        return false;
    if (move(place, "/restored", "", "queue.db", err))
        return true;
    move(place, "", "/restored", "segments", &untold);
    return false;
}

/* All of it, or the store that was there is there again. */
static bool swap_in(const char *place, struct error *err) {
    char aside[PATH_ROOM];
    snprintf(aside, sizeof aside, "%s/replaced", place);
    if (!put_aside(place, err))
        return false;
    if (put_in(place, err))
        return sync_path(place, O_RDONLY | O_DIRECTORY, err);
    take_back(place, "/replaced");
    rmdir(aside);
    return false;
}

/* The folder that the copy was made in, or was left in by a restore that was broken off. */
static bool remove_restored(const char *place, struct error *err) {
    char restored[PATH_ROOM], segments[PATH_ROOM + 16];
    snprintf(restored, sizeof restored, "%s/restored", place);
    snprintf(segments, sizeof segments, "%s/segments", restored);
    return remove_folder(segments, err) && remove_folder(restored, err);
}

/* Root gives what it restored to the owner of the folder. */
static bool give_folder(const char *path, const struct stat *owner, struct error *err) {
    char name[PATH_ROOM];
    DIR *folder = opendir(path);
    if (!folder)
        return file_error(path, err);
    bool ok = lchown(path, owner->st_uid, owner->st_gid) == 0;
    for (struct dirent *entry; ok && (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            ok = snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < (int)sizeof name &&
                 lchown(name, owner->st_uid, owner->st_gid) == 0;
    ok = ok || file_error(path, err);
    closedir(folder);
    return ok;
}

static bool give(const char *place, const struct stat *owner, struct error *err) {
    char segments[PATH_ROOM];
    snprintf(segments, sizeof segments, "%s/segments", place);
    return geteuid() != 0 || (give_folder(segments, owner, err) && give_folder(place, owner, err));
}

/* The folder where the store shall be, and whose it is; a new one belongs to the owner of that above. */
static bool prepare_place(const char *place, struct stat *owner, bool *made, struct error *err) {
    char above[PATH_ROOM];
    *made = false;
    if (snprintf(above, sizeof above, "%s/..", place) >= PATH_ROOM - 64)
        return error_set(err, STORE_NOT_FOUND, "%s: the path is too long", place);
    if (stat(place, owner) == 0)
        return true;
    if (errno != ENOENT || mkdir(place, 0700) != 0)
        return errno == ENOENT
                   ? error_set(err, STORE_NOT_FOUND,
                               "%s can't be made: make the folder above it first (mkdir -p)", place)
                   : file_error(place, err);
    *made = true;
    return stat(above, owner) == 0 || file_error(above, err);
}

/* Of a restore that failed: a new folder goes; in one that was there only the lock may be new, and root's, by
 * which a daemon could not open the store. */
static void leave_place(const char *place, const struct stat *owner, bool made) {
    char lock[PATH_ROOM];
    snprintf(lock, sizeof lock, "%s/lock", place);
    if (made && (unlink(lock) == 0 || errno == ENOENT))
        rmdir(place);
    else if (geteuid() == 0 && lchown(lock, owner->st_uid, owner->st_gid) != 0 && errno != ENOENT)
        log_warning("%s: it can't be given to the owner of the folder: %s", lock, strerror(errno));
}

static bool restore(const char *from, const char *place, const struct stat *owner, struct copy *copy,
                    struct error *err) {
    char restored[PATH_ROOM];
    struct error untold = {0};
    snprintf(restored, sizeof restored, "%s/restored", place);
    copy->to = restored;
    copy->allocate = true;
    copy->bring_up = true;
    if (!may_put_aside(place, err) || !remove_restored(place, err))
        return false;
    if (copy_store(from, copy, false, err) && swap_in(place, err))
        return remove_restored(place, err) && give(place, owner, err);
    remove_restored(place, &untold);
    return false;
}

/* The store itself, or what a restore makes in it and takes away again. */
static bool is_within(const char *from, const char *place) {
    static const char *const names[] = {"", "/restored"};
    char within[PATH_ROOM];
    struct stat copy, there;
    if (stat(from, &copy) != 0)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(within, sizeof within, "%s%s", place, names[i]);
        if (stat(within, &there) == 0 && there.st_dev == copy.st_dev && there.st_ino == copy.st_ino)
            return true;
    }
    return false;
}

/* What a restore replaces would be a store again: where it was moved away, or is being moved to, that would
 * be a second one of one MTA. What can't be opened has no mark: it is to be replaced. */
static bool may_be_replaced(const char *place, struct error *err) {
    struct error untold = {0};
    struct sqlite *there = sqlite_open_older(place, &untold);
    bool no_more = there && is_no_more(there, err);
    sqlite_close(there);
    return !no_more ||
           error_prefix(err, "nothing was restored, for two stores of one MTA must never be served");
}

/* `force`: also where there is a store already. */
static bool may_be_made(const char *place, bool force, struct error *err) {
    struct error untold = {0};
    if (!sqlite_is_there(place, &untold))
        return true;
    if (!force)
        return error_set(err, STORE_IN_USE,
                         "%s: there is a store already; with --force it is replaced, and kept aside", place);
    return may_be_replaced(place, err);
}

bool sqlite_restore(const char *from, const char *place, bool force, store_progress_cb *progress,
                    void *context, struct error *err) {
    struct copy copy = {.progress = progress, .context = context};
    struct stat owner;
    bool made;
    if (is_within(from, place))
        return error_set(err, STORE_BAD_REQUEST,
                         "%s is the store itself, or lies in it as a part of a restore: name a backup", from);
    if (!sqlite_is_there(from, err) || !prepare_place(place, &owner, &made, err))
        return false;
    int lock = store_lock(place, err);
    if (lock < 0)
        return false;
    bool ok = may_be_made(place, force, err) && restore(from, place, &owner, &copy, err);
    if (!ok)
        leave_place(place, &owner, made);
    close(lock);
    return ok;
}

/* ---- what is moved ---- */

/* The database goes first, so that what a crash leaves in between is no store. */
bool sqlite_remove(const char *place, struct error *err) {
    static const char *const names[] = {"queue.db", "queue.db-wal", "queue.db-shm"};
    char path[PATH_ROOM];
    int lock = store_lock(place, err);
    bool ok = lock >= 0;
    for (size_t i = 0; ok && i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", place, names[i]);
        ok = unlink(path) == 0 || errno == ENOENT || file_error(path, err);
    }
    snprintf(path, sizeof path, "%s/segments", place);
    ok = ok && remove_folder(path, err) && sync_path(place, O_RDONLY | O_DIRECTORY, err);
    if (lock >= 0)
        close(lock);
    return ok;
}

/* A folder that root made belongs to nobody yet. */
bool sqlite_hand_over(const char *place, struct error *err) {
    char above[PATH_ROOM];
    struct stat owner;
    if (snprintf(above, sizeof above, "%s/..", place) >= PATH_ROOM - 64)
        return error_set(err, STORE_NOT_FOUND, "%s: the path is too long", place);
    if (stat(place, &owner) != 0)
        return file_error(place, err);
    if (owner.st_uid == 0 && stat(above, &owner) != 0)
        return file_error(above, err);
    return give(place, &owner, err);
}
