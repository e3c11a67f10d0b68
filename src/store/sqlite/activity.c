/* Activities: inbound ones are held in memory too (activity_private.h); rows of outbound ones are read at the
 * start only. */
#include "base/log.h"
#include "store/sqlite/sqlite_private.h"

/* ---- at start ---- */

struct store_activity_in activity_in_of(sqlite3_stmt *row, bool *damaged) {
    struct store_activity_in in = {
        .id = (uint64_t)sqlite3_column_int64(row, 0),
        .peer = sql_span(row, 1),
        .association = sql_span(row, 2),
        .activity = sql_span(row, 3),
        .at = sqlite3_column_int64(row, 4),
        .serial = (uint32_t)sqlite3_column_int64(row, 5),
        .offset = (uint64_t)sqlite3_column_int64(row, 6),
        .content_length = (uint64_t)sqlite3_column_int64(row, 8),
        .state = sql_span(row, 10),
    };
    uint64_t content = (uint64_t)sqlite3_column_int64(row, 7);
    *damaged = sql_differs(row, 11, sum_of_activity_in(&in, content, sql_span(row, 9)));
    return in;
}

struct store_activity_out activity_out_of(sqlite3_stmt *row, bool *damaged) {
    struct store_activity_out out = {
        .work = (uint64_t)sqlite3_column_int64(row, 0),
        .association = sql_span(row, 1),
        .activity = sql_span(row, 2),
        .at = sqlite3_column_int64(row, 3),
        .serial = (uint32_t)sqlite3_column_int64(row, 4),
        .offset = (uint64_t)sqlite3_column_int64(row, 5),
        .data = sql_span(row, 6),
    };
    *damaged = sql_differs(row, 7, sum_of_activity_out(&out));
    return out;
}

/* A damaged one is left to `mhs store repair`; its sender begins anew. */
static bool load_row(struct sqlite *store, sqlite3_stmt *row) {
    bool damaged;
    struct store_activity_in in = activity_in_of(row, &damaged);
    struct span chain = sql_span(row, 9);
    if (damaged) {
        log_error("%s: activity %llu is not what was stored, and is not resumed; run 'mhs store check'",
                  store->head.place, (unsigned long long)in.id);
        return true;
    }
    struct activity *activity = activities_reserve(&store->activities, 1) ? activity_copy(&in) : NULL;
    if (!activity)
        return false;
    activity->content = (uint64_t)sqlite3_column_int64(row, 7);
    if (chain.len == sizeof activity->chain)
        memcpy(activity->chain, chain.data, chain.len);
    activity_replace(&store->activities, in.id, activity);
    return true;
}

static bool load_out(struct sqlite *store, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql_walk(store, "SELECT work FROM activity_out", err);
    if (!statement)
        return false;
    while (!inner.code && sql_next(store, statement, &inner))
        if (sqlite3_column_int64(statement, 0) &&
            !map_at(&store->activities_out, (uint64_t)sqlite3_column_int64(statement, 0)))
            store_no_memory(&store->head, &inner);
    sqlite3_finalize(statement);
    return store_passed(&inner, err);
}

bool activities_load(struct sqlite *store, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(store, "SELECT * FROM activity_in ORDER BY at, id", err);
    if (!walk)
        return false;
    while (!inner.code && sql_next(store, walk, &inner))
        if (!load_row(store, walk))
            error_set(&inner, STORE_NO_MEMORY, "%s: out of memory", store->head.place);
    sqlite3_finalize(walk);
    return store_passed(&inner, err) && load_out(store, err);
}

/* ---- inbound ---- */

/* A reader sees them as they were when it was opened. */
bool sqlite_find_activity_in(struct store *head, struct span peer, struct span association,
                             struct span activity, struct store_activity_in *found, struct error *err) {
    const struct activity *it = activity_of_key(&sqlite_of(head)->activities, peer, association, activity);
    if (it)
        *found = it->public;
    return it || error_set(err, STORE_NOT_FOUND, "there is no such activity");
}

bool sqlite_each_activity_of(struct store *head, struct span association, store_activity_in_cb *cb,
                             void *context, struct error *err) {
    (void)err;
    activities_each_of(&sqlite_of(head)->activities, association, cb, context);
    return true;
}

bool sqlite_each_activity_in(struct store *head, store_activity_in_cb *cb, void *context, struct error *err) {
    (void)err;
    activities_each(&sqlite_of(head)->activities, cb, context);
    return true;
}

struct store_content *sqlite_content_resume(struct store *head, uint64_t id, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    const struct activity *activity = activity_find(&store->activities, id);
    if (!activity) {
        error_set(err, STORE_NOT_FOUND, "activity %llu is not there", (unsigned long long)id);
        return NULL;
    }
    if (!activity->content)
        return store_content_create(head, 0, err);
    if (map_find(&head->open_contents, activity->content)) {
        error_set(err, STORE_IN_USE, "the content of activity %llu is still open", (unsigned long long)id);
        return NULL;
    }
    struct content *content = content_load(store, activity->content, activity->public.content_length, err);
    if (!content)
        return NULL;
    content->head.writer = true;
    if (content_restore_digest(&content->head, activity->chain, err))
        return &content->head;
    store_content_release(&content->head);
    return NULL;
}

/* ---- outbound ---- */

bool sqlite_each_activity_out(struct store *head, store_activity_out_cb *cb, void *context,
                              struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(store, "SELECT * FROM activity_out ORDER BY work", err);
    if (!walk)
        return false;
    while (sql_next(store, walk, &inner)) {
        bool damaged;
        struct store_activity_out out = activity_out_of(walk, &damaged);
        if (!damaged && !cb(context, &out))
            break;
    }
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}
