/*
 * The attribute types of the message store: the general ones (X.413 §11) and
 * those of interpersonal messages and notifications (X.420 §19.6). What list,
 * fetch, summarize, modify and filters ask about an attribute type stands here:
 * the type of its values, how many it may have, by which rules it may be
 * matched, from which edition it is, and in which entries it can be.
 *
 * Where an attribute can be was concluded from what X.413 §11.2 and X.420 §19.6
 * say of each; the tables of X.413 §11.3 and X.420 that list it were not at hand.
 */
#ifndef MS_ATTRIBUTE_H
#define MS_ATTRIBUTE_H

#include "base/span.h"
#include "ms/matching_rule.h"

struct ber_type;

/* Whose table an attribute type, matching rule or auto-action is of. */
enum ms_origin { MS_GENERAL, MS_IPM };

/* The edition it came with: the application contexts of 1988 know only the first. */
enum ms_edition { MS_1988, MS_1994 };

struct ms_attribute {
    const char *name;            /* as in the Recommendation, `mt-priority` */
    struct span oid;             /* contents octets */
    const struct ber_type *type; /* of a value */
    enum ms_origin origin;
    enum ms_edition edition;
    bool multi_valued;
    enum ms_matching_rule equality, ordering, substrings; /* MS_NO_MATCH: has none */
    uint64_t other_matches;                               /* bit n: the ms_matching_rule n */
    unsigned entry_types;   /* bit n: can be in an entry of the x413_EntryType n */
    unsigned entry_classes; /* bit n: can be in an entry of the x413_EntryClass n; of the classes that hold no
                             * others, stored-message and message-log stand for theirs */
};

/* The attribute type with that identifier, or NULL. */
const struct ms_attribute *ms_attribute_by_oid(struct span oid);

/* All of them, the general ones first, each table by identifier; NULL behind the last. */
const struct ms_attribute *ms_attribute_at(size_t index);
size_t ms_attribute_count(void);

/* True if the attribute type has the rule: as its equality, ordering or substrings rule, or among the others.
 */
bool ms_attribute_has_rule(const struct ms_attribute *attribute, enum ms_matching_rule rule);

/* True if entries of the x413_EntryClass can have it: of stored-message and message-log, if those of a class
 * within it can. */
bool ms_attribute_in_class(const struct ms_attribute *attribute, int64_t entry_class);

/* The classes that hold entries of their own, of which the x413_EntryClass consists: bit n is class n. 0: it
 * is no class. */
unsigned ms_entry_classes(int64_t entry_class);

#endif
