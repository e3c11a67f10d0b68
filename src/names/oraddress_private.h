/* What the files of the O/R address share. */
#ifndef NAMES_ORADDRESS_PRIVATE_H
#define NAMES_ORADDRESS_PRIVATE_H

#include "names/oraddress.h"

/* How an attribute stands on the wire. Numbers are those of extension attributes, 0 for none. */
struct kind_info {
    const char *label; /* F.401's, printed */
    const char
        *aliases;      /* other labels, each followed by a space; capitals, without `-`, `.`, `_` and space */
    uint8_t printable; /* as PrintableString */
    uint8_t teletex;   /* as TeletexString; equal to `printable` where one PDSParameter holds both */
    uint8_t universal; /* as UniversalOrBMPString */
    uint16_t bound;    /* most characters, 0 where another rule holds */
    const char *bound_name;
};

extern const struct kind_info oraddress_kinds[ORADDRESS_KINDS];

/* The kind with that label, 0 for none. `label` is normalized as `aliases` are. */
enum oraddress_kind oraddress_kind_of(struct span label);

/* A list of attributes that grows in an arena; appending computes the keys. */
struct attribute_list {
    struct arena *arena;
    struct oraddress_attribute *items;
    size_t count, room;
};

/* False without memory. */
bool attribute_append(struct attribute_list *list, enum oraddress_kind kind, struct span type,
                      struct span value);

/* Stable sort by kind, linear in the count. False without memory. */
bool attribute_sort(struct attribute_list *list);

/* Gives the last attribute its teletex form. */
bool attribute_teletex(struct attribute_list *list, struct span teletex);

/* ---- the pairs of a text ---- */

struct pair_scanner {
    struct span text;
    size_t at;
    char delimiter, other; /* `/`, `;` or `,`; the other of the first two, which may be mixed in, else 0 */
    struct arena *arena;
    struct error *err;
};

struct pair {
    struct span shown;   /* the label as it is written, with its type */
    struct span label;   /* capitals, without `-`, `.`, `_` and space */
    struct span type;    /* of a domain-defined or unknown attribute */
    bool dotted;         /* the type stands after a full stop, not a colon */
    struct span value;   /* trimmed, escapes resolved */
    struct span teletex; /* UTF-8: the teletex form beside a printable value */
};

void pair_scan(struct span text, struct arena *arena, struct error *err, struct pair_scanner *s);
/* The pair at this place, which is no delimiter. */
bool pair_next(struct pair_scanner *s, struct pair *pair);

/* Labels that are no kind's: `OU`, `PN`, `PD-ADDRESS` … */
bool pair_is_compound(struct span label);
/* `DDA.TYPE=ms`, which `DDA.VALUE=…` goes with (Microsoft). */
bool pair_is_type(const struct pair *pair);

struct span pair_trim(struct span text);
/* The start of a text as it can stand in an error, in the arena. */
const char *pair_show(const struct pair_scanner *s, struct span text);
/* Say what is wrong; both return false. */
bool pair_failed(const struct pair_scanner *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool pair_no_memory(const struct pair_scanner *s);

/* Reads the pairs of a text; nothing is added that isn't there. */
bool oraddress_read(struct span text, struct attribute_list *list, struct error *err);

/* Makes the extension attribute of `X-EXT:number=hex`. */
bool oraddress_build_unknown(const struct oraddress_attribute *item, struct arena *arena,
                             struct x411_ExtensionAttribute *attribute, struct error *err);

/* The alpha-2 code (two small letters) of an X.121 data country code of three digits, or NULL. */
const char *country_of_dcc(struct span dcc);

/* repertoire.c: true if every octet is in PrintableString's repertoire (X.680 §41.4); if it is one digit or
 * more.
 */
bool is_printable_string(struct span s);
bool is_digits(struct span s);

/* The number of a terminal type's label (`g3fax`) or decimal text; -1 for none. The label of a number, or
 * NULL. */
int64_t terminal_type_of(struct span text);
const char *terminal_type_label(int64_t number);

#endif
