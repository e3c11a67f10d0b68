/*
 * The commit. Its order is the argument for I1 to I4:
 *   1. the octets of contents are synced to segments, the folder too;
 *   2. one transaction writes all rows, and is synced by SQLite before it
 *      returns;
 *   3. only then does memory change, is space given back, and may the caller
 *      answer.
 * A failure before the end of 2 rolls back and leaves memory as it was; a crash
 * there leaves octets in segments that no row points at, which is free space.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "store/batch_private.h"

/* Filling keeps step with what comes: a step for so many octets of bodies. */
#define FILL_FOR (UINT64_C(1) << 20)

void batch_reset_commit(struct store_batch *batch) {
    idmap_clear(&batch->message_refs);
    idmap_clear(&batch->content_refs);
    idmap_clear(&batch->contents);
    idmap_clear(&batch->activity_contents);
    buf_clear(&batch->events);
    buf_clear(&batch->repeat_keys);
    batch->events_at = batch->repeats_expiry = 0;
    while (batch->freed_count)
        store_content_release(batch->freed[--batch->freed_count]);
    mem_free(batch->drain_track.filter);
    mem_free(batch->drain_repeats.filter);
    batch->drain_track = batch->drain_repeats = (struct drain){0};
}

static bool reserve(struct store_batch *batch, struct error *err) {
    struct store *store = batch->store;
    size_t activities = 0, events = 0;
    for (size_t i = 0; i < batch->count; i++) {
        activities += batch->list[i].type == PUT_ACTIVITY_IN;
        events += batch->list[i].type == ADD_EVENT;
    }
    return (runs_reserve(&store->track, events) && runs_reserve(&store->repeats, batch->repeats) &&
            activities_reserve(store, activities)) ||
           batch_no_memory(batch, err);
}

static bool sync_bodies(struct store_batch *batch, struct error *err) {
    for (size_t i = 0; i < batch->count; i++)
        if (!contents_prepare(batch, &batch->list[i], err))
            return false;
    return segments_sync_folder(batch->store, err);
}

static bool write_id_counter(struct store *store, uint64_t *limit, struct error *err) {
    *limit = store->id_limit;
    if (store->next_id <= store->id_limit)
        return true;
    *limit = store->next_id + ID_BLOCK;
    sqlite3_stmt *statement = sql(store, SQL_SET_COUNTER);
    if (!statement)
        return db_error(store, "counter", err);
    sqlite3_bind_text(statement, 1, "id", 2, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)*limit);
    return sql_run(store, SQL_SET_COUNTER, NULL, err);
}

static bool write_rows(struct store_batch *batch, uint64_t *limit, struct error *err) {
    struct store *store = batch->store;
    for (size_t i = 0; i < batch->count; i++)
        if (!rows_write(batch, &batch->list[i], err))
            return false;
    return rows_settle_messages(batch, err) && contents_settle(batch, err) && rows_write_packed(batch, err) &&
           rows_write_names(store, err) && runs_drain(batch, err) && write_id_counter(store, limit, err);
}

static bool transact(struct store_batch *batch, uint64_t *limit, struct error *err) {
    struct store *store = batch->store;
    if (sql_run(store, SQL_BEGIN, NULL, err) && write_rows(batch, limit, err) &&
        sql_run(store, SQL_COMMIT, NULL, err))
        return true;
    if (!sqlite3_get_autocommit(store->db))
        sql_run(store, SQL_ROLLBACK, NULL, NULL);
    return false;
}

static void apply(struct store_batch *batch) {
    struct store *store = batch->store;
    for (size_t i = 0; i < batch->count; i++) {
        struct operation *operation = &batch->list[i];
        if (operation->type == PUT_ACTIVITY_IN) {
            activity_replace(store, operation->activity->public.id, operation->activity);
            operation->activity = NULL;
        } else if (operation->type == DROP_ACTIVITY_IN)
            activity_replace(store, operation->ids.id, NULL);
        else if (store->activities_out.count &&
                 (operation->type == DROP_WORK || operation->type == DROP_ACTIVITY_OUT))
            idmap_remove(&store->activities_out, operation->ids.id);
        store->figures.messages_added += operation->type == ADD_MESSAGE;
        store->figures.work_finished += operation->type == DROP_WORK;
    }
    runs_apply(batch);
    contents_apply(batch);
    names_written(&store->next_hops);
    names_written(&store->mailboxes);
}

bool store_behind(const struct store *store) {
    return !store->read_only && store->fill_debt >= FILL_FOR;
}

void store_catch_up(struct store *store) {
    if (!store_behind(store))
        return;
    segment_fill_step(store);
    store->fill_debt = store->fill_debt > 4 * FILL_FOR ? 3 * FILL_FOR : store->fill_debt - FILL_FOR;
}

bool store_commit(struct store_batch *batch, struct error *err) {
    struct store *store = batch->store;
    struct error inner = {0};
    uint64_t limit = 0;
    int64_t start = clock_monotonic_us();
    if (refuse_read_only(store, err))
        return false;
    if (!batch->count && !store->next_hops.changed_count && !store->mailboxes.changed_count)
        return true;
    if (!reserve(batch, &inner) || !sync_bodies(batch, &inner) || !transact(batch, &limit, &inner)) {
        batch_reset_commit(batch);
        error_set(err, inner.code, "%s", inner.text);
        return store_failed(store, &inner);
    }
    store->id_limit = limit;
    apply(batch);
    batch_reset_commit(batch);
    store_batch_clear(batch);
    store->figures.commits++;
    store->figures.sync_us += (clock_monotonic_us() - start - store->figures.sync_us) / 8;
    store_watch_space(store);
    return true;
}
