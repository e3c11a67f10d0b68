/* From pairs to attributes: F.401 annex B, RFC 1685 and RFC 2156 §4.1. */
#include <ctype.h>

#include "asn1/table.h"
#include "names/dn.h"
#include "names/oraddress_private.h"

enum { MOST_ATTRIBUTES = 64, MOST_TEXT = 8192, MOST_UNITS = 4 };

static const struct span no_type = {NULL, 0};

/* What is only complete at the end: units without a number, in the order of the text, and whether the
 * organization or more stood before them; the parts of an E.164 address; a domain-defined attribute in two.
 */
struct parts {
    struct pair units[MOST_UNITS];
    size_t unit_count;
    bool from_above, seen_above;
    struct span isdn, sub_address;
    struct pair defined; /* its type or its value is still to come */
};

static bool out_of_memory(struct error *err) {
    return error_set(err, ORADDRESS_MEMORY, "O/R address: out of memory");
}

static bool is_empty(const struct pair_scanner *s, const struct pair *pair) {
    if (pair->value.len)
        return false;
    pair_failed(s, "%s has an empty value; leave it out", pair_show(s, pair->shown));
    return true;
}

static bool is_twice(const struct pair_scanner *s, const struct pair *pair) {
    return pair_failed(s, "%s is there twice; keep one", pair_show(s, pair->shown));
}

static bool add(const struct pair_scanner *s, struct attribute_list *list, enum oraddress_kind kind,
                const struct pair *pair) {
    return (attribute_append(list, kind, pair->type, pair->value) &&
            (!pair->teletex.data || attribute_teletex(list, pair->teletex))) ||
           pair_no_memory(s);
}

static bool add_value(const struct pair_scanner *s, struct attribute_list *list, enum oraddress_kind kind,
                      struct span value) {
    return attribute_append(list, kind, no_type, value) || pair_no_memory(s);
}

/* ---- labels that are no kind's ---- */

/* A letter or a digit, or an octet of a character beyond ASCII. */
static bool names_something(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if (isalnum(text.data[i]) || text.data[i] >= 0x80)
            return true;
    return false;
}

/* RFC 2156 §4.1.2: given names have two letters or more, initials one, the rest is the surname. */
static bool take_personal_name(struct pair_scanner *s, struct attribute_list *list, struct pair *pair) {
    struct span name = pair->value;
    uint8_t *initials = arena_alloc(s->arena, name.len + 1);
    size_t count = 0;
    bool first = true;
    if (!initials)
        return pair_no_memory(s);
    if (pair->teletex.data)
        return pair_failed(s, "PN with two forms; write S and G, each with its own");
    for (;; first = false) {
        const uint8_t *dot = name.len ? memchr(name.data, '.', name.len) : NULL;
        if (!dot || dot + 1 == name.data + name.len)
            break;
        struct span word = span_of(name.data, (size_t)(dot - name.data));
        if (word.len == 1 && isalpha(word.data[0]))
            initials[count++] = word.data[0];
        else if (!first || word.len < 2)
            break;
        else if (!add_value(s, list, ORADDRESS_GIVEN_NAME, word))
            return false;
        name = span_sub(name, word.len + 1, name.len);
    }
    if (!names_something(name))
        return pair_failed(s, "PN names nobody in '%s'; write PN=Given.Surname", pair_show(s, pair->value));
    return (!count || add_value(s, list, ORADDRESS_INITIALS, span_of(initials, count))) &&
           add_value(s, list, ORADDRESS_SURNAME, name);
}

/* RFC 2156 §4.1.3's upa-string: the lines of an unformatted postal address in one value, `The Dome|The
 * Square`; a teletex form stands for all of them. */
static bool take_postal_lines(struct pair_scanner *s, struct attribute_list *list, struct pair *pair) {
    struct span value = pair->value;
    for (int line = ORADDRESS_PD_LINE_1; value.len; line++) {
        const uint8_t *bar = memchr(value.data, '|', value.len);
        struct span one = bar ? span_of(value.data, (size_t)(bar - value.data)) : value;
        value = span_sub(value, one.len + 1, value.len);
        if (line > ORADDRESS_PD_LINE_6)
            return error_set(s->err, ORADDRESS_BOUND, "O/R address: more than 6 lines in PD-ADDRESS");
        one = pair_trim(one);
        if (!one.len)
            return pair_failed(s, "PD-ADDRESS has an empty line; leave it out");
        if (!add_value(s, list, (enum oraddress_kind)line, one) ||
            (line == ORADDRESS_PD_LINE_1 && pair->teletex.data && !attribute_teletex(list, pair->teletex)))
            return pair_no_memory(s);
    }
    return true;
}

