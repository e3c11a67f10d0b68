/* For tests that cut no power: syncs that take no time, in SQLite's files (a default VFS) and in segments. */
#ifndef TESTS_STORE_NO_SYNC_H
#define TESTS_STORE_NO_SYNC_H

#include <sqlite3.h>

#include "room.h"

/* SQLite has a table of methods for each kind of file. */
static struct no_sync_methods {
    sqlite3_io_methods ours;
    const sqlite3_io_methods *real;
} no_sync_methods[4];

static inline int no_sync(sqlite3_file *file, int flags) {
    (void)file, (void)flags;
    return SQLITE_OK;
}

static inline int no_sync_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                               int *out_flags) {
    struct no_sync_methods *m = no_sync_methods;
    int code = ((sqlite3_vfs *)vfs->pAppData)->xOpen(vfs->pAppData, name, file, flags, out_flags);
    if (code != SQLITE_OK || !file->pMethods)
        return code;
    while (m->real && m->real != file->pMethods)
        m++;
    m->real = file->pMethods;
    m->ours = *m->real;
    m->ours.xSync = no_sync;
    file->pMethods = &m->ours;
    return code;
}

static inline int no_datasync(int fd) {
    (void)fd;
    return 0;
}

static inline int no_folder_sync(const char *path) {
    (void)path;
    return 0;
}

/* The setup of a room whose syncs take no time. */
static inline int no_sync_setup(void **state) {
    static sqlite3_vfs quick;
    static struct store_files files;
    if (!quick.zName) {
        quick = *sqlite3_vfs_find(NULL);
        quick.pAppData = sqlite3_vfs_find(NULL);
        quick.zName = "no-sync";
        quick.xOpen = no_sync_open;
        sqlite3_vfs_register(&quick, 1);
        files = store_system_files;
        files.datasync = no_datasync;
        files.sync_folder = no_folder_sync;
    }
    if (room_setup(state))
        return -1;
    struct room *room = *state;
    room_close(room);
    room->engine.files = &files;
    room_open(room);
    return 0;
}

#endif
