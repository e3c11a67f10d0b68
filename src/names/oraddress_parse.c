/* From text to attributes: F.401 annex B, RFC 1685 and RFC 2156 §4.1.3. */
#include <ctype.h>

#include "names/dn.h"
#include "names/oraddress_private.h"

enum { MOST_ATTRIBUTES = 64, MOST_TEXT = 8192, MOST_UNITS = 4 };

struct scanner {
    struct span text;
    size_t at;
    char delimiter; /* `/`, `;` or `,` */
    struct arena *arena;
    struct error *err;
};

/* A label (normalized), the type of a domain-defined or unknown attribute, and the value. */
struct pair {
    struct span label, type, value;
};

static struct span trim(struct span s) {
    while (s.len && isspace(s.data[0]))
        s = span_sub(s, 1, s.len);
    while (s.len && isspace(s.data[s.len - 1]))
        s.len--;
    return s;
}

/* Capitals, without the marks in which spellings differ (`X.121`, `N-ID`, `PD-OFFICE NUMBER`). */
static struct span normalize_label(struct span label, struct arena *arena) {
    uint8_t *out = arena_alloc(arena, label.len + 1);
    if (!out)
        return (struct span){NULL, 0};
    size_t len = 0;
    for (size_t i = 0; i < label.len; i++) {
        if (!strchr("-._ ", label.data[i]) || label.data[i] == 0)
            out[len++] = (uint8_t)toupper(label.data[i]);
    }
    return span_of(out, len);
}

static bool is_labelled(struct span text, struct arena *arena) {
    text = trim(span_sub(text, 0, 40));
    const uint8_t *equals = text.len ? memchr(text.data, '=', text.len) : NULL;
    if (!equals)
        return false;
    struct span label = span_of(text.data, (size_t)(equals - text.data));
    const uint8_t *mark = memchr(label.data, ':', label.len);
    if (mark)
        label.len = (size_t)(mark - label.data);
    struct span normal = normalize_label(label, arena);
    return normal.data && (oraddress_kind_of(normal) || span_eq(normal, SPAN_LIT("OU")) ||
                           span_eq(normal, SPAN_LIT("PN")) || span_eq(normal, SPAN_LIT("RFC822")) ||
                           span_eq(normal, SPAN_LIT("PDADDRESS")) || span_eq(normal, SPAN_LIT("NETSUB")));
}

/* True if the delimiter at `at` ends a value: a comma may also be part of one. */
static bool ends_value(const struct scanner *s, size_t at) {
    if (s->delimiter != ',')
        return true;
    struct span rest = trim(span_sub(s->text, at + 1, s->text.len));
    return rest.len == 0 || is_labelled(rest, s->arena);
}

/* Reads up to `stop` or the end of the pair, resolving what is escaped: `$` before a mark, a doubled stop. */
static struct span read_until(struct scanner *s, char stop) {
    uint8_t *out = arena_alloc(s->arena, s->text.len - s->at + 1);
    size_t len = 0;
    while (out && s->at < s->text.len) {
        uint8_t c = s->text.data[s->at];
        uint8_t next = s->at + 1 < s->text.len ? s->text.data[s->at + 1] : 0;
        if (c == '$' && next && strchr("$/=;,:", next)) {
            out[len++] = next;
            s->at += 2;
            continue;
        }
        bool ends = c == (uint8_t)s->delimiter ? ends_value(s, s->at) : c == (uint8_t)stop;
        if (ends) {
            if (next != c || c == ',')
                break;
            s->at++;
        }
        out[len++] = c;
        s->at++;
    }
    return out ? span_of(out, len) : (struct span){NULL, 0};
}

static bool scan_failed(const struct scanner *s, const char *cause, struct span at) {
    return error_set(s->err, ORADDRESS_SYNTAX, "O/R address: %s at '%.*s'", cause,
                     (int)(at.len < 60 ? at.len : 60), at.data ? (const char *)at.data : "");
}

static bool out_of_memory(struct error *err) {
    return error_set(err, ORADDRESS_MEMORY, "O/R address: out of memory");
}

/* Splits `DDA:type` and `DD.type`; leaves other labels whole. */
static struct span split_type(struct span label, struct span *type) {
    *type = (struct span){NULL, 0};
    for (size_t i = 1; i < label.len && i <= 5; i++) {
        if (label.data[i] != ':' && label.data[i] != '.')
            continue;
        struct span key = span_sub(label, 0, i);
        if (!span_eq_nocase(key, SPAN_LIT("DDA")) && !span_eq_nocase(key, SPAN_LIT("DD")) &&
            !span_eq_nocase(key, SPAN_LIT("X-EXT")) &&
            !(key.len == 3 && span_eq_nocase(span_sub(key, 0, 2), SPAN_LIT("DD"))))
            return label;
        *type = trim(span_sub(label, i + 1, label.len));
        return key;
    }
    return label;
}

