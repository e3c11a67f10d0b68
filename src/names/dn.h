/*
 * Distinguished names of the Directory: X.501 Name to RFC 4514 text and back,
 * and their equality.
 */
#ifndef NAMES_DN_H
#define NAMES_DN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "schema/x501.h"

/* Reads `CN=James Hacker,L=Basingstoke,O=Widget Inc,C=GB` (RFC 4514 §2; also `;` between RDNs, RFC 2253 §4).
 * Attribute types by short name or dotted; values become PrintableString where they can, else UTF8String, or
 * BER after `#`. */
bool dn_parse(struct span text, struct arena *arena, struct x501_Name *name, struct error *err);

/* Appends the RFC 4514 text. Values of types that are no string are written as `#` and hex. */
bool dn_print(const struct x501_Name *name, struct buf *out);
struct span dn_text(const struct x501_Name *name,
                    struct arena *arena); /* NUL after it; `data` NULL without memory */

/* The canonical form: equal octets for equal names. Names are equal RDN by RDN, in any order within one;
 * strings by their characters, case and runs of spaces ignored (RFC 5280 §7.1 does the same), other values by
 * their octets. In the arena; `data` NULL without memory. */
struct span dn_key(const struct x501_Name *name, struct arena *arena);

/* Equal by dn_key. False also without memory. */
bool dn_equal(const struct x501_Name *a, const struct x501_Name *b);

#endif
