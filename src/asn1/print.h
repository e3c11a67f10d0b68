/*
 * Values as text: ASN.1 value notation (X.680) for people, JSON for programs.
 *
 * The JSON form: SEQUENCE and SET are objects with the components' ASN.1 names,
 * a CHOICE an object with one member, lists arrays, NULL null. Named numbers are
 * their names, named bits an array of names, other bits {"hex", "unused"}.
 * OCTET STRING is a string of hex digits; object identifiers are dotted. Character
 * strings are strings, or {"hex"} where their octets are not plain characters;
 * so are identifiers with an arc beyond 64 bits.
 * What stands in an open type, or in an OCTET STRING whose contents' type is
 * known, is {"@Type": value}, else hex digits; where the value would not encode
 * to the same octets, {"@octets": hex, "@Type": value}: the octets count then.
 * ber_encodes_to tells it of the outermost value to who prints that.
 * Unknown elements of an extensible type are the member "..." in hex. Members
 * named "@offset" and "@error" tell about the octets and are passed over when
 * the JSON is read. A component that is missing has no member; one that is
 * broken is {"@wrong": hex}, which can't be read.
 */
#ifndef ASN1_PRINT_H
#define ASN1_PRINT_H

#include "asn1/ber.h"

/* Where a value stands: the component `member` of `value`, which is of type `type` and stands in `outer`. */
struct ber_place {
    const struct ber_place *outer; /* NULL at the top */
    const struct ber_type *type;
    const void *value;
    const struct ber_field *member;
};

/*
 * Tells the type of what an open type or OCTET STRING holds, from the values
 * around it (an extension's number, a content type), or NULL. `octets` is the
 * element, or the contents of the OCTET STRING; absent while JSON is read.
 */
typedef const struct ber_type *ber_open_type(void *user, const struct ber_place *place, struct span octets);

/* The name by which a type in an open type is found again. */
typedef const char *ber_type_called(void *user, const struct ber_type *type);

struct ber_print {
    bool json;
    bool offsets;            /* tell where values stand in `input` */
    struct span input;       /* what was decoded */
    size_t elide;            /* value notation shows so many octets of a longer OCTET STRING; 0 for all */
    ber_open_type *open;     /* may be NULL */
    ber_type_called *called; /* may be NULL: by their own names */
    void *user;
    struct arena *arena;            /* for the values in open types; NULL leaves them in hex */
    struct ber_passed_list *passed; /* marks what is missing or broken; gets the paths, and the faults of what
                                     * stands in open types. May be NULL */
    const char *stop; /* ber_error's path when only a part was decoded: what comes behind it is left out */
};

/* Appends the value as text, closed by a line feed. False when memory is short. */
bool ber_print(const struct ber_type *type, const void *value, const struct ber_print *how, struct buf *out);

/* True if the JSON of the value becomes the same octets. */
bool ber_encodes_to(const struct ber_type *type, struct span octets, struct arena *arena);

/* The octets as the value's JSON encodes them, without what JSON does not keep. False when they are no value
 * of the type within the limits, or memory is short. */
bool ber_normal(const struct ber_type *type, struct span octets, const struct ber_limits *limits,
                struct arena *arena, struct span *normal);

#endif
