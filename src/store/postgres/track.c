/* Reading what was tracked, what may come again, and transfers that broke. */
#include "base/alloc.h"
#include "store/postgres/postgres_private.h"

/* ---- events and repeats ---- */

struct tracking {
    struct walk *walk;
    bool ended;
};

static bool match_event(void *context, struct span key, int64_t at, struct span data) {
    struct tracking *tracking = context;
    struct walk *walk = tracking->walk;
    if (span_eq(key, walk->key[0]) && !walk->cb.event(walk->context, at, data))
        tracking->ended = true;
    return !tracking->ended;
}

static bool give_events(struct walk *walk, const PGresult *rows, int row) {
    struct tracking tracking = {walk, false};
    walk->after[0] = pg_number(rows, row, 0);
    walk->damaged = !events_unpack(pg_octets(rows, row, 1), match_event, &tracking);
    return !walk->damaged && !tracking.ended;
}

bool pg_track(struct store *store, struct span key, store_event_cb *cb, void *context, struct error *err) {
    struct walk walk = {.pg = pg_of(store),
                        .query = Q_TRACK,
                        .row = give_events,
                        .key = {key},
                        .number = {(int64_t)store_hash(store, key)},
                        .numbers = 1,
                        .afters = 1,
                        .cb.event = cb,
                        .context = context};
    return pg_walk(&walk, err) &&
           (!walk.damaged || error_set(err, STORE_CORRUPT, "%s: event row %lld is damaged", store->place,
                                       (long long)walk.after[0]));
}

static bool give_past(struct walk *walk, const PGresult *rows, int row) {
    walk->after[0] = pg_number(rows, row, 0) - 1;
    return events_backwards(walk->scratch, (uint64_t)pg_number(rows, row, 0), pg_octets(rows, row, 1),
                            walk->before, walk->cb.past, walk->context);
}

bool pg_each_event(struct store *store, uint64_t before, store_past_cb *cb, void *context,
                   struct error *err) {
    struct buf scratch;
    struct walk walk = {.pg = pg_of(store),
                        .query = Q_EACH_EVENT,
                        .row = give_past,
                        .after = {before ? (int64_t)(before >> PLACE_BITS) : INT64_MAX},
                        .afters = 1,
                        .before = before,
                        .scratch = &scratch,
                        .cb.past = cb,
                        .context = context};
    buf_init(&scratch, 0);
    bool ok = pg_walk(&walk, err) && (!scratch.failed || store_no_memory(store, err));
    buf_free(&scratch);
    return ok;
}

bool pg_find_repeat(struct store *store, const uint8_t key[static STORE_DIGEST], bool *found,
                    struct error *err) {
    struct pg_parameters parameters = {0};
    *found = false;
    if (!pg_may_have_repeat(pg_of(store), key))
        return true;
    pg_add_octets(&parameters, span_of(key, STORE_DIGEST));
    PGresult *row = pg_read(pg_of(store), Q_FIND_REPEAT, &parameters, err);
    *found = row && PQntuples(row);
    PQclear(row);
    return row != NULL;
}

/* ---- activities in ---- */

struct store_activity_in pg_activity_in_of(const PGresult *rows, int row, bool *damaged) {
    struct store_activity_in in = {
        .id = (uint64_t)pg_number(rows, row, 0),
        .peer = pg_octets(rows, row, 1),
        .association = pg_octets(rows, row, 2),
        .activity = pg_octets(rows, row, 3),
        .at = pg_number(rows, row, 4),
        .serial = (uint32_t)pg_number(rows, row, 5),
        .offset = (uint64_t)pg_number(rows, row, 6),
        .content_length = (uint64_t)pg_number(rows, row, 8),
        .state = pg_octets(rows, row, 10),
    };
    uint64_t content = (uint64_t)pg_number(rows, row, 7);
    *damaged = pg_differs(rows, row, 11, sum_of_activity_in(&in, content, pg_octets(rows, row, 9)));
    return in;
}

static bool no_such_activity(struct error *err) {
    return error_set(err, STORE_NOT_FOUND, "there is no such activity");
}

bool pg_find_activity_in(struct store *store, struct span peer, struct span association, struct span activity,
                         struct store_activity_in *found, struct error *err) {
    struct pg_parameters parameters = {0};
    if (!pg_may_have_activity(pg_of(store), association, activity))
        return no_such_activity(err);
    pg_add_octets(&parameters, association);
    pg_add_octets(&parameters, activity);
    pg_add_octets(&parameters, peer);
    PGresult *row = pg_read(pg_of(store), Q_FIND_ACTIVITY_IN, &parameters, err);
    if (!row)
        return false;
    bool damaged = false, there = PQntuples(row) > 0;
    if (there)
        *found = pg_activity_in_of(row, 0, &damaged);
    if (there && !damaged) {
        PQclear(pg_of(store)->found);
        pg_of(store)->found = row;
        return true;
    }
    PQclear(row);
    return no_such_activity(err);
}

