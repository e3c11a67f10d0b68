/* O/R addresses as the rules need them, upon the names room. */
#ifndef MTS_ADDRESS_PRIVATE_H
#define MTS_ADDRESS_PRIVATE_H

#include "base/arena.h"
#include "base/error.h"
#include "schema/x411.h"

enum attribute_kind {
    ATTRIBUTE_COUNTRY = 1,
    ATTRIBUTE_ADMD,
    ATTRIBUTE_PRMD,
    ATTRIBUTE_ORGANIZATION,
    ATTRIBUTE_UNIT,
    ATTRIBUTE_OTHER /* and above: one number for each other kind */
};

struct attribute {
    unsigned kind;
    unsigned index; /* of an organizational unit, from 0 */
    struct span type;  /* of a domain-defined attribute, else absent */
    struct span value; /* canonical */
};

struct address {
    struct attribute *items;
    size_t count;
    struct span key; /* canonical text: equal for equal addresses */
};

/* False when memory is short. A name without an address (directory name only) gives count 0. */
bool address_of(struct arena *arena, const struct x411_ORName *name, struct address *address);
bool address_parse(struct arena *arena, const char *text, struct x411_ORName *name, struct error *err);
/* The same for a pattern: "*" may stand in every value. */
bool address_parse_pattern(struct arena *arena, const char *text, struct x411_ORName *name, struct error *err);
/* As text for people, without the directory name; the absent span when memory is short. */
struct span address_text(struct arena *arena, const struct x411_ORName *name);
bool address_is_empty(const struct x411_ORName *name);
bool address_equal(struct arena *arena, const struct x411_ORName *a, const struct x411_ORName *b);
bool address_is_postal(const struct address *address);

#endif
