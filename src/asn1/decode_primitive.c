/* Decoding, contents: numbers, strings in one piece or many, and their bounds. */
#include "asn1/decode_private.h"

bool decode_out_of_bounds(struct decoder *d, const struct ber_type *type, int64_t number, const uint8_t *at,
                          const void *value) {
    const struct ber_bounds *bounds = type->bounds;
    bool low = number < bounds->min;
    const char *name = low ? bounds->min_name : bounds->max_name;
    bool first = d->error && d->error->code == BER_OK;
    decode_fail(d, BER_BOUND, at, "%s is %lld, the %s bound is %lld%s%s", type->name, (long long)number,
                low ? "lower" : "upper", (long long)(low ? bounds->min : bounds->max), name ? " " : "",
                name ? name : "");
    if (first)
        d->error->bound = name;
    return decode_tolerate(d, value);
}

/* What is there of a broken string is kept for who prints it. */
static const uint8_t *cut_off(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                              void *value) {
    if (type->kind == BER_KIND_OCTET_STRING || type->kind >= BER_KIND_UTF8STRING)
        *(struct span *)value = span_of(h->contents, (size_t)(h->end - h->contents));
    return decode_fail(d, BER_TRUNCATED, h->end, "the input ends inside %s", type->name);
}

/* A type that has no constructed form, in that form or broken off. */
static const uint8_t *odd_form(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                               void *value) {
    if (!ber_constructed(h))
        return cut_off(d, type, h, value);
    return decode_fail(d, BER_VALUE, h->start, "%s in constructed form", type->name);
}

/* ---- numbers ---- */

static bool is_enumerated(const struct decoder *d, const struct ber_type *type, int64_t number) {
    return type->kind != BER_KIND_ENUMERATED || type->flags & BER_TYPE_EXTENSIBLE || !type->name_count ||
           !d->check_bounds || ber_name_of(type, number);
}

const uint8_t *decode_number(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                             void *value) {
    size_t len = (size_t)(h->end - h->contents);
    if (h->odd)
        return cut_off(d, type, h, value);
    if (len < 1 || len > 8)
        return decode_fail(d, BER_VALUE, h->start, "%s of %zu octets; 1 to 8 are held", type->name, len);
    uint64_t read = h->contents[0] & 0x80 ? UINT64_MAX : 0;
    for (const uint8_t *at = h->contents; at < h->end; at++)
        read = read << 8 | *at;
    int64_t number = (int64_t)read;
    *(int64_t *)value = number;
    if (!is_enumerated(d, type, number)) {
        decode_fail(d, BER_VALUE, h->start, "%lld is no value of %s", (long long)number, type->name);
        return decode_tolerate(d, value) ? h->end : NULL;
    }
    return decode_check_bounds(d, type, number, h->start, value) ? h->end : NULL;
}

const uint8_t *decode_boolean(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                              void *value) {
    if (ber_constructed(h) || h->odd)
        return odd_form(d, type, h, value);
    if (h->end - h->contents != 1)
        return decode_fail(d, BER_VALUE, h->start, "a BOOLEAN is one octet");
    *(bool *)value = *h->contents != 0;
    return h->end;
}

const uint8_t *decode_null(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                           void *value) {
    if (ber_constructed(h) || h->odd)
        return odd_form(d, type, h, value);
    if (h->end != h->contents)
        return decode_fail(d, BER_VALUE, h->start, "a NULL with contents");
    if (value)
        *(bool *)value = true;
    return h->end;
}

const uint8_t *decode_oid(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                          void *value) {
    if (ber_constructed(h) || h->odd)
        return odd_form(d, type, h, value);
    struct span octets = span_of(h->contents, (size_t)(h->end - h->contents));
    *(struct span *)value = octets;
    if (type->kind != BER_KIND_REAL && !ber_oid_check(octets))
        return decode_fail(d, BER_VALUE, h->start, "no object identifier");
    return h->end;
}

/* ---- strings ---- */

static bool check_string(struct decoder *d, const struct ber_type *type, struct span s, const uint8_t *at,
                         const void *value) {
    size_t bad;
    if (d->check_characters && !ber_repertoire_check(type->kind, s, &bad)) {
        decode_fail(d, BER_CHARACTER, at, "octet %zu of %s is outside its repertoire", bad, type->name);
        if (!decode_tolerate(d, value))
            return false;
    }
    return !type->bounds ||
           decode_check_bounds(d, type, (int64_t)ber_character_count(type->kind, s), at, value);
}

/* Zeros at the end of named bits come and go to satisfy a SIZE (X.680 §22.7): PP 6.0 sends four of X.411's
 * eight. */
static int64_t bits_for_bounds(const struct ber_type *type, const struct ber_bits *bits) {
    size_t count = bits->octets.len * 8 - bits->unused;
    if (!type->name_count || (int64_t)count <= type->bounds->max)
        return type->name_count && (int64_t)count < type->bounds->min ? type->bounds->min : (int64_t)count;
    while (count > 0 && !ber_bit(bits, (unsigned)count - 1))
        count--;
    return (int64_t)count < type->bounds->min ? type->bounds->min : (int64_t)count;
}

static bool check_bits(struct decoder *d, const struct ber_type *type, const struct ber_bits *bits,
                       const uint8_t *at, const void *value) {
    if (bits->unused > 7 || (bits->unused && bits->octets.len == 0)) {
        decode_fail(d, BER_VALUE, at, "a BIT STRING with %u unused bits in %zu octets", bits->unused,
                    bits->octets.len);
        return false;
    }
    return !type->bounds || decode_check_bounds(d, type, bits_for_bounds(type, bits), at, value);
}

