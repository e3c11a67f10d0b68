/*
 * Patterns of O/R addresses, for routes, permissions and restricted delivery:
 * an address whose values may be `*` (the attribute is there) or end in `*`
 * (the value begins so). Attributes that the pattern does not name match
 * anything. The text is that of oraddress_parse; unlike there, a country
 * without ADMD leaves the ADMD open.
 */
#ifndef NAMES_PATTERN_H
#define NAMES_PATTERN_H

#include "names/oraddress.h"

enum pattern_match { PATTERN_ANY = 1, PATTERN_PREFIX, PATTERN_EXACT };

struct pattern_item {
    enum oraddress_kind kind;
    enum pattern_match match;
    struct span type_key; /* of a domain-defined attribute */
    struct span key;      /* canonical; of a prefix without its `*`; of PATTERN_ANY empty */
};

struct pattern {
    struct pattern_item *items; /* sorted by kind */
    size_t count;               /* 0 matches every address */
};

bool pattern_parse(struct span text, struct arena *arena, struct pattern *pattern, struct error *err);

bool pattern_matches(const struct pattern *pattern, const struct oraddress *address);

/*
 * Which of two patterns that match the same address is more specific: compared
 * kind by kind in hierarchical order, exact before prefix (longer first) before
 * any before not named. Returns <0 when `a` is more specific, 0 when neither is.
 */
int pattern_compare(const struct pattern *a, const struct pattern *b);

#endif
