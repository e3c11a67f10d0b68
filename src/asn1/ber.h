/*
 * The BER engine (X.690) as its users see it. It is driven by the type tables
 * that schema/compile makes from the ASN.1 modules; schema/README.md says how
 * an ASN.1 type becomes a C struct. The tables' form is in asn1/table.h: only
 * the engine and the generated code need it.
 *
 * A decoded value lives in the caller's arena and points into the input: both
 * must outlive it.
 */
#ifndef ASN1_BER_H
#define ASN1_BER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/span.h"

struct ber_type; /* one ASN.1 type's table, e.g. x411_MTS_APDU_type */

/* A BIT STRING: absent when octets.data is NULL. Bit 0 is the first bit, the high bit of octet 0. */
struct ber_bits {
    struct span octets;
    unsigned unused; /* bits at the end of the last octet that do not count, 0 to 7 */
};

/* True if bit `number` is there and one; absent bits are zero. */
bool ber_bit(const struct ber_bits *bits, unsigned number);

/* Sets or clears bit `number` in a BIT STRING whose octets are replaced by a copy in `arena` that is long
 * enough. */
bool ber_bit_set(struct ber_bits *bits, unsigned number, bool value, struct arena *arena);

enum ber_error_code {
    BER_OK = 0,
    BER_TRUNCATED,  /* the input ends inside the value */
    BER_LENGTH,     /* a length that runs out of its enclosing value, or is no length */
    BER_TAG,        /* another tag than the type wants here */
    BER_MISSING,    /* a mandatory element is not there */
    BER_DUPLICATE,  /* an element of a SET came twice */
    BER_UNEXPECTED, /* an element that a type which is not extensible does not know */
    BER_VALUE,     /* contents that are no value of the type (an INTEGER without octets or over 64 bits, a bad
                      OID, a bad BIT STRING) */
    BER_CHARACTER, /* an octet outside the string type's repertoire */
    BER_BOUND,     /* an upper or lower bound (SIZE, range) is broken; `bound` names it */
    BER_TRAILING,  /* octets after the value */
    BER_DEPTH,     /* nested deeper than the limit */
    BER_COUNT,     /* more elements of an OF than the limit */
    BER_MEMORY     /* the arena's cap or the heap is exhausted, or the output buffer's limit */
};

struct ber_error {
    enum ber_error_code code;
    size_t offset;     /* octets from the start of the input to the element at fault */
    const char *bound; /* the bound's name as in the module (`ub-recipients`), or NULL */
    char path[160];    /* `per-recipient-fields.3.originally-specified-recipient-number` */
    char text[160];    /* one line in plain English, with what was expected and found */
};

struct ber_field; /* a component of a type: asn1/table.h */

/* A fault that a lenient decoding passed over. */
struct ber_passed {
    size_t offset;      /* of the element at fault, or of the end of the value that lacks one */
    const void *within; /* the C value concerned; NULL when there is none */
    const struct ber_field *component; /* of `within`, what is missing or broken; NULL: `within` itself */
    struct span octets;                /* the element that was passed over; absent: none was */
    char path[160];                    /* to `within` and its component; ber_print fills it in */
    char text[160];                    /* one line in plain English */
};

/* The first `most` of them, in the order in which they were met; `more` were left out. */
struct ber_passed_list {
    struct ber_passed *items;
    size_t count, most, more;
    size_t octets; /* of all elements that were passed over */
};

/* What decode accepts. Zero means the default that stands beside each. */
struct ber_limits {
    unsigned depth;        /* nesting, 64 */
    size_t elements;       /* elements of one OF, 65536; the whole value is bounded by the arena's cap */
    bool relax_bounds;     /* do not check SIZE and value ranges (real peers break them) */
    bool relax_characters; /* do not check the repertoire of restricted strings */
    bool refuse_unknown;   /* unknown elements are errors in extensible types too (for guessing a type) */
    bool lenient; /* for what shows broken values: faults are noted and passed over as long as the end of the
                   * element at fault is known. Values outside bounds or repertoires are kept, elements
                   * without a place left out, missing components stay empty. The result may be true with a
                   * filled `error`: the first fault, its path no longer than the component's name */
    struct ber_passed_list *passed; /* gets the faults; may be NULL */
    bool allow_trailing;            /* octets after the value are no error; see ber_decode_prefix */
};

