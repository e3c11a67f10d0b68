/*
 * Encoding: written backwards, so that each length is known when its turn
 * comes. SIZE, ranges and repertoires are not checked: a relay must be able to
 * pass on what it was told to accept.
 */
#include "asn1/ber_private.h"

#include "base/alloc.h"

/* The free part of `out` is filled from its end; what is written moves down to `out->len` when all is done.
 */
struct encoder {
    struct buf *out;
    uint8_t *at; /* the first octet written */
    size_t left; /* octets free before `at` */
    size_t used; /* octets written */
    struct ber_error *error;
};

/* Writes a value with its tag `id`. */
typedef bool writer(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value);

static inline bool encode_place(struct encoder *e, const struct ber_field *field, const void *value);

static void attach(struct encoder *e) {
    e->at = e->out->data + e->out->cap;
    e->left = e->out->cap - e->out->len;
}

static BER_COLD bool grow(struct encoder *e, size_t len) {
    size_t old_cap = e->out->cap;
    size_t want = e->used + len + 256 > old_cap ? e->used + len + 256 : old_cap;
    size_t limit = e->out->limit ? e->out->limit - e->out->len : SIZE_MAX;
    if (len > SIZE_MAX / 4 || e->used + len > limit)
        return ber_fail(e->error, BER_MEMORY, e->used, "the encoding is larger than its limit");
    if (!buf_reserve(e->out, want < limit ? want : limit)) {
        e->out->failed = false;
        return ber_fail(e->error, BER_MEMORY, e->used, "no memory for the encoding");
    }
    uint8_t *old = e->out->data + old_cap - e->used;
    attach(e);
    e->at -= e->used;
    e->left -= e->used;
    if (e->used)
        memmove(e->at, old, e->used);
    return true;
}

/* Room for `len` octets before what is written. */
static inline uint8_t *put(struct encoder *e, size_t len) {
    if (len > e->left && !grow(e, len))
        return NULL;
    e->at -= len;
    e->left -= len;
    e->used += len;
    return e->at;
}

/* memcpy for what is mostly short: two copies that may overlap, of a size that is known. */
static inline void copy(uint8_t *to, const uint8_t *from, size_t len) {
    if (len > 16) {
        memcpy(to, from, len);
    } else if (len >= 8) {
        memcpy(to, from, 8);
        memcpy(to + len - 8, from + len - 8, 8);
    } else if (len >= 4) {
        memcpy(to, from, 4);
        memcpy(to + len - 4, from + len - 4, 4);
    } else if (len) {
        to[0] = from[0];
        to[len / 2] = from[len / 2];
        to[len - 1] = from[len - 1];
    }
}

static bool put_span(struct encoder *e, struct span s) {
    uint8_t *to = put(e, s.len);
    if (to)
        copy(to, s.data, s.len);
    return to;
}

static bool put_identifier(struct encoder *e, uint32_t id, bool constructed) {
    uint32_t number = BER_ID_NUMBER(id);
    uint8_t first = (uint8_t)((unsigned)BER_ID_CLASS(id) << 6 | (constructed ? 0x20 : 0));
    uint8_t octets[6];
    unsigned at = sizeof octets;
    if (number < 31) {
        octets[--at] = first | (uint8_t)number;
    } else {
        octets[--at] = number & 0x7F;
        while (number >>= 7)
            octets[--at] = 0x80 | (number & 0x7F);
        octets[--at] = first | 0x1F;
    }
    return put_span(e, span_of(octets + at, sizeof octets - at));
}

static BER_COLD bool put_long_header(struct encoder *e, uint32_t id, bool constructed, size_t len) {
    uint8_t octets[9];
    unsigned at = sizeof octets;
    for (size_t rest = len; rest && len >= 128; rest >>= 8)
        octets[--at] = (uint8_t)rest;
    unsigned count = (unsigned)sizeof octets - at;
    octets[--at] = len < 128 ? (uint8_t)len : (uint8_t)(0x80 | count);
    return put_span(e, span_of(octets + at, sizeof octets - at)) && put_identifier(e, id, constructed);
}

/* The one octet of an identifier whose number is below 31. */
static inline uint8_t identifier_octet(uint32_t id, bool constructed) {
    return (uint8_t)(id >> 30 << 6 | (constructed ? 0x20 : 0) | BER_ID_NUMBER(id));
}

static inline bool put_header(struct encoder *e, uint32_t id, bool constructed, size_t len) {
    if (len > 0xFF || BER_ID_NUMBER(id) >= 31)
        return put_long_header(e, id, constructed, len);
    uint8_t *to = put(e, len < 128 ? 2 : 3);
    if (!to)
        return false;
    to[0] = identifier_octet(id, constructed);
    to[1] = len < 128 ? (uint8_t)len : 0x81;
    if (len >= 128)
        to[2] = (uint8_t)len;
    return true;
}

