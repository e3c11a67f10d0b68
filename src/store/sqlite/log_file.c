#include "store/sqlite/log_file.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* What gathers before it is written anyway. SQLite's own operations write less than 128 kB in a call. */
#define GATHERED_MOST ((size_t)128 * 1024 - 1)

/* How much is filled with zeros at a time, and up to where: the length that the log has anyway where it
 * is copied into the database after 2,000 pages of 8 kB (LOG_PAGES of commit.c). */
#define FILL_STEP ((sqlite3_int64)2 << 20)
#define FILL_MOST ((sqlite3_int64)17 << 20)

/* Of a log, and of each frame in it, a page with what goes before it. */
#define LOG_HEAD   32
#define FRAME_HEAD 24

struct log_file {
    sqlite3_file base;
    uint8_t *gathered;
    size_t length;
    sqlite3_int64 filled; /* so long the file is at least */
    sqlite3_int64 at;     /* where the first octet of those belongs */
    sqlite3_int64 first;  /* frame that was written since the last sync; 0: none */
    bool may_come_true;   /* what the last sync failed for could not be spoiled */
    sqlite3_file under[]; /* of the size that its operations want */
};

struct log_vfs {
    sqlite3_vfs base; /* pAppData: the operations below */
    char name[64];
};

static struct log_file *log_of(sqlite3_file *file) {
    return (struct log_file *)file;
}

static sqlite3_vfs *vfs_under(sqlite3_vfs *vfs) {
    return vfs->pAppData;
}

/* ---- the log ---- */

/* What can't be filled is not. */
static void fill(struct log_file *log, sqlite3_int64 from) {
    static const uint8_t zeros[64 * 1024];
    sqlite3_int64 end = from + FILL_STEP < FILL_MOST ? from + FILL_STEP : FILL_MOST;
    log->filled = end;
    for (int code = SQLITE_OK; code == SQLITE_OK && from < end; from += (sqlite3_int64)sizeof zeros)
        code = log->under->pMethods->xWrite(log->under, zeros, (int)sizeof zeros, from);
}

/* A frame may be written anew in place: what was written behind it is never filled. */
static void reach(struct log_file *log, sqlite3_int64 end) {
    if (end <= log->filled)
        return;
    if (end < FILL_MOST)
        fill(log, end);
    else
        log->filled = end;
}

static int write_gathered(struct log_file *log) {
    size_t length = log->length;
    sqlite3_int64 end = log->at + (sqlite3_int64)length;
    log->length = 0;
    if (!length)
        return SQLITE_OK;
    int code = log->under->pMethods->xWrite(log->under, log->gathered, (int)length, log->at);
    if (!code)
        reach(log, end);
    return code;
}

/* With synchronous FULL all of it is of one transaction. */
static void note_first(struct log_file *log, sqlite3_int64 at) {
    if (at >= LOG_HEAD && (!log->first || at < log->first))
        log->first = at;
}

/*
 * A transaction whose sync failed is rolled back, and whoever asked for it hears that nothing was done; but
 * all of its frames are in the file, the mark of its end, too. SQLite writes over them with the next one.
 * If the process ended before that, the next to open the database would find it whole, and done. So its
 * first frame is spoiled at once, and with that, by the chain of checksums, all behind it. That no sync
 * follows leaves a power cut: but what no sync has put on the disk is hardly there after one.
 */
static void spoil(struct log_file *log) {
    static const uint8_t nothing[FRAME_HEAD];
    log->may_come_true = log->under->pMethods->xWrite(log->under, nothing, (int)sizeof nothing, log->first);
}

static int log_close(sqlite3_file *file) {
    struct log_file *log = log_of(file);
    int code = write_gathered(log), closed = log->under->pMethods->xClose(log->under);
    mem_free(log->gathered);
    log->gathered = NULL;
    return code ? code : closed;
}

static int log_read(sqlite3_file *file, void *out, int length, sqlite3_int64 at) {
    struct log_file *log = log_of(file);
    int code = write_gathered(log);
    return code ? code : log->under->pMethods->xRead(log->under, out, length, at);
}

static int log_write(sqlite3_file *file, const void *octets, int length, sqlite3_int64 at) {
    struct log_file *log = log_of(file);
    note_first(log, at);
    bool follows = log->length && at == log->at + (sqlite3_int64)log->length;
    if (!follows || log->length + (size_t)length > GATHERED_MOST) {
        int code = write_gathered(log);
        if (code)
            return code;
        log->at = at;
    }
    if ((size_t)length > GATHERED_MOST) {
        int code = log->under->pMethods->xWrite(log->under, octets, length, at);
        if (!code)
            reach(log, at + length);
        return code;
    }
    memcpy(log->gathered + log->length, octets, (size_t)length);
    log->length += (size_t)length;
    return SQLITE_OK;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size) {
    struct log_file *log = log_of(file);
    int code = write_gathered(log);
    log->filled = log->filled > size ? size : log->filled;
    return code ? code : log->under->pMethods->xTruncate(log->under, size);
}

