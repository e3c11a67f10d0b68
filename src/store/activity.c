/* Activities: inbound ones are held in memory too, since a resume looks for them by their key. */
#include "base/alloc.h"
#include "store/store_private.h"

static struct span place(uint8_t **at, struct span s) {
    struct span copy = {*at, s.len};
    if (s.len)
        memcpy(*at, s.data, s.len);
    *at += s.len;
    return copy;
}

struct activity *activity_copy(const struct store_activity_in *from) {
    size_t size = 1, lengths[] = {from->peer.len, from->association.len, from->activity.len, from->state.len};
    for (size_t i = 0; i < 4; i++)
        if (__builtin_add_overflow(size, lengths[i], &size))
            return NULL;
    struct activity *activity = mem_alloc(sizeof *activity);
    if (!activity || !(activity->octets = mem_resize(NULL, size))) {
        mem_free(activity);
        return NULL;
    }
    uint8_t *at = activity->octets;
    activity->public = *from;
    activity->public.peer = place(&at, from->peer);
    activity->public.association = place(&at, from->association);
    activity->public.activity = place(&at, from->activity);
    activity->public.state = place(&at, from->state);
    return activity;
}

void activity_free(struct activity *activity) {
    if (activity)
        mem_free(activity->octets);
    mem_free(activity);
}

/* The list is in the order of ids. */
static size_t position(const struct store *store, uint64_t id) {
    size_t low = 0, high = store->activity_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (store->activities[middle]->public.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct activity *activity_find(struct store *store, uint64_t id) {
    size_t at = position(store, id);
    return at < store->activity_count && store->activities[at]->public.id == id ? store->activities[at]
                                                                                : NULL;
}

bool activities_reserve(struct store *store, size_t count) {
    size_t want = store->activity_count + count;
    if (want <= store->activity_cap)
        return true;
    struct activity **list = mem_resize(store->activities, want * 2 * sizeof(struct activity *));
    if (!list)
        return false;
    store->activities = list;
    store->activity_cap = want * 2;
    return true;
}

void activity_replace(struct store *store, uint64_t id, struct activity *activity) {
    size_t at = position(store, id);
    struct activity **slot = store->activities + at;
    bool there = at < store->activity_count && (*slot)->public.id == id;
    if (there)
        activity_free(*slot);
    if (there && activity)
        *slot = activity;
    else if (there)
        memmove(slot, slot + 1, (--store->activity_count - at) * sizeof(struct activity *));
    else if (activity) {
        memmove(slot + 1, slot, (store->activity_count++ - at) * sizeof(struct activity *));
        *slot = activity;
    }
}

void activities_free(struct store *store) {
    while (store->activity_count)
        activity_free(store->activities[--store->activity_count]);
    mem_free(store->activities);
    store->activities = NULL;
    store->activity_cap = 0;
}

static bool load_row(struct store *store, sqlite3_stmt *row) {
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
    struct span chain = sql_span(row, 9);
    struct activity *activity = activities_reserve(store, 1) ? activity_copy(&in) : NULL;
    if (!activity)
        return false;
    activity->content = (uint64_t)sqlite3_column_int64(row, 7);
    if (chain.len == sizeof activity->chain)
        memcpy(activity->chain, chain.data, chain.len);
    activity_replace(store, in.id, activity);
    return true;
}

bool activities_load(struct store *store, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(store, "SELECT * FROM activity_in ORDER BY id", err);
    if (!walk)
        return false;
    while (!inner.code && sql_next(store, walk, &inner))
        if (!load_row(store, walk))
            error_set(&inner, STORE_NO_MEMORY, "%s: out of memory", store->path);
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

const struct store_activity_in *store_find_activity_in(struct store *store, struct span peer,
                                                       struct span association, struct span activity) {
    for (size_t i = store->activity_count; i-- > 0;) { /* the latest of that key */
        const struct store_activity_in *in = &store->activities[i]->public;
        if (span_eq(in->activity, activity) && span_eq(in->association, association) &&
            span_eq(in->peer, peer))
            return in;
    }
    return NULL;
}

void store_each_activity_in(struct store *store, store_activity_in_cb *cb, void *context) {
    for (size_t i = 0; i < store->activity_count; i++)
        if (!cb(context, &store->activities[i]->public))
            return;
}

struct store_content *store_content_resume(struct store *store, uint64_t id, struct error *err) {
    const struct activity *activity = activity_find(store, id);
    struct store_content *content = NULL;
    if (refuse_read_only(store, err))
        return NULL;
    if (!activity) {
        error_set(err, STORE_NOT_FOUND, "activity %llu is not there", (unsigned long long)id);
        return NULL;
    }
    if (!activity->content)
        return store_content_create(store, 0, err);
    if (idmap_find(&store->open_contents, activity->content)) {
        error_set(err, STORE_IN_USE, "the content of activity %llu is still open", (unsigned long long)id);
        return NULL;
    }
    content = content_load(store, activity->content, activity->public.content_length, err);
    if (!content)
        return NULL;
    content->writer = true;
    if (digest_restore(content, activity->chain, content->length, err))
        return content;
    store_content_release(content);
    return NULL;
}

bool store_each_activity_out(struct store *store, store_activity_out_cb *cb, void *context,
                             struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(store, "SELECT * FROM activity_out ORDER BY work", err);
    if (!walk)
        return false;
    while (sql_next(store, walk, &inner)) {
        struct store_activity_out out = {
            .work = (uint64_t)sqlite3_column_int64(walk, 0),
            .association = sql_span(walk, 1),
            .activity = sql_span(walk, 2),
            .at = sqlite3_column_int64(walk, 3),
            .serial = (uint32_t)sqlite3_column_int64(walk, 4),
            .offset = (uint64_t)sqlite3_column_int64(walk, 5),
            .data = sql_span(walk, 6),
        };
        if (!cb(context, &out))
            break;
    }
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}
