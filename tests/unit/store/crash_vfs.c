/* See crash_disk.h. One file's unsynced writes are a list of pieces in the order of writing. */
#include "crash_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned random_state = 1, through_rate;

void crash_disk_seed(unsigned seed, unsigned through) {
    random_state = seed * 2654435761u + 1;
    through_rate = through;
}

static unsigned next_random(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 16;
}

struct piece {
    struct piece *next;
    int64_t offset;
    size_t len;
    bool cut; /* the file was cut to `offset` */
    unsigned char octets[];
};

struct unsynced {
    struct piece *first, *last;
};

static bool note(struct unsynced *u, int64_t offset, const void *octets, size_t len, bool cut) {
    struct piece *piece = malloc(sizeof *piece + len);
    if (!piece)
        return false;
    *piece = (struct piece){NULL, offset, len, cut};
    if (len)
        memcpy(piece->octets, octets, len);
    if (u->last)
        u->last->next = piece;
    else
        u->first = piece;
    u->last = piece;
    return true;
}

static void forget(struct unsynced *u) {
    for (struct piece *piece = u->first; piece;) {
        struct piece *next = piece->next;
        free(piece);
        piece = next;
    }
    *u = (struct unsynced){0};
}

/* Lays the unsynced pieces over what was read from the file. */
static void overlay(const struct unsynced *u, void *out, size_t len, int64_t offset) {
    for (const struct piece *piece = u->first; piece; piece = piece->next) {
        int64_t from = piece->offset > offset ? piece->offset : offset;
        int64_t end = piece->cut ? INT64_MAX : piece->offset + (int64_t)piece->len;
        int64_t to = end < offset + (int64_t)len ? end : offset + (int64_t)len;
        if (from >= to)
            continue;
        if (piece->cut)
            memset((char *)out + (from - offset), 0, (size_t)(to - from));
        else
            memcpy((char *)out + (from - offset), piece->octets + (from - piece->offset),
                   (size_t)(to - from));
    }
}

static int64_t size_with(const struct unsynced *u, int64_t size) {
    for (const struct piece *piece = u->first; piece; piece = piece->next) {
        int64_t end = piece->offset + (int64_t)piece->len;
        size = piece->cut || end > size ? end : size;
    }
    return size;
}

/* ---- the VFS: around the system's own, whose files it opens ---- */

struct crash_file {
    sqlite3_file base;
    struct unsynced unsynced;
    sqlite3_file *real; /* follows this struct in memory */
};

static sqlite3_file *real_of(sqlite3_file *file) {
    return ((struct crash_file *)file)->real;
}

static struct unsynced *unsynced_of(sqlite3_file *file) {
    return &((struct crash_file *)file)->unsynced;
}

static int file_close(sqlite3_file *file) {
    forget(unsynced_of(file));
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    int code = real_of(file)->pMethods->xFileSize(real_of(file), size);
    *size = size_with(unsynced_of(file), *size);
    return code;
}

static int file_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset) {
    sqlite3_int64 size;
    int code = real_of(file)->pMethods->xRead(real_of(file), out, len, offset);
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
        return code;
    overlay(unsynced_of(file), out, (size_t)len, offset);
    code = file_size(file, &size);
    return code ? code : offset + len > size ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int file_write(sqlite3_file *file, const void *octets, int len, sqlite3_int64 offset) {
    if (next_random() % 256 < through_rate) {
        int code = real_of(file)->pMethods->xWrite(real_of(file), octets, len, offset);
        if (code)
            return code;
    }
    return note(unsynced_of(file), offset, octets, (size_t)len, false) ? SQLITE_OK : SQLITE_IOERR_NOMEM;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return note(unsynced_of(file), size, NULL, 0, true) ? SQLITE_OK : SQLITE_IOERR_NOMEM;
}

static int file_sync(sqlite3_file *file, int flags) {
    sqlite3_file *real = real_of(file);
    for (struct piece *piece = unsynced_of(file)->first; piece; piece = piece->next) {
        int code = piece->cut ? real->pMethods->xTruncate(real, piece->offset)
                              : real->pMethods->xWrite(real, piece->octets, (int)piece->len, piece->offset);
        if (code)
            return code;
    }
    forget(unsynced_of(file));
    (void)flags; /* the test kills the process, not the machine */
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *result) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}

static int file_control(sqlite3_file *file, int what, void *argument) {
    if (what == SQLITE_FCNTL_SIZE_HINT || what == SQLITE_FCNTL_CHUNK_SIZE)
        return SQLITE_NOTFOUND;
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int file_sector(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_device(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out) {
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int drop) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), drop);
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
    sqlite3_vfs *real = vfs->pAppData;
    struct crash_file *crash = (struct crash_file *)file;
    *crash = (struct crash_file){.real = (sqlite3_file *)(crash + 1)};
    int code = real->xOpen(real, name, crash->real, flags, out_flags);
    if (crash->real->pMethods)
        crash->base.pMethods = &file_methods;
    return code;
}

static sqlite3_vfs crash_vfs;

const char *crash_disk_vfs(void) {
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    if (!crash_vfs.zName) {
        crash_vfs = *real;
        crash_vfs.zName = "crash";
        crash_vfs.pAppData = real;
        crash_vfs.szOsFile = (int)sizeof(struct crash_file) + real->szOsFile;
        crash_vfs.xOpen = vfs_open;
        sqlite3_vfs_register(&crash_vfs, 0);
    }
    return crash_vfs.zName;
}

/* ---- the segments ---- */

#define FILES 1024

static struct unsynced segments[FILES]; /* by descriptor */

static ssize_t segment_pread(int fd, void *out, size_t len, off_t offset) {
    ssize_t got = pread(fd, out, len, offset);
    if (got > 0)
        overlay(&segments[fd], out, (size_t)got, offset);
    return got;
}

static ssize_t segment_pwrite(int fd, const void *octets, size_t len, off_t offset) {
    if (len > 1)
        len -= next_random() % 2 * (len / 3); /* short writes are lawful */
    if (next_random() % 256 < through_rate && pwrite(fd, octets, len, offset) < 0)
        return -1;
    if (!note(&segments[fd], offset, octets, len, false)) {
        errno = ENOMEM;
        return -1;
    }
    return (ssize_t)len;
}

static int segment_datasync(int fd) {
    for (struct piece *piece = segments[fd].first; piece; piece = piece->next)
        if (pwrite(fd, piece->octets, piece->len, piece->offset) != (ssize_t)piece->len)
            return -1;
    forget(&segments[fd]);
    return 0;
}

static int segment_open(const char *path, int flags, mode_t mode) {
    int fd = store_system_files.open(path, flags, mode);
    if (fd >= FILES) {
        close(fd);
        errno = EMFILE;
        return -1;
    }
    return fd;
}

static int segment_close(int fd) {
    forget(&segments[fd]);
    return close(fd);
}

static int segment_allocate(int fd, off_t len) {
    return ftruncate(fd, len) ? errno : 0;
}

static void no_write_back(int fd) {
    (void)fd;
}

static int no_sync(const char *path) {
    (void)path;
    return 0;
}

static int64_t much_space(const char *path) {
    (void)path;
    return INT64_MAX;
}

const struct store_files crash_disk_files = {
    .open = segment_open,
    .close = segment_close,
    .pread = segment_pread,
    .pwrite = segment_pwrite,
    .datasync = segment_datasync,
    .write_back = no_write_back,
    .allocate = segment_allocate,
    .unlink = unlink,
    .sync_folder = no_sync,
    .free_space = much_space,
};
