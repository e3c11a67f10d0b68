/* Preloaded into a daemon, it lets the test take back what was written to the store's files and not yet
 * synced.
 *
 * SIGKILL proves nothing about fsync: the kernel keeps what a killed process has written, a power failure
 * doesn't. So the old octets of each block that is overwritten are first noted in an undo file, with the
 * file's size as of its last sync; a sync empties the undo file. After the kill, rollback.py puts the noted
 * blocks back.
 *
 * CHASQUI_UNSYNCED names a folder: files below it are watched, undo files are made in its folder .undo.
 * A file that was made is noted there too until the folder that it lies in is synced, for a file's own sync
 * says nothing of its name. Renaming and removal of files count as durable at once.
 *
 * CHASQUI_SYNC_LIES set is the control: a sync then says that it is done and empties nothing, as some disks
 * do, so that a kill takes back all that the process has written. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BLOCK = 4096, FILES = 256, PATH = 600, MADE = 64 };

struct watched {
    dev_t device;
    ino_t inode;
    int undo;       /* -1: nothing written since the last sync */
    uint64_t size;  /* at the last sync */
    uint8_t *saved; /* a bit a block of that size */
};

static struct watched files[FILES];
static size_t file_count;

/* Files whose folder was not synced since they were made. */
static struct made {
    char path[PATH]; /* empty: this place is free */
    int note;        /* where the path stands for rollback.py */
} made[MADE];

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static const char *folder(void) {
    const char *named = getenv("CHASQUI_UNSYNCED");
    return named ? named : "";
}

/* The path of a descriptor below the folder, shared memory and undo files left out. */
static int watched_path(int fd, char *path) {
    char link[64];
    size_t length = strlen(folder());
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = length ? readlink(link, path, PATH - 1) : -1;
    if (got <= (ssize_t)length)
        return 0;
    path[got] = 0;
    return !strncmp(path, folder(), length) && !strstr(path, "/.undo/") && !strstr(path, "-shm") &&
           !strstr(path, "(deleted)");
}

static struct watched *find(int fd, const struct stat *status) {
    for (size_t i = 0; i < file_count; i++)
        if (files[i].inode == status->st_ino && files[i].device == status->st_dev)
            return &files[i];
    char path[PATH];
    if (file_count == FILES || !watched_path(fd, path))
        return NULL;
    files[file_count] = (struct watched){status->st_dev, status->st_ino, -1, 0, NULL};
    return &files[file_count++];
}

static void undo_write(int undo, const void *data, size_t length) {
    REAL(write);
    if (real(undo, data, length) != (ssize_t)length)
        abort();
}

