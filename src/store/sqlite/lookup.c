/* Finding packed rows by hash, and filling the runs at start (runs_private.h). */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "store/sqlite/sqlite_private.h"

/* ---- packed rows ---- */

bool repeats_unpack(struct span packed, packed_repeat_cb *cb, void *context) {
    for (size_t at = 0; at + STORE_DIGEST <= packed.len; at += STORE_DIGEST)
        if (!cb(context, span_sub(packed, at, STORE_DIGEST)))
            return true;
    return packed.len % STORE_DIGEST == 0;
}

struct refill {
    struct sqlite *store;
    struct runs *runs;
    uint64_t row;
    bool failed;
};

static bool enter_key(void *context, struct span key) {
    struct refill *refill = context;
    refill->failed = !runs_reserve(refill->runs, 1);
    if (!refill->failed)
        runs_add(refill->runs, store_hash(&refill->store->head, key), refill->row);
    return !refill->failed;
}

static bool enter_event(void *context, struct span key, int64_t at, struct span data) {
    (void)at, (void)data;
    return enter_key(context, key);
}

/* Enters the keys of one packed row in the open table; false without memory. What a damaged row still says is
 * used; store_check reports it. */
static bool enter_row(struct sqlite *store, bool repeats, uint64_t row, struct span packed) {
    struct refill refill = {store, repeats ? &store->repeats : &store->track, row, false};
    if (repeats)
        repeats_unpack(packed, enter_key, &refill);
    else
        events_unpack(packed, enter_event, &refill);
    return !refill.failed;
}

/* ---- lookup ---- */

static bool note(void *context, uint64_t batch) {
    return buf_append(context, &batch, sizeof batch);
}

