/*
 * The file operations of the segments, as a table, so that a test can make
 * each of them fail, write short, or forget what was not synced. Results and
 * errno are those of the system calls they are named after.
 */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include <stdint.h>
#include <sys/types.h>

struct store_files {
    int (*open)(const char *path, int flags, mode_t mode);
    int (*close)(int fd);
    ssize_t (*pread)(int fd, void *out, size_t len, off_t offset);
    ssize_t (*pwrite)(int fd, const void *octets, size_t len, off_t offset);
    int (*datasync)(int fd);
    void (*write_back)(int fd); /* starts writing what is dirty, waits for nothing; may do nothing */
    int (*allocate)(
        int fd, off_t len); /* gives blocks to octets 0 to len-1; 0, or an errno as posix_fallocate does */
    int (*unlink)(const char *path);
    int (*sync_folder)(const char *path); /* makes the names in the folder durable */
    int64_t (*free_space)(
        const char *path); /* octets that an ordinary user can still write there; -1: unknown */
};

extern const struct store_files store_system_files;

#endif
