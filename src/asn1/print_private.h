/* The printer's state: print.c walks the structure, print_value.c writes what is in one piece, open_type.c
 * reads what stands in open types. */
#ifndef ASN1_PRINT_PRIVATE_H
#define ASN1_PRINT_PRIVATE_H

#include "asn1/ber_private.h"
#include "asn1/print.h"

/* The way from the outermost value to the one that is being printed. */
struct print_step {
    const struct print_step *outer;
    const char *name;
};

struct printer {
    const struct ber_print *how;
    struct buf *out;
    unsigned indent;
    unsigned nested; /* open types within open types */
    const struct print_step *step;
    bool first;       /* nothing stands yet in the braces just opened */
    const char *stop; /* rest of the path to where decoding stopped, or NULL */
    bool stopped;     /* nothing more is to be printed */
};

void print_text(struct printer *p, const char *text);

/* A JSON string, or the text in ASN.1's quotes. */
void print_quoted(struct printer *p, struct span text);

/* Hex digits in the notation's quotes. */
void print_hex(struct printer *p, struct span octets);

/* ` -- at 123` in value notation. */
void print_offset(struct printer *p, const uint8_t *data);

/* True when offsets are wanted and `data` lies in the input. */
bool print_knows_offset(const struct printer *p, const uint8_t *data, size_t *offset);

/* A value of a primitive type. */
void print_primitive(struct printer *p, const struct ber_type *type, const void *value);

/* What an open type or OCTET STRING holds. */
struct opened {
    const struct ber_type *type;
    void *value;
    struct span octets; /* JSON: those that came, where the value does not encode to them; else absent */
    struct ber_error error;
};

/* False when that is not known, or is no value of its type, and the input did not break off in it: nothing is
 * to be shown then but the octets. */
bool open_decode(struct printer *p, const struct ber_place *outer, const struct ber_field *member,
                 const struct ber_type *type, struct span octets, struct opened *opened);

#endif