static bool find_in_run(struct sqlite *store, bool repeats, uint64_t bucket, uint64_t hash, struct buf *out,
                        struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, repeats ? SQL_FIND_REPEAT_TRACK : SQL_FIND_TRACK);
    if (!statement)
        return db_error(store, "track", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)bucket);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)hash);
    while (sql_next(store, statement, &inner))
        note(out, (uint64_t)sqlite3_column_int64(statement, 0));
    sqlite3_reset(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

static bool follow(struct sqlite *store, bool repeats, struct error *err);

struct search {
    struct sqlite *store;
    bool repeats;
    uint64_t hash;
    struct buf *out;
    struct error *err;
};

static bool ask_run(void *context, uint64_t bucket) {
    struct search *search = context;
    return find_in_run(search->store, search->repeats, bucket, search->hash, search->out, search->err);
}

static bool find(struct sqlite *store, bool repeats, uint64_t hash, struct buf *out, struct error *err) {
    const struct runs *runs = repeats ? &store->repeats : &store->track;
    struct search search = {store, repeats, hash, out, err};
    if (!filters_ask(&runs->done, hash, ask_run, &search))
        return false;
    runs_each_recent(runs, hash, note, out);
    return true;
}

static int by_id(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

bool runs_lookup(struct sqlite *store, bool repeats, uint64_t hash, struct buf *out, struct error *err) {
    if ((store->head.read_only && !follow(store, repeats, err)) || !find(store, repeats, hash, out, err))
        return false;
    if (out->failed)
        return store_no_memory(&store->head, err);
    size_t count = out->len / sizeof(uint64_t), kept = 0;
    uint64_t *ids = (uint64_t *)(void *)out->data;
    if (count > 1)
        qsort(ids, count, sizeof *ids, by_id);
    for (size_t i = 0; i < count; i++)
        if (!kept || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    out->len = kept * sizeof(uint64_t);
    return true;
}

bool packed_row(struct sqlite *store, bool repeats, uint64_t id, struct buf *out, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, repeats ? SQL_GET_REPEATS : SQL_GET_EVENTS);
    if (!statement)
        return db_error(store, "packed row", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    buf_clear(out);
    if (sql_next(store, statement, &inner)) /* a row that is gone has expired */
        buf_append_span(out, sql_span(statement, 0));
    sqlite3_reset(statement);
    return inner.code ? error_set(err, inner.code, "%s", inner.text)
                      : !out->failed || store_no_memory(&store->head, err);
}

/* ---- at start ---- */

/* The finished runs above `*last`. */
static bool load_done(struct sqlite *store, bool repeats, uint64_t *last, struct error *err) {
    struct runs *runs = repeats ? &store->repeats : &store->track;
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(
        store, "SELECT bucket, filter FROM run WHERE repeats = ?1 AND bucket > ?2 ORDER BY bucket", err);
    if (!walk)
        return false;
    sqlite3_bind_int64(walk, 1, repeats);
    sqlite3_bind_int64(walk, 2, (sqlite3_int64)*last);
    while (!inner.code && sql_next(store, walk, &inner)) {
        struct span row = sql_span(walk, 1);
        uint8_t *filter = filters_reserve(&runs->done) ? filter_of(&runs->done, row) : NULL;
        if (!filter) {
            store_no_memory(&store->head, &inner);
            break;
        }
        *last = (uint64_t)sqlite3_column_int64(walk, 0);
        filters_add(&runs->done, *last, filter);
    }
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

static bool drop_unfinished(struct sqlite *store, bool repeats, uint64_t last, struct error *err) {
    char text[80];
    snprintf(text, sizeof text, "DELETE FROM %s WHERE bucket > %lld", repeats ? "repeat_track" : "track",
             (long long)last);
    return sql_exec(store, text, err);
}

/* The packed rows behind `last`; for the caller to reset. */
static sqlite3_stmt *walk_behind(struct sqlite *store, bool repeats, uint64_t last, struct error *err) {
    sqlite3_stmt *walk = sql(store, repeats ? SQL_REPEATS_BEHIND : SQL_EVENTS_BEHIND);
    if (walk)
        sqlite3_bind_int64(walk, 1, (sqlite3_int64)last);
    else
        db_error(store, "prepare", err);
    return walk;
}

bool runs_load(struct sqlite *store, bool repeats, struct error *err) {
    struct runs *runs = repeats ? &store->repeats : &store->track;
    struct error inner = {0};
    uint64_t last = 0;
    if (!load_done(store, repeats, &last, err) || !drop_unfinished(store, repeats, last, err))
        return false;
    sqlite3_stmt *walk = walk_behind(store, repeats, last, err);
    if (!walk)
        return false;
    while (!inner.code && sql_next(store, walk, &inner)) {
        if (!enter_row(store, repeats, (uint64_t)sqlite3_column_int64(walk, 0), sql_span(walk, 1)))
            store_no_memory(&store->head, &inner);
        else if (runs->open.count >= RUN_ENTRIES &&
                 (!runs->sealed.count || runs_drain_whole(store, runs, &inner)))
            runs_seal(runs);
    }
    sqlite3_reset(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

/* ---- a reader ---- */

/* How the finished runs stand to those that the reader knows. */
struct finished {
    uint64_t oldest, newest; /* buckets; 0: there is none */
    uint64_t old;            /* how many are no newer than what the reader knows */
};

static bool look_at_finished(struct sqlite *store, bool repeats, struct finished *finished,
                             struct error *err) {
    const struct runs *runs = repeats ? &store->repeats : &store->track;
    struct error inner = {0};
    sqlite3_stmt *walk = sql(store, SQL_LOOK_AT_RUNS);
    if (!walk)
        return db_error(store, "prepare", err);
    sqlite3_bind_int64(walk, 1, repeats);
    sqlite3_bind_int64(walk, 2, (sqlite3_int64)filters_newest(&runs->done));
    if (sql_next(store, walk, &inner))
        *finished = (struct finished){(uint64_t)sqlite3_column_int64(walk, 0),
                                      (uint64_t)sqlite3_column_int64(walk, 1),
                                      (uint64_t)sqlite3_column_int64(walk, 2)};
    sqlite3_reset(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

static bool enter_new_rows(struct sqlite *store, bool repeats, struct error *err) {
    struct runs *runs = repeats ? &store->repeats : &store->track;
    struct error inner = {0};
    sqlite3_stmt *walk = walk_behind(store, repeats, runs->seen, err);
    if (!walk)
        return false;
    while (!inner.code && sql_next(store, walk, &inner)) {
        uint64_t row = (uint64_t)sqlite3_column_int64(walk, 0);
        if (enter_row(store, repeats, row, sql_span(walk, 1)))
            runs->seen = row;
        else
            store_no_memory(&store->head, &inner);
    }
    sqlite3_reset(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

/* The newest of what is known is kept: its bucket says how far the reader has come. */
static void drop_expired(struct runs *runs, uint64_t oldest) {
    while (filters_count(&runs->done) > 1 && filters_oldest(&runs->done) < oldest)
        filters_drop_oldest(&runs->done);
}

/* It rises when another than this process has committed. */
static bool data_version(struct sqlite *store, int64_t *version, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_DATA_VERSION);
    if (!statement)
        return db_error(store, "prepare", err);
    if (sql_next(store, statement, &inner))
        *version = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

/* A reader keeps the writer's tables after it: the finished runs, and in the open table what lies above the
 * last of them. Runs that were finished or went since are followed one by one; when they are not those that
 * are known (`mhs store repair` dropped them), it begins anew. */
static bool follow_on(struct sqlite *store, bool repeats, struct error *err) {
    struct runs *runs = repeats ? &store->repeats : &store->track;
    struct finished finished;
    if (!runs->open.heads && !runs_init(runs, repeats ? REPEAT_FILTER : TRACK_FILTER))
        return store_no_memory(&store->head, err);
    if (!look_at_finished(store, repeats, &finished, err))
        return false;
    drop_expired(runs, finished.oldest);
    bool same = finished.old == filters_count(&runs->done);
    if (!same || finished.newest > filters_newest(&runs->done)) {
        runs->seen = same ? filters_newest(&runs->done) : 0;
        runs_forget_recent(runs);
        if (!same)
            filters_free(&runs->done);
        if (!load_done(store, repeats, &runs->seen, err)) {
            runs_clear(runs);
            return false;
        }
    }
    return enter_new_rows(store, repeats, err);
}

/* One request looks up thousands of keys: what nobody has committed since need not be looked for. */
static bool follow(struct sqlite *store, bool repeats, struct error *err) {
    int64_t version = 0;
    if (!data_version(store, &version, err))
        return false;
    if (store->followed[repeats] == version)
        return true;
    store->followed[repeats] = 0;
    if (!follow_on(store, repeats, err))
        return false;
    store->followed[repeats] = version;
    return true;
}
