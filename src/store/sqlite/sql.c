/* The statements, and small helpers to run them. */
#include <errno.h>

#include "base/log.h"
#include "store/sqlite/log_file.h"
#include "store/sqlite/sqlite_private.h"

static const char *const texts[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READING] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SET_COUNTER] = "INSERT OR REPLACE INTO counter VALUES(?1, ?2)",
    [SQL_GET_COUNTER] = "SELECT next FROM counter WHERE name = ?1",
    [SQL_ADD_MESSAGE] = "INSERT INTO message VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_DROP_LAST] = "DELETE FROM message WHERE id = ?1 AND refs = ?2 AND content = 0",
    [SQL_GET_REFS] = "SELECT refs, content FROM message WHERE id = ?1",
    [SQL_SET_REFS] = "UPDATE message SET refs = ?2 WHERE id = ?1",
    [SQL_DROP_MESSAGE] = "DELETE FROM message WHERE id = ?1",
    [SQL_GET_MESSAGE] = "SELECT m.arrival, m.envelope, length(m.body), c.length FROM message m"
                        " LEFT JOIN content c ON c.id = m.content WHERE m.id = ?1",
    [SQL_GET_BODY] =
        "SELECT m.content, m.body, c.length FROM message m LEFT JOIN content c ON c.id = m.content"
        " WHERE m.id = ?1",
    [SQL_ADD_CONTENT] = "INSERT INTO content VALUES(?1, ?2, ?3, ?4)",
    [SQL_GET_CONTENT] = "SELECT refs, length FROM content WHERE id = ?1",
    [SQL_SET_CONTENT] = "UPDATE content SET refs = ?2, length = ?3, digest = ?4 WHERE id = ?1",
    [SQL_COUNT_CONTENT] = "UPDATE content SET refs = ?2 WHERE id = ?1",
    [SQL_DROP_CONTENT] = "DELETE FROM content WHERE id = ?1",
    [SQL_PUT_EXTENT] = "INSERT OR REPLACE INTO extent VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_GET_EXTENTS] = "SELECT segment, offset, length FROM extent WHERE content = ?1 ORDER BY seq",
    [SQL_DROP_EXTENTS] = "DELETE FROM extent WHERE content = ?1",
    [SQL_MOVE_EXTENT] = "UPDATE extent SET segment = ?3, offset = ?4 WHERE content = ?1 AND seq = ?2",
    [SQL_ADD_WORK] = "INSERT INTO work VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [SQL_SET_WORK] = "UPDATE work SET next_hop = ?3, priority = ?4, status = ?5, doubt_peer = ?6, tries = ?7,"
                     " due = ?8, expiry = ?9, data = ?10, sum = ?11 WHERE id = ?1",
    [SQL_DROP_WORK] = "DELETE FROM work WHERE id = ?1",
    [SQL_GET_WORK] = "SELECT * FROM work WHERE id = ?1",
    [SQL_ADD_EVENTS] = "INSERT INTO event VALUES(?1, ?2, ?3)",
    [SQL_GET_EVENTS] = "SELECT data FROM event WHERE id = ?1",
    [SQL_ADD_REPEATS] = "INSERT INTO repeat VALUES(?1, ?2, ?3)",
    [SQL_GET_REPEATS] = "SELECT data FROM repeat WHERE id = ?1",
    [SQL_ADD_TRACK] = "INSERT OR IGNORE INTO track VALUES(?1, ?2, ?3)",
    [SQL_ADD_REPEAT_TRACK] = "INSERT OR IGNORE INTO repeat_track VALUES(?1, ?2, ?3)",
    [SQL_FIND_TRACK] = "SELECT batch FROM track WHERE bucket = ?1 AND hash = ?2",
    [SQL_FIND_REPEAT_TRACK] = "SELECT batch FROM repeat_track WHERE bucket = ?1 AND hash = ?2",
    [SQL_LOOK_AT_RUNS] = "SELECT coalesce(min(bucket), 0), coalesce(max(bucket), 0),"
                         " count(bucket <= ?2 OR NULL) FROM run WHERE repeats = ?1",
    [SQL_EVENTS_BEHIND] = "SELECT id, data FROM event WHERE id > ?1 ORDER BY id",
    [SQL_REPEATS_BEHIND] = "SELECT id, data FROM repeat WHERE id > ?1 ORDER BY id",
    [SQL_DATA_VERSION] = "PRAGMA data_version",
    [SQL_ADD_RUN] = "INSERT INTO run VALUES(?1, ?2, ?3)",
    [SQL_PUT_ACTIVITY_IN] =
        "INSERT OR REPLACE INTO activity_in VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [SQL_DROP_ACTIVITY_IN] = "DELETE FROM activity_in WHERE id = ?1",
    [SQL_PUT_OUTCOME] = "INSERT OR REPLACE INTO outcome VALUES(?1, ?2, ?3, ?4, ?5)",
    [SQL_DROP_OUTCOME] = "DELETE FROM outcome WHERE association = ?1 AND activity = ?2 AND peer = ?3",
    [SQL_GET_OUTCOME] = "SELECT data FROM outcome WHERE association = ?1 AND activity = ?2 AND peer = ?3",
    [SQL_HAS_OUTCOME] = "SELECT 1 FROM outcome WHERE association = ?1 AND peer = ?2 LIMIT 1",
    [SQL_PUT_ACTIVITY_OUT] = "INSERT OR REPLACE INTO activity_out SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8"
                             " WHERE EXISTS(SELECT 1 FROM work WHERE id = ?1)",
    [SQL_DROP_ACTIVITY_OUT] = "DELETE FROM activity_out WHERE work = ?1",
    [SQL_ADD_NEXT_HOP] = "INSERT OR REPLACE INTO next_hop VALUES(?1, ?2)",
    [SQL_PUT_MAILBOX] = "INSERT OR REPLACE INTO mailbox VALUES(?1, ?2, ?3)",
    [SQL_DROP_MAILBOX] = "DELETE FROM mailbox WHERE id = ?1",
    [SQL_MOVE_ENTRIES] = "UPDATE entry SET id = id - (?1 << 32) + (?2 << 32) + ?3"
                         " WHERE id > (?1 << 32) AND id < ((?1 + 1) << 32)",
    [SQL_ADD_ENTRY] = "INSERT INTO entry VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_GET_BITS] = "SELECT bits FROM status WHERE id = ?1",
    [SQL_PUT_BITS] = "INSERT OR REPLACE INTO status VALUES(?1, ?2)",
    [SQL_DROP_BITS] = "DELETE FROM status WHERE id = ?1",
    [SQL_IS_EMPTY] = "SELECT NOT EXISTS(SELECT 1 FROM entry WHERE id >= ?1 AND id < ?2)",
    [SQL_DROP_ENTRY] = "DELETE FROM entry WHERE id = ?1",
    [SQL_GET_ENTRY] = "SELECT " ENTRY_COLUMNS " FROM entry WHERE id = ?1",
    [SQL_LAST_ENTRY] = "SELECT coalesce(max(id), 0) FROM entry WHERE id > ?1 AND id < ?2",
    [SQL_PUT_COLUMN] = "INSERT OR REPLACE INTO col SELECT ?1, ?4 WHERE EXISTS(SELECT 1 FROM entry"
                       " WHERE id >= ?2 AND id < ?3)",
    [SQL_DROP_COLUMN] = "DELETE FROM col WHERE id = ?1",
    [SQL_COUNT_CHUNKS] = "SELECT coalesce(max(id) + 1 - ?1, 0) FROM col WHERE id >= ?1 AND id < ?2",
    [SQL_PUT_RECORD] = "INSERT OR REPLACE INTO record VALUES(?1, ?2, ?3)",
    [SQL_DROP_RECORD] = "DELETE FROM record WHERE kind = ?1 AND name = ?2",
    [SQL_GET_RECORD] = "SELECT data FROM record WHERE kind = ?1 AND name = ?2",
};

