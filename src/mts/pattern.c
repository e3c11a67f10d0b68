/*
 * Patterns of O/R addresses, for routes, restrictions and submit permission.
 * The rank orders them by specificity: two bits for each of the hierarchy's
 * attributes, highest first, then the counts of all others.
 */
#include "mts/mts_private.h"
#include "mts/tables_private.h"

/* Place in the hierarchy: country, ADMD, PRMD, organization, units 1 to 4; -1: another attribute. */
static int level_of(const struct attribute *attribute) {
    switch (attribute->kind) {
    case ATTRIBUTE_COUNTRY:
        return 0;
    case ATTRIBUTE_ADMD:
        return 1;
    case ATTRIBUTE_PRMD:
        return 2;
    case ATTRIBUTE_ORGANIZATION:
        return 3;
    case ATTRIBUTE_UNIT:
        return attribute->index < 4 ? 4 + (int)attribute->index : -1;
    default:
        return -1;
    }
}

static uint64_t rank_of(const struct pattern *pattern) {
    uint64_t levels = 0, counts[4] = {0};
    for (size_t i = 0; i < pattern->count; i++) {
        const struct pattern_item *item = &pattern->items[i];
        int level = level_of(&item->attribute);
        if (level >= 0)
            levels |= (uint64_t)item->match << (2 * (7 - level));
        else if (counts[item->match] < 255)
            counts[item->match]++;
    }
    return levels << 24 | counts[PATTERN_EXACT] << 16 | counts[PATTERN_PREFIX] << 8 | counts[PATTERN_ANY];
}

bool pattern_read(struct arena *arena, const char *text, struct pattern *pattern, struct error *err) {
    struct x411_ORName name = {0};
    struct address address = {0};
    *pattern = (struct pattern){0};
    if (text[strspn(text, "/; ")] == '\0')
        return true;
    if (!address_parse_pattern(arena, text, &name, err))
        return false;
    if (!address_of(arena, &name, &address) ||
        !(pattern->items = arena_array(arena, address.count + 1, sizeof *pattern->items)))
        return error_set(err, 1, "out of memory");
    pattern->count = address.count;
    for (size_t i = 0; i < address.count; i++) {
        struct pattern_item *item = &pattern->items[i];
        struct span *value = &item->attribute.value;
        item->attribute = address.items[i];
        item->match = PATTERN_EXACT;
        if (value->len && value->data[value->len - 1] == '*') {
            value->len--;
            item->match = value->len ? PATTERN_PREFIX : PATTERN_ANY;
        }
    }
    pattern->rank = rank_of(pattern);
    return true;
}

static bool item_matches(const struct pattern_item *item, const struct attribute *attribute) {
    const struct attribute *wanted = &item->attribute;
    if (wanted->kind != attribute->kind || wanted->index != attribute->index ||
        !span_eq_nocase(wanted->type, attribute->type))
        return false;
    if (item->match == PATTERN_EXACT)
        return span_eq_nocase(wanted->value, attribute->value);
    return attribute->value.len >= wanted->value.len &&
           span_eq_nocase(wanted->value, span_sub(attribute->value, 0, wanted->value.len));
}

bool pattern_matches(const struct pattern *pattern, const struct address *address) {
    for (size_t i = 0; i < pattern->count; i++) {
        bool found = false;
        for (size_t j = 0; j < address->count && !found; j++)
            found = item_matches(&pattern->items[i], &address->items[j]);
        if (!found)
            return false;
    }
    return true;
}
