/* SQLite's log, as a file below it (src/store/sqlite/log_file.c): what was written is never filled with
 * zeros. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/log_file.h"

/* Up to where it is filled. */
#define FILLED_MOST ((sqlite3_int64)17 << 20)
/* A page and its head. */
#define FRAME 8216

static uint8_t written[FRAME], read_back[FRAME];

struct log {
    char database[64], path[80];
    sqlite3_file *file;
};

/* A log that is `size` octets long already. */
static void open_log(struct log *log, sqlite3_int64 size) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(log_file_vfs(NULL));
    int flags = 0;
    assert_non_null(vfs);
    snprintf(log->database, sizeof log->database, "/tmp/chasqui-log-XXXXXX");
    close(mkstemp(log->database)); /* whose mode the log is given */
    snprintf(log->path, sizeof log->path, "%s-wal", log->database);
    int fd = open(log->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    close(fd);
    log->file = calloc(1, (size_t)vfs->szOsFile);
    assert_int_equal(vfs->xOpen(vfs, log->path, log->file, SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE, &flags),
                     SQLITE_OK);
}

static void close_log(struct log *log) {
    assert_int_equal(log->file->pMethods->xClose(log->file), SQLITE_OK);
    free(log->file);
    unlink(log->path);
    unlink(log->database);
}

/* On disk when it returns. */
static void put(struct log *log, const uint8_t *octets, int length, sqlite3_int64 at) {
    assert_int_equal(log->file->pMethods->xWrite(log->file, octets, length, at), SQLITE_OK);
    assert_int_equal(log->file->pMethods->xSync(log->file, SQLITE_SYNC_NORMAL), SQLITE_OK);
}

static void expect_written(struct log *log, int length, sqlite3_int64 at) {
    assert_int_equal(log->file->pMethods->xRead(log->file, read_back, length, at), SQLITE_OK);
    assert_memory_equal(read_back, written, length);
}

/* Each part of a frame anew, in its place. */
static void write_anew(struct log *log, int length, sqlite3_int64 at) {
    for (int from = 0; from < length; from += 500) {
        put(log, written + from, length - from < 500 ? length - from : 500, at + from);
        expect_written(log, length, at);
    }
}

/* The log ends anywhere near where it is filled to, and the frame behind goes over both. */
static void a_frame_near_the_filled_end_is_written_anew(void **state) {
    (void)state;
    for (int before = 0; before < 2 * FRAME; before += FRAME / 3) {
        struct log log;
        sqlite3_int64 at = FILLED_MOST - before - FRAME / 4;
        open_log(&log, FILLED_MOST - before);
        put(&log, written, FRAME, at);
        expect_written(&log, FRAME, at);
        write_anew(&log, FRAME, at);
        close_log(&log);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_near_the_filled_end_is_written_anew),
    };
    for (size_t i = 0; i < sizeof written; i++)
        written[i] = (uint8_t)(1 + i % 251);
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
