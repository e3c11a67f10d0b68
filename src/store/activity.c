#include "store/activity_private.h"

#include "base/alloc.h"

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

static uint64_t key_hash(const struct activity_table *table, struct span association, struct span activity) {
    return store_hash(table->store, association) * UINT64_C(0x9E3779B97F4A7C15) +
           store_hash(table->store, activity);
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

static void add(struct activity_table *table, struct activity *activity) {
    const struct store_activity_in *in = &activity->public;
    activity->links[BY_ID].hash = in->id;
    activity->links[BY_KEY].hash = key_hash(table, in->association, in->activity);
    activity->links[BY_ASSOCIATION].hash = store_hash(table->store, in->association);
    for (enum activity_index i = 0; i < ACTIVITY_INDEXES; i++)
        link_in(table, activity, i);
    activity->newer = NULL;
    activity->older = table->newest;
    *(table->newest ? &table->newest->newer : &table->oldest) = activity;
    table->newest = activity;
    table->count++;
}

static void take_out(struct activity_table *table, struct activity *activity) {
    for (enum activity_index i = 0; i < ACTIVITY_INDEXES; i++)
        link_out(activity, i);
    *(activity->older ? &activity->older->newer : &table->oldest) = activity->newer;
    *(activity->newer ? &activity->newer->older : &table->newest) = activity->older;
    table->count--;
}

struct activity *activity_find(const struct activity_table *table, uint64_t id) {
    struct activity *found = table->cap ? *chain(table, BY_ID, id) : NULL;
    while (found && found->public.id != id)
        found = found->links[BY_ID].next;
    return found;
}

bool activities_reserve(struct activity_table *table, size_t count) {
    struct activity_table bigger = *table;
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

void activity_replace(struct activity_table *table, uint64_t id, struct activity *activity) {
    struct activity *before = activity_find(table, id);
    if (before)
        take_out(table, before);
    activity_free(before);
    if (activity)
        add(table, activity);
}

void activities_free(struct activity_table *table) {
    for (struct activity *activity = table->oldest, *newer; activity; activity = newer) {
        newer = activity->newer;
        activity_free(activity);
    }
    mem_free(table->chains[0]);
    *table = (struct activity_table){.store = table->store};
}

const struct activity *activity_of_key(const struct activity_table *table, struct span peer,
                                       struct span association, struct span activity) {
    uint64_t hash = key_hash(table, association, activity);
    const struct activity *found = NULL;
    for (const struct activity *at = table->cap ? *chain(table, BY_KEY, hash) : NULL; at;
         at = at->links[BY_KEY].next) {
        const struct store_activity_in *in = &at->public;
        if (span_eq(in->activity, activity) && span_eq(in->association, association) &&
            span_eq(in->peer, peer) && (!found || in->id > found->public.id))
            found = at;
    }
    return found;
}

void activities_each(const struct activity_table *table, store_activity_in_cb *cb, void *context) {
    for (const struct activity *at = table->oldest; at; at = at->newer)
        if (!cb(context, &at->public))
            return;
}

void activities_each_of(const struct activity_table *table, struct span association, store_activity_in_cb *cb,
                        void *context) {
    uint64_t hash = store_hash(table->store, association);
    for (const struct activity *at = table->cap ? *chain(table, BY_ASSOCIATION, hash) : NULL; at;
         at = at->links[BY_ASSOCIATION].next)
        if (span_eq(at->public.association, association) && !cb(context, &at->public))
            return;
}
