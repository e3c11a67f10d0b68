/*
 * The commit. Its order is the argument for I1 to I4:
 *   1. the octets of contents are synced to segments, the folder too;
 *   2. one transaction writes all rows, and is synced by SQLite before it
 *      returns;
 *   3. only then does memory change, is space given back, and may the caller
 *      answer.
 * A failure before the end of 2 rolls back and leaves memory as it was, and what
 * of it is in SQLite's log is spoiled (log_file.h), so that no later start finds
 * it done; a crash there leaves octets in segments that no row points at, which
 * is free space, or, between SQLite's last write and the end of its sync, a batch
 * that nobody was told of.
 *
 * The thread of the store does what waits for the disk in 1 and 2, if the store has one and the commit is
 * worth two wake-ups: then reads go on beside it, by a connection whose snapshot is that
 * of before, and contents grow. Rows are never written there: all but the files belongs to the caller's
 * thread.
 */
#include <errno.h>

#include "base/alloc.h"
#include "store/bits_private.h"
#include "store/sqlite/commit_private.h"

/* Filling keeps step with what comes: a step for so many octets of bodies. */
#define FILL_FOR (UINT64_C(1) << 20)

/* From here on commits are slow, on an average of the last ones. */
#define SLOW_COMMIT_US 5000

/* So long SQLite's log grows before it is copied into the database (open.c has the pages' size). */
#define LOG_PAGES 2000

static void reset(struct commit *commit) {
    map_clear(&commit->message_refs);
    map_clear(&commit->content_refs);
    map_clear(&commit->contents);
    map_clear(&commit->activity_contents);
    if (commit->bits.count)
        bits_free(&commit->bits);
    map_clear(&commit->emptied);
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

static bool prepare_bodies(struct commit *commit, struct error *err) {
    for (size_t i = 0; i < commit->batch->count; i++) {
        struct operation *operation = &commit->batch->list[i];
        if (!operation->left_out && operation->content && !contents_prepare(commit, operation, err))
            return false;
    }
    return true;
}

static bool write_id_counter(struct commit *commit, struct error *err) {
    struct sqlite *store = commit->store;
    commit->id_limit = store->id_limit;
    if (store->head.next_id <= store->id_limit)
        return true;
    commit->id_limit = store->head.next_id + ID_BLOCK;
    sqlite3_stmt *statement = sql(store, SQL_SET_COUNTER);
    if (!statement)
        return db_error(store, "counter", err);
    sqlite3_bind_text(statement, 1, "id", 2, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)commit->id_limit);
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

static bool write_rows(struct commit *commit, struct error *err) {
    return write_operations(commit, err) && (commit->again || rows_settle_messages(commit, err)) &&
           (commit->again ||
            (contents_settle(commit, err) && rows_write_packed(commit, err) &&
             rows_write_names(commit, err) && bits_write(commit->store, &commit->bits, err) &&
             bits_drop_empty(commit->store, &commit->emptied, err) && runs_drain(commit, err) &&
             write_id_counter(commit, err)));
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
    }
    runs_apply(commit);
    contents_apply(commit);
    names_written(&store->next_hops, commit->next_hops_written);
    names_written(&store->mailboxes, commit->mailboxes_written);
    store->id_limit = commit->id_limit;
}

bool sqlite_behind(const struct store *head) {
    return ((const struct sqlite *)head)->fill_debt >= FILL_FOR;
}

void sqlite_catch_up(struct store *head) {
    struct sqlite *store = sqlite_of(head);
    segment_fill_step(store);
    store->fill_debt = store->fill_debt > 4 * FILL_FOR ? 3 * FILL_FOR : store->fill_debt - FILL_FOR;
}

/* ---- the log ---- */

/* SQLite calls it at the end of each transaction, for ours on the store's thread. */
static int note_log(void *context, sqlite3 *db, const char *name, int pages) {
    struct sqlite *store = context;
    (void)db;
    (void)name;
    store->log_pages = pages;
    return SQLITE_OK;
}

void sqlite_watch_log(struct sqlite *store) {
    sqlite3_wal_hook(store->writing.db, note_log, store);
}