static bool give_activity_in(struct walk *walk, const PGresult *rows, int row) {
    bool damaged;
    struct store_activity_in in = pg_activity_in_of(rows, row, &damaged);
    walk->after[0] = walk->afters == 2 ? in.at : (int64_t)in.id;
    walk->after[1] = (int64_t)in.id;
    return damaged || walk->cb.activity_in(walk->context, &in);
}

bool pg_each_activity_of(struct store *store, struct span association, store_activity_in_cb *cb,
                         void *context, struct error *err) {
    struct walk walk = {.pg = pg_of(store),
                        .query = Q_EACH_ACTIVITY_OF,
                        .row = give_activity_in,
                        .key = {association},
                        .keys = 1,
                        .afters = 1,
                        .cb.activity_in = cb,
                        .context = context};
    return pg_walk(&walk, err);
}

bool pg_each_activity_in(struct store *store, store_activity_in_cb *cb, void *context, struct error *err) {
    struct walk walk = {.pg = pg_of(store),
                        .query = Q_EACH_ACTIVITY_IN,
                        .row = give_activity_in,
                        .after = {INT64_MIN, 0},
                        .afters = 2,
                        .cb.activity_in = cb,
                        .context = context};
    return pg_walk(&walk, err);
}

/* ---- activities out, outcomes ---- */

struct store_activity_out pg_activity_out_of(const PGresult *rows, int row, bool *damaged) {
    struct store_activity_out out = {
        .work = (uint64_t)pg_number(rows, row, 0),
        .association = pg_octets(rows, row, 1),
        .activity = pg_octets(rows, row, 2),
        .at = pg_number(rows, row, 3),
        .serial = (uint32_t)pg_number(rows, row, 4),
        .offset = (uint64_t)pg_number(rows, row, 5),
        .data = pg_octets(rows, row, 6),
    };
    *damaged = pg_differs(rows, row, 7, sum_of_activity_out(&out));
    return out;
}

static bool give_activity_out(struct walk *walk, const PGresult *rows, int row) {
    bool damaged;
    struct store_activity_out out = pg_activity_out_of(rows, row, &damaged);
    walk->after[0] = (int64_t)out.work;
    return damaged || walk->cb.activity_out(walk->context, &out);
}

bool pg_each_activity_out(struct store *store, store_activity_out_cb *cb, void *context, struct error *err) {
    struct walk walk = {.pg = pg_of(store),
                        .query = Q_EACH_ACTIVITY_OUT,
                        .row = give_activity_out,
                        .afters = 1,
                        .cb.activity_out = cb,
                        .context = context};
    return pg_walk(&walk, err);
}

bool pg_get_outcome(struct store *store, struct span association, struct span activity, struct span peer,
                    struct buf *data, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_octets(&parameters, association);
    pg_add_octets(&parameters, activity);
    pg_add_octets(&parameters, peer);
    PGresult *row = pg_read(pg_of(store), Q_GET_OUTCOME, &parameters, err);
    if (!row)
        return false;
    bool ok = PQntuples(row)
                  ? !data || buf_append_span(data, pg_octets(row, 0, 0)) || store_no_memory(store, err)
                  : error_set(err, STORE_NOT_FOUND, "there is no such outcome");
    PQclear(row);
    return ok;
}

static bool give_outcome(struct walk *walk, const PGresult *rows, int row) {
    struct store_outcome outcome = {.association = walk->key[0],
                                    .activity = pg_octets(rows, row, 0),
                                    .peer = pg_octets(rows, row, 1),
                                    .expiry = pg_number(rows, row, 2),
                                    .data = pg_octets(rows, row, 3)};
    return walk->cb.outcome(walk->context, &outcome);
}

bool pg_has_outcome(struct store *store, struct span association, struct span peer, bool *has,
                    struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_octets(&parameters, association);
    pg_add_octets(&parameters, peer);
    PGresult *row = pg_read(pg_of(store), Q_HAS_OUTCOME, &parameters, err);
    *has = row && PQntuples(row);
    PQclear(row);
    return row != NULL;
}

bool pg_each_outcome(struct store *store, struct span association, unsigned most, store_outcome_cb *cb,
                     void *context, struct error *err) {
    struct walk walk = {.pg = pg_of(store),
                        .query = Q_EACH_OUTCOME,
                        .row = give_outcome,
                        .key = {association},
                        .keys = 1,
                        .number = {most},
                        .numbers = 1,
                        .cb.outcome = cb,
                        .context = context};
    return pg_walk(&walk, err);
}