static int log_sync(sqlite3_file *file, int flags) {
    struct log_file *log = log_of(file);
    int code = write_gathered(log);
    if (code) /* the mark of the end is missing */
        return code;
    code = log->under->pMethods->xSync(log->under, flags);
    if (log->first && code)
        spoil(log);
    else if (log->first)
        log->may_come_true = false;
    log->first = 0;
    return code;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size) {
    struct log_file *log = log_of(file);
    int code = write_gathered(log);
    return code ? code : log->under->pMethods->xFileSize(log->under, size);
}

static int log_lock(sqlite3_file *file, int level) {
    return log_of(file)->under->pMethods->xLock(log_of(file)->under, level);
}

static int log_unlock(sqlite3_file *file, int level) {
    return log_of(file)->under->pMethods->xUnlock(log_of(file)->under, level);
}

static int log_is_reserved(sqlite3_file *file, int *is_reserved) {
    return log_of(file)->under->pMethods->xCheckReservedLock(log_of(file)->under, is_reserved);
}

static int log_control(sqlite3_file *file, int operation, void *argument) {
    return log_of(file)->under->pMethods->xFileControl(log_of(file)->under, operation, argument);
}

static int log_sector(sqlite3_file *file) {
    return log_of(file)->under->pMethods->xSectorSize(log_of(file)->under);
}

static int log_device(sqlite3_file *file) {
    return log_of(file)->under->pMethods->xDeviceCharacteristics(log_of(file)->under);
}

/* SQLite maps no log, and has its locks and its shared memory by the database's file. */
static const sqlite3_io_methods log_methods = {.iVersion = 1,
                                               .xClose = log_close,
                                               .xRead = log_read,
                                               .xWrite = log_write,
                                               .xTruncate = log_truncate,
                                               .xSync = log_sync,
                                               .xFileSize = log_size,
                                               .xLock = log_lock,
                                               .xUnlock = log_unlock,
                                               .xCheckReservedLock = log_is_reserved,
                                               .xFileControl = log_control,
                                               .xSectorSize = log_sector,
                                               .xDeviceCharacteristics = log_device};

/* ---- the operations ---- */

/* The files of the other kinds are those below, as they are. */
static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    sqlite3_vfs *under = vfs_under(vfs);
    struct log_file *log = log_of(file);
    if (!(flags & SQLITE_OPEN_WAL))
        return under->xOpen(under, name, file, flags, out_flags);
    memset(log, 0, (size_t)vfs->szOsFile);
    log->gathered = mem_alloc(GATHERED_MOST);
    int code = log->gathered ? under->xOpen(under, name, log->under, flags, out_flags) : SQLITE_NOMEM;
    if (code == SQLITE_OK) {
        log->base.pMethods = &log_methods;
        if (log->under->pMethods->xFileSize(log->under, &log->filled) != SQLITE_OK)
            log->filled = FILL_MOST;
        return SQLITE_OK;
    }
    if (log->under->pMethods) /* also when it could not be opened */
        log->under->pMethods->xClose(log->under);
    mem_free(log->gathered);
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    return vfs_under(vfs)->xDelete(vfs_under(vfs), name, sync_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
    return vfs_under(vfs)->xAccess(vfs_under(vfs), name, flags, result);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int room, char *out) {
    return vfs_under(vfs)->xFullPathname(vfs_under(vfs), name, room, out);
}

static void make(struct log_vfs *vfs, sqlite3_vfs *under) {
    vfs->base = *under; /* what is not named here asks for no file */
    vfs->base.zName = vfs->name;
    vfs->base.pNext = NULL;
    vfs->base.pAppData = under;
    vfs->base.szOsFile = (int)sizeof(struct log_file) + under->szOsFile;
    vfs->base.xOpen = vfs_open;
    vfs->base.xDelete = vfs_delete;
    vfs->base.xAccess = vfs_access;
    vfs->base.xFullPathname = vfs_full_path;
}

const char *log_file_vfs(const char *name_under) {
    sqlite3_vfs *under = sqlite3_vfs_find(name_under);
    char name[sizeof((struct log_vfs *)0)->name];
    if (!under || snprintf(name, sizeof name, "log-over-%s", under->zName) >= (int)sizeof name)
        return NULL;
    sqlite3_vfs *there = sqlite3_vfs_find(name);
    if (there && vfs_under(there) == under)
        return there->zName;
    struct log_vfs *vfs = mem_alloc(sizeof *vfs); /* SQLite keeps it as long as the process lives */
    if (!vfs)
        return NULL;
    memcpy(vfs->name, name, sizeof name);
    make(vfs, under);
    return sqlite3_vfs_register(&vfs->base, 0) == SQLITE_OK ? vfs->name : NULL;
}

bool log_file_may_come_true(sqlite3 *db) {
    sqlite3_file *file = NULL;
    sqlite3_file_control(db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &file);
    return file && file->pMethods == &log_methods && log_of(file)->may_come_true;
}
