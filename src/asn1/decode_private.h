/* The decoder's state, shared by decode.c (structure), decode_primitive.c (contents) and decode_element.c. */
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
    bool lenient;
    struct ber_passed_list *passed;
    struct ber_error *first; /* of a lenient decoding, which has an `error` always */
};

/* Sets the error at an element; returns NULL so that a reader of elements can return it. */
BER_COLD const uint8_t *decode_fail(struct decoder *d, enum ber_error_code code, const uint8_t *at,
                                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Reads a header in the window of `parent`; false when that set the error. */
__attribute__((noinline)) bool decode_any_header(struct decoder *d, const uint8_t *at,
                                                 const struct ber_header *parent, struct ber_header *header);

/* The same, at once for the usual header: a tag of one octet and a short length that fits. */
static inline bool decode_header(struct decoder *d, const uint8_t *at, const struct ber_header *parent,
                                 struct ber_header *header) {
    if (!ber_is_short(at, (size_t)(parent->end - at)))
        return decode_any_header(d, at, parent, header);
    ber_header_fill(at, 2, at[1], header);
    return true;
}

/*
 * True when nothing follows at `at` in the element `h`; then `*behind` is the
 * octet after the element, or NULL when the input ended too early.
 */
BER_COLD bool decode_at_odd_end(struct decoder *d, const struct ber_header *h, const uint8_t *at,
                                const uint8_t **behind);

static inline bool decode_at_end(struct decoder *d, const struct ber_header *h, const uint8_t *at,
                                 const uint8_t **behind) {
    if (h->odd)
        return decode_at_odd_end(d, h, at, behind);
    *behind = at;
    return at == h->end;
}

/* The octet behind the element `h`, whatever it holds; NULL when that set the error. */
const uint8_t *decode_skip(struct decoder *d, const struct ber_header *h);

/* Decodes the value of a type from the element `h` behind its tag. Returns the octet behind it, or NULL. */
typedef const uint8_t *decode_reader(struct decoder *d, const struct ber_type *type,
                                     const struct ber_header *h, void *value);

/* Of the primitive kinds; decode_number() of an element in primitive form. */
decode_reader decode_boolean, decode_number, decode_null, decode_characters, decode_string, decode_oid,
    decode_bits;

/* Says that a size or value breaks the type's bounds. True in a lenient decoding. */
BER_COLD bool decode_out_of_bounds(struct decoder *d, const struct ber_type *type, int64_t number,
                                   const uint8_t *at, const void *value);

/* Checks a size or value against the type's bounds. */
static inline bool decode_check_bounds(struct decoder *d, const struct ber_type *type, int64_t number,
                                       const uint8_t *at, const void *value) {
    const struct ber_bounds *bounds = type->bounds;
    return !bounds || (number >= bounds->min && number <= bounds->max) || !d->check_bounds ||
           decode_out_of_bounds(d, type, number, at, value);
}

/* ---- decode_lenient.c: what the error tells of is noted, and the error emptied; where the decoding is not
   lenient, or nothing can be read behind it, the error stays ---- */

/* A value that is outside its bounds or repertoire, and is kept. */
bool decode_tolerate(struct decoder *d, const void *value);

/* The element `h` is broken, or has no place: the octet behind it. `component` of `within` is what it would
 * have been, or NULL. */
const uint8_t *decode_pass_element(struct decoder *d, const void *within, const struct ber_field *component,
                                   const struct ber_header *h);

/* From `at` on there is no element in `h`: the octet behind `h`. */
const uint8_t *decode_pass_rest(struct decoder *d, const void *within, const struct ber_header *h,
                                const uint8_t *at);

/* `within` lacks a component. */
bool decode_pass_missing(struct decoder *d, const void *within, const struct ber_field *component);

/* A list's items moved: so did what is noted of them. */
void decode_items_moved(struct decoder *d, const void *from, const void *to, size_t size);

#endif
