/* Inbound activities in memory, for an engine that is the only one to change them: a resume or a recovery
 * looks for them by their key. What strangers ask for costs one chain, and expiry those that are due. */
#ifndef STORE_ACTIVITY_PRIVATE_H
#define STORE_ACTIVITY_PRIVATE_H

#include "store/store_private.h"

/* The ways to an activity in memory. */
enum activity_index { BY_ID, BY_KEY, BY_ASSOCIATION, ACTIVITY_INDEXES };

struct activity {
    struct {
        uint64_t hash;
        struct activity *next, **at; /* in its chain */
    } links[ACTIVITY_INDEXES];
    struct activity *older, *newer; /* by the time of their writing */
    struct store_activity_in public;
    uint64_t content;            /* 0: none */
    uint8_t chain[STORE_DIGEST]; /* of the content's digest at the checkpoint */
    uint8_t *octets;             /* what the spans point into */
};

struct activity_table {
    const struct store *store; /* for its hashes */
    struct activity **chains[ACTIVITY_INDEXES];
    size_t cap, count; /* chains of each index, a power of two; activities */
    struct activity *oldest, *newest;
};

struct activity *activity_copy(const struct store_activity_in *from);
void activity_free(struct activity *activity);

void activities_free(struct activity_table *table);
struct activity *activity_find(const struct activity_table *table, uint64_t id);
/* Puts `activity` in the place of the one with its id, or removes that when `activity` is NULL. It can't fail
 * where room was reserved. */
void activity_replace(struct activity_table *table, uint64_t id, struct activity *activity);
bool activities_reserve(struct activity_table *table, size_t count);
/* The latest of that key, or NULL. */
const struct activity *activity_of_key(const struct activity_table *table, struct span peer,
                                       struct span association, struct span activity);
void activities_each(const struct activity_table *table, store_activity_in_cb *cb, void *context);
void activities_each_of(const struct activity_table *table, struct span association, store_activity_in_cb *cb,
                        void *context);

#endif
