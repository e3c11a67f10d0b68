/* All of a table, for a move: by a cursor of a session of its own, so that the rows of a snapshot come in
 * pieces and in one order, whatever key they have. */
#include "store/postgres/postgres_private.h"

/* Gives one row; false ends the walk. */
typedef bool row_cb(const struct store_scan *scan, const PGresult *rows, int row, struct error *err);

static bool give_message(const struct store_scan *scan, const PGresult *rows, int row, struct error *err) {
    (void)err;
    return scan->message(scan->context, (uint64_t)pg_number(rows, row, 0));
}

struct telling {
    const struct store_scan *scan;
    bool goes_on;
};

static bool tell_event(void *context, struct span key, int64_t at, struct span data) {
    struct telling *telling = context;
    telling->goes_on = telling->scan->event(telling->scan->context, key, at, data);
    return telling->goes_on;
}

static bool give_events(const struct store_scan *scan, const PGresult *rows, int row, struct error *err) {
    struct telling telling = {scan, true};
    if (!events_unpack(pg_octets(rows, row, 1), tell_event, &telling))
        return error_set(err, STORE_CORRUPT, "event row %lld is damaged", (long long)pg_number(rows, row, 0));
    return telling.goes_on;
}

static bool give_repeat(const struct store_scan *scan, const PGresult *rows, int row, struct error *err) {
    struct span digest = pg_octets(rows, row, 0);
    if (digest.len != STORE_DIGEST)
        return error_set(err, STORE_CORRUPT, "a repeat key has %zu octets", digest.len);
    return scan->repeat(scan->context, digest.data, pg_number(rows, row, 1));
}

static bool give_outcome(const struct store_scan *scan, const PGresult *rows, int row, struct error *err) {
    (void)err;
    struct store_outcome outcome = {.association = pg_octets(rows, row, 0),
                                    .activity = pg_octets(rows, row, 1),
                                    .peer = pg_octets(rows, row, 2),
                                    .expiry = pg_number(rows, row, 3),
                                    .data = pg_octets(rows, row, 4)};
    return scan->outcome(scan->context, &outcome);
}

static bool give_record(const struct store_scan *scan, const PGresult *rows, int row, struct error *err) {
    (void)err;
    return scan->record(scan->context, (uint32_t)pg_number(rows, row, 0), pg_octets(rows, row, 1),
                        pg_octets(rows, row, 2));
}

/* The next rows of the cursor, in binary; NULL on failure. */
static PGresult *fetch(struct pg *pg, struct error *err) {
    PGresult *rows = PQexecParams(pg->conn, "FETCH FORWARD 500 FROM rows", 0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(rows) == PGRES_TUPLES_OK)
        return rows;
    error_set(err, STORE_IO, "%s: %s", pg->place, PQresultErrorMessage(rows));
    PQclear(rows);
    return NULL;
}

static bool walk(struct pg *pg, const struct store_scan *scan, const char *declare, row_cb *give,
                 struct error *err) {
    struct error inner = {0};
    int count = 1;
    if (!pg_script(pg, declare, err))
        return false;
    while (count) {
        PGresult *rows = fetch(pg, &inner);
        count = rows ? PQntuples(rows) : 0;
        for (int row = 0; row < count; row++)
            if (!give(scan, rows, row, &inner))
                count = 0;
        PQclear(rows);
    }
    return store_passed(&inner, err) && pg_script(pg, "CLOSE rows", err);
}

#define CURSOR "DECLARE rows NO SCROLL CURSOR FOR SELECT "

static bool walk_all(struct pg *pg, const struct store_scan *scan, struct error *err) {
    return pg_script(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = chasqui",
                     err) &&
           (!scan->message || walk(pg, scan, CURSOR "id FROM message ORDER BY id", give_message, err)) &&
           (!scan->event || walk(pg, scan, CURSOR "id, data FROM event ORDER BY id", give_events, err)) &&
           (!scan->repeat ||
            walk(pg, scan, CURSOR "digest, expiry FROM repeat ORDER BY expiry", give_repeat, err)) &&
           (!scan->outcome || walk(pg, scan, CURSOR "association, activity, peer, expiry, data FROM outcome",
                                   give_outcome, err)) &&
           (!scan->record || walk(pg, scan, CURSOR "kind, name, data FROM record", give_record, err));
}

bool pg_scan(struct store *store, const struct store_scan *scan, struct error *err) {
    struct pg pg = {0};
    bool ok = pg_connect(&pg, pg_of(store)->uri, "scan", err) && walk_all(&pg, scan, err);
    pg_disconnect(&pg);
    pg_free(&pg);
    return ok;
}
