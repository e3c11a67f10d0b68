/* The decoder's state, shared by decode.c (structure) and decode_primitive.c (contents). */
#ifndef ASN1_DECODE_PRIVATE_H
#define ASN1_DECODE_PRIVATE_H

#include "asn1/ber_private.h"

struct decoder {
    const uint8_t *start;
    struct arena *arena;
    struct ber_error *error;
    unsigned depth; /* levels left */
    size_t elements;
    bool check_bounds;
    bool check_characters;
    bool refuse_unknown;
};

/* Sets the error at an element; returns NULL so that a reader of elements can return it. */
const uint8_t *decode_fail(struct decoder *d, enum ber_error_code code, const uint8_t *at, const char *format,
                           ...) __attribute__((format(printf, 4, 5)));

/* Reads a header in the window of `parent`; false when that set the error. */
bool decode_any_header(struct decoder *d, const uint8_t *at, const struct ber_header *parent,
                       struct ber_header *header);

/* The same, at once for the usual header: a tag of one octet and a short length that fits. */
static inline bool decode_header(struct decoder *d, const uint8_t *at, const struct ber_header *parent,
                                 struct ber_header *header) {
    size_t left = (size_t)(parent->end - at);
    if (left < 2 || at[0] == 0 || (at[0] & 0x1F) == 0x1F || at[1] >= 0x80 || at[1] > left - 2)
        return decode_any_header(d, at, parent, header);
    header->id = BER_ID(at[0] >> 6, at[0] & 0x1F);
    header->constructed = at[0] & 0x20;
    header->indefinite = header->cut = header->open = false;
    header->start = at;
    header->contents = at + 2;
    header->end = at + 2 + at[1];
    return true;
}

/*
 * True when nothing follows at `at` in the element `h`; then `*behind` is the
 * octet after the element, or NULL when the input ended too early.
 */
bool decode_at_odd_end(struct decoder *d, const struct ber_header *h, const uint8_t *at,
                       const uint8_t **behind);

static inline bool decode_at_end(struct decoder *d, const struct ber_header *h, const uint8_t *at,
                                 const uint8_t **behind) {
    if (h->indefinite || h->cut)
        return decode_at_odd_end(d, h, at, behind);
    *behind = at;
    return at == h->end;
}

/* The octet behind the element `h`, whatever it holds; NULL when that set the error. */
const uint8_t *decode_skip(struct decoder *d, const struct ber_header *h);

/* Decodes the contents of a value of a primitive type. Returns the octet behind the element or NULL. */
const uint8_t *decode_primitive(struct decoder *d, const struct ber_type *type, const struct ber_header *h,
                                void *value);

/* Checks a size or value against the type's bounds. */
bool decode_check_bounds(struct decoder *d, const struct ber_type *type, int64_t number, const uint8_t *at);

#endif
