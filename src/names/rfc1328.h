/*
 * O/R addresses for systems of 1984, and back (RFC 1328 §3, X.419 Annex B). A
 * system of 1984 has no extension attributes.
 */
#ifndef NAMES_RFC1328_H
#define NAMES_RFC1328_H

#include "names/oraddress.h"

/* What both sides have agreed on; all zero: Annex B alone. */
struct rfc1328 {
    bool common_name; /* §3.2: a common name is the domain-defined attribute `Common` */
    const struct oraddress
        *gateway; /* §3.1: the address below which all others travel as `X400-88`; or NULL */
};

/*
 * The name in the terms of 1984, without directory name. An extension attribute
 * that repeats a printable one goes (X.402 §18.2); a common name, then the whole
 * address is put into domain-defined attributes where that is agreed. False when
 * the name can't be expressed: it has no address, breaks the bounds (which 1984
 * shares), needs extension attributes, or is too long for four attributes. Also
 * false without memory. `out` may share parts of `name`.
 */
bool rfc1328_downgrade(const struct rfc1328 *how, const struct x411_ORName *name, struct arena *arena,
                       struct x411_ORName *out);

/* True when the name was one that rfc1328_downgrade makes by the same agreement: `out` is what it stands for,
 * with `name`'s directory name. */
bool rfc1328_upgrade(const struct rfc1328 *how, const struct x411_ORName *name, struct arena *arena,
                     struct x411_ORName *out);

#endif
