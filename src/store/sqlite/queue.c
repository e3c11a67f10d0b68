/* Reading messages and work. */
#include "base/arena.h"
#include "store/sqlite/sqlite_private.h"

static bool not_found(const char *what, uint64_t id, struct error *err) {
    return error_set(err, STORE_NOT_FOUND, "%s %llu is not there", what, (unsigned long long)id);
}

static bool copy_to(struct arena *arena, struct span *s, struct error *err) {
    *s = arena_dup(arena, *s);
    return s->data || error_set(err, STORE_NO_MEMORY, "out of memory");
}

bool sqlite_get_message(struct store *head, uint64_t id, struct arena *arena, struct store_message *message,
                        struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_GET_MESSAGE);
    if (!statement)
        return db_error(store, "message", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    if (sql_next(store, statement, &inner)) {
        bool whole = sqlite3_column_type(statement, 2) != SQLITE_NULL;
        *message = (struct store_message){id, sqlite3_column_int64(statement, 0),
                                          (uint64_t)sqlite3_column_int64(statement, whole ? 2 : 3),
                                          sql_span(statement, 1)};
        copy_to(arena, &message->envelope, &inner);
    } else if (!inner.code)
        not_found("message", id, &inner);
    sqlite3_reset(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

struct store_work work_of(sqlite3_stmt *row) {
    struct store_work work = {
        .id = (uint64_t)sqlite3_column_int64(row, 0),
        .message = (uint64_t)sqlite3_column_int64(row, 1),
        .next_hop = (uint32_t)sqlite3_column_int64(row, 2),
        .priority = (uint8_t)sqlite3_column_int(row, 3),
        .status = (uint8_t)sqlite3_column_int(row, 4),
        .doubt_peer = (uint32_t)sqlite3_column_int64(row, 5),
        .tries = (uint32_t)sqlite3_column_int64(row, 6),
        .due = sqlite3_column_int64(row, 7),
        .expiry = sqlite3_column_int64(row, 8),
        .data = sql_span(row, 9),
    };
    work.damaged = sql_differs(row, 10, sum_of_work(&work));
    return work;
}

bool sqlite_get_work(struct store *head, uint64_t id, struct arena *arena, struct store_work *work,
                     struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_GET_WORK);
    if (!statement)
        return db_error(store, "work", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    if (sql_next(store, statement, &inner)) {
        *work = work_of(statement);
        if (work->damaged)
            error_set(&inner, STORE_CORRUPT, "work %llu is not what was stored: run `mhs store check`",
                      (unsigned long long)id);
        else
            copy_to(arena, &work->data, &inner);
    } else if (!inner.code)
        not_found("work", id, &inner);
    sqlite3_reset(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

bool sqlite_each_work(struct store *head, uint64_t after, size_t limit, uint32_t next_hop, int status,
                      store_work_cb *cb, void *context, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(store, "SELECT * FROM work WHERE id > ?1 ORDER BY id", err);
    if (!walk)
        return false;
    sqlite3_bind_int64(walk, 1, after < INT64_MAX ? (sqlite3_int64)after : INT64_MAX);
    for (size_t given = 0; (!limit || given < limit) && sql_next(store, walk, &inner);) {
        struct store_work work = work_of(walk);
        if ((next_hop && work.next_hop != next_hop) || (status >= 0 && work.status != status))
            continue;
        given++;
        if (!cb(context, &work))
            break;
    }
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

static void count_row(struct store_counts *counts, sqlite3_stmt *row) {
    int status = sqlite3_column_int(row, 0);
    uint64_t number = (uint64_t)sqlite3_column_int64(row, 2);
    if (status >= 0 && status < STORE_STATUS_COUNT)
        counts->status[status] += number;
    if (sqlite3_column_int(row, 1))
        counts->in_doubt += number;
}

bool sqlite_count_work(struct store *head, struct store_counts *counts, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    *counts = (struct store_counts){0};
    sqlite3_stmt *walk =
        sql_walk(store, "SELECT status, doubt_peer != 0, count(*) FROM work GROUP BY 1, 2", err);
    if (!walk)
        return false;
    while (sql_next(store, walk, &inner))
        count_row(counts, walk);
    sqlite3_finalize(walk);
    if (inner.code)
        return error_set(err, inner.code, "%s", inner.text);
    walk = sql_walk(store, "SELECT count(DISTINCT message) FROM work", err);
    if (walk && sql_next(store, walk, &inner))
        counts->messages = (uint64_t)sqlite3_column_int64(walk, 0);
    sqlite3_finalize(walk);
    return walk && (!inner.code || error_set(err, inner.code, "%s", inner.text));
}
