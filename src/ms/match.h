/* How values are compared: each rule reads what is asserted and what an entry has into a form that can be. Of
 * the room's own use. */
#ifndef MS_MATCH_H
#define MS_MATCH_H

#include "base/arena.h"
#include "ms/attribute.h"
#include "names/oraddress.h"
#include "schema/x411.h"
#include "schema/x420.h"

/* Forms of values. Each is read by a type of its own but numbers and octets, whose tags are the attribute's.
 */
enum ms_form {
    MS_FORM_NUMBER,     /* INTEGER, ENUMERATED, BOOLEAN */
    MS_FORM_TIME,       /* UTCTime, GeneralizedTime */
    MS_FORM_OCTETS,     /* OBJECT IDENTIFIER, BIT STRING without the zeros at its end */
    MS_FORM_TEXT,       /* any string, or a SET with one, folded */
    MS_FORM_EXACT_TEXT, /* the same in its own case */
    MS_FORM_TEXTS,      /* SEQUENCE OF strings */
    MS_FORM_PARTS,      /* SubstringAssertion */
    MS_FORM_CORRELATOR,
    MS_FORM_MTS_IDENTIFIER,
    MS_FORM_ADDRESS,    /* ORAddress */
    MS_FORM_NAME,       /* ORName */
    MS_FORM_HISTORY,    /* the name in a DLExpansion or Redirection */
    MS_FORM_REASON,     /* the reason in a Redirection */
    MS_FORM_DESCRIPTOR, /* ORDescriptor */
    MS_FORM_SPECIFIER,  /* the descriptor in a RecipientSpecifier */
    MS_FORM_MEMBER,     /* the descriptor in a CirculationMember, and whether it is checked */
    MS_FORM_IPM_IDENTIFIER,
    MS_FORM_LOCATION, /* IPMLocation: numbers */
    MS_FORM_CODE,     /* DistributionCode */
    MS_FORM_CATEGORY, /* InformationCategory */
};

enum ms_part { MS_INITIAL, MS_ANY, MS_FINAL };

/* A name with what a descriptor has beside it; each may be absent. */
struct ms_name {
    struct oraddress address;
    struct span directory;            /* dn_key */
    struct span free_form, telephone; /* folded */
};

struct ms_operand {
    int64_t number;           /* a number, seconds, true or false */
    struct span octets, text; /* also a code's identifier and text, an IPM's local identifier */
    struct span *texts;       /* also parts */
    enum ms_part *parts;      /* of each of them */
    int64_t *numbers;         /* a location's */
    size_t count;             /* of texts or numbers */
    struct ms_name name;      /* also an IPM-identifier's user */
    const struct x411_MTSIdentifier *identifier;
};

enum ms_read { MS_READ, MS_NO_VALUE, MS_NO_MEMORY };

/* Reads a value, a whole element, in that form; `type` is the type that it must be of where the form does not
 * say. */
enum ms_read ms_operand_read(enum ms_form form, const struct ber_type *type, struct span element,
                             struct arena *arena, struct ms_operand *operand);

/* Reads one string of a substrings item as a part, appended to `operand`, which has room. No value: an
 * initial part that is not the first, or any behind a final one. */
enum ms_read ms_operand_add_part(enum ms_part part, struct span element, struct arena *arena,
                                 struct ms_operand *operand);

/* A rule: the forms of what is asserted and of what is there, and the comparison. NULL `matches`: the rule
 * looks at the number of values alone. */
struct ms_comparison {
    enum ms_form asserted, stored;
    bool (*matches)(const struct ms_operand *asserted, const struct ms_operand *stored);
    int (*order)(const struct ms_operand *asserted, const struct ms_operand *stored); /* of ordering rules */
};

const struct ms_comparison *ms_comparison(enum ms_matching_rule rule);

#endif