sqlite3_stmt *sql(struct sqlite *store, enum statement which) {
    sqlite3_stmt **statement = &store->connection->statements[which];
    errno = 0; /* db_error tells of what it is afterwards */
    if (!*statement && sqlite3_prepare_v3(store->connection->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                          statement, NULL) != SQLITE_OK)
        return NULL;
    return *statement;
}

bool sql_run(struct sqlite *store, enum statement which, int64_t *changed, struct error *err) {
    sqlite3_stmt *statement = sql(store, which);
    if (!statement)
        return db_error(store, "prepare", err);
    errno = 0;
    int code = sqlite3_step(statement);
    if (changed)
        *changed = sqlite3_changes64(store->connection->db);
    bool ok = code == SQLITE_DONE || code == SQLITE_ROW || db_error(store, sqlite3_sql(statement), err);
    sqlite3_reset(statement);
    return ok;
}

bool sql_is_undone(struct sqlite *store) {
    if (!log_file_may_come_true(store->writing.db))
        return true;
    log_error(
        "%s: the disk failed while a transaction was written to queue.db-wal, and what was written there "
        "can't be made void: what was refused may be found done after the next start",
        store->head.place);
    return false;
}

bool sql_exec(struct sqlite *store, const char *text, struct error *err) {
    errno = 0;
    return sqlite3_exec(store->connection->db, text, NULL, NULL, NULL) == SQLITE_OK ||
           db_error(store, text, err);
}

