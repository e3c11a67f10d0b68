/*
 * A table from numbers other than 0 to a pointer or a number: associations or clients by their numbers, rows
 * by their ids, and the like. Open addressing with linear probing.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t key; /* 0: free, and then the value is 0 */
    union {
        void *value;
        int64_t number;
    };
};

struct map {
    struct map_slot *slots;
    size_t room, count; /* room is 0 or a power of two, at least twice the count */
};

/* The slot of the key, or NULL. A slot lives until the next call that changes the map. */
struct map_slot *map_find(const struct map *map, uint64_t key);
/* The slot of the key, made with a zero value at need; NULL without memory, which only that needs. */
struct map_slot *map_at(struct map *map, uint64_t key);
void map_remove(struct map *map, uint64_t key);
/* Forgets all keys; keeps the memory, unless it is much. */
void map_clear(struct map *map);
/* Frees the table, not the values. */
void map_free(struct map *map);

/* The pointer under the key; NULL: there is none. */
void *map_get(const struct map *map, uint64_t key);
/* Adds or replaces it. False without memory, which only adding needs. */
bool map_put(struct map *map, uint64_t key, void *value);

#endif
