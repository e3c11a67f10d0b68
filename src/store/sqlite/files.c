#include "store/sqlite/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int system_open(const char *path, int flags, mode_t mode) {
    return open(path, flags | O_CLOEXEC, mode);
}

static void system_write_back(int fd) {
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* a hint: what fails here fails in the sync */
}

static int system_allocate(int fd, off_t len) {
    return posix_fallocate(fd, 0, len);
}

static int system_sync_folder(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = fsync(fd), saved = errno;
    close(fd);
    errno = saved;
    return result;
}

static int64_t system_free_space(const char *path) {
    struct statvfs s;
    if (statvfs(path, &s))
        return -1;
    uint64_t space = (uint64_t)s.f_bavail * s.f_frsize;
    return space > INT64_MAX ? INT64_MAX : (int64_t)space;
}

const struct store_files store_system_files = {
    .open = system_open,
    .close = close,
    .pread = pread,
    .pwrite = pwrite,
    .datasync = fdatasync,
    .write_back = system_write_back,
    .allocate = system_allocate,
    .unlink = unlink,
    .sync_folder = system_sync_folder,
    .free_space = system_free_space,
};