sqlite3_stmt *sql_walk(struct sqlite *store, const char *text, struct error *err) {
    sqlite3_stmt *statement = NULL;
    errno = 0;
    if (sqlite3_prepare_v2(store->connection->db, text, -1, &statement, NULL) != SQLITE_OK)
        db_error(store, "prepare", err);
    return statement;
}

bool sql_next(struct sqlite *store, sqlite3_stmt *statement, struct error *err) {
    errno = 0;
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        db_error(store, sqlite3_sql(statement), err);
    return code == SQLITE_ROW;
}

void sql_bind_span(sqlite3_stmt *statement, int index, struct span s) {
    sqlite3_bind_blob64(statement, index, s.len ? (const void *)s.data : "", s.len, SQLITE_STATIC);
}

struct span sql_span(sqlite3_stmt *statement, int column) {
    const void *octets = sqlite3_column_blob(statement, column);
    int len = sqlite3_column_bytes(statement, column);
    return octets && len > 0 ? span_of(octets, (size_t)len) : span_of("", 0);
}

bool sql_differs(sqlite3_stmt *row, int column, uint64_t sum) {
    return sqlite3_column_type(row, column) != SQLITE_NULL &&
           (uint64_t)sqlite3_column_int64(row, column) != sum;
}

void sql_close(struct connection *connection) {
    for (size_t i = 0; i < SQL_STATEMENTS; i++)
        sqlite3_finalize(connection->statements[i]);
    sqlite3_close_v2(connection->db);
    *connection = (struct connection){0};
}

/* ---- counters ---- */

bool counter_get(struct sqlite *store, const char *name, uint64_t *next, struct error *err) {
    sqlite3_stmt *statement = sql(store, SQL_GET_COUNTER);
    if (!statement)
        return db_error(store, "counter", err);
    struct error inner = {0};
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    *next = sql_next(store, statement, &inner) ? (uint64_t)sqlite3_column_int64(statement, 0) : 1;
    sqlite3_reset(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

bool counter_set(struct sqlite *store, const char *name, uint64_t next, struct error *err) {
    sqlite3_stmt *statement = sql(store, SQL_SET_COUNTER);
    if (!statement)
        return db_error(store, "counter", err);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)next);
    return sql_run(store, SQL_SET_COUNTER, NULL, err);
}
