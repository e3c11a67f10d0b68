/* Statements of the database's own, given to the closed store of a room in a folder. */
#ifndef TESTS_STORE_RAW_SQL_H
#define TESTS_STORE_RAW_SQL_H

#include <sqlite3.h>

#include "room.h"

static inline void raw_sql(const struct room *room, const char *text) {
    char name[128], *message = NULL;
    sqlite3 *db;
    snprintf(name, sizeof name, "%s/queue.db", room->path);
    assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%.200s: %s", text, message);
    sqlite3_close(db);
}

#endif