/* A primitive element. */
static inline bool put_element(struct encoder *e, uint32_t id, struct span contents) {
    if (contents.len >= 128 || BER_ID_NUMBER(id) >= 31)
        return put_span(e, contents) && put_header(e, id, false, contents.len);
    uint8_t *to = put(e, contents.len + 2);
    if (!to)
        return false;
    to[0] = identifier_octet(id, false);
    to[1] = (uint8_t)contents.len;
    copy(to + 2, contents.data, contents.len);
    return true;
}

/* ---- contents of primitive types ---- */

static bool put_integer(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value) {
    int64_t number = *(const int64_t *)value;
    uint8_t octets[8];
    unsigned at = sizeof octets;
    (void)type;
    do {
        octets[--at] = (uint8_t)number;
        number >>= 8;
    } while (!((number == 0 && !(octets[at] & 0x80)) || (number == -1 && octets[at] & 0x80)));
    return put_element(e, id, span_of(octets + at, sizeof octets - at));
}

static bool put_boolean(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value) {
    uint8_t octet = *(const bool *)value ? 0xFF : 0;
    (void)type;
    return put_element(e, id, span_of(&octet, 1));
}

static bool put_null(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value) {
    (void)type;
    (void)value;
    return put_header(e, id, false, 0);
}

static bool put_octets(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value) {
    (void)type;
    return put_element(e, id, *(const struct span *)value);
}

static bool put_oid(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value) {
    if (!ber_oid_check(*(const struct span *)value))
        return ber_fail(e->error, BER_VALUE, e->used, "no object identifier");
    return put_octets(e, type, id, value);
}

/* The bits to send: named ones are brought up to their lower bound by zeros (X.680 §22.7), as strict peers
 * ask. */
static size_t bits_to_send(const struct ber_type *type, const struct ber_bits *bits) {
    size_t count = bits->octets.len * 8 - bits->unused;
    size_t least =
        type->name_count && type->bounds && type->bounds->min < 1024 ? (size_t)type->bounds->min : 0;
    return count < least ? least : count;
}

static bool put_bits(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value) {
    const struct ber_bits *bits = value;
    if (bits->unused > 7 || (bits->unused && bits->octets.len == 0))
        return ber_fail(e->error, BER_VALUE, e->used, "a BIT STRING with %u unused bits", bits->unused);
    size_t count = bits_to_send(type, bits);
    size_t len = (count + 7) / 8, given = bits->octets.len;
    uint8_t *to = put(e, len + 1);
    if (!to)
        return false;
    to[0] = (uint8_t)(-count & 7);
    copy(to + 1, bits->octets.data, given);
    if (bits->unused)
        to[given] &= (uint8_t)(0xFF << bits->unused);
    memset(to + 1 + given, 0, len - given);
    return put_header(e, id, false, len + 1);
}

/* ---- structure ---- */

static bool is_default(const struct ber_field *field, const void *member) {
    if (!(field->flags & BER_FIELD_DEFAULT))
        return false;
    int64_t number = field->type->kind == BER_KIND_BOOLEAN ? *(const bool *)member : *(const int64_t *)member;
    return number == field->value;
}

static BER_COLD bool cannot_encode(struct encoder *e, const struct ber_field *field) {
    ber_fail(e->error, BER_MISSING, e->used, "'%s' has no value", field->name);
    ber_path_prepend(e->error, field->name);
    return false;
}

static inline bool encode_field(struct encoder *e, const struct ber_field *field, const void *value) {
    const void *member = ber_field_value(field, value);
    if (!member)
        return field->flags & BER_FIELD_OPTIONAL || cannot_encode(e, field);
    if (is_default(field, member))
        return true;
    bool done = encode_place(e, field, member);
    if (!done)
        ber_path_prepend(e->error, field->name);
    return done;
}

/* A value as it was received, with the tag that this place asks for. */
static __attribute__((noinline)) bool put_raw(struct encoder *e, struct span raw, uint32_t id) {
    struct ber_header h;
    if (ber_header_read(raw.data, raw.data + raw.len, true, &h) != BER_OK || h.cut)
        return ber_fail(e->error, BER_VALUE, e->used, "`raw` holds no element");
    if (ber_header_id(&h) == id)
        return put_span(e, raw);
    size_t skipped = 1;
    if ((raw.data[0] & 0x1F) == 0x1F)
        while (raw.data[skipped++] & 0x80)
            ;
    return put_span(e, span_sub(raw, skipped, raw.len)) && put_identifier(e, id, ber_constructed(&h));
}

