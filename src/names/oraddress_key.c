/* The canonical form of attributes, and what is built on it: lists, equality, hashes. */
#include <stdio.h>

#include "base/text.h"
#include "names/oraddress_private.h"

bool is_digits(struct span s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
    }
    return s.len > 0;
}

bool is_printable_string(struct span s) {
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && (c == 0 || !strchr(" '()+,-./:=?", c)))
            return false;
    }
    return true;
}

/*
 * The small letter of a capital, for the scripts of European addresses: Latin,
 * Greek and Cyrillic. Other characters are their own fold.
 */
static uint32_t fold(uint32_t c) {
    if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7))
        return c + 32;
    if ((c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) || (c >= 0x14A && c <= 0x177))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E))
        return c + (c & 1);
    if (c == 0x178)
        return 0xFF;
    if (c >= 0x391 && c <= 0x3AB && c != 0x3A2)
        return c + 32;
    if (c >= 0x410 && c <= 0x42F)
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    return c;
}

/* The character at the start of UTF-8 text, and its length; an octet that begins none stands for itself. */
static uint32_t read_character(struct span s, size_t *used) {
    uint8_t first = s.data[0];
    size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : 0;
    uint32_t c = more ? first & (0x3Fu >> more) : first;
    *used = 1;
    if (more >= s.len || first >= 0xF5)
        return first;
    for (size_t i = 1; i <= more; i++) {
        if ((s.data[i] & 0xC0) != 0x80)
            return first;
        c = c << 6 | (s.data[i] & 0x3Fu);
    }
    *used = more + 1;
    return c;
}

/* Folds the character at the start of `s` into `out` and returns the octets read. All folds keep the length
 * in UTF-8. */
static size_t fold_character(struct span s, uint8_t *out) {
    if (s.data[0] < 0x80) {
        out[0] = (uint8_t)fold(s.data[0]);
        return 1;
    }
    size_t used;
    uint32_t folded = fold(read_character(s, &used));
    if (used == 2) {
        out[0] = (uint8_t)(0xC0 | folded >> 6);
        out[1] = (uint8_t)(0x80 | (folded & 0x3F));
    } else {
        memcpy(out, s.data, used);
    }
    return used;
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Folded, without spaces at the ends, and one for a run of them within. */
static struct span fold_value(struct span value, struct arena *arena) {
    uint8_t *out = arena_alloc(arena, value.len + 1);
    if (!out)
        return (struct span){NULL, 0};
    size_t len = 0;
    bool space = false;
    for (size_t i = 0; i < value.len;) {
        if (is_space(value.data[i])) {
            space = len > 0;
            i++;
            continue;
        }
        if (space)
            out[len++] = ' ';
        space = false;
        size_t used = fold_character(span_sub(value, i, value.len), out + len);
        len += used;
        i += used;
    }
    return span_of(out, len);
}

static struct span without_spaces(struct span key, struct arena *arena) {
    uint8_t *out = arena_alloc(arena, key.len + 1);
    if (!out)
        return (struct span){NULL, 0};
    size_t len = 0;
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] != ' ')
            out[len++] = key.data[i];
    }
    return span_of(out, len);
}

struct span oraddress_value_key(enum oraddress_kind kind, struct span value, struct arena *arena) {
    struct span key = fold_value(value, arena);
    if (!key.data)
        return key;
    switch (kind) {
    case ORADDRESS_COUNTRY:
    case ORADDRESS_PD_COUNTRY: {
        const char *alpha = country_of_dcc(key);
        return alpha ? span_str(alpha) : key;
    }
    case ORADDRESS_X121:
    case ORADDRESS_ISDN:
    case ORADDRESS_NUMERIC_USER_ID:
        return without_spaces(key, arena);
    case ORADDRESS_TERMINAL_TYPE: {
        const char *label = terminal_type_label(terminal_type_of(key));
        return label ? span_str(label) : key;
    }
    default:
        return key;
    }
}

static bool is_clean(struct span value) {
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < 0x20 || value.data[i] == 0x7F)
            return false;
    }
    return text_is_utf8(value);
}

/* UTF-8 without control characters: such have no place in any string of an address, and must not write lines
 * of their own into a log. White space becomes a space, the others U+FFFD. */
static struct span clean(struct span value, struct arena *arena) {
    if (is_clean(value))
        return value;
    value = text_is_utf8(value) ? value : text_from_ia5(value, arena);
    uint8_t *out = value.data ? arena_alloc(arena, value.len * 3 + 1) : NULL;
    if (!out)
        return (struct span){NULL, 0};
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        if (is_space(c)) {
            out[len++] = ' ';
        } else if (c < 0x20 || c == 0x7F) {
            memcpy(out + len, "\xEF\xBF\xBD", 3);
            len += 3;
        } else {
            out[len++] = c;
        }
    }
    return span_of(out, len);
}