static bool take_unit(struct pair_scanner *s, struct parts *parts, const struct pair *pair) {
    if (parts->unit_count == MOST_UNITS)
        return error_set(s->err, ORADDRESS_BOUND, "O/R address: more than %d organizational units",
                         MOST_UNITS);
    parts->from_above = parts->unit_count ? parts->from_above : parts->seen_above;
    parts->units[parts->unit_count++] = *pair;
    return true;
}

static bool pair_is_value(const struct pair *pair) {
    return pair->dotted && span_eq(span_sub(pair->label, 0, 3), SPAN_LIT("DDA")) &&
           span_eq_nocase(pair->type, SPAN_LIT("VALUE"));
}

/* The first of the two waits for the second. */
static bool take_defined(struct pair_scanner *s, struct attribute_list *list, struct parts *parts,
                         const struct pair *pair) {
    struct pair *first = &parts->defined;
    if (!first->value.data) {
        *first = *pair;
        return true;
    }
    if (pair_is_type(first) == pair_is_type(pair))
        return is_twice(s, pair);
    struct pair whole = pair_is_type(pair) ? *first : *pair;
    whole.type = pair_is_type(pair) ? pair->value : first->value;
    *first = (struct pair){0};
    return add(s, list, ORADDRESS_DOMAIN_DEFINED, &whole);
}

/* Once each. */
static bool take_isdn(struct pair_scanner *s, const struct pair *pair, struct span *part) {
    if (part->data)
        return is_twice(s, pair);
    *part = pair->value;
    return true;
}

static bool take_compound(struct pair_scanner *s, struct attribute_list *list, struct parts *parts,
                          struct pair *pair) {
    if (is_empty(s, pair))
        return false;
    if (span_eq(pair->label, SPAN_LIT("OU")))
        return take_unit(s, parts, pair);
    if (span_eq(pair->label, SPAN_LIT("PN")))
        return take_personal_name(s, list, pair);
    if (span_eq(pair->label, SPAN_LIT("NETSUB")))
        return take_isdn(s, pair, &parts->sub_address);
    if (!span_eq(pair->label, SPAN_LIT("RFC822")))
        return take_postal_lines(s, list, pair);
    pair->type = SPAN_LIT("RFC-822");
    return add(s, list, ORADDRESS_DOMAIN_DEFINED, pair);
}

/* ---- labels of a kind ---- */

static bool unknown_label(const struct pair_scanner *s, const struct pair *pair) {
    static const struct {
        const char *start, *remedy;
    } numbered[] = {{"OU", "there are OU1 to OU4, the highest unit first"},
                    {"ORGUNIT", "there are OU1 to OU4, the highest unit first"},
                    {"DD", "write DDA:type=value, at most four"},
                    {"PDA", "there are the lines PD-A1 to PD-A6"}};
    const char *shown = pair_show(s, pair->shown);
    struct span stem = pair->label;
    while (stem.len && isdigit(stem.data[stem.len - 1]))
        stem.len--;
    for (size_t i = 0; stem.len < pair->label.len && i < sizeof numbered / sizeof *numbered; i++)
        if (span_eq(stem, span_str(numbered[i].start)))
            return pair_failed(s, "unknown label '%s'; %s", shown, numbered[i].remedy);
    return pair_failed(
        s,
        "unknown label '%s'; the labels are C, A, P, O, OU1 to OU4, CN, S, G, I, Q, N-ID, X121, ISDN, "
        "PSAP, T-ID, T-TY, DDA:type and those in PD- of postal addresses",
        shown);
}

/* An attribute of this edition has a label of its own: under its number it would be another one to compare.
 */
