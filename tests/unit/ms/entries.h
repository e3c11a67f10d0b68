/* Elements of BER, filters and entries for the tests of filters, all of them in `arena`. */
#ifndef TESTS_UNIT_MS_ENTRIES_H
#define TESTS_UNIT_MS_ENTRIES_H

#include "../arena_room.h"

#include "base/buf.h"
#include "ms/filter.h"
#include "schema/x413at.h"
#include "schema/x420ms.h"

/* An element of these parts, a list that an absent span ends. */
static inline struct span tlv(unsigned tag, const struct span *parts) {
    struct buf out;
    size_t len = 0;
    buf_init(&out, 0);
    for (size_t i = 0; parts[i].data; i++)
        len += parts[i].len;
    const uint8_t head[] = {(uint8_t)tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};
    buf_append(&out, head, sizeof head);
    for (size_t i = 0; parts[i].data; i++)
        buf_append(&out, parts[i].data, parts[i].len);
    struct span made = arena_dup(&arena, buf_span(&out));
    buf_free(&out);
    assert_non_null(made.data);
    return made;
}

#define TLV(tag, ...) tlv(tag, (const struct span[]){__VA_ARGS__, {NULL, 0}})
#define EMPTY(tag)    tlv(tag, (const struct span[]){{NULL, 0}})

static inline struct span string(unsigned tag, const char *text) {
    return TLV(tag, span_str(text));
}

static inline struct span teletex(const char *text) {
    return string(0x14, text);
}

static inline struct span general(const char *text) {
    return string(0x1B, text);
}

static inline struct span printable(const char *text) {
    return string(0x13, text);
}

static inline struct span tagged_number(unsigned tag, int64_t number) {
    const uint8_t octets[] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                              (uint8_t)number};
    return TLV(tag, span_of(octets, sizeof octets));
}

static inline struct span integer(int64_t number) {
    return tagged_number(0x02, number);
}

/* ---- filters ---- */

static inline struct x413_Filter item(struct x413_FilterItem from) {
    return (struct x413_Filter){.choice = x413_Filter_item, .u.item = from};
}

#define ASSERTION(name, kind, value)                                                                         \
    item((struct x413_FilterItem){.choice = x413_FilterItem_##name,                                          \
                                  .u.name = {.attribute_type = (kind), .attribute_value = (value)}})

static inline struct x413_Filter equality(struct span kind, struct span value) {
    return ASSERTION(equality, kind, value);
}

static inline struct x413_Filter at_least(struct span kind, struct span value) {
    return ASSERTION(greater_or_equal, kind, value);
}

static inline struct x413_Filter at_most(struct span kind, struct span value) {
    return ASSERTION(less_or_equal, kind, value);
}

static inline struct x413_Filter approximate(struct span kind, struct span value) {
    return ASSERTION(approximate_match, kind, value);
}

static inline struct x413_Filter present(struct span kind) {
    return item((struct x413_FilterItem){.choice = x413_FilterItem_present, .u.present = kind});
}

static inline struct x413_Filter other(enum ms_matching_rule rule, struct span kind, struct span value) {
    return item((struct x413_FilterItem){.choice = x413_FilterItem_other_match,
                                         .u.other_match = {.matching_rule = ms_matching_rule_row(rule)->oid,
                                                           .attribute_type = kind,
                                                           .match_value = value}});
}

struct part {
    enum { INITIAL = 1, ANY, FINAL } place;
    struct span value;
};

static inline struct x413_Filter substrings(struct span kind, const struct part *parts, size_t count) {
    struct x413_Filter made =
        item((struct x413_FilterItem){.choice = x413_FilterItem_substrings, .u.substrings.type = kind});
    struct x413_FilterItem_substrings_strings *strings = &made.u.item.u.substrings.strings;
    strings->items = arena_array(&arena, count + 1, sizeof *strings->items);
    strings->count = count;
    assert_non_null(strings->items);
    for (size_t i = 0; i < count; i++) {
        strings->items[i].choice = (int)parts[i].place;
        strings->items[i].u.any = parts[i].value; /* all three lie in one place */
    }
    return made;
}

#define SUBSTRINGS(kind, ...)                                                                                \
    substrings(kind, (const struct part[]){__VA_ARGS__},                                                     \
               sizeof((const struct part[]){__VA_ARGS__}) / sizeof(struct part))

static inline struct x413_Filter joined(int choice, const struct x413_Filter *filters, size_t count) {
    struct x413_Filter made = {.choice = choice}, *items = arena_array(&arena, count + 1, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < count; i++)
        items[i] = filters[i];
    if (choice == x413_Filter_not) {
        made.u.not = items;
    } else {
        made.u.and.items = items; /* or's list lies in the same place */
        made.u.and.count = count;
    }
    return made;
}

#define JOINED(choice, ...)                                                                                  \
    joined(choice, (const struct x413_Filter[]){__VA_ARGS__},                                                \
           sizeof((const struct x413_Filter[]){__VA_ARGS__}) / sizeof(struct x413_Filter))
#define ALL(...)    JOINED(x413_Filter_and, __VA_ARGS__)
#define SOME(...)   JOINED(x413_Filter_or, __VA_ARGS__)
#define NONE_OF(of) JOINED(x413_Filter_not, of)

/* ---- entries ---- */

#define MOST_VALUES 8

struct entry_attribute {
    struct span oid;
    struct span values[MOST_VALUES];
    size_t count;
};

struct entry {
    struct entry_attribute attributes[8];
    size_t count, asked; /* how often values were asked for */
    bool fails;
};

static inline bool entry_get(void *user, const struct ms_attribute *attribute, const struct span **values,
                             size_t *count) {
    struct entry *entry = user;
    entry->asked++;
    for (size_t i = 0; i < entry->count; i++)
        if (span_eq(entry->attributes[i].oid, attribute->oid)) {
            *values = entry->attributes[i].values;
            *count = entry->attributes[i].count;
        }
    return !entry->fails;
}

static inline void entry_add(struct entry *entry, struct span oid, struct span value) {
    size_t at = 0;
    while (at < entry->count && !span_eq(entry->attributes[at].oid, oid))
        at++;
    struct entry_attribute *attribute = &entry->attributes[at];
    entry->count = at == entry->count ? at + 1 : entry->count;
    attribute->oid = oid;
    attribute->values[attribute->count++] = value;
}

static inline const struct ms_filter *prepared(const struct x413_Filter *filter) {
    enum ms_filter_error why;
    const struct ms_filter *made = ms_filter_prepare(filter, &arena, &why);
    assert_non_null(made);
    return made;
}

static inline enum ms_verdict decided(struct x413_Filter filter, struct entry *entry) {
    struct arena scratch;
    arena_init(&scratch, 1 << 20);
    struct ms_values values = {entry_get, entry};
    enum ms_verdict verdict = ms_filter_decide(prepared(&filter), &values, &scratch);
    arena_free(&scratch);
    return verdict;
}

#endif
