/* All of a table, for a move. */
#include "store/sqlite/sqlite_private.h"

/* Gives one row; false ends the walk. */
typedef bool row_cb(const struct store_scan *scan, sqlite3_stmt *row, struct error *err);

static bool give_message(const struct store_scan *scan, sqlite3_stmt *row, struct error *err) {
    (void)err;
    return scan->message(scan->context, (uint64_t)sqlite3_column_int64(row, 0));
}

struct unpacking {
    const struct store_scan *scan;
    int64_t expiry;
    bool ended;
};

static bool give_event(void *context, struct span key, int64_t at, struct span data) {
    struct unpacking *unpacking = context;
    unpacking->ended = !unpacking->scan->event(unpacking->scan->context, key, at, data);
    return !unpacking->ended;
}

static bool give_events(const struct store_scan *scan, sqlite3_stmt *row, struct error *err) {
    struct unpacking unpacking = {.scan = scan};
    if (!events_unpack(sql_span(row, 0), give_event, &unpacking))
        return error_set(err, STORE_CORRUPT, "an event row is damaged");
    return !unpacking.ended;
}

static bool give_repeat(void *context, struct span digest) {
    struct unpacking *unpacking = context;
    unpacking->ended = !unpacking->scan->repeat(unpacking->scan->context, digest.data, unpacking->expiry);
    return !unpacking->ended;
}

static bool give_repeats(const struct store_scan *scan, sqlite3_stmt *row, struct error *err) {
    struct unpacking unpacking = {.scan = scan, .expiry = sqlite3_column_int64(row, 1)};
    if (!repeats_unpack(sql_span(row, 0), give_repeat, &unpacking))
        return error_set(err, STORE_CORRUPT, "a repeat row is damaged");
    return !unpacking.ended;
}

static bool give_outcome(const struct store_scan *scan, sqlite3_stmt *row, struct error *err) {
    struct store_outcome outcome = {.association = sql_span(row, 0),
                                    .activity = sql_span(row, 1),
                                    .peer = sql_span(row, 2),
                                    .expiry = sqlite3_column_int64(row, 3),
                                    .data = sql_span(row, 4)};
    (void)err;
    return scan->outcome(scan->context, &outcome);
}

static bool give_record(const struct store_scan *scan, sqlite3_stmt *row, struct error *err) {
    (void)err;
    return scan->record(scan->context, (uint32_t)sqlite3_column_int64(row, 0), sql_span(row, 1),
                        sql_span(row, 2));
}

static bool walk(struct sqlite *store, const struct store_scan *scan, const char *text, row_cb *give,
                 struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *rows = sql_walk(store, text, err);
    if (!rows)
        return false;
    while (sql_next(store, rows, &inner) && give(scan, rows, &inner))
        continue;
    sqlite3_finalize(rows);
    return store_passed(&inner, err);
}

bool sqlite_scan(struct store *head, const struct store_scan *scan, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    return (!scan->message || walk(store, scan, "SELECT id FROM message ORDER BY id", give_message, err)) &&
           (!scan->event || walk(store, scan, "SELECT data FROM event ORDER BY id", give_events, err)) &&
           (!scan->repeat ||
            walk(store, scan, "SELECT data, expiry FROM repeat ORDER BY id", give_repeats, err)) &&
           (!scan->outcome ||
            walk(store, scan, "SELECT association, activity, peer, expiry, data FROM outcome", give_outcome,
                 err)) &&
           (!scan->record || walk(store, scan, "SELECT kind, name, data FROM record", give_record, err));
}
