/* Rows of finished runs, a few with each commit (runs_private.h). */
#include "base/alloc.h"
#include "store/sqlite/commit_private.h"

#define DRAIN_LEAST 64

static bool add_row(struct sqlite *store, enum statement which, uint64_t bucket,
                    const struct run_entry *entry, struct error *err) {
    sqlite3_stmt *statement = sql(store, which);
    if (!statement)
        return db_error(store, "track", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)bucket);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)entry->hash);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)entry->batch);
    return sql_run(store, which, NULL, err);
}

static bool finish_run(struct sqlite *store, struct runs *runs, struct drain *drain, struct error *err) {
    drain->filter = filters_reserve(&runs->done) ? runs_filter(runs) : NULL;
    if (!drain->filter)
        return error_set(err, STORE_NO_MEMORY, "%s: out of memory", store->head.place);
    sqlite3_stmt *statement = sql(store, SQL_ADD_RUN);
    if (!statement)
        return db_error(store, "run", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)runs->sealed.last_batch);
    sqlite3_bind_int64(statement, 2, runs == &store->repeats);
    sqlite3_bind_blob(statement, 3, drain->filter, (int)runs->done.octets, SQLITE_STATIC);
    return sql_run(store, SQL_ADD_RUN, NULL, err);
}

static bool drain_some(struct sqlite *store, struct runs *runs, struct drain *drain, size_t least,
                       struct error *err) {
    const struct run_table *sealed = &runs->sealed;
    enum statement which = runs == &store->repeats ? SQL_ADD_REPEAT_TRACK : SQL_ADD_TRACK;
    size_t written = 0, head = runs->drained_heads;
    if (!sealed->count)
        return true;
    for (; head < RUN_HEADS && written < least; head++)
        for (uint32_t at = sealed->heads[head]; at; at = sealed->entries[at - 1].next, written++)
            if (!add_row(store, which, sealed->last_batch, &sealed->entries[at - 1], err))
                return false;
    drain->heads = head;
    return head < RUN_HEADS || finish_run(store, runs, drain, err);
}

/* Twice what is added, so that the sealed table is empty when the open one is half full. */
bool runs_drain(struct commit *commit, struct error *err) {
    struct sqlite *store = commit->store;
    return drain_some(store, &store->track, &commit->drain_track, commit->batch->count * 2 + DRAIN_LEAST,
                      err) &&
           drain_some(store, &store->repeats, &commit->drain_repeats,
                      commit->batch->repeats * 2 + DRAIN_LEAST, err);
}

static void apply(struct runs *runs, struct drain *drain) {
    if (runs->sealed.count)
        runs->drained_heads = drain->heads;
    if (drain->filter) {
        filters_add(&runs->done, runs->sealed.last_batch, drain->filter);
        drain->filter = NULL;
        run_table_clear(&runs->sealed);
    }
    runs_seal(runs);
}

bool runs_drain_whole(struct sqlite *store, struct runs *runs, struct error *err) {
    struct drain drain = {0};
    if (!sql_run(store, SQL_BEGIN, NULL, err))
        return false;
    if (!drain_some(store, runs, &drain, SIZE_MAX, err) || !sql_run(store, SQL_COMMIT, NULL, err)) {
        mem_free(drain.filter);
        sql_run(store, SQL_ROLLBACK, NULL, NULL);
        return false;
    }
    apply(runs, &drain);
    return true;
}

void runs_apply(struct commit *commit) {
    struct sqlite *store = commit->store;
    for (size_t i = 0; i < commit->batch->count; i++) {
        const struct operation *operation = &commit->batch->list[i];
        if (operation->left_out)
            continue;
        if (operation->type == ADD_EVENT)
            runs_add(&store->track, store_hash(&store->head, operation->event.key), commit->event_row);
        else if (operation->type == ADD_REPEAT)
            runs_add(&store->repeats,
                     store_hash(&store->head, span_of(operation->repeat.digest, STORE_DIGEST)),
                     commit->repeat_row);
    }
    apply(&store->track, &commit->drain_track);
    apply(&store->repeats, &commit->drain_repeats);
}
