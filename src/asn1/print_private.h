/* The printer's state: print.c walks the structure, print_value.c writes what is in one piece. */
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

/* Braces, what stands in them, and a component's name before it. */
void print_open_brace(struct printer *p, const char *brace);
void print_next_entry(struct printer *p);
void print_close_brace(struct printer *p, const char *brace);
void print_member_name(struct printer *p, const char *name);

/* Any value; `member` is the component that it is, if it is one. */
void print_value(struct printer *p, const struct ber_place *outer, const struct ber_field *member,
                 const struct ber_type *type, const void *value);

/*
 * Prints what an open type or OCTET STRING holds; false, with nothing printed,
 * when that is not known or it is no value of its type. Of one in which the input
 * breaks off the part that is there is printed.
 */
bool print_open(struct printer *p, const struct ber_place *outer, const struct ber_field *member,
                const struct ber_type *open, struct span octets);

#endif
