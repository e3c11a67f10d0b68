/* A map from ids (never 0) to a number or pointer: open addressing, linear probing. */
#ifndef STORE_IDMAP_PRIVATE_H
#define STORE_IDMAP_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idmap_slot {
    uint64_t id; /* 0: free */
    union {
        void *pointer;
        int64_t number;
    } value;
};

struct idmap {
    struct idmap_slot *slots;
    size_t cap, count; /* cap is 0 or a power of two */
};

void idmap_free(struct idmap *map);
/* Forgets all ids; keeps the memory, unless it is much. */
void idmap_clear(struct idmap *map);
/* The slot of `id`, or NULL. */
struct idmap_slot *idmap_find(const struct idmap *map, uint64_t id);
/* The slot of `id`, made with a zero value at need; NULL without memory. It lives until the next call that
 * changes the map. */
struct idmap_slot *idmap_put(struct idmap *map, uint64_t id);
void idmap_remove(struct idmap *map, uint64_t id);

#endif
