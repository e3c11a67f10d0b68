/*
 * From text to pairs of label and value: delimiters, escapes and the teletex
 * forms of values (F.401 annex B, RFC 1685, RFC 2156 §3.3.4 and §4.1.3, and
 * Microsoft's mail systems).
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "names/oraddress_private.h"

enum { LONGEST_LABEL = 40, MOST_SHOWN = 60 };

struct span pair_trim(struct span s) {
    while (s.len && isspace(s.data[0]))
        s = span_sub(s, 1, s.len);
    while (s.len && isspace(s.data[s.len - 1]))
        s.len--;
    return s;
}

const char *pair_show(const struct pair_scanner *s, struct span text) {
    size_t len = text.len < MOST_SHOWN ? text.len : MOST_SHOWN;
    while (len < text.len && len && (text.data[len] & 0xC0) == 0x80)
        len--; /* no character is cut */
    uint8_t *out = arena_alloc(s->arena, len + 1);
    for (size_t i = 0; out && i < len; i++)
        out[i] = text.data[i] < 0x20 || text.data[i] == 0x7F ? '?' : text.data[i];
    if (out)
        out[len] = 0;
    return out ? (const char *)out : "";
}

bool pair_failed(const struct pair_scanner *s, const char *format, ...) {
    char text[sizeof s->err->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(s->err, ORADDRESS_SYNTAX, "O/R address: %s", text);
}

bool pair_no_memory(const struct pair_scanner *s) {
    return error_set(s->err, ORADDRESS_MEMORY, "O/R address: out of memory");
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

/* `DDA`, `DD`, `DDA1`, `X-EXT`: the type that follows is part of the label. */
static bool takes_type(struct span key) {
    if (span_eq_nocase(key, SPAN_LIT("X-EXT")))
        return true;
    if (key.len > 2 && isdigit(key.data[key.len - 1]))
        key.len--;
    return span_eq_nocase(key, SPAN_LIT("DDA")) || span_eq_nocase(key, SPAN_LIT("DD"));
}

/* Splits `DDA:type` and `DD.type`; leaves other labels whole. */
static struct span split_type(struct span label, struct span *type) {
    *type = (struct span){NULL, 0};
    for (size_t i = 1; i < label.len && i <= 5; i++) {
        if (label.data[i] != ':' && label.data[i] != '.')
            continue;
        struct span key = span_sub(label, 0, i);
        if (!takes_type(key))
            return label;
        *type = pair_trim(span_sub(label, i + 1, label.len));
        return key;
    }
    return label;
}

bool pair_is_compound(struct span label) {
    static const char *const labels[] = {"OU", "PN", "RFC822", "PDADDRESS", "PDA", "NETSUB"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (span_eq(label, span_str(labels[i])))
            return true;
    return false;
}

bool pair_is_type(const struct pair *pair) {
    return pair->dotted && span_eq(span_sub(pair->label, 0, 3), SPAN_LIT("DDA")) &&
           span_eq_nocase(pair->type, SPAN_LIT("TYPE"));
}

/* True if the text begins with a label that we know and `=`. */
static bool is_labelled(struct span text, struct arena *arena) {
    struct span type;
    text = pair_trim(span_sub(text, 0, LONGEST_LABEL));
    const uint8_t *equals = text.len ? memchr(text.data, '=', text.len) : NULL;
    if (!equals)
        return false;
    struct span label = split_type(span_of(text.data, (size_t)(equals - text.data)), &type);
    label = normalize_label(pair_trim(label), arena);
    return label.data && (oraddress_kind_of(label) || pair_is_compound(label));
}

/* `;` separates if there is one; else a text that starts with `/` or has `/LABEL=` in it is in slash form. */
static char delimiter_of(struct span text, struct arena *arena) {
    if (text.len && text.data[0] == '/')
        return '/';
    const uint8_t *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    if (text.len && memchr(text.data, ';', text.len))
        return ';';
    return slash && is_labelled(span_sub(text, (size_t)(slash - text.data) + 1, text.len), arena) ? '/' : ',';
}

/* `X.400:` before the address, and Microsoft's brackets around both. */
static struct span without_preface(struct span text) {
    static const char *const prefaces[] = {"X.400:", "X400:"};
    text = pair_trim(text);
    struct span inner = text;
    if (text.len > 1 && text.data[0] == '[' && text.data[text.len - 1] == ']')
        inner = pair_trim(span_sub(text, 1, text.len - 2));
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(prefaces[i]);
        if (span_eq_nocase(span_sub(inner, 0, len), span_str(prefaces[i])))
            return pair_trim(span_sub(inner, len, inner.len));
    }
    return text;
}

void pair_scan(struct span text, struct arena *arena, struct error *err, struct pair_scanner *s) {
    *s = (struct pair_scanner){.text = without_preface(text), .arena = arena, .err = err};
    s->delimiter = delimiter_of(s->text, arena);
    s->other = s->delimiter == '/' ? ';' : s->delimiter == ';' ? '/' : 0;
}

/* True if the octet at this place ends a value. The text's own delimiter does, but for a comma, which may
 * also be part of a value; the other of `/` and `;` does before a label and at the end (RFC 2156 §4.1.3
 * allows a mixture).
 */
static bool ends_value(const struct pair_scanner *s, bool is_defined) {
    uint8_t c = s->text.data[s->at];
    struct span rest = span_sub(s->text, s->at + 1, LONGEST_LABEL);
    if (c != (uint8_t)s->delimiter && (is_defined || !s->other || c != (uint8_t)s->other))
        return false;
    return (c == (uint8_t)s->delimiter && c != ',') || pair_trim(rest).len == 0 ||
           is_labelled(rest, s->arena);
}

/* `$` (RFC 2156) and `\` before a mark make it a part of the text. */
static bool is_escape(const struct pair_scanner *s) {
    uint8_t c = s->text.data[s->at], next = s->at + 1 < s->text.len ? s->text.data[s->at + 1] : 0;
    return (c == '$' || c == '\\') && (next == ' ' || ispunct(next));
}

static struct span read_label(struct pair_scanner *s) {
    uint8_t *out = arena_alloc(s->arena, s->text.len - s->at + 1);
    size_t len = 0;
    for (; out && s->at < s->text.len; s->at++) {
        uint8_t c = s->text.data[s->at];
        if (is_escape(s)) {
            c = s->text.data[++s->at];
        } else if (c == '=') {
            if (s->at + 1 >= s->text.len || s->text.data[s->at + 1] != '=')
                break;
            s->at++;
        } else if (c == (uint8_t)s->delimiter && c != ',') {
            break;
        }
        out[len++] = c;
    }
    return pair_trim(out ? span_of(out, len) : (struct span){NULL, 0});
}

/* Reads to the end of the value; `*star` is where in it the first `*` is that was not escaped, or beyond it.
 */
static struct span read_value(struct pair_scanner *s, bool is_defined, size_t *star) {
    uint8_t *out = arena_alloc(s->arena, s->text.len - s->at + 1);
    size_t len = 0;
    *star = SIZE_MAX;
    for (; out && s->at < s->text.len; s->at++) {
        uint8_t c = s->text.data[s->at];
        if (is_escape(s)) {
            c = s->text.data[++s->at];
        } else if (ends_value(s, is_defined)) {
            bool doubled = s->at + 1 < s->text.len && s->text.data[s->at + 1] == c;
            if (!doubled || c == ',' || c != (uint8_t)s->delimiter)
                break;
            s->at++;
        } else if (c == '*' && *star == SIZE_MAX) {
            *star = len;
        }
        out[len++] = c;
    }
    return out ? span_of(out, len) : (struct span){NULL, 0};
}

/* ---- teletex forms ---- */

/* `{165}` or `{165200}` at the start: its octets are appended, the length of the text is returned; 0: none.
 */
static size_t read_octets(struct span text, uint8_t *out, size_t *len) {
    size_t at = 1;
    for (; at + 3 < text.len && is_digits(span_sub(text, at, 3)); at += 3) {
        unsigned octet =
            (text.data[at] - '0') * 100u + (text.data[at + 1] - '0') * 10u + text.data[at + 2] - '0';
        if (octet > 255)
            return 0;
        out[(*len)++] = (uint8_t)octet;
    }
    return at > 1 && text.data[at] == '}' ? at + 1 : 0;
}

/* A teletex-string of RFC 2156 §3.3.4 as TeletexString; the absent span when the text is none. */
static struct span teletex_string(struct span text, struct arena *arena) {
    uint8_t *out = arena_alloc(arena, text.len + 1);
    size_t len = 0, used = 1;
    for (size_t at = 0; out && at < text.len && used; at += used) {
        struct span rest = span_sub(text, at, text.len);
        used = is_printable_string(span_sub(rest, 0, 1));
        if (used)
            out[len++] = rest.data[0];
        else if (rest.data[0] == '{')
            used = read_octets(rest, out, &len);
    }
    return out && used && len ? span_of(out, len) : (struct span){NULL, 0};
}

static bool has_lines(const struct pair *pair) {
    return span_eq(pair->label, SPAN_LIT("PDADDRESS")) || span_eq(pair->label, SPAN_LIT("PDA"));
}

/* printable-upa (RFC 2156 §4.1.1): the lines of a postal address. */
static bool is_printable_upa(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != '|' && !is_printable_string(span_sub(text, i, 1)))
            return false;
    return true;
}

/* teletex-and-or-ps (RFC 2156 §3.3.4): `yen*{165}`. What is not of that form is a value as it stands. */
static bool split_forms(struct pair *pair, struct span value, size_t star, struct arena *arena) {
    pair->value = pair_trim(value);
    pair->teletex = (struct span){NULL, 0};
    if (star >= value.len)
        return true;
    struct span printable = pair_trim(span_sub(value, 0, star));
    struct span octets = teletex_string(pair_trim(span_sub(value, star + 1, value.len)), arena);
    if (!octets.data || !(has_lines(pair) ? is_printable_upa(printable) : is_printable_string(printable)))
        return true;
    struct span teletex = text_from_teletex(octets, arena);
    pair->value = printable.len ? printable : teletex;
    if (printable.len && !span_eq(printable, teletex))
        pair->teletex = teletex;
    return teletex.data;
}

bool pair_next(struct pair_scanner *s, struct pair *pair) {
    struct span start = span_sub(s->text, s->at, s->text.len);
    size_t star;
    *pair = (struct pair){.shown = read_label(s)};
    if (!pair->shown.data)
        return pair_no_memory(s);
    if (s->at >= s->text.len || s->text.data[s->at] != '=')
        return pair_failed(s, "no label and '=' at '%s'; write LABEL=value, as in S=Smith",
                           pair_show(s, start));
    struct span label = split_type(pair->shown, &pair->type);
    pair->dotted = pair->type.data && pair->shown.data[label.len] == '.';
    pair->label = normalize_label(pair_trim(label), s->arena);
    if (!pair->label.data)
        return pair_no_memory(s);
    if (!pair->label.len)
        return pair_failed(s, "no label before '=' at '%s'; write LABEL=value, as in S=Smith",
                           pair_show(s, start));
    s->at++;
    bool is_defined = (pair->type.data && !pair_is_type(pair)) || span_eq(pair->label, SPAN_LIT("RFC822"));
    struct span value = read_value(s, is_defined, &star);
    return (value.data && split_forms(pair, value, star, s->arena)) || pair_no_memory(s);
}
