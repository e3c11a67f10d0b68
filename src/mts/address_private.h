/* O/R addresses as the rules need them, upon the names room. */
#ifndef MTS_ADDRESS_PRIVATE_H
#define MTS_ADDRESS_PRIVATE_H

#include "names/oraddress.h"

struct address {
    struct oraddress parts;
    struct span key; /* equal octets for equal addresses */
};

/* False when memory is short. A name without an address (directory name only) has no parts. */
bool address_of(struct arena *arena, const struct x411_ORName *name, struct address *address);
bool address_parse(struct arena *arena, const char *text, struct x411_ORName *name, struct error *err);
/* As text for people, without the directory name; the absent span when memory is short. */
struct span address_text(struct arena *arena, const struct x411_ORName *name);
/* "Semantically absent" (X.411 §8.5.5). */
bool address_is_empty(const struct x411_ORName *name);
bool address_equal(struct arena *arena, const struct x411_ORName *a, const struct x411_ORName *b);

#endif