static bool is_known_extension(struct pair_scanner *s, struct pair *pair) {
    struct x411_ORAddress wire = {0};
    struct x411_ExtensionAttribute attribute;
    struct oraddress address = {.items =
                                    &(struct oraddress_attribute){.type = pair->type, .value = pair->value}};
    struct oraddress read;
    if (!oraddress_build_unknown(&address.items[0], s->arena, &attribute, NULL))
        return false; /* said when the wire's form is built */
    wire.extension_attributes.items = &attribute;
    wire.extension_attributes.count = 1;
    if (!oraddress_of(&wire, s->arena, &read) || (read.count && read.items[0].kind == ORADDRESS_UNKNOWN))
        return false;
    if (!read.count)
        return !pair_failed(s, "%s holds nothing; leave it out", pair_show(s, pair->shown));
    return !pair_failed(s, "X-EXT:%s is the attribute %s; write it so", pair_show(s, pair->type),
                        oraddress_label(read.items[0].kind));
}

static bool take_kind(struct pair_scanner *s, struct attribute_list *list, struct parts *parts,
                      struct pair *pair) {
    enum oraddress_kind kind = oraddress_kind_of(pair->label);
    if (!kind)
        return unknown_label(s, pair);
    if (kind == ORADDRESS_ADMD && !pair->value.len)
        pair->value = SPAN_LIT(" ");
    if (is_empty(s, pair))
        return false;
    if (kind == ORADDRESS_ISDN)
        return take_isdn(s, pair, &parts->isdn);
    if (pair_is_type(pair) || pair_is_value(pair))
        return take_defined(s, list, parts, pair);
    bool typed = kind == ORADDRESS_DOMAIN_DEFINED || kind == ORADDRESS_UNKNOWN;
    if (typed != (pair->type.len > 0))
        return pair_failed(s, "'%s': a domain-defined attribute, and no other, is written DDA:type=value",
                           pair_show(s, pair->shown));
    if (kind == ORADDRESS_UNKNOWN && is_known_extension(s, pair))
        return false;
    if (pair->teletex.data && !oraddress_kinds[kind].teletex)
        return error_set(s->err, ORADDRESS_CHARACTER,
                         "O/R address: %s has no teletex form; it is a PrintableString, without '*'",
                         oraddress_label(kind));
    parts->seen_above |= kind <= ORADDRESS_ORGANIZATION;
    return add(s, list, kind, pair);
}

/* ---- at the end ---- */

/* The highest unit is OU1. RFC 2156 §4.2 writes it last, next to the organization; read in the other
 * direction it is first. */
static bool place_units(struct pair_scanner *s, struct attribute_list *list, const struct parts *parts) {
    for (size_t i = 0; i < parts->unit_count; i++) {
        size_t from = parts->from_above ? i : parts->unit_count - 1 - i;
        if (!add(s, list, (enum oraddress_kind)(ORADDRESS_UNIT_1 + i), &parts->units[from]))
            return false;
    }
    return true;
}

/* RFC 2156 has an attribute of its own for the sub-address. A plus before the number is how people mark an
 * international one, which E.164 numbers of addresses always are. */
static bool place_isdn(struct pair_scanner *s, struct attribute_list *list, const struct parts *parts) {
    struct span number = parts->isdn, sub = parts->sub_address;
    if (number.len && number.data[0] == '+')
        number = pair_trim(span_sub(number, 1, number.len));
    if (sub.data && !number.data)
        return pair_failed(s, "the sub-address '%s' is without its number; give NET-NUM", pair_show(s, sub));
    if (sub.data) {
        number = span_str(arena_printf(s->arena, "%.*s+%.*s", (int)number.len, (const char *)number.data,
                                       (int)sub.len, (const char *)sub.data));
        if (!number.data)
            return pair_no_memory(s);
    }
    return !number.data || add_value(s, list, ORADDRESS_ISDN, number);
}

static bool check_defined(const struct pair_scanner *s, const struct parts *parts) {
    if (!parts->defined.value.data)
        return true;
    bool type = pair_is_type(&parts->defined);
    return pair_failed(s, "DDA.%s without DDA.%s; write DDA:type=value", type ? "TYPE" : "VALUE",
                       type ? "VALUE" : "TYPE");
}

static bool check_single(const struct pair_scanner *s, const struct attribute_list *list) {
    for (size_t i = 1; i < list->count; i++) {
        enum oraddress_kind kind = list->items[i].kind;
        if (kind == list->items[i - 1].kind && kind < ORADDRESS_DOMAIN_DEFINED)
            return pair_failed(s, "%s is there twice; keep one", oraddress_label(kind));
    }
    return true;
}