static bool put_components(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value) {
    size_t before = e->used;
    const struct span *raw = value;
    if (raw->data)
        return put_raw(e, *raw, id);
    uint32_t i = type->count;
    if (type->flags & BER_TYPE_EXTENSIBLE) { /* X.680 §25.3: additions stand at the extension marker */
        while (i > type->marker)
            if (!encode_field(e, &type->fields[--i], value))
                return false;
        if (!put_span(e, *(const struct span *)ber_member(value, type->extra)))
            return false;
    }
    while (i-- > 0)
        if (!encode_field(e, &type->fields[i], value))
            return false;
    return put_header(e, id, true, e->used - before);
}

static bool put_items(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value) {
    size_t before = e->used;
    const struct ber_field *element = type->fields;
    struct ber_list list = ber_list_of(value);
    for (size_t i = list.count; i-- > 0;) {
        const void *item = (const uint8_t *)list.items + i * element->type->size;
        if (encode_place(e, element, item))
            continue;
        ber_path_prepend_number(e->error, i);
        return false;
    }
    return put_header(e, id, true, e->used - before);
}

/* The tag of a CHOICE or ANY comes with the value. */
static bool put_choice(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value) {
    (void)id;
    const struct span *raw = value;
    if (raw->data)
        return put_span(e, *raw);
    int choice = ber_choice_of(type, value);
    if (choice < 1 || (uint32_t)choice > type->count)
        return ber_fail(e->error, BER_MISSING, e->used, "%s has no alternative chosen", type->name);
    return encode_field(e, &type->fields[choice - 1], value);
}

static bool put_any(struct encoder *e, const struct ber_type *type, uint32_t id, const void *value) {
    (void)id;
    const struct span *element = value;
    if (!element->data || element->len == 0)
        return ber_fail(e->error, BER_MISSING, e->used, "%s has no value", type->name);
    return put_span(e, *element);
}

static writer *const writers[] = {
    [BER_KIND_SEQUENCE] = put_components,
    [BER_KIND_SET] = put_components,
    [BER_KIND_SEQUENCE_OF] = put_items,
    [BER_KIND_SET_OF] = put_items,
    [BER_KIND_CHOICE] = put_choice,
    [BER_KIND_ANY] = put_any,
    [BER_KIND_BOOLEAN] = put_boolean,
    [BER_KIND_INTEGER] = put_integer,
    [BER_KIND_ENUMERATED] = put_integer,
    [BER_KIND_NULL] = put_null,
    [BER_KIND_BIT_STRING] = put_bits,
    [BER_KIND_OCTET_STRING] = put_octets,
    [BER_KIND_OBJECT_IDENTIFIER] = put_oid,
    [BER_KIND_RELATIVE_OID] = put_oid,
    [BER_KIND_REAL... BER_KIND_GENERALIZEDTIME] = put_octets,
};

static bool encode_tagged(struct encoder *e, const struct ber_type *type, const uint32_t *tags,
                          unsigned count, const void *value) {
    size_t before = e->used;
    uint32_t own = ber_is_untagged_kind(type->kind) ? 0 : tags[--count];
    if (!writers[type->kind](e, type, own, value))
        return false;
    while (count-- > 0)
        if (!put_header(e, tags[count], true, e->used - before))
            return false;
    return true;
}

/* A component or element in its place: at once when it has but its own tag. */
static inline bool encode_place(struct encoder *e, const struct ber_field *field, const void *value) {
    if (!field->around)
        return writers[field->type->kind](e, field->type, field->id, value);
    return encode_tagged(e, field->type, field->tags, field->tag_count, value);
}

bool ber_encode(const struct ber_type *type, const void *value, struct buf *out, struct ber_error *error) {
    ber_error_clear(error);
    struct encoder e = {.out = out, .error = error};
    if (out->failed)
        return ber_fail(error, BER_MEMORY, 0, "the output has failed before");
    if (!buf_reserve(out, 1)) {
        out->failed = false;
        return ber_fail(error, BER_MEMORY, 0, "no memory for the encoding");
    }
    attach(&e);
    if (out->limit && out->limit < out->cap) {
        e.at -= out->cap - out->limit;
        e.left -= out->cap - out->limit;
    }
    if (!encode_tagged(&e, type, type->tags, type->tag_count, value))
        return false;
    memmove(out->data + out->len, e.at, e.used);
    out->len += e.used;
    return true;
}

bool ber_encode_arena(const struct ber_type *type, const void *value, struct arena *arena, struct span *out,
                      struct ber_error *error) {
    struct buf buf;
    buf_init(&buf, 0);
    buf.secret = arena->secret;
    bool done = ber_encode(type, value, &buf, error);
    if (done) {
        *out = arena_dup(arena, buf_span(&buf));
        done = out->data || ber_fail(error, BER_MEMORY, buf.len, "no memory for the encoding");
    }
    buf_free(&buf);
    return done;
}
