/* Outcomes of activities in: found by their key, which begins with the association, then the peer. */
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

bool sqlite_has_outcome(struct store *head, struct span association, struct span peer, bool *has,
                        struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_HAS_OUTCOME);
    if (!statement)
        return db_error(store, "outcome", err);
    sql_bind_span(statement, 1, association);
    sql_bind_span(statement, 2, peer);
    *has = sql_next(store, statement, &inner);
    sqlite3_reset(statement);
    return store_passed(&inner, err);
}

/* The peer of one walk over an association, and how many of its outcomes have come. */
struct turn {
    uint8_t octets[KEY_LIMIT];
    struct span peer;
    unsigned count;
};

/* Behind the peer's last outcome, however many are passed over. */
static bool next_peer(struct sqlite *store, sqlite3_stmt *walk, const struct turn *turn, struct error *err) {
    sqlite3_reset(walk);
    sql_bind_span(walk, 2, turn->peer);
    return sql_next(store, walk, err);
}

static void take_turn(struct turn *turn, struct span peer) {
    if (turn->count && span_eq(peer, turn->peer)) {
        turn->count++;
        return;
    }
    size_t len = peer.len < sizeof turn->octets ? peer.len : sizeof turn->octets;
    if (len)
        memcpy(turn->octets, peer.data, len);
    turn->peer = span_of(turn->octets, len);
    turn->count = 1;
}

bool sqlite_each_outcome(struct store *head, struct span association, unsigned most, store_outcome_cb *cb,
                         void *context, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    struct turn turn = {.count = 0};
    sqlite3_stmt *walk = sql_walk(store,
                                  "SELECT activity, peer, expiry, data FROM outcome WHERE association = ?1"
                                  " AND peer > ?2 ORDER BY peer, activity",
                                  err);
    if (!walk)
        return false;
    sql_bind_span(walk, 1, association);
    sqlite3_bind_int(walk, 2, 0); /* a number is less than any octets */
    bool more = sql_next(store, walk, &inner);
    while (more) {
        struct store_outcome outcome = {.association = association,
                                        .activity = sql_span(walk, 0),
                                        .peer = sql_span(walk, 1),
                                        .expiry = sqlite3_column_int64(walk, 2),
                                        .data = sql_span(walk, 3)};
        take_turn(&turn, outcome.peer);
        more = cb(context, &outcome) &&
               (turn.count < most ? sql_next(store, walk, &inner) : next_peer(store, walk, &turn, &inner));
    }
    sqlite3_finalize(walk);
    return store_passed(&inner, err);
}