/*
 * Decodes exactly one value of `type` from `in` into `value`, a zeroed or
 * unused struct of the type's C type. Indefinite and non-minimal lengths,
 * constructed strings and SETs in any order are accepted, as X.690 allows.
 * `limits` may be NULL for the defaults, `error` may be NULL.
 * Returns false and fills `error` when the input is not a value of the type;
 * `*value` then holds what could be read up to there.
 */
bool ber_decode(const struct ber_type *type, struct span in, struct arena *arena,
                const struct ber_limits *limits, void *value, struct ber_error *error);

/* The same, but octets after the value are left alone; `*used` gets the value's length with its
 * end-of-contents. */
bool ber_decode_prefix(const struct ber_type *type, struct span in, struct arena *arena,
                       const struct ber_limits *limits, void *value, size_t *used, struct ber_error *error);

/*
 * An encoding: written backwards in one pass, with definite lengths. SEQUENCE,
 * SET and CHOICE values whose `raw` span is set are copied from it unchanged
 * (with the tag that the place asks for): `raw` means "as decoded". Who changes
 * a decoded value clears `raw` in it and in every value that encloses it.
 *
 * Appends the encoding to `out`. Returns false (and BER_MEMORY, BER_MISSING
 * or BER_VALUE) when the value can't be encoded; `out` is then as before. Bounds
 * and repertoires are not checked, so that a relay can pass on what it was told
 * to accept: who wants the check decodes the encoding. `offset` of an error has
 * no meaning here.
 */
bool ber_encode(const struct ber_type *type, const void *value, struct buf *out, struct ber_error *error);

/* The same into memory of `arena`. */
bool ber_encode_arena(const struct ber_type *type, const void *value, struct arena *arena, struct span *out,
                      struct ber_error *error);

/* Clears `raw` in the value and in all values within it, so that all of it is encoded afresh. */
void ber_forget_raw(const struct ber_type *type, void *value);

/* True if both are the same abstract value: the order of a SET's elements, the form of lengths and `raw` play
 * no part. */
bool ber_equal(const struct ber_type *type, const void *a, const void *b);

/* The component's name. */
const char *ber_field_name(const struct ber_field *field);

/* The ASN.1 name of the type (`MTS-APDU`), and the C struct's size in octets. */
const char *ber_type_name(const struct ber_type *type);
size_t ber_type_size(const struct ber_type *type);

/* ---- one element at a time, for those who walk octets without a type ---- */

enum ber_class { BER_UNIVERSAL = 0, BER_APPLICATION = 1, BER_CONTEXT = 2, BER_PRIVATE = 3 };

struct ber_element {
    enum ber_class tag_class;
    uint32_t number;
    bool constructed;
    bool indefinite;
    size_t header; /* octets of identifier and length */
    size_t length; /* octets of the contents; found by search where the length is indefinite */
    size_t total;  /* header, contents and end-of-contents */
};

/* Reads the element at the start of `in`. Bounded by `in`; indefinite lengths are followed to a depth of 64.
 */
bool ber_element_read(struct span in, struct ber_element *element, enum ber_error_code *why);

/* The element's contents within the same `in`. */
struct span ber_element_contents(struct span in, const struct ber_element *element);

/* ---- object identifiers and times ---- */

/* `2.6.0.1.6` to contents octets in `arena` and back; `out` is cut to its size and NUL-terminated. */
bool ber_oid_parse(const char *dotted, struct arena *arena, struct span *oid);
bool ber_oid_format(struct span oid, char *out, size_t size);

/*
 * UTCTime and GeneralizedTime to seconds since 1970-01-01 UTC and back. UTCTime's
 * two digits are a year up to 40 years ahead of now, or the past (the corrigendum
 * to X.411); what does not fit is not written. Whoever has a clock tells this
 * room what time it is: a process when it starts, and every now and then. Until
 * then 50 to 99 are 19xx (RFC 5280 §4.1.2.5.1).
 * Offsets are honoured; a time without seconds is read as second 0.
 */
void ber_utctime_set_now(int64_t seconds);
/* Can it be written as a UTCTime now? */
bool ber_utctime_fits(int64_t seconds);
bool ber_utctime_read(struct span text, int64_t *seconds);
bool ber_generalizedtime_read(struct span text, int64_t *seconds);
bool ber_utctime_write(int64_t seconds, struct arena *arena, struct span *text);         /* YYMMDDHHMMSSZ */
bool ber_generalizedtime_write(int64_t seconds, struct arena *arena, struct span *text); /* YYYYMMDDHHMMSSZ */

#endif
