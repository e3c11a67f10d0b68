/*
 * A store's folder for targets: it is filled once, kept in memory, and written
 * anew for each input, where files cost least. Linked with --wrap of
 * posix_fallocate, fdatasync and fsync: space costs nothing before it is used,
 * and nothing needs to outlive the machine.
 */
#ifndef FUZZ_DISK_H
#define FUZZ_DISK_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

enum { DISK_FILES = 8 };

static struct {
    char folder[40];
    struct {
        char name[64];     /* below the folder */
        struct buf octets; /* without the zeros at its end */
        off_t length;
    } files[DISK_FILES];
    size_t count;
} disk;

int __wrap_posix_fallocate(int fd, off_t offset, off_t length);
int __wrap_posix_fallocate(int fd, off_t offset, off_t length) {
    return ftruncate(fd, offset + length) == 0 ? 0 : errno;
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd) {
    (void)fd;
    return 0;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd) {
    (void)fd;
    return 0;
}

static inline void disk_require(bool condition) {
    if (!condition)
        abort();
}

static inline void disk_remove(const char *path) {
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        char inner[600];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%.300s/%.255s", path, entry->d_name);
        if (unlink(inner) != 0)
            disk_remove(inner);
    }
    if (folder)
        closedir(folder);
    rmdir(path);
}

static inline void disk_remove_all(void) {
    disk_remove(disk.folder);
}

/* Makes the folder; it goes when the program ends. */
static inline const char *disk_begin(void) {
    snprintf(disk.folder, sizeof disk.folder, "%s/chasqui-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    disk_require(mkdtemp(disk.folder) != NULL);
    atexit(disk_remove_all);
    return disk.folder;
}

static inline void disk_keep_file(const char *name) {
    char path[160];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", disk.folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    disk_require(fd >= 0 && fstat(fd, &status) == 0 && disk.count < DISK_FILES);
    /* A segment is given out from its front: behind the first hole there is nothing. */
    off_t written = lseek(fd, 0, SEEK_HOLE);
    struct buf *octets = &disk.files[disk.count].octets;
    snprintf(disk.files[disk.count].name, sizeof disk.files[disk.count].name, "%s", name);
    disk.files[disk.count++].length = status.st_size;
    buf_init(octets, 0);
    disk_require(written >= 0 && buf_reserve(octets, (size_t)written + 1) &&
                 pread(fd, octets->data, (size_t)written, 0) == written);
    close(fd);
    octets->len = (size_t)written;
    while (octets->len && octets->data[octets->len - 1] == 0)
        octets->len--;
}

/* Keeps the files of a store that is closed now. */
static inline void disk_keep(void) {
    char path[80];
    disk_keep_file("queue.db");
    snprintf(path, sizeof path, "%s/segments", disk.folder);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        char name[64];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "segments/%.40s", entry->d_name);
        disk_keep_file(name);
    }
    if (folder)
        closedir(folder);
}

/* The folder as it was kept. */
static inline void disk_restore(void) {
    char path[160];
    disk_remove(disk.folder);
    snprintf(path, sizeof path, "%s/segments", disk.folder);
    disk_require(mkdir(disk.folder, 0700) == 0 && mkdir(path, 0700) == 0);
    for (size_t i = 0; i < disk.count; i++) {
        const struct buf *octets = &disk.files[i].octets;
        snprintf(path, sizeof path, "%s/%s", disk.folder, disk.files[i].name);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        disk_require(fd >= 0 && write(fd, octets->data, octets->len) == (ssize_t)octets->len &&
                     ftruncate(fd, disk.files[i].length) == 0);
        close(fd);
    }
}

/* Writes over a file's octets, which may reach beyond its end. */
static inline void disk_damage(size_t number, size_t offset, struct span octets) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", disk.folder, disk.files[number].name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!pwrite(fd, octets.data, octets.len, (off_t)offset);
    close(fd);
}

#endif
