#include "base/alloc.h"
#include "store/name_table_private.h"

#define NAMES_MAX (UINT32_C(1) << 24)

void names_init(struct names *names) {
    *names = (struct names){0};
    arena_init(&names->arena, SIZE_MAX);
}

void names_free(struct names *names) {
    mem_free(names->list);
    mem_free(names->changed);
    map_free(&names->by_hash);
    arena_free(&names->arena);
}

struct name *names_get(const struct names *names, uint32_t key) {
    return key && key <= names->count && names->list[key - 1].there ? &names->list[key - 1] : NULL;
}

uint32_t names_find(const struct names *names, uint64_t hash, struct span text) {
    struct map_slot *slot = map_find(&names->by_hash, hash);
    uint32_t key = slot ? (uint32_t)slot->number : 0;
    while (key && !span_eq(names->list[key - 1].text, text))
        key = names->list[key - 1].chained;
    return key;
}

static bool reserve(struct names *names, size_t want) {
    if (want <= names->cap)
        return true;
    size_t cap = want < 32 ? 64 : want * 2;
    struct name *list = mem_resize(names->list, cap * sizeof *list);
    if (!list)
        return false;
    memset(list + names->cap, 0, (cap - names->cap) * sizeof *list);
    names->list = list;
    names->cap = cap;
    return true;
}

uint32_t names_add(struct names *names, uint64_t hash, struct span text, uint32_t key, uint64_t next) {
    bool fresh = key == 0;
    if (fresh)
        key = (uint32_t)names->count + 1;
    if (key > NAMES_MAX || !reserve(names, key))
        return 0;
    struct span copy = arena_dup(&names->arena, text);
    struct map_slot *slot = copy.data ? map_at(&names->by_hash, hash) : NULL;
    if (!slot || (fresh && !names_mark(names, key)))
        return 0;
    names->list[key - 1] = (struct name){copy, (uint32_t)slot->number, next, fresh, true};
    slot->number = key;
    if (key > names->count)
        names->count = key;
    return key;
}

bool names_mark(struct names *names, uint32_t key) {
    if (key <= names->count && names->list[key - 1].changed)
        return true;
    if (names->changed_count == names->changed_cap) {
        size_t cap = names->changed_cap ? names->changed_cap * 2 : 32;
        uint32_t *changed = mem_resize(names->changed, cap * sizeof *changed);
        if (!changed)
            return false;
        names->changed = changed;
        names->changed_cap = cap;
    }
    names->changed[names->changed_count++] = key;
    if (key <= names->count)
        names->list[key - 1].changed = true;
    return true;
}

void names_written(struct names *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        names->list[names->changed[i] - 1].changed = false;
    names->changed_count -= count;
    if (count && names->changed_count)
        memmove(names->changed, names->changed + count, names->changed_count * sizeof *names->changed);
}
