/*
 * Decoding, the usual case in line: an element with the tag that the row tells,
 * a short header, a value in one piece and within its bounds. Nothing here sets
 * an error or passes over a fault: what is not as usual is left, as if nobody had
 * looked at it, to the readers, which judge all forms.
 */
#ifndef ASN1_DECODE_QUICK_H
#define ASN1_DECODE_QUICK_H

#include "asn1/decode_private.h"

#define BER_SELDOM(condition) __builtin_expect(condition, 0)

/* An element of definite length that is all there. */
struct quick {
    const uint8_t *start, *contents, *end;
};

/* The element at `at`, of which two octets are there, if its length is less than 256 and it ends before
 * `end`. That its tag has one octet is seen by comparing it with such a one. */
static inline bool quick_element(const uint8_t *at, const uint8_t *end, struct quick *e) {
    size_t len = at[1], size = 2, left = (size_t)(end - at);
    if (BER_SELDOM(len >= 0x80)) {
        if (len != 0x81 || left < 3)
            return false;
        len = at[2];
        size = 3;
    }
    *e = (struct quick){at, at + size, at + size + len};
    return !BER_SELDOM(len > left - size);
}

static inline struct quick quick_of(const struct ber_header *h) {
    return (struct quick){h->start, h->contents, h->end};
}

static inline size_t quick_len(struct quick e) {
    return (size_t)(e.end - e.contents);
}

static inline bool quick_within(const struct ber_field *field, size_t number) {
    return number >= field->least && number <= field->most;
}

static inline bool quick_octets(const struct ber_field *field, struct quick e, struct span *octets) {
    *octets = span_of(e.contents, quick_len(e));
    return quick_within(field, quick_len(e));
}

typedef uint8_t quick_vector __attribute__((vector_size(16)));

/* True if the last `count` octets of the 16 that end at `end` are in PrintableString's repertoire. */
static inline bool quick_sixteen(const uint8_t *end, size_t count) {
    static const uint8_t others[32] = {[0 ... 15] = 0xFF};
    quick_vector c, good;
    uint64_t halves[2];
    memcpy(&c, end - 16, sizeof c);
    memcpy(&good, others + count, sizeof good);
    good |= (quick_vector)((c | 0x20) - 'a' < 26);
    good |= (quick_vector)(c - '\'' < 20) & ~(quick_vector)(c == '*');
    good |= (quick_vector)(c == ' ') | (quick_vector)((c | 2) == '?');
    memcpy(halves, &good, sizeof halves);
    return (halves[0] & halves[1]) == UINT64_MAX;
}

static inline bool quick_repertoire(const struct ber_field *field, struct quick e) {
    uint8_t all = ber_repertoire_of[field->kind];
    const uint8_t *at = e.contents;
    for (; e.end - at >= 4; at += 4)
        all &=
            ber_repertoires[at[0]] & ber_repertoires[at[1]] & ber_repertoires[at[2]] & ber_repertoires[at[3]];
    for (; at < e.end; at++)
        all &= ber_repertoires[*at];
    return all;
}

/* Sixteen octets at a time from the end on; the octets before the string must be the input's, too. */
static inline bool quick_printable(const uint8_t *at, size_t len) {
    for (; len > 16; len -= 16)
        if (!quick_sixteen(at + len, 16))
            return false;
    return quick_sixteen(at + len, len);
}

static inline bool quick_characters(const struct decoder *d, const struct ber_field *field, struct quick e,
                                    struct span *characters) {
    if (!quick_octets(field, e, characters))
        return false;
    if (BER_SELDOM(field->kind != BER_KIND_PRINTABLESTRING || e.contents - d->start < 16))
        return quick_repertoire(field, e);
    return quick_printable(e.contents, quick_len(e));
}

static inline bool quick_number(const struct ber_field *field, struct quick e, int64_t *number) {
    if (quick_len(e) != 1 || *e.contents >= 0x80)
        return false;
    *number = *e.contents;
    return quick_within(field, *e.contents);
}

static inline bool quick_optional_number(const struct ber_field *field, struct quick e, void *value) {
    if (!quick_number(field, e, ber_member(value, field->offset)))
        return false;
    if (field->flags & BER_FIELD_HAS)
        *(bool *)ber_member(value, field->has) = true;
    return true;
}

static inline bool quick_bits(const struct ber_field *field, struct quick e, struct ber_bits *bits) {
    size_t len = quick_len(e);
    if (len < 2)
        return false;
    unsigned unused = *e.contents;
    *bits = (struct ber_bits){span_of(e.contents + 1, len - 1), unused};
    return unused <= 7 && quick_within(field, (len - 1) * 8 - unused);
}

/* Reads a primitive value from an element with the row's `octet`. False: nothing is said of it, and `*member`
 * may hold what its reader would write, too. */
static inline bool quick_primitive(const struct decoder *d, const struct ber_field *field, struct quick e,
                                   void *member) {
    switch (field->step) {
    case BER_STEP_CHARACTERS:
        return quick_characters(d, field, e, member);
    case BER_STEP_OCTETS:
        return quick_octets(field, e, member);
    case BER_STEP_NUMBER:
        return quick_number(field, e, member);
    case BER_STEP_BITS:
        return quick_bits(field, e, member);
    default:
        return false;
    }
}

/* A CHOICE whose alternative is primitive. There may be no `value`. */
static inline bool quick_choice(const struct decoder *d, const struct ber_type *type, struct quick e,
                                void *value) {
    uint32_t place = type->index[*e.start];
    if (!place || !value || d->depth == 0)
        return false;
    const struct ber_field *field = &type->fields[place - 1];
    if (*e.start != field->octet || !quick_primitive(d, field, e, ber_member(value, field->offset)))
        return false;
    int choice = (int)field->value;
    memcpy(ber_member(value, type->extra), &choice, sizeof choice);
    *(struct span *)value = span_of(e.start, (size_t)(e.end - e.start));
    return true;
}

/* The one element in an explicit tag, of a short length: a CHOICE, or anything. There may be no `member`. */
static inline bool quick_explicit(const struct decoder *d, const struct ber_field *field, struct quick e,
                                  void *member) {
    size_t len = quick_len(e);
    if (len < 2 || len >= 0x82 || e.contents[1] != len - 2 || d->depth < 2)
        return false;
    struct quick inner = {e.contents, e.contents + 2, e.end};
    if (field->step == BER_STEP_CHOICE)
        return quick_choice(d, field->type, inner, member);
    if ((*inner.start & 0x1F) == 0x1F || !(*inner.start & 0xDF))
        return false;
    *(struct span *)member = span_of(inner.start, len);
    return true;
}

/* How many items there are, if all begin with the octet of the usual form; else 0. */
static inline size_t quick_count(const struct ber_type *type, const uint8_t *at, const uint8_t *end) {
    size_t count = 0;
    struct quick e;
    for (; end - at >= 2 && *at == type->first && quick_element(at, end, &e); at = e.end)
        count++;
    return at == end ? count : 0;
}

#endif
