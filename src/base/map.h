/* A table from non-zero numbers to pointers: associations or clients by their numbers, and
 * the like. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t key; /* 0: free */
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t room, count; /* room is a power of two, at least twice the count */
};

void *map_get(const struct map *map, uint64_t key);
/* Adds or replaces. False without memory, which only adding needs. */
bool map_put(struct map *map, uint64_t key, void *value);
void map_remove(struct map *map, uint64_t key);
/* Frees the table, not the values. */
void map_free(struct map *map);

#endif