bool attribute_append(struct attribute_list *list, enum oraddress_kind kind, struct span type,
                      struct span value) {
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 12;
        struct oraddress_attribute *items = arena_array(list->arena, room, sizeof(*items));
        if (!items)
            return false;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->room = room;
    }
    struct oraddress_attribute *item = &list->items[list->count];
    *item = (struct oraddress_attribute){.kind = kind, .value = clean(value, list->arena)};
    if (item->value.data)
        item->key = oraddress_value_key(kind, item->value, list->arena);
    if (type.data) {
        item->type = clean(type, list->arena);
        item->type_key = item->type.data ? fold_value(item->type, list->arena) : item->type;
    }
    if (!item->key.data || (type.data && !item->type_key.data))
        return false;
    list->count++;
    return true;
}

bool attribute_sort(struct attribute_list *list) {
    size_t start[ORADDRESS_KINDS + 1] = {0};
    bool sorted = true;
    for (size_t i = 0; i < list->count; i++) {
        start[list->items[i].kind + 1]++;
        sorted = sorted && (i == 0 || list->items[i - 1].kind <= list->items[i].kind);
    }
    if (sorted)
        return true;
    for (int kind = 1; kind <= ORADDRESS_KINDS; kind++)
        start[kind] += start[kind - 1];
    struct oraddress_attribute *items = arena_array(list->arena, list->room, sizeof(*items));
    if (!items)
        return false;
    for (size_t i = 0; i < list->count; i++)
        items[start[list->items[i].kind]++] = list->items[i];
    list->items = items;
    return true;
}

const struct oraddress_attribute *oraddress_find(const struct oraddress *address, enum oraddress_kind kind) {
    for (size_t i = 0; i < address->count && address->items[i].kind <= kind; i++) {
        if (address->items[i].kind == kind)
            return &address->items[i];
    }
    return NULL;
}

bool oraddress_equal(const struct oraddress *a, const struct oraddress *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct oraddress_attribute *x = &a->items[i], *y = &b->items[i];
        if (x->kind != y->kind || !span_eq(x->key, y->key) || !span_eq(x->type_key, y->type_key))
            return false;
    }
    return true;
}

uint64_t oraddress_hash(const struct oraddress *address) {
    uint64_t hash = 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < address->count; i++) {
        const struct oraddress_attribute *item = &address->items[i];
        uint64_t part = span_hash(item->key) + 31 * span_hash(item->type_key) + (uint64_t)item->kind;
        hash = (hash ^ part) * 0x100000001B3u;
        hash ^= hash >> 29;
    }
    return hash;
}

/* Lengths go before the octets, so that no value can pass for another attribute. */
struct span oraddress_key(const struct oraddress *address, struct arena *arena) {
    size_t size = 1;
    for (size_t i = 0; i < address->count; i++)
        size += address->items[i].key.len + address->items[i].type_key.len + 48;
    char *out = arena_alloc(arena, size);
    if (!out)
        return (struct span){NULL, 0};
    size_t len = 0;
    for (size_t i = 0; i < address->count; i++) {
        const struct oraddress_attribute *item = &address->items[i];
        len += (size_t)snprintf(out + len, size - len, "%d.%zu.%zu:", (int)item->kind, item->type_key.len,
                                item->key.len);
        if (item->type_key.len)
            memcpy(out + len, item->type_key.data, item->type_key.len);
        len += item->type_key.len;
        memcpy(out + len, item->key.data, item->key.len);
        len += item->key.len;
    }
    return span_of(out, len);
}

bool oraddress_is_postal(const struct oraddress *address) {
    for (size_t i = 0; i < address->count; i++) {
        if (address->items[i].kind >= ORADDRESS_PD_SERVICE && address->items[i].kind <= ORADDRESS_PD_LINE_6)
            return true;
    }
    return false;
}

static bool has_any(const struct oraddress *address, enum oraddress_kind first, enum oraddress_kind last) {
    for (size_t i = 0; i < address->count; i++) {
        if (address->items[i].kind >= first && address->items[i].kind <= last)
            return true;
    }
    return false;
}

static const char *what_lacks(const struct oraddress *address) {
    bool terminal = has_any(address, ORADDRESS_X121, ORADDRESS_PSAP);
    if (!terminal && !oraddress_find(address, ORADDRESS_COUNTRY))
        return "country";
    if (!terminal && !oraddress_find(address, ORADDRESS_ADMD))
        return "administration domain";
    if (oraddress_is_postal(address)) {
        if (!oraddress_find(address, ORADDRESS_PD_COUNTRY))
            return "physical delivery country";
        return oraddress_find(address, ORADDRESS_PD_POSTAL_CODE) ? NULL : "postal code";
    }
    if (has_any(address, ORADDRESS_GIVEN_NAME, ORADDRESS_GENERATION) &&
        !oraddress_find(address, ORADDRESS_SURNAME))
        return "surname";
    if (terminal || has_any(address, ORADDRESS_ORGANIZATION, ORADDRESS_NUMERIC_USER_ID) ||
        oraddress_find(address, ORADDRESS_DOMAIN_DEFINED))
        return NULL;
    return "organization, unit, common name, personal name, numeric identifier or domain-defined attribute";
}

bool oraddress_is_complete(const struct oraddress *address, const char **missing) {
    const char *lacks = what_lacks(address);
    if (missing)
        *missing = lacks;
    return !lacks;
}