/* A file in .undo, named after what it tells and the inode that this is about. */
static int undo_file(const char *what, ino_t inode) {
    REAL(open);
    char undo[PATH + 64];
    snprintf(undo, sizeof undo, "%s/.undo", folder());
    mkdir(undo, 0700);
    snprintf(undo, sizeof undo, "%s/.undo/%s%llu", folder(), what, (unsigned long long)inode);
    return real(undo, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

/* Begins an undo file: the size at the last sync, the path. */
static void begin(struct watched *file, int fd, uint64_t size) {
    char path[PATH] = "";
    if (!watched_path(fd, path))
        return;
    file->undo = undo_file("", file->inode);
    if (file->undo < 0)
        return;
    file->size = size;
    file->saved = calloc(size / BLOCK / 8 + 2, 1);
    uint32_t length = (uint32_t)strlen(path);
    undo_write(file->undo, &size, sizeof size);
    undo_write(file->undo, &length, sizeof length);
    undo_write(file->undo, path, length);
}

/* The store's thread syncs a file while the loop writes to it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Notes the blocks of [from, to) as they were at the last sync. */
static void save_locked(int fd, uint64_t from, uint64_t to) {
    int kept = errno;
    struct stat status;
    struct watched *file = fstat(fd, &status) || !S_ISREG(status.st_mode) ? NULL : find(fd, &status);
    if (file && file->undo < 0)
        begin(file, fd, (uint64_t)status.st_size);
    if (!file || file->undo < 0 || !file->saved) {
        errno = kept;
        return;
    }
    if (to > file->size)
        to = file->size;
    for (uint64_t at = from / BLOCK; at * BLOCK < to; at++) {
        uint8_t block[BLOCK];
        if (file->saved[at / 8] >> (at % 8) & 1)
            continue;
        file->saved[at / 8] |= (uint8_t)(1 << (at % 8));
        uint64_t offset = at * BLOCK;
        ssize_t got = pread(fd, block, BLOCK, (off_t)offset);
        uint32_t length = got > 0 ? (uint32_t)got : 0;
        undo_write(file->undo, &offset, sizeof offset);
        undo_write(file->undo, &length, sizeof length);
        undo_write(file->undo, block, length);
    }
    errno = kept;
}

static void save(int fd, uint64_t from, uint64_t to) {
    pthread_mutex_lock(&lock);
    save_locked(fd, from, to);
    pthread_mutex_unlock(&lock);
}

static void note_made_locked(int fd) {
    struct stat status;
    struct made *place = made;
    while (place < made + MADE && place->path[0])
        place++;
    if (place == made + MADE || fstat(fd, &status) || !S_ISREG(status.st_mode) ||
        !watched_path(fd, place->path))
        return;
    place->note = undo_file("made-", status.st_ino);
    if (place->note >= 0)
        undo_write(place->note, place->path, strlen(place->path));
}

static void note_made(int fd) {
    pthread_mutex_lock(&lock);
    note_made_locked(fd);
    pthread_mutex_unlock(&lock);
}

/* The files of the folder have their names for good. */
static void folder_synced(int fd) {
    char link[64], path[PATH];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH - 1);
    for (struct made *file = made; length > 0 && file < made + MADE; file++) {
        const char *name = strrchr(file->path, '/');
        if (!name || name - file->path != length || strncmp(file->path, path, (size_t)length))
            continue;
        REAL(ftruncate);
        real(file->note, 0);
        close(file->note);
        file->path[0] = 0;
    }
}

/* What was noted is no longer to be taken back. */
static void synced_locked(int fd) {
    struct stat status;
    if (getenv("CHASQUI_SYNC_LIES"))
        return;
    if (!fstat(fd, &status) && S_ISDIR(status.st_mode))
        folder_synced(fd);
    struct watched *file = fstat(fd, &status) || !S_ISREG(status.st_mode) ? NULL : find(fd, &status);
    if (!file || file->undo < 0)
        return;
    REAL(ftruncate);
    real(file->undo, 0);
    close(file->undo);
    free(file->saved);
    file->undo = -1;
    file->saved = NULL;
}

static void synced(int fd) {
    pthread_mutex_lock(&lock);
    synced_locked(fd);
    pthread_mutex_unlock(&lock);
}

/* Opens with `real`, and notes what that made. */
static int open_noting(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    int makes = flags & O_CREAT && access(path, F_OK);
    int fd = real(path, flags, mode);
    int kept = errno;
    if (makes && fd >= 0)
        note_made(fd);
    errno = kept;
    return fd;
}

int open(const char *path, int flags, ...) {
    REAL(open);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_noting(real, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_noting(real, path, flags, mode);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    REAL(pwrite);
    save(fd, (uint64_t)offset, (uint64_t)offset + length);
    return real(fd, data, length, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    REAL(pwrite64);
    save(fd, (uint64_t)offset, (uint64_t)offset + length);
    return real(fd, data, length, offset);
}

static size_t total(const struct iovec *parts, int count) {
    size_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += parts[i].iov_len;
    return sum;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    REAL(pwritev);
    save(fd, (uint64_t)offset, (uint64_t)offset + total(parts, count));
    return real(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    REAL(pwritev64);
    save(fd, (uint64_t)offset, (uint64_t)offset + total(parts, count));
    return real(fd, parts, count, offset);
}

ssize_t write(int fd, const void *data, size_t length) {
    REAL(write);
    off_t offset = fd > 2 ? lseek(fd, 0, SEEK_CUR) : -1;
    if (offset >= 0)
        save(fd, (uint64_t)offset, (uint64_t)offset + length);
    return real(fd, data, length);
}

int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    save(fd, (uint64_t)length, UINT64_MAX);
    return real(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    save(fd, (uint64_t)length, UINT64_MAX);
    return real(fd, length);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
    REAL(fallocate);
    save(fd, (uint64_t)offset, mode ? (uint64_t)(offset + length) : (uint64_t)offset);
    return real(fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    REAL(fallocate64);
    save(fd, (uint64_t)offset, mode ? (uint64_t)(offset + length) : (uint64_t)offset);
    return real(fd, mode, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    REAL(posix_fallocate);
    save(fd, (uint64_t)offset, (uint64_t)offset);
    return real(fd, offset, length);
}

int fsync(int fd) {
    REAL(fsync);
    int result = real(fd);
    if (!result)
        synced(fd);
    return result;
}

int fdatasync(int fd) {
    REAL(fdatasync);
    int result = real(fd);
    if (!result)
        synced(fd);
    return result;
}
