/* Tracking events: by their key, and backwards through all of them. */
#include "store/sqlite/sqlite_private.h"

/* ---- tracking ---- */

struct tracking {
    struct span key;
    store_event_cb *cb;
    void *context;
    bool ended;
};

static bool match_event(void *context, struct span key, int64_t at, struct span data) {
    struct tracking *tracking = context;
    if (span_eq(key, tracking->key) && !tracking->cb(tracking->context, at, data))
        tracking->ended = true;
    return !tracking->ended;
}

bool sqlite_track(struct store *head, struct span key, store_event_cb *cb, void *context, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct tracking tracking = {key, cb, context, false};
    struct buf rows, packed;
    buf_init(&rows, 0);
    buf_init(&packed, 0);
    bool ok = runs_lookup(store, false, store_hash(&store->head, key), &rows, err);
    for (size_t at = 0; ok && !tracking.ended && at < rows.len; at += sizeof(uint64_t)) {
        uint64_t row;
        memcpy(&row, rows.data + at, sizeof row);
        ok = packed_row(store, false, row, &packed, err);
        if (ok && !events_unpack(buf_span(&packed), match_event, &tracking))
            ok = error_set(err, STORE_CORRUPT, "%s: event row %llu is damaged", store->head.place,
                           (unsigned long long)row);
    }
    buf_free(&rows);
    buf_free(&packed);
    return ok;
}

/* ---- backwards ---- */

bool sqlite_each_event(struct store *head, uint64_t before, store_past_cb *cb, void *context,
                       struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    struct buf scratch;
    sqlite3_stmt *walk = sql_walk(store, "SELECT id, data FROM event WHERE id <= ?1 ORDER BY id DESC", err);
    if (!walk)
        return false;
    buf_init(&scratch, 0);
    sqlite3_bind_int64(walk, 1, before ? (sqlite3_int64)(before >> PLACE_BITS) : INT64_MAX);
    while (sql_next(store, walk, &inner) &&
           events_backwards(&scratch, (uint64_t)sqlite3_column_int64(walk, 0), sql_span(walk, 1), before, cb,
                            context))
        continue;
    sqlite3_finalize(walk);
    if (scratch.failed && !inner.code)
        error_set(&inner, STORE_NO_MEMORY, "%s: out of memory", store->head.place);
    buf_free(&scratch);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}