/* Goes through the segments of a constructed string: first to add up, then to copy. */
struct segments {
    uint32_t id;      /* the universal tag that segments may bear besides OCTET STRING's */
    bool bits;        /* each segment begins with its count of unused bits */
    unsigned unused;  /* of the last segment */
    size_t count;     /* segments with octets */
    size_t total;     /* octets */
    struct span only; /* the last segment's octets */
    uint8_t *into;    /* NULL while adding up */
};

static const uint8_t *walk_segments(struct decoder *d, const struct ber_header *h, struct segments *s);

static bool take_segment(struct decoder *d, const struct ber_header *h, struct segments *s) {
    struct span octets = span_of(h->contents, (size_t)(h->end - h->contents));
    if (s->bits) {
        if (octets.len == 0 || octets.data[0] > 7 || s->unused) {
            decode_fail(d, BER_VALUE, h->start, "a segment that is no BIT STRING of whole octets");
            return false;
        }
        s->unused = octets.data[0];
        octets = span_sub(octets, 1, octets.len);
    }
    if (s->into && octets.len)
        memcpy(s->into + s->total, octets.data, octets.len);
    s->total += octets.len;
    s->count++;
    s->only = octets;
    return true;
}

static const uint8_t *walk_segment(struct decoder *d, const struct ber_header *h, struct segments *s) {
    char found[32];
    bool known = ber_header_id(h) == s->id || (!s->bits && ber_header_id(h) == BER_ID(BER_UNIVERSAL, 4));
    if (!known)
        return decode_fail(d, BER_TAG, h->start, "%s is no segment of the string",
                           ber_id_text(ber_header_id(h), found));
    if (h->cut && !ber_constructed(h))
        return decode_fail(d, BER_TRUNCATED, h->end, "the input ends inside a string");
    if (!ber_constructed(h))
        return take_segment(d, h, s) ? h->end : NULL;
    if (d->depth == 0)
        return decode_fail(d, BER_DEPTH, h->start, "nested too deep");
    d->depth--;
    const uint8_t *behind = walk_segments(d, h, s);
    d->depth++;
    return behind;
}

static const uint8_t *walk_segments(struct decoder *d, const struct ber_header *h, struct segments *s) {
    const uint8_t *at = h->contents, *behind;
    while (!decode_at_end(d, h, at, &behind)) {
        struct ber_header inner;
        if (!decode_header(d, at, h, &inner) || !(at = walk_segment(d, &inner, s)))
            return NULL;
    }
    return behind;
}

/* The octets of a constructed string; copied only when there is more than one segment. */
static const uint8_t *join_segments(struct decoder *d, const struct ber_type *type,
                                    const struct ber_header *h, struct span *octets, unsigned *unused) {
    struct segments s = {.id = ber_universal_id(type->kind), .bits = type->kind == BER_KIND_BIT_STRING};
    const uint8_t *behind = walk_segments(d, h, &s);
    if (!behind)
        return NULL;
    *octets = s.count == 1 ? s.only : span_of(h->contents, 0);
    *unused = s.unused;
    if (s.count <= 1)
        return behind;
    struct segments copy = {.id = s.id, .bits = s.bits, .into = arena_alloc(d->arena, s.total)};
    if (!copy.into)
        return decode_fail(d, BER_MEMORY, h->start, "no memory for a string of %zu octets", s.total);
    *octets = span_of(copy.into, s.total);
    return walk_segments(d, h, &copy);
}

const uint8_t *decode_string(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                             void *value) {
    struct span octets = span_of(h->contents, (size_t)(h->end - h->contents));
    unsigned unused;
    const uint8_t *behind = h->end;
    if (ber_constructed(h))
        behind = join_segments(d, type, h, &octets, &unused);
    else if (h->odd)
        return cut_off(d, type, h, value);
    if (!behind)
        return NULL;
    *(struct span *)value = octets;
    return check_string(d, type, octets, h->start, value) ? behind : NULL;
}

/* True if each octet is in the repertoire. */
static inline bool all_octets(const uint8_t *at, const uint8_t *end, uint8_t repertoire) {
    uint8_t all = repertoire;
    for (; end - at >= 4; at += 4)
        all &=
            ber_repertoires[at[0]] & ber_repertoires[at[1]] & ber_repertoires[at[2]] & ber_repertoires[at[3]];
    for (; at < end; at++)
        all &= ber_repertoires[*at];
    return all;
}

/* A string type of which each octet is a character. */
const uint8_t *decode_characters(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                 void *value) {
    if (ber_constructed(h) || h->odd || !all_octets(h->contents, h->end, ber_repertoire_of[type->kind]))
        return decode_string(d, type, h, value);
    size_t len = (size_t)(h->end - h->contents);
    *(struct span *)value = span_of(h->contents, len);
    return decode_check_bounds(d, type, (int64_t)len, h->start, value) ? h->end : NULL;
}

const uint8_t *decode_bits(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                           void *value) {
    struct span octets = span_of(h->contents, (size_t)(h->end - h->contents));
    unsigned unused = 0;
    const uint8_t *behind = h->end;
    if (ber_constructed(h)) {
        behind = join_segments(d, type, h, &octets, &unused);
    } else if (h->odd) {
        return cut_off(d, type, h, value);
    } else {
        if (octets.len == 0)
            return decode_fail(d, BER_VALUE, h->start, "a BIT STRING without contents");
        unused = octets.data[0];
        octets = span_of(octets.data + 1, octets.len - 1);
    }
    if (!behind)
        return NULL;
    *(struct ber_bits *)value = (struct ber_bits){octets, unused & 7};
    struct ber_bits checked = {octets, unused};
    return check_bits(d, type, &checked, h->start, value) ? behind : NULL;
}
