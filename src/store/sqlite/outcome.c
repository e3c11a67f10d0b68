/* Outcomes of activities in: found by their key, and by the association alone, which is its beginning. */
#include "store/sqlite/sqlite_private.h"

bool sqlite_get_outcome(struct store *head, struct span association, struct span activity, struct span peer,
                        struct buf *data, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_GET_OUTCOME);
    if (!statement)
        return db_error(store, "outcome", err);
    sql_bind_span(statement, 1, association);
    sql_bind_span(statement, 2, activity);
    sql_bind_span(statement, 3, peer);
    bool found = sql_next(store, statement, &inner);
    if (found && data && !buf_append_span(data, sql_span(statement, 0)))
        error_set(&inner, STORE_NO_MEMORY, "%s: out of memory", store->head.place);
    else if (!found && !inner.code)
        error_set(&inner, STORE_NOT_FOUND, "there is no such outcome");
    sqlite3_reset(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

bool sqlite_each_outcome(struct store *head, struct span association, store_outcome_cb *cb, void *context,
                         struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *walk =
        sql_walk(store, "SELECT activity, peer, expiry, data FROM outcome WHERE association = ?1", err);
    if (!walk)
        return false;
    sql_bind_span(walk, 1, association);
    while (sql_next(store, walk, &inner)) {
        struct store_outcome outcome = {.association = association,
                                        .activity = sql_span(walk, 0),
                                        .peer = sql_span(walk, 1),
                                        .expiry = sqlite3_column_int64(walk, 2),
                                        .data = sql_span(walk, 3)};
        if (!cb(context, &outcome))
            break;
    }
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}
