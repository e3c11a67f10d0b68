#include "base/map.h"

#include "base/alloc.h"

/* Fibonacci hashing: consecutive numbers spread over the table. */
static size_t home(const struct map *map, uint64_t key) {
    return (size_t)((key * 0x9E3779B97F4A7C15u) >> 32) & (map->room - 1);
}

static struct map_slot *slot_of(const struct map *map, uint64_t key) {
    size_t at = home(map, key);
    while (map->slots[at].key && map->slots[at].key != key)
        at = (at + 1) & (map->room - 1);
    return &map->slots[at];
}

void *map_get(const struct map *map, uint64_t key) {
    return map->room ? slot_of(map, key)->value : NULL;
}

static bool grow(struct map *map) {
    struct map wide = {.room = map->room ? map->room * 2 : 16, .count = map->count};
    wide.slots = mem_alloc(wide.room * sizeof *wide.slots);
    if (!wide.slots)
        return false;
    for (size_t i = 0; i < map->room; i++)
        if (map->slots[i].key)
            *slot_of(&wide, map->slots[i].key) = map->slots[i];
    mem_free(map->slots);
    *map = wide;
    return true;
}

bool map_put(struct map *map, uint64_t key, void *value) {
    struct map_slot *slot = map->room ? slot_of(map, key) : NULL;
    if (slot && slot->key) {
        slot->value = value;
        return true;
    }
    if ((map->count + 1) * 2 > map->room && !grow(map))
        return false;
    *slot_of(map, key) = (struct map_slot){key, value};
    map->count++;
    return true;
}

/* Linear probing without tombstones: what follows in the run moves up. */
void map_remove(struct map *map, uint64_t key) {
    if (!map->room)
        return;
    struct map_slot *hole = slot_of(map, key);
    if (!hole->key)
        return;
    map->count--;
    size_t at = (size_t)(hole - map->slots), next = at;
    for (;;) {
        map->slots[at] = (struct map_slot){0};
        do {
            next = (next + 1) & (map->room - 1);
            if (!map->slots[next].key)
                return;
        } while (((next - home(map, map->slots[next].key)) & (map->room - 1)) <
                 ((next - at) & (map->room - 1)));
        map->slots[at] = map->slots[next];
        at = next;
    }
}

void map_free(struct map *map) {
    mem_free(map->slots);
    *map = (struct map){0};
}
