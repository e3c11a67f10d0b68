#include "asn1/random.h"

#include "asn1/ber_private.h"

#define CALM_DEPTH 10 /* from here on as little as possible is made */
#define LAST_DEPTH 48
#define MAX_LENGTH 40 /* of strings without an upper bound */
#define MAX_ITEMS  4

struct generator {
    uint64_t state;
    struct arena *arena;
    unsigned depth;
};

static bool make_value(struct generator *g, const struct ber_type *type, void *value);

/* splitmix64 */
static uint64_t next(struct generator *g) {
    uint64_t z = g->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint64_t below(struct generator *g, uint64_t end) {
    return next(g) % end;
}

static int64_t between(struct generator *g, int64_t low, int64_t high) {
    uint64_t width = (uint64_t)high - (uint64_t)low;
    switch (below(g, 4)) {
    case 0:
        return low;
    case 1:
        return high;
    default:
        return width == UINT64_MAX ? (int64_t)next(g) : (int64_t)((uint64_t)low + below(g, width + 1));
    }
}

/* A length in characters, bits or items. */
static size_t make_size(struct generator *g, const struct ber_type *type, size_t most) {
    int64_t low = type->bounds ? type->bounds->min : 0,
            high = type->bounds ? type->bounds->max : (int64_t)most;
    if (high > low + (int64_t)most)
        high = low + (int64_t)most;
    return (size_t)between(g, low, g->depth > CALM_DEPTH ? low : high);
}

/* ---- primitive types ---- */

static int64_t make_number(struct generator *g, const struct ber_type *type) {
    if (type->kind == BER_KIND_ENUMERATED && type->name_count)
        return type->names[below(g, type->name_count)].number;
    if (type->bounds)
        return between(g, type->bounds->min, type->bounds->max);
    return (int64_t)(next(g) >> below(g, 64)) * (below(g, 2) ? 1 : -1);
}

static bool make_bits(struct generator *g, const struct ber_type *type, struct ber_bits *bits) {
    size_t count = make_size(g, type, MAX_LENGTH);
    size_t len = (count + 7) / 8;
    uint8_t *octets = arena_alloc(g->arena, len);
    if (!octets)
        return false;
    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)next(g);
    *bits = (struct ber_bits){{octets, len}, (unsigned)(len * 8 - count)};
    if (bits->unused)
        octets[len - 1] &= (uint8_t)(0xFF << bits->unused);
    return true;
}

static uint8_t make_octet(struct generator *g, enum ber_kind kind) {
    static const char printable[] = "ABCxyz019 '()+,-./:=?", numeric[] = "0123456789 ";
    switch (kind) {
    case BER_KIND_NUMERICSTRING:
        return (uint8_t)numeric[below(g, sizeof numeric - 1)];
    case BER_KIND_PRINTABLESTRING:
        return (uint8_t)printable[below(g, sizeof printable - 1)];
    case BER_KIND_IA5STRING:
    case BER_KIND_UTF8STRING:
        return (uint8_t)below(g, 128);
    case BER_KIND_VISIBLESTRING:
        return (uint8_t)(0x20 + below(g, 0x5F));
    case BER_KIND_TELETEXSTRING: /* without accents, which count for nothing */
        return (uint8_t)(below(g, 2) ? 0x20 + below(g, 0x5F) : 0xA1 + below(g, 0x1F));
    default:
        return (uint8_t)next(g);
    }
}

static bool make_string(struct generator *g, const struct ber_type *type, struct span *value) {
    size_t width = type->kind == BER_KIND_BMPSTRING ? 2 : type->kind == BER_KIND_UNIVERSALSTRING ? 4 : 1;
    size_t len = make_size(g, type, MAX_LENGTH) * width;
    uint8_t *octets = arena_alloc(g->arena, len);
    if (!octets)
        return false;
    for (size_t i = 0; i < len; i++)
        octets[i] = width == 4 && i % 4 < 2 ? 0 : make_octet(g, type->kind);
    *value = span_of(octets, len);
    return true;
}

static bool make_oid(struct generator *g, struct span *value) {
    uint8_t octets[12] = {0x2A};
    size_t len = 1 + below(g, sizeof octets - 1);
    for (size_t i = 1; i < len; i++)
        octets[i] = (uint8_t)(1 + below(g, 0x7F)) | (below(g, 3) == 0 && i + 1 < len ? 0x80 : 0);
    for (size_t i = 1; i < len; i++)
        octets[i] = octets[i] == 0x80 ? 0x81 : octets[i];
    *value = arena_dup(g->arena, span_of(octets, len));
    return value->data;
}