static bool read_pair(struct scanner *s, struct pair *pair) {
    struct span start = span_sub(s->text, s->at, s->text.len);
    struct span label = trim(read_until(s, '='));
    if (!label.data)
        return out_of_memory(s->err);
    if (s->at >= s->text.len || s->text.data[s->at] != '=')
        return scan_failed(s, "a label and '=' are missing", start);
    s->at++;
    pair->value = read_until(s, s->delimiter);
    pair->label = normalize_label(split_type(label, &pair->type), s->arena);
    if (!pair->value.data || !pair->label.data)
        return out_of_memory(s->err);
    pair->value = trim(pair->value);
    return pair->label.len ? true : scan_failed(s, "a label is missing", start);
}

/* What is only complete at the end: units without a number, in the order of the text, and whether the
 * organization or more stood before them; the parts of an E.164 address. */
struct units {
    struct span values[MOST_UNITS];
    size_t count;
    bool from_above, seen_above;
    struct span isdn, sub_address;
};

/* RFC 2156 §4.1.2: given names have two letters or more, initials one, the rest is the surname. */
static bool read_personal_name(struct attribute_list *list, struct span name) {
    uint8_t *initials = arena_alloc(list->arena, name.len + 1);
    size_t count = 0;
    bool first = true;
    if (!initials)
        return false;
    for (;; first = false) {
        const uint8_t *dot = name.len ? memchr(name.data, '.', name.len) : NULL;
        if (!dot || dot + 1 == name.data + name.len)
            break;
        struct span word = span_of(name.data, (size_t)(dot - name.data));
        if (word.len == 1 && isalpha(word.data[0]))
            initials[count++] = word.data[0];
        else if (!first || word.len < 2)
            break;
        else if (!attribute_append(list, ORADDRESS_GIVEN_NAME, (struct span){NULL, 0}, word))
            return false;
        name = span_sub(name, word.len + 1, name.len);
    }
    if (count &&
        !attribute_append(list, ORADDRESS_INITIALS, (struct span){NULL, 0}, span_of(initials, count)))
        return false;
    return attribute_append(list, ORADDRESS_SURNAME, (struct span){NULL, 0}, name);
}

/* RFC 2156 §4.1.3's upa-string: the lines of an unformatted postal address in one value, `The Dome|The
 * Square`.
 */
static bool read_postal_lines(struct scanner *s, struct attribute_list *list, struct span value) {
    for (int line = ORADDRESS_PD_LINE_1; value.len; line++) {
        const uint8_t *bar = memchr(value.data, '|', value.len);
        struct span one = bar ? span_of(value.data, (size_t)(bar - value.data)) : value;
        value = span_sub(value, one.len + 1, value.len);
        if (line > ORADDRESS_PD_LINE_6)
            return error_set(s->err, ORADDRESS_BOUND, "O/R address: more than 6 lines in PD-ADDRESS");
        one = trim(one);
        if (!one.len)
            return scan_failed(s, "an empty line", SPAN_LIT("PD-ADDRESS"));
        if (!attribute_append(list, (enum oraddress_kind)line, (struct span){NULL, 0}, one))
            return out_of_memory(s->err);
    }
    return true;
}

/* RFC 1327 has an attribute of its own for the sub-address. */
static bool place_isdn(struct scanner *s, struct attribute_list *list, const struct units *units) {
    struct span number = units->isdn, sub = units->sub_address;
    if (sub.data && !number.data)
        return scan_failed(s, "a sub-address without its number", sub);
    if (sub.data) {
        number = span_str(arena_printf(s->arena, "%.*s+%.*s", (int)number.len, (const char *)number.data,
                                       (int)sub.len, (const char *)sub.data));
        if (!number.data)
            return out_of_memory(s->err);
    }
    return !number.data || attribute_append(list, ORADDRESS_ISDN, (struct span){NULL, 0}, number) ||
           out_of_memory(s->err);
}

/* Once each, and not empty. */
static bool take_isdn(struct scanner *s, const struct pair *pair, struct span *part) {
    if (part->data || !pair->value.len)
        return scan_failed(s, part->data ? "it is there twice" : "an empty value", pair->label);
    *part = pair->value;
    return true;
}

