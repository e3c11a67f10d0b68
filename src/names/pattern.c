/* Patterns of O/R addresses. */
#include "names/pattern.h"
#include "names/oraddress_private.h"

static struct pattern_item item_of(const struct oraddress_attribute *attribute) {
    struct pattern_item item = {
        .kind = attribute->kind, .type_key = attribute->type_key, .key = attribute->key};
    if (!item.key.len || item.key.data[item.key.len - 1] != '*') {
        item.match = PATTERN_EXACT;
        return item;
    }
    item.key.len--;
    item.match = item.key.len ? PATTERN_PREFIX : PATTERN_ANY;
    return item;
}

bool pattern_parse(struct span text, struct arena *arena, struct pattern *pattern, struct error *err) {
    struct attribute_list list = {.arena = arena};
    *pattern = (struct pattern){NULL, 0};
    if (!oraddress_read(text, &list, err))
        return false;
    struct pattern_item *items = arena_array(arena, list.count + 1, sizeof(*items));
    if (!items)
        return error_set(err, ORADDRESS_MEMORY, "O/R address: out of memory");
    for (size_t i = 0; i < list.count; i++)
        items[i] = item_of(&list.items[i]);
    *pattern = (struct pattern){items, list.count};
    return true;
}

static bool item_matches(const struct pattern_item *item, const struct oraddress_attribute *attribute) {
    if (item->kind != attribute->kind || !span_eq(item->type_key, attribute->type_key))
        return false;
    if (item->match == PATTERN_EXACT)
        return span_eq(item->key, attribute->key);
    return span_eq(item->key, span_sub(attribute->key, 0, item->key.len));
}

/* Both sides are sorted by kind, so one walk over each is enough but for repeated domain-defined attributes.
 */
bool pattern_matches(const struct pattern *pattern, const struct oraddress *address) {
    size_t from = 0;
    for (size_t i = 0; i < pattern->count; i++) {
        while (from < address->count && address->items[from].kind < pattern->items[i].kind)
            from++;
        bool found = false;
        for (size_t j = from;
             j < address->count && address->items[j].kind == pattern->items[i].kind && !found; j++)
            found = item_matches(&pattern->items[i], &address->items[j]);
        if (!found)
            return false;
    }
    return true;
}

int pattern_compare(const struct pattern *a, const struct pattern *b) {
    for (size_t i = 0;; i++) {
        if (i >= a->count || i >= b->count)
            return i < a->count ? -1 : i < b->count ? 1 : 0;
        const struct pattern_item *x = &a->items[i], *y = &b->items[i];
        if (x->kind != y->kind)
            return x->kind < y->kind ? -1 : 1;
        if (x->match != y->match)
            return x->match > y->match ? -1 : 1;
        if (x->match == PATTERN_PREFIX && x->key.len != y->key.len)
            return x->key.len > y->key.len ? -1 : 1;
    }
}
