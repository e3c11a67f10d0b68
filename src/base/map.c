#include "base/map.h"

#include <string.h>

#include "base/alloc.h"

#define ROOM_FIRST 16
/* A table that is cleared keeps so many slots. */
#define ROOM_KEPT 8192

/* Fibonacci hashing: consecutive numbers spread over the table. */
static size_t home(const struct map *map, uint64_t key) {
    return (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (map->room - 1);
}

void map_free(struct map *map) {
    mem_free(map->slots);
    *map = (struct map){0};
}

void map_clear(struct map *map) {
    if (map->room > ROOM_KEPT)
        map_free(map);
    if (map->count)
        memset(map->slots, 0, map->room * sizeof *map->slots);
    map->count = 0;
}

struct map_slot *map_find(const struct map *map, uint64_t key) {
    if (!map->room)
        return NULL;
    for (size_t i = home(map, key); map->slots[i].key; i = (i + 1) & (map->room - 1))
        if (map->slots[i].key == key)
            return &map->slots[i];
    return NULL;
}

/* Of one that is not there. */
static struct map_slot *insert(struct map *map, uint64_t key) {
    size_t i = home(map, key);
    while (map->slots[i].key)
        i = (i + 1) & (map->room - 1);
    map->slots[i].key = key;
    map->count++;
    return &map->slots[i];
}

static bool grow(struct map *map) {
    struct map wide = {.room = map->room ? map->room * 2 : ROOM_FIRST};
    if (wide.room > SIZE_MAX / 2 / sizeof *wide.slots)
        return false;
    wide.slots = mem_alloc(wide.room * sizeof *wide.slots);
    if (!wide.slots)
        return false;
    for (size_t i = 0; i < map->room; i++)
        if (map->slots[i].key)
            insert(&wide, map->slots[i].key)->value = map->slots[i].value;
    mem_free(map->slots);
    *map = wide;
    return true;
}

struct map_slot *map_at(struct map *map, uint64_t key) {
    struct map_slot *slot = map_find(map, key);
    if (slot)
        return slot;
    if (map->count >= map->room / 2 && !grow(map))
        return NULL;
    return insert(map, key);
}

/* Without tombstones: a later slot moves up into the gap when its home does not lie between the gap and it.
 */
void map_remove(struct map *map, uint64_t key) {
    struct map_slot *slot = map_find(map, key);
    if (!slot)
        return;
    size_t hole = (size_t)(slot - map->slots), mask = map->room - 1;
    for (size_t i = (hole + 1) & mask; map->slots[i].key; i = (i + 1) & mask)
        if (((i - home(map, map->slots[i].key)) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    map->slots[hole] = (struct map_slot){0};
    map->count--;
}

void *map_get(const struct map *map, uint64_t key) {
    const struct map_slot *slot = map_find(map, key);
    return slot ? slot->value : NULL;
}

bool map_put(struct map *map, uint64_t key, void *value) {
    struct map_slot *slot = map_at(map, key);
    if (slot)
        slot->value = value;
    return slot != NULL;
}
