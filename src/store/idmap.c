#include <string.h>

#include "base/alloc.h"
#include "store/idmap_private.h"

#define KEEP_CAP 8192

static size_t home(const struct idmap *map, uint64_t id) {
    return (size_t)(id * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (map->cap - 1);
}

void idmap_free(struct idmap *map) {
    mem_free(map->slots);
    *map = (struct idmap){0};
}

void idmap_clear(struct idmap *map) {
    if (map->cap > KEEP_CAP)
        idmap_free(map);
    if (map->count)
        memset(map->slots, 0, map->cap * sizeof *map->slots);
    map->count = 0;
}

struct idmap_slot *idmap_find(const struct idmap *map, uint64_t id) {
    if (!map->cap)
        return NULL;
    for (size_t i = home(map, id); map->slots[i].id; i = (i + 1) & (map->cap - 1))
        if (map->slots[i].id == id)
            return &map->slots[i];
    return NULL;
}

static struct idmap_slot *insert(struct idmap *map, uint64_t id) {
    size_t i = home(map, id);
    while (map->slots[i].id)
        i = (i + 1) & (map->cap - 1);
    map->slots[i].id = id;
    map->count++;
    return &map->slots[i];
}

static bool grow(struct idmap *map) {
    struct idmap bigger = {.cap = map->cap ? map->cap * 2 : 64};
    if (bigger.cap > SIZE_MAX / 2 / sizeof *bigger.slots)
        return false;
    bigger.slots = mem_alloc(bigger.cap * sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].id)
            insert(&bigger, map->slots[i].id)->value = map->slots[i].value;
    mem_free(map->slots);
    *map = bigger;
    return true;
}

struct idmap_slot *idmap_put(struct idmap *map, uint64_t id) {
    struct idmap_slot *slot = idmap_find(map, id);
    if (slot)
        return slot;
    if (map->count >= map->cap / 2 && !grow(map))
        return NULL;
    return insert(map, id);
}

void idmap_remove(struct idmap *map, uint64_t id) {
    struct idmap_slot *slot = idmap_find(map, id);
    if (!slot)
        return;
    size_t hole = (size_t)(slot - map->slots), mask = map->cap - 1;
    /* Close the gap: a later slot moves up when its home does not lie between the gap and it. */
    for (size_t i = (hole + 1) & mask; map->slots[i].id; i = (i + 1) & mask)
        if (((i - home(map, map->slots[i].id)) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    map->slots[hole] = (struct idmap_slot){0};
    map->count--;
}