static bool make_any(struct generator *g, struct span *value) {
    uint8_t octets[] = {2, 1, (uint8_t)next(g)};
    *value = arena_dup(g->arena, span_of(octets, sizeof octets));
    return value->data;
}

static bool make_primitive(struct generator *g, const struct ber_type *type, void *value) {
    switch (type->kind) {
    case BER_KIND_NULL:
        *(bool *)value = true;
        return true;
    case BER_KIND_BOOLEAN:
        *(bool *)value = below(g, 2);
        return true;
    case BER_KIND_INTEGER:
    case BER_KIND_ENUMERATED:
        *(int64_t *)value = make_number(g, type);
        return true;
    case BER_KIND_BIT_STRING:
        return make_bits(g, type, value);
    case BER_KIND_OBJECT_IDENTIFIER:
    case BER_KIND_RELATIVE_OID:
        return make_oid(g, value);
    case BER_KIND_UTCTIME:
        return ber_utctime_write(between(g, 0, 2000000000), g->arena, value);
    case BER_KIND_GENERALIZEDTIME:
        return ber_generalizedtime_write(between(g, 0, 2000000000), g->arena, value);
    case BER_KIND_ANY:
        return make_any(g, value);
    default:
        return make_string(g, type, value);
    }
}

/* ---- structure ---- */

static bool is_left_out(struct generator *g, const struct ber_field *field) {
    return field->flags & BER_FIELD_OPTIONAL && (g->depth > CALM_DEPTH || below(g, 2));
}

static void set_default(const struct ber_field *field, void *value) {
    if (!(field->flags & BER_FIELD_DEFAULT))
        return;
    if (field->type->kind == BER_KIND_BOOLEAN)
        *(bool *)ber_member(value, field->offset) = field->value;
    else
        *(int64_t *)ber_member(value, field->offset) = field->value;
}

static bool make_field(struct generator *g, const struct ber_field *field, void *value) {
    if (field->flags & BER_FIELD_VOID)
        return true;
    void *member = ber_member(value, field->offset);
    if (field->flags & BER_FIELD_HAS)
        *(bool *)ber_member(value, field->has) = true;
    if (field->flags & BER_FIELD_POINTER) {
        void *pointee = arena_alloc(g->arena, field->type->size);
        if (!pointee)
            return false;
        memcpy(member, &pointee, sizeof pointee);
        member = pointee;
    }
    return make_value(g, field->type, member);
}

static bool make_components(struct generator *g, const struct ber_type *type, void *value) {
    for (uint32_t i = 0; i < type->count; i++) {
        const struct ber_field *field = &type->fields[i];
        if (is_left_out(g, field))
            set_default(field, value);
        else if (!make_field(g, field, value))
            return false;
    }
    return true;
}

/* Deep down the alternatives that end at once are taken. */
static uint32_t choose(struct generator *g, const struct ber_type *type) {
    uint32_t from = (uint32_t)below(g, type->count);
    for (uint32_t n = 0; g->depth > CALM_DEPTH && n < type->count; n++) {
        uint32_t i = (from + n) % type->count;
        if (!ber_is_constructed_kind(type->fields[i].type->kind))
            return i;
    }
    return from;
}

static bool make_choice(struct generator *g, const struct ber_type *type, void *value) {
    const struct ber_field *field = &type->fields[choose(g, type)];
    int choice = (int)field->value;
    memcpy(ber_member(value, type->extra), &choice, sizeof choice);
    return make_field(g, field, value);
}

static bool make_list(struct generator *g, const struct ber_type *type, void *value) {
    const struct ber_type *element = type->fields->type;
    struct ber_list list = {.count = make_size(g, type, MAX_ITEMS)};
    list.items = arena_array(g->arena, list.count, element->size);
    if (!list.items)
        return false;
    memcpy(value, &list, sizeof list);
    for (size_t i = 0; i < list.count; i++)
        if (!make_value(g, element, (uint8_t *)list.items + i * element->size))
            return false;
    return true;
}

static bool make_value(struct generator *g, const struct ber_type *type, void *value) {
    if (!ber_is_constructed_kind(type->kind))
        return make_primitive(g, type, value);
    if (g->depth == LAST_DEPTH)
        return false;
    g->depth++;
    bool made = type->kind == BER_KIND_CHOICE ? make_choice(g, type, value)
                : type->kind == BER_KIND_SEQUENCE || type->kind == BER_KIND_SET
                    ? make_components(g, type, value)
                    : make_list(g, type, value);
    g->depth--;
    return made;
}

bool ber_random(const struct ber_type *type, uint64_t seed, struct arena *arena, void *value) {
    struct generator g = {.state = seed, .arena = arena};
    memset(value, 0, type->size);
    return make_value(&g, type, value);
}
