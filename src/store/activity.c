/* Activities: inbound ones are held in memory too, since a resume or a recovery looks for them by their key.
 * What strangers ask for costs one chain, and expiry those that are due. */
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

/* ---- the table: chains by id, by key and by association, and all of them by age ---- */

static uint64_t key_hash(const struct store *store, struct span association, struct span activity) {
    return store_hash(store, association) * UINT64_C(0x9E3779B97F4A7C15) + store_hash(store, activity);
}

static struct activity **chain(const struct activity_table *table, enum activity_index index, uint64_t hash) {
    return &table->chains[index][(hash ^ hash >> 32) & (table->cap - 1)];
}

static void link_in(struct activity_table *table, struct activity *activity, enum activity_index index) {
    struct activity **head = chain(table, index, activity->links[index].hash);
    activity->links[index].next = *head;
    activity->links[index].at = head;
    if (*head)
        (*head)->links[index].at = &activity->links[index].next;
    *head = activity;
}

static void link_out(struct activity *activity, enum activity_index index) {
    struct activity *next = activity->links[index].next;
    *activity->links[index].at = next;
    if (next)
        next->links[index].at = activity->links[index].at;
}

static void add(struct store *store, struct activity *activity) {
    struct activity_table *table = &store->activities;
    const struct store_activity_in *in = &activity->public;
    activity->links[BY_ID].hash = in->id;
    activity->links[BY_KEY].hash = key_hash(store, in->association, in->activity);
    activity->links[BY_ASSOCIATION].hash = store_hash(store, in->association);
    for (enum activity_index i = 0; i < ACTIVITY_INDEXES; i++)
        link_in(table, activity, i);
    activity->newer = NULL;
    activity->older = table->newest;
    *(table->newest ? &table->newest->newer : &table->oldest) = activity;
    table->newest = activity;
    table->count++;
}

static void take_out(struct store *store, struct activity *activity) {
    struct activity_table *table = &store->activities;
    for (enum activity_index i = 0; i < ACTIVITY_INDEXES; i++)
        link_out(activity, i);
    *(activity->older ? &activity->older->newer : &table->oldest) = activity->newer;
    *(activity->newer ? &activity->newer->older : &table->newest) = activity->older;
    table->count--;
}

struct activity *activity_find(struct store *store, uint64_t id) {
    const struct activity_table *table = &store->activities;
    struct activity *found = table->cap ? *chain(table, BY_ID, id) : NULL;
    while (found && found->public.id != id)
        found = found->links[BY_ID].next;
    return found;
}

bool activities_reserve(struct store *store, size_t count) {
    struct activity_table *table = &store->activities, bigger = *table;
    if (table->count + count <= table->cap)
        return true;
    while (bigger.cap < table->count + count)
        bigger.cap = bigger.cap ? bigger.cap * 2 : 64;
    struct activity **chains = mem_alloc(ACTIVITY_INDEXES * bigger.cap * sizeof(struct activity *));
    if (!chains)
        return false;
    for (enum activity_index i = 0; i < ACTIVITY_INDEXES; i++)
        bigger.chains[i] = chains + i * bigger.cap;
    mem_free(table->chains[0]);
    *table = bigger;
    for (struct activity *activity = table->oldest; activity; activity = activity->newer)
        for (enum activity_index i = 0; i < ACTIVITY_INDEXES; i++)
            link_in(table, activity, i);
    return true;
}

void activity_replace(struct store *store, uint64_t id, struct activity *activity) {
    struct activity *before = activity_find(store, id);
    if (before)
        take_out(store, before);
    activity_free(before);
    if (activity)
        add(store, activity);
}

void activities_free(struct store *store) {
    for (struct activity *activity = store->activities.oldest, *newer; activity; activity = newer) {
        newer = activity->newer;
        activity_free(activity);
    }
    mem_free(store->activities.chains[0]);
    store->activities = (struct activity_table){0};
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
    sqlite3_stmt *walk = sql_walk(store, "SELECT * FROM activity_in ORDER BY at, id", err);
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
    const struct activity_table *table = &store->activities;
    uint64_t hash = key_hash(store, association, activity);
    const struct store_activity_in *found = NULL; /* the latest of that key */
    for (const struct activity *at = table->cap ? *chain(table, BY_KEY, hash) : NULL; at;
         at = at->links[BY_KEY].next) {
        const struct store_activity_in *in = &at->public;
        if (span_eq(in->activity, activity) && span_eq(in->association, association) &&
            span_eq(in->peer, peer) && (!found || in->id > found->id))
            found = in;
    }
    return found;
}

void store_each_activity_of(struct store *store, struct span association, store_activity_in_cb *cb,
                            void *context) {
    const struct activity_table *table = &store->activities;
    uint64_t hash = store_hash(store, association);
    for (const struct activity *at = table->cap ? *chain(table, BY_ASSOCIATION, hash) : NULL; at;
         at = at->links[BY_ASSOCIATION].next)
        if (span_eq(at->public.association, association) && !cb(context, &at->public))
            return;
}

void store_each_activity_in(struct store *store, store_activity_in_cb *cb, void *context) {
    for (const struct activity *at = store->activities.oldest; at; at = at->newer)
        if (!cb(context, &at->public))
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
