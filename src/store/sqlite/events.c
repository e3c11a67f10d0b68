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

/* A place is a row and an event's number in it: more than these of one batch share the last one's. */
#define PLACE_BITS 20
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)

struct packed_event {
    struct span key, data;
    int64_t at;
};

static bool note_packed(void *context, struct span key, int64_t at, struct span data) {
    struct packed_event event = {key, data, at};
    return buf_append(context, &event, sizeof event);
}

struct backwards {
    uint64_t before;
    store_past_cb *cb;
    void *context;
    struct buf events; /* of one row */
};

/* False: the callback has enough. */
static bool row_backwards(struct backwards *walk, uint64_t row, struct span packed) {
    buf_clear(&walk->events);
    events_unpack(packed, note_packed, &walk->events); /* of a damaged row what can be read */
    if (walk->events.failed)
        return false;
    for (size_t n = walk->events.len / sizeof(struct packed_event); n-- > 0;) {
        struct packed_event event;
        memcpy(&event, walk->events.data + n * sizeof event, sizeof event);
        uint64_t place = row << PLACE_BITS | (n < PLACE_MASK ? n : PLACE_MASK);
        if ((!walk->before || place < walk->before) &&
            !walk->cb(walk->context, place, event.key, event.at, event.data))
            return false;
    }
    return true;
}

bool sqlite_each_event(struct store *head, uint64_t before, store_past_cb *cb, void *context,
                       struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct backwards backwards = {.before = before, .cb = cb, .context = context};
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(store, "SELECT id, data FROM event WHERE id <= ?1 ORDER BY id DESC", err);
    if (!walk)
        return false;
    buf_init(&backwards.events, 0);
    sqlite3_bind_int64(walk, 1, before ? (sqlite3_int64)(before >> PLACE_BITS) : INT64_MAX);
    while (sql_next(store, walk, &inner) &&
           row_backwards(&backwards, (uint64_t)sqlite3_column_int64(walk, 0), sql_span(walk, 1)))
        continue;
    sqlite3_finalize(walk);
    if (backwards.events.failed && !inner.code)
        error_set(&inner, STORE_NO_MEMORY, "%s: out of memory", store->head.place);
    buf_free(&backwards.events);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}