bool oraddress_read(struct span text, struct attribute_list *list, struct error *err) {
    struct pair_scanner s;
    struct parts parts = {0};
    if (text.len > MOST_TEXT)
        return error_set(err, ORADDRESS_BOUND, "O/R address: longer than %d octets", MOST_TEXT);
    pair_scan(text, list->arena, err, &s);
    while (s.at < s.text.len) {
        uint8_t c = s.text.data[s.at];
        if (c == (uint8_t)s.delimiter || (s.other && c == (uint8_t)s.other) || isspace(c)) {
            s.at++;
            continue;
        }
        struct pair pair;
        if (!pair_next(&s, &pair) || !(pair_is_compound(pair.label) ? take_compound(&s, list, &parts, &pair)
                                                                    : take_kind(&s, list, &parts, &pair)))
            return false;
        if (list->count > MOST_ATTRIBUTES)
            return error_set(err, ORADDRESS_BOUND, "O/R address: more than %d attributes", MOST_ATTRIBUTES);
    }
    if (!check_defined(&s, &parts) || !place_units(&s, list, &parts) || !place_isdn(&s, list, &parts))
        return false;
    return attribute_sort(list) ? check_single(&s, list) : out_of_memory(err);
}

/* Lines 1 to n without a gap: one below an empty line has no place of its own on the wire. */
static bool check_lines(const struct oraddress *address, struct error *err) {
    for (int kind = ORADDRESS_PD_LINE_2; kind <= ORADDRESS_PD_LINE_6; kind++)
        if (oraddress_find(address, (enum oraddress_kind)kind) &&
            !oraddress_find(address, (enum oraddress_kind)(kind - 1)))
            return error_set(err, ORADDRESS_SYNTAX, "O/R address: %s without %s; number the lines from PD-A1",
                             oraddress_label((enum oraddress_kind)kind),
                             oraddress_label((enum oraddress_kind)(kind - 1)));
    return true;
}

bool oraddress_parse(struct span text, struct arena *arena, struct oraddress *address, struct error *err) {
    struct attribute_list list = {.arena = arena};
    *address = (struct oraddress){NULL, 0};
    if (!oraddress_read(text, &list, err))
        return false;
    struct oraddress read = {list.items, list.count};
    if (oraddress_find(&read, ORADDRESS_COUNTRY) && !oraddress_find(&read, ORADDRESS_ADMD)) {
        if (!attribute_append(&list, ORADDRESS_ADMD, (struct span){NULL, 0}, SPAN_LIT(" ")) ||
            !attribute_sort(&list))
            return out_of_memory(err);
    }
    *address = (struct oraddress){list.items, list.count};
    return check_lines(address, err);
}

struct span oraddress_key_of(struct span text, struct arena *arena, struct error *err) {
    struct oraddress address;
    struct span key = {NULL, 0};
    if (!oraddress_parse(text, arena, &address, err))
        return key;
    if (!address.count)
        error_set(err, ORADDRESS_SYNTAX, "O/R address: it is empty");
    else if (!(key = oraddress_key(&address, arena)).data)
        error_set(err, ORADDRESS_MEMORY, "O/R address: out of memory");
    return key;
}

static bool parse_directory_name(struct span text, struct arena *arena, struct x411_ORName *name,
                                 struct error *err) {
    *name = (struct x411_ORName){.directory_name = arena_alloc(arena, sizeof(*name->directory_name))};
    if (!name->directory_name)
        return out_of_memory(err);
    return dn_parse(text, arena, name->directory_name, err) &&
           (name->directory_name->u.rdnSequence.count ||
            error_set(err, ORADDRESS_SYNTAX, "distinguished name: it is empty"));
}

bool oraddress_parse_name(struct span text, struct arena *arena, struct x411_ORName *name,
                          struct error *err) {
    struct oraddress address;
    struct span trimmed = pair_trim(text), mark = SPAN_LIT("DN:");
    if (span_eq_nocase(span_sub(trimmed, 0, mark.len), mark))
        return parse_directory_name(span_sub(trimmed, mark.len, trimmed.len), arena, name, err);
    return oraddress_parse(text, arena, &address, err) && oraddress_build_name(&address, arena, name, err);
}
