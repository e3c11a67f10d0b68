/* What the parts of the scanner share: plan.c (where the field is), scanner.c (the octets). */
#ifndef ASN1_SCANNER_PRIVATE_H
#define ASN1_SCANNER_PRIVATE_H

#include "asn1/ber_private.h"
#include "asn1/scanner.h"

enum ber_plan_kind {
    BER_PLAN_NONE,     /* no path can go on */
    BER_PLAN_EXPLICIT, /* a tag around one element; what encloses the value */
    BER_PLAN_SEQUENCE,
    BER_PLAN_SET,
    BER_PLAN_OF,
    BER_PLAN_CHOICE, /* no element of its own */
    BER_PLAN_STRING, /* the field: its contents are told */
    BER_PLAN_RAW     /* the field: the element is told */
};

static inline bool ber_is_string_kind(enum ber_kind kind) {
    return kind == BER_KIND_OCTET_STRING || (kind >= BER_KIND_UTF8STRING && kind <= BER_KIND_BMPSTRING);
}

/*
 * The node of the element with this tag, whose first octet is `octet`, in `level`, whose cursor moves; 0
 * where it goes to the envelope. `*component` gets the component's number, -1 for none.
 */
uint8_t ber_plan_child(const struct ber_plan *plan, struct ber_scan_level *level, uint8_t octet, uint32_t id,
                       int *component);

/* True if a value can begin with this tag. */
bool ber_plan_begins(const struct ber_plan *plan, uint8_t octet, uint32_t id);

#endif
