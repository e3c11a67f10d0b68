#include "mhs/address_set.h"

#include "mhs/address.h"

#define KEY_MEMORY ((size_t)64 * 1024)

void address_set_init(struct address_set *set) {
    set->numbers = json_object();
    arena_init(&set->arena, KEY_MEMORY);
}

void address_set_free(struct address_set *set) {
    json_decref(set->numbers);
    arena_free(&set->arena);
}

static struct span key_of(struct address_set *set, const struct x411_ORName *name) {
    arena_reset(&set->arena);
    return address_key(name, &set->arena);
}

static json_t *numbers_of(struct address_set *set, struct span key) {
    return key.data ? json_object_getn(set->numbers, (const char *)key.data, key.len) : NULL;
}

bool address_set_add(struct address_set *set, const struct x411_ORName *name, size_t number) {
    struct span key = key_of(set, name);
    json_t *numbers = numbers_of(set, key);
    if (key.data && !numbers) {
        numbers = json_array();
        if (json_object_setn_new_nocheck(set->numbers, (const char *)key.data, key.len, numbers) != 0)
            return false;
    }
    return key.data && json_array_append_new(numbers, json_integer((json_int_t)number)) == 0;
}

bool address_set_has(struct address_set *set, const struct x411_ORName *name) {
    return numbers_of(set, key_of(set, name)) != NULL;
}

bool address_set_take(struct address_set *set, const struct x411_ORName *name, size_t *number) {
    json_t *numbers = numbers_of(set, key_of(set, name));
    if (json_array_size(numbers) == 0)
        return false;
    *number = (size_t)json_integer_value(json_array_get(numbers, 0));
    json_array_remove(numbers, 0);
    return true;
}