static bool take_pair(struct scanner *s, struct attribute_list *list, struct units *units,
                      struct pair *pair) {
    if (span_eq(pair->label, SPAN_LIT("OU"))) {
        if (units->count == MOST_UNITS)
            return error_set(s->err, ORADDRESS_BOUND, "O/R address: more than %d organizational units",
                             MOST_UNITS);
        units->from_above = units->count ? units->from_above : units->seen_above;
        units->values[units->count++] = pair->value;
        return true;
    }
    if (span_eq(pair->label, SPAN_LIT("PN")))
        return read_personal_name(list, pair->value) ? true : out_of_memory(s->err);
    if (span_eq(pair->label, SPAN_LIT("PDADDRESS")) && pair->value.len)
        return read_postal_lines(s, list, pair->value);
    if (span_eq(pair->label, SPAN_LIT("NETSUB")))
        return take_isdn(s, pair, &units->sub_address);
    if (span_eq(pair->label, SPAN_LIT("RFC822"))) {
        pair->type = SPAN_LIT("RFC-822");
        pair->label = SPAN_LIT("DDA");
    }
    enum oraddress_kind kind = oraddress_kind_of(pair->label);
    if (!kind)
        return scan_failed(s, "unknown label", pair->label);
    if (kind == ORADDRESS_ISDN)
        return take_isdn(s, pair, &units->isdn);
    bool typed = kind == ORADDRESS_DOMAIN_DEFINED || kind == ORADDRESS_UNKNOWN;
    if (typed != (pair->type.len > 0))
        return scan_failed(s, "a domain-defined attribute is written DDA:type=value", pair->label);
    if (kind == ORADDRESS_ADMD && !pair->value.len)
        pair->value = SPAN_LIT(" ");
    units->seen_above |= kind <= ORADDRESS_ORGANIZATION;
    if (!pair->value.len)
        return scan_failed(s, "an empty value", pair->label);
    return attribute_append(list, kind, pair->type, pair->value) ? true : out_of_memory(s->err);
}

/* The highest unit is OU1. RFC 2156 §4.2 writes it last, next to the organization; read in the other
 * direction it is first. */
static bool place_units(struct scanner *s, struct attribute_list *list, const struct units *units) {
    for (size_t i = 0; i < units->count; i++) {
        size_t from = units->from_above ? i : units->count - 1 - i;
        enum oraddress_kind kind = (enum oraddress_kind)(ORADDRESS_UNIT_1 + i);
        if (!attribute_append(list, kind, (struct span){NULL, 0}, units->values[from]))
            return out_of_memory(s->err);
    }
    return true;
}

static bool check_single(struct scanner *s, const struct attribute_list *list) {
    for (size_t i = 1; i < list->count; i++) {
        enum oraddress_kind kind = list->items[i].kind;
        if (kind == list->items[i - 1].kind && kind < ORADDRESS_DOMAIN_DEFINED)
            return error_set(s->err, ORADDRESS_SYNTAX, "O/R address: %s is there twice",
                             oraddress_label(kind));
    }
    return true;
}

/* `;` separates if there is one; else a text that starts with `/` or has `/LABEL=` in it is in slash form. */
static char delimiter_of(struct span text, struct arena *arena) {
    if (text.len && text.data[0] == '/')
        return '/';
    if (text.len && memchr(text.data, ';', text.len))
        return ';';
    const uint8_t *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    if (slash && is_labelled(span_sub(text, (size_t)(slash - text.data) + 1, text.len), arena))
        return '/';
    return ',';
}

static struct span without_preface(struct span text) {
    static const char *const prefaces[] = {"X.400:", "X400:"};
    text = trim(text);
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(prefaces[i]);
        if (span_eq_nocase(span_sub(text, 0, len), span_str(prefaces[i])))
            return trim(span_sub(text, len, text.len));
    }
    return text;
}

bool oraddress_read(struct span text, struct attribute_list *list, struct error *err) {
    if (text.len > MOST_TEXT)
        return error_set(err, ORADDRESS_BOUND, "O/R address: longer than %d octets", MOST_TEXT);
    text = without_preface(text);
    struct scanner s = {text, 0, 0, list->arena, err};
    struct units units = {0};
    s.delimiter = delimiter_of(text, list->arena);
    while (s.at < s.text.len) {
        if (s.text.data[s.at] == (uint8_t)s.delimiter || isspace(s.text.data[s.at])) {
            s.at++;
            continue;
        }
        struct pair pair;
        if (!read_pair(&s, &pair) || !take_pair(&s, list, &units, &pair))
            return false;
        if (list->count > MOST_ATTRIBUTES)
            return error_set(err, ORADDRESS_BOUND, "O/R address: more than %d attributes", MOST_ATTRIBUTES);
    }
    if (!place_units(&s, list, &units) || !place_isdn(&s, list, &units))
        return false;
    return attribute_sort(list) ? check_single(&s, list) : out_of_memory(err);
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
    return true;
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
    struct span trimmed = trim(text), mark = SPAN_LIT("DN:");
    if (span_eq_nocase(span_sub(trimmed, 0, mark.len), mark))
        return parse_directory_name(span_sub(trimmed, mark.len, trimmed.len), arena, name, err);
    return oraddress_parse(text, arena, &address, err) && oraddress_build_name(&address, arena, name, err);
}