/* Also on the store's thread. What fails is tried again after the next commit. */
static void copy_log(void *argument) {
    struct sqlite *store = argument;
    sqlite3_wal_checkpoint_v2(store->writing.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void use_reading(struct sqlite *store) {
    store->connection = &store->reading;
}

static void use_writing(struct sqlite *store) {
    if (store->connection == &store->reading && !sqlite3_get_autocommit(store->reading.db))
        sql_run(store, SQL_ROLLBACK, NULL, NULL);
    store->connection = &store->writing;
}

void sqlite_checkpoint(struct sqlite *store) {
    if (store->log_pages < LOG_PAGES || store->commit.flight != FLIGHT_NONE || store->head.fenced)
        return;
    store->log_pages = 0;
    if (!store->thread) {
        copy_log(store);
        return;
    }
    use_reading(store);
    store->commit.flight = FLIGHT_CHECKPOINT;
    store_thread_begin(store->thread, copy_log, store);
}

/* ---- the steps of a commit ---- */

static void land(struct commit *commit) {
    struct sqlite *store = commit->store;
    struct connection *reads = store->connection;
    store->connection = &store->writing;
    if (commit->failure.code && !sqlite3_get_autocommit(store->writing.db))
        sql_run(store, SQL_ROLLBACK, NULL, NULL);
    store->connection = reads;
    commit->flight = FLIGHT_LANDED;
}

/* Memory changes in one step with what is read: what has landed while maintenance took the writing connection
 * is not told before the next store_proceed, and until then both are as they were. */
static void tell(struct commit *commit) {
    struct sqlite *store = commit->store;
    struct error failure = commit->failure;
    use_writing(store);
    if (!failure.code)
        apply(commit);
    reset(commit);
    commit->flight = FLIGHT_NONE;
    batch_done(commit->batch, failure.code ? &failure : NULL);
    if (!failure.code)
        space_watch(store);
    sqlite_checkpoint(store);
}

/* What the transaction changes is read as it was until the end is told. */
static bool keep_snapshot(struct sqlite *store) {
    uint64_t ignored;
    struct error err = {0};
    use_reading(store);
    if (sql_run(store, SQL_BEGIN_READING, NULL, &err) && counter_get(store, "id", &ignored, &err))
        return true;
    use_writing(store);
    return false;
}

static void sync_bodies(void *argument) {
    bodies_sync(argument);
}

static void commit_rows(void *argument) {
    struct commit *commit = argument;
    errno = 0;
    commit->job.code = sqlite3_step(commit->job.statement);
    commit->job.number = errno;
}

static void end_rows(struct commit *commit) {
    struct sqlite *store = commit->store;
    errno = commit->job.number;
    if (commit->job.code != SQLITE_DONE) {
        sqlite_error(store->writing.db, store->head.place, "COMMIT", &commit->failure);
        sql_is_undone(store);
    }
    sqlite3_reset(commit->job.statement);
    land(commit);
}

/*
 * Two wake-ups cost as much as a small commit on a quick disk: there it takes many requests to be worth them.
 * Once the thread has commits, each is smaller, since what comes meanwhile goes into the next one: so a third
 * as many keep it busy. Where the disk is slow, nobody else is to wait for it, however small the commit.
 */
static bool is_worth_thread(const struct commit *commit) {
    const struct sqlite *store = commit->store;
    size_t least = commit->beside ? store->beside_from / 3 : store->beside_from;
    return store->thread &&
           (commit->batch->request_count >= least || store->head.figures.sync_us >= SLOW_COMMIT_US);
}

/* True: it is with the thread. */
static bool end_transaction(struct commit *commit) {
    struct sqlite *store = commit->store;
    commit->job.statement = sql(store, SQL_COMMIT);
    if (!commit->job.statement) {
        db_error(store, "COMMIT", &commit->failure);
        land(commit);
    } else if (commit->beside && keep_snapshot(store)) {
        commit->flight = FLIGHT_ROWS;
        store_thread_begin(store->thread, commit_rows, commit);
        return true;
    } else {
        commit_rows(commit);
        end_rows(commit);
    }
    return false;
}

static bool prepare(struct commit *commit) {
    reset(commit);
    return reserve(commit, &commit->failure) && prepare_bodies(commit, &commit->failure);
}

/* The bodies are synced. Another pass for as long as requests get verdicts, which are left out then. */
static bool write_all(struct commit *commit) {
    struct error *failure = &commit->failure;
    while (segments_sync_folder(commit->store, failure) && sql_run(commit->store, SQL_BEGIN, NULL, failure) &&
           write_rows(commit, failure)) {
        if (!commit->again)
            return end_transaction(commit);
        sql_run(commit->store, SQL_ROLLBACK, NULL, NULL);
        if (!prepare(commit))
            break;
    }
    land(commit);
    return false;
}

static bool begin(struct commit *commit) {
    commit->beside = is_worth_thread(commit);
    commit->bodies_synced = false;
    commit->failure = (struct error){0};
    commit->next_hops_written = commit->mailboxes_written = 0;
    if (!prepare(commit)) {
        bodies_forget(commit);
        land(commit);
        return false;
    }
    if (commit->job.count && commit->beside) {
        commit->flight = FLIGHT_BODIES;
        store_thread_begin(commit->store->thread, sync_bodies, commit);
        return true;
    }
    bodies_sync(commit);
    if (bodies_end(commit, &commit->failure))
        return write_all(commit);
    land(commit);
    return false;
}

/* ---- what the engine is asked ---- */

static bool is_needless(const struct commit *commit) {
    return !commit->batch->count && !commit->store->next_hops.changed_count &&
           !commit->store->mailboxes.changed_count;
}

void sqlite_commit_begin(struct store_batch *batch) {
    struct commit *commit = &sqlite_of(batch->store)->commit;
    commit->batch = batch;
    if (is_needless(commit))
        batch_done(batch, NULL);
    else if (commit->flight == FLIGHT_CHECKPOINT)
        commit->waits = true;
    else if (!begin(commit))
        tell(commit);
}

static bool is_with_thread(const struct commit *commit) {
    return commit->flight == FLIGHT_BODIES || commit->flight == FLIGHT_ROWS ||
           commit->flight == FLIGHT_CHECKPOINT;
}

/* The thread has ended what it was given. */
static void take_back(struct commit *commit) {
    if (commit->flight == FLIGHT_BODIES) {
        bodies_end(commit, &commit->failure);
        commit->flight = FLIGHT_SYNCED;
    } else if (commit->flight == FLIGHT_ROWS) {
        end_rows(commit);
    } else {
        use_writing(commit->store);
        commit->flight = FLIGHT_NONE;
    }
}

/* From where the thread's part of it ended. */
static void go_on(struct commit *commit) {
    bool with_thread = false;
    if (commit->flight == FLIGHT_SYNCED && commit->failure.code)
        land(commit);
    else if (commit->flight == FLIGHT_SYNCED)
        with_thread = write_all(commit);
    else if (commit->flight == FLIGHT_NONE) {
        commit->waits = false;
        with_thread = begin(commit);
    }
    if (!with_thread)
        tell(commit);
}

void sqlite_proceed(struct store *head, bool wait) {
    struct sqlite *store = sqlite_of(head);
    struct commit *commit = &store->commit;
    if (store->head.fenced) /* it was given up */
        return;
    if (store->thread)
        store_thread_heard(store->thread);
    while (commit->flight != FLIGHT_NONE || commit->waits) {
        if (is_with_thread(commit)) {
            if (!store_thread_ended(store->thread, wait))
                return;
            take_back(commit);
        }
        if (commit->flight != FLIGHT_NONE || commit->waits)
            go_on(commit);
    }
}

/* What the thread has ended by now is told as it is. What it has not stays its own: the commit's memory is
 * not touched any more, and sqlite_close leaves it. */
void sqlite_give_up(struct store *head) {
    struct sqlite *store = sqlite_of(head);
    struct commit *commit = &store->commit;
    struct error err;
    error_set(&err, STORE_IO, "%s: what comes of the batch is not known: the process ends", head->place);
    store_refuses(head, &err);
    head->fenced = true;
    if (commit->flight == FLIGHT_ROWS && store_thread_ended(store->thread, false))
        take_back(commit);
    if (commit->flight == FLIGHT_LANDED)
        tell(commit);
    else
        batch_done(commit->batch, &err);
}

int sqlite_descriptor(const struct store *head) {
    const struct sqlite *store = (const struct sqlite *)head;
    return store->thread ? store_thread_descriptor(store->thread) : -1;
}

bool sqlite_is_at_disk(const struct sqlite *store) {
    return is_with_thread(&store->commit) && !store_thread_ended(store->thread, false);
}

void sqlite_write_begin(struct sqlite *store) {
    if (is_with_thread(&store->commit)) {
        store_thread_ended(store->thread, true);
        take_back(&store->commit);
    }
    store->connection = &store->writing;
}

void sqlite_write_end(struct sqlite *store) {
    if (store->commit.flight == FLIGHT_LANDED && store->reading.db &&
        !sqlite3_get_autocommit(store->reading.db))
        use_reading(store);
    sqlite_checkpoint(store);
}
