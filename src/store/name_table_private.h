/* Names with small keys 1, 2, 3 …: next hops and mailboxes. Held in memory whole; rows are written with the
 * next commit. */
#ifndef STORE_NAMES_PRIVATE_H
#define STORE_NAMES_PRIVATE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/span.h"

struct name {
    struct span text;
    uint32_t chained; /* key of the next one with the same hash, 0 = none */
    uint64_t next;    /* a mailbox's next sequence-number */
    bool changed;     /* its row is to be written */
    bool there;
};

struct names {
    struct name *list; /* key - 1 -> name */
    size_t count, cap;
    struct map by_hash;
    struct arena arena;
    uint32_t *changed; /* keys whose row is to be written */
    size_t changed_count, changed_cap;
};

void names_init(struct names *names);
void names_free(struct names *names);
uint32_t names_find(const struct names *names, uint64_t hash, struct span text);
/* Adds a name under the key that stands in its row (load), or under the next one (key 0). Returns the key, 0
 * without memory. */
uint32_t names_add(struct names *names, uint64_t hash, struct span text, uint32_t key, uint64_t next);
struct name *names_get(const struct names *names, uint32_t key);
/* Notes that the row of `key` must be written; false without memory. */
bool names_mark(struct names *names, uint32_t key);
/* The rows of the first `count` that were to be written are. */
void names_written(struct names *names, size_t count);

#endif
