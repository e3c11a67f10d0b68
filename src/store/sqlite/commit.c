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
#include "store/sqlite/commit_private.h"

/* Filling keeps step with what comes: a step for so many octets of bodies. */
#define FILL_FOR (UINT64_C(1) << 20)

static void reset(struct commit *commit) {
    map_clear(&commit->message_refs);
    map_clear(&commit->content_refs);
    map_clear(&commit->contents);
    map_clear(&commit->activity_contents);
    buf_clear(&commit->events);
    buf_clear(&commit->repeat_keys);
    commit->events_at = commit->repeats_expiry = 0;
    commit->again = false;
    while (commit->freed_count)
        store_content_release(&commit->freed[--commit->freed_count]->head);
    mem_free(commit->drain_track.filter);
    mem_free(commit->drain_repeats.filter);
    commit->drain_track = commit->drain_repeats = (struct drain){0};
}

static bool reserve(struct commit *commit, struct error *err) {
    struct sqlite *store = commit->store;
    size_t activities = 0, events = 0;
    for (size_t i = 0; i < commit->batch->count; i++) {
        activities += commit->batch->list[i].type == PUT_ACTIVITY_IN;
        events += commit->batch->list[i].type == ADD_EVENT;
    }
    return (runs_reserve(&store->track, events) && runs_reserve(&store->repeats, commit->batch->repeats) &&
            activities_reserve(&store->activities, activities)) ||
           store_no_memory(&commit->store->head, err);
}

static bool sync_bodies(struct commit *commit, struct error *err) {
    for (size_t i = 0; i < commit->batch->count; i++) {
        struct operation *operation = &commit->batch->list[i];
        if (!operation->left_out && operation->content && !contents_prepare(commit, operation, err))
            return false;
    }
    return segments_sync_folder(commit->store, err);
}

static bool write_id_counter(struct sqlite *store, uint64_t *limit, struct error *err) {
    *limit = store->id_limit;
    if (store->head.next_id <= store->id_limit)
        return true;
    *limit = store->head.next_id + ID_BLOCK;
    sqlite3_stmt *statement = sql(store, SQL_SET_COUNTER);
    if (!statement)
        return db_error(store, "counter", err);
    sqlite3_bind_text(statement, 1, "id", 2, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)*limit);
    return sql_run(store, SQL_SET_COUNTER, NULL, err);
}

/* Failures that say something of the request, and nothing of the disk. */
static bool is_of_one(int code) {
    return code == STORE_BAD_REQUEST || code == STORE_REPEATED;
}

/* What fails one request only is looked for in all of them before the next pass. */
static bool write_operations(struct commit *commit, struct error *err) {
    for (size_t i = 0; i < commit->batch->count; i++) {
        struct operation *operation = &commit->batch->list[i];
        if (!operation->left_out && !rows_write(commit, operation, err) &&
            !(is_of_one(err->code) && commit_gives_verdict(commit, operation, err)))
            return false;
    }
    return true;
}

static bool write_rows(struct commit *commit, uint64_t *limit, struct error *err) {
    struct sqlite *store = commit->store;
    return write_operations(commit, err) && (commit->again || rows_settle_messages(commit, err)) &&
           (commit->again ||
            (contents_settle(commit, err) && rows_write_packed(commit, err) && rows_write_names(store, err) &&
             runs_drain(commit, err) && write_id_counter(store, limit, err)));
}

static bool transact(struct commit *commit, uint64_t *limit, struct error *err) {
    struct sqlite *store = commit->store;
    if (sql_run(store, SQL_BEGIN, NULL, err) && write_rows(commit, limit, err) && !commit->again &&
        sql_run(store, SQL_COMMIT, NULL, err))
        return true;
    if (!sqlite3_get_autocommit(store->db))
        sql_run(store, SQL_ROLLBACK, NULL, NULL);
    return commit->again && !err->code;
}

/* One pass, and another one for as long as requests got verdicts, which were left out then. */
static bool write_all(struct commit *commit, uint64_t *limit, struct error *err) {
    do {
        reset(commit);
        if (!reserve(commit, err) || !sync_bodies(commit, err) || !transact(commit, limit, err))
            return false;
    } while (commit->again);
    return true;
}

static void apply(struct commit *commit) {
    struct sqlite *store = commit->store;
    for (size_t i = 0; i < commit->batch->count; i++) {
        struct operation *operation = &commit->batch->list[i];
        if (operation->left_out)
            continue;
        if (operation->type == PUT_ACTIVITY_IN) {
            activity_replace(&store->activities, operation->activity->public.id, operation->activity);
            operation->activity = NULL;
        } else if (operation->type == DROP_ACTIVITY_IN)
            activity_replace(&store->activities, operation->ids.id, NULL);
        else if (store->activities_out.count &&
                 (operation->type == DROP_WORK || operation->type == DROP_ACTIVITY_OUT))
            map_remove(&store->activities_out, operation->ids.id);
        store->head.figures.messages_added += operation->type == ADD_MESSAGE;
        store->head.figures.work_finished += operation->type == DROP_WORK;
    }
    runs_apply(commit);
    contents_apply(commit);
    names_written(&store->next_hops);
    names_written(&store->mailboxes);
}

bool sqlite_behind(const struct store *head) {
    return ((const struct sqlite *)head)->fill_debt >= FILL_FOR;
}

void sqlite_catch_up(struct store *head) {
    struct sqlite *store = sqlite_of(head);
    segment_fill_step(store);
    store->fill_debt = store->fill_debt > 4 * FILL_FOR ? 3 * FILL_FOR : store->fill_debt - FILL_FOR;
}

static bool is_needless(const struct commit *commit) {
    return !commit->batch->count && !commit->store->next_hops.changed_count &&
           !commit->store->mailboxes.changed_count;
}

void sqlite_commit_begin(struct store_batch *batch) {
    struct sqlite *store = sqlite_of(batch->store);
    struct commit *commit = &store->commit;
    struct error err = {0};
    uint64_t limit = 0;
    commit->batch = batch;
    if (is_needless(commit)) {
        batch_done(batch, NULL);
        return;
    }
    bool done = write_all(commit, &limit, &err);
    if (done) {
        store->id_limit = limit;
        apply(commit);
    }
    reset(commit);
    batch_done(batch, done ? NULL : &err);
    if (done)
        space_watch(store);
}
