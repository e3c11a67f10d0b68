/* Distinguished names: RFC 4514 text and comparison. */
#include "names/dn.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "asn1/ber.h"
#include "base/text.h"
#include "names/oraddress_private.h"
#include "names/scanner_private.h"

enum { DN_SYNTAX = 1, DN_MEMORY, MOST_RDNS = 32, MOST_AVAS = 8, MOST_TEXT = 8192, MOST_OID = 128 };

/* Short names (RFC 4514 §3, RFC 4519), the first for an OID is the one printed. */
static const struct {
    const char *name;
    const struct span *oid;
} attribute_types[] = {
    {"CN", &x501_id_at_commonName},
    {"L", &x501_id_at_localityName},
    {"ST", &x501_id_at_stateOrProvinceName},
    {"O", &x501_id_at_organizationName},
    {"OU", &x501_id_at_organizationalUnitName},
    {"C", &x501_id_at_countryName},
    {"STREET", &x501_id_at_streetAddress},
    {"DC", &x501_id_at_domainComponent},
    {"UID", &x501_id_at_userid},
    {"SN", &x501_id_at_surname},
    {"serialNumber", &x501_id_at_serialNumber},
    {"title", &x501_id_at_title},
    {"description", &x501_id_at_description},
    {"businessCategory", &x501_id_at_businessCategory},
    {"postalCode", &x501_id_at_postalCode},
    {"postOfficeBox", &x501_id_at_postOfficeBox},
    {"telephoneNumber", &x501_id_at_telephoneNumber},
    {"name", &x501_id_at_name},
    {"givenName", &x501_id_at_givenName},
    {"initials", &x501_id_at_initials},
    {"generationQualifier", &x501_id_at_generationQualifier},
    {"dnQualifier", &x501_id_at_dnQualifier},
    {"pseudonym", &x501_id_at_pseudonym},
    {"emailAddress", &x501_id_at_emailAddress},
    {"surname", &x501_id_at_surname},
    {"commonName", &x501_id_at_commonName},
    {"organizationName", &x501_id_at_organizationName},
    {"organizationalUnitName", &x501_id_at_organizationalUnitName},
    {"countryName", &x501_id_at_countryName},
    {"localityName", &x501_id_at_localityName},
    {"E", &x501_id_at_emailAddress},
};
enum { TYPES = sizeof(attribute_types) / sizeof(attribute_types[0]) };

static bool no_memory(struct scanner *s) {
    return error_set(s->err, DN_MEMORY, "distinguished name: out of memory");
}

static void skip_spaces(struct scanner *s) {
    while (peek(s) == ' ' || peek(s) == '\n')
        s->at++;
}

static bool read_type(struct scanner *s, struct span *oid) {
    char name[MOST_OID];
    size_t len = 0;
    skip_spaces(s);
    size_t begin = s->at;
    while (isalnum(peek(s)) || peek(s) == '-' || peek(s) == '.') {
        if (len + 1 == sizeof(name))
            return failed(s, "an attribute type is too long");
        name[len++] = (char)s->text.data[s->at++];
    }
    name[len] = 0;
    skip_spaces(s);
    if (!len || peek(s) != '=')
        return failed(s, "an attribute type and '=' are missing");
    s->at++;
    for (size_t i = 0; i < TYPES; i++) {
        if (strcasecmp(name, attribute_types[i].name) == 0) {
            *oid = *attribute_types[i].oid;
            return true;
        }
    }
    const char *dotted = strncasecmp(name, "oid.", 4) == 0 ? name + 4 : name;
    if (ber_oid_parse(dotted, s->arena, oid))
        return true;
    s->at = begin;
    return failed(s, "no attribute type that is known, as CN, and no object identifier");
}

/* `#` and the BER of the value in hex. */
static bool read_hex_value(struct scanner *s, struct span *value) {
    size_t start = ++s->at, len = 0;
    while (text_hex_digit(peek(s)) >= 0)
        s->at++;
    uint8_t *out = arena_alloc(s->arena, (s->at - start) / 2 + 1);
    if (!out)
        return no_memory(s);
    for (size_t i = start; i + 1 < s->at; i += 2)
        out[len++] = (uint8_t)(text_hex_digit(s->text.data[i]) << 4 | text_hex_digit(s->text.data[i + 1]));
    *value = span_of(out, len);
    struct ber_element element;
    if ((s->at - start) % 2 || !ber_element_read(*value, &element, NULL) || element.total != len)
        return failed(s, "no BER in hexadecimal digits before");
    return true;
}

static bool encode_string(struct scanner *s, struct span type, struct span text, struct span *value) {
    struct x501_DirectoryString string = {.choice = x501_DirectoryString_uTF8String, .u.uTF8String = text};
    bool ia5 = span_eq(type, x501_id_at_domainComponent) || span_eq(type, x501_id_at_emailAddress);
    if (ia5 && text_is_ascii(text))
        return ber_encode_arena(&ber_IA5String_type, &text, s->arena, value, NULL) ? true : no_memory(s);
    if (is_printable_string(text)) {
        string.choice = x501_DirectoryString_printableString;
        string.u.printableString = text;
    }
    if (!text_is_utf8(text))
        return failed(s, "a value is not UTF-8 before");
    return ber_encode_arena(&x501_DirectoryString_type, &string, s->arena, value, NULL) ? true : no_memory(s);
}

/* One character of a value with its escapes (RFC 4514 §2.4); false at the value's end, with `*bad` for a
 * wrong escape. */
static bool read_character(struct scanner *s, bool quoted, uint8_t *c, bool *escaped, bool *bad) {
    *c = peek(s);
    *escaped = false;
    if (s->at >= s->text.len || (quoted ? *c == '"' : strchr(",;+", *c) != NULL))
        return false;
    s->at++;
    if (*c != '\\')
        return true;
    *escaped = true;
    int high = text_hex_digit(peek(s)),
        low = s->at + 1 < s->text.len ? text_hex_digit(s->text.data[s->at + 1]) : -1;
    *bad = s->at >= s->text.len;
    if (high >= 0 && low >= 0) {
        *c = (uint8_t)(high << 4 | low);
        s->at += 2;
    } else {
        *c = peek(s);
        s->at++;
    }
    return !*bad;
}

static bool read_string_value(struct scanner *s, struct span type, struct span *value) {
    bool quoted = peek(s) == '"', escaped, bad = false;
    uint8_t *out = arena_alloc(s->arena, s->text.len - s->at + 1), c;
    size_t len = 0, keep = 0;
    if (!out)
        return no_memory(s);
    s->at += quoted;
    while (read_character(s, quoted, &c, &escaped, &bad)) {
        out[len++] = c;
        if (escaped || quoted || c != ' ')
            keep = len;
    }
    if (bad || (quoted && peek(s) != '"'))
        return failed(s, "a value ends too early");
    s->at += quoted;
    return encode_string(s, type, span_of(out, keep), value);
}

static bool read_ava(struct scanner *s, struct x501_AttributeTypeAndValue *ava) {
    if (!read_type(s, &ava->type))
        return false;
    skip_spaces(s);
    bool read =
        peek(s) == '#' ? read_hex_value(s, &ava->value) : read_string_value(s, ava->type, &ava->value);
    skip_spaces(s);
    return read;
}

static bool read_rdn(struct scanner *s, struct x501_RelativeDistinguishedName *rdn) {
    struct x501_AttributeTypeAndValue avas[MOST_AVAS] = {0};
    size_t count = 0;
    do {
        if (count == MOST_AVAS)
            return failed(s, "too many values in one part");
        s->at += count > 0;
        if (!read_ava(s, &avas[count++]))
            return false;
    } while (peek(s) == '+');
    rdn->items = arena_array(s->arena, count, sizeof(*rdn->items));
    if (!rdn->items)
        return no_memory(s);
    memcpy(rdn->items, avas, count * sizeof(*avas));
    rdn->count = count;
    return true;
}

/* The text begins with the last RDN of the sequence. */
bool dn_parse(struct span text, struct arena *arena, struct x501_Name *name, struct error *err) {
    struct scanner s = {text, 0, arena, err, "distinguished name", DN_SYNTAX};
    struct x501_RelativeDistinguishedName rdns[MOST_RDNS] = {0};
    size_t count = 0;
    *name = (struct x501_Name){.choice = x501_Name_rdnSequence};
    if (text.len > MOST_TEXT)
        return failed(&s, "too long");
    skip_spaces(&s);
    while (s.at < text.len) {
        if (count == MOST_RDNS)
            return failed(&s, "too many parts");
        if (!read_rdn(&s, &rdns[count++]))
            return false;
        if (s.at >= text.len)
            break;
        if (peek(&s) != ',' && peek(&s) != ';')
            return failed(&s, "a comma is missing");
        if (++s.at >= text.len)
            return failed(&s, "a part is missing");
    }
    name->u.rdnSequence.items = arena_array(arena, count + 1, sizeof(rdns[0]));
    if (!name->u.rdnSequence.items)
        return no_memory(&s);
    for (size_t i = 0; i < count; i++)
        name->u.rdnSequence.items[i] = rdns[count - 1 - i];
    name->u.rdnSequence.count = count;
    return true;
}

/* The value as UTF-8, or the absent span when it is no string. */
static struct span string_of(struct span value, struct arena *arena) {
    struct x501_DirectoryString string;
    struct ber_limits relaxed = {.relax_characters = true};
    struct span ia5;
    if (ber_decode(&ber_IA5String_type, value, arena, &relaxed, &ia5, NULL))
        return text_from_ia5(ia5, arena);
    if (!ber_decode(&x501_DirectoryString_type, value, arena, &relaxed, &string, NULL))
        return (struct span){NULL, 0};
    switch (string.choice) {
    case x501_DirectoryString_teletexString:
        return text_from_teletex(string.u.teletexString, arena);
    case x501_DirectoryString_universalString:
        return text_from_universal(string.u.universalString, arena);
    case x501_DirectoryString_bmpString:
        return text_from_bmp(string.u.bmpString, arena);
    default:
        return text_is_utf8(string.u.uTF8String) ? string.u.uTF8String
                                                 : text_from_ia5(string.u.uTF8String, arena);
    }
}

static void print_type(struct span oid, struct buf *out) {
    char dotted[MOST_OID];
    for (size_t i = 0; i < TYPES; i++) {
        if (span_eq(oid, *attribute_types[i].oid)) {
            buf_append_span(out, span_str(attribute_types[i].name));
            return;
        }
    }
    if (ber_oid_format(oid, dotted, sizeof(dotted)))
        buf_append_span(out, span_str(dotted));
    else
        buf_append_byte(out, '0');
}

static void print_string(struct span text, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool edge = (c == ' ' && (i == 0 || i + 1 == text.len)) || (c == '#' && i == 0);
        if (c < 0x20 || c == 0x7F) {
            buf_printf(out, "\\%02X", c);
            continue;
        }
        if (edge || strchr(",+\"\\<>;=", c))
            buf_append_byte(out, '\\');
        buf_append_byte(out, c);
    }
}

static bool print_ava(const struct x501_AttributeTypeAndValue *ava, struct buf *out) {
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct span text = string_of(ava->value, &arena);
    print_type(ava->type, out);
    buf_append_byte(out, '=');
    if (text.data) {
        print_string(text, out);
    } else {
        buf_append_byte(out, '#');
        for (size_t i = 0; i < ava->value.len; i++)
            buf_printf(out, "%02x", ava->value.data[i]);
    }
    arena_free(&arena);
    return !out->failed;
}

bool dn_print(const struct x501_Name *name, struct buf *out) {
    size_t before = out->len;
    const struct x501_RDNSequence *rdns = &name->u.rdnSequence;
    for (size_t i = rdns->count; i-- > 0;) {
        for (size_t j = 0; j < rdns->items[i].count; j++) {
            if (j)
                buf_append_byte(out, '+');
            print_ava(&rdns->items[i].items[j], out);
        }
        if (i)
            buf_append_byte(out, ',');
    }
    if (out->failed)
        out->len = before;
    return !out->failed;
}

struct span dn_text(const struct x501_Name *name, struct arena *arena) {
    struct buf out;
    buf_init(&out, 0);
    struct span text = {NULL, 0};
    if (dn_print(name, &out))
        text = arena_dup(arena, out.len ? buf_span(&out) : SPAN_LIT(""));
    buf_free(&out);
    return text;
}

/* ---- comparison ---- */

/* Type and value of one attribute with their lengths; a string folded as caseIgnoreMatch does (X.520 §6.1),
 * which is the fold of a common name's value. */
static struct span ava_key(const struct x501_AttributeTypeAndValue *ava, struct arena *arena) {
    struct span value = string_of(ava->value, arena), key = {NULL, 0};
    bool is_string = value.data != NULL;
    struct buf out;
    value = is_string ? oraddress_value_key(ORADDRESS_COMMON_NAME, value, arena) : ava->value;
    if (!value.data)
        return key;
    buf_init(&out, 0);
    buf_append_u32(&out, (uint32_t)ava->type.len);
    buf_append_span(&out, ava->type);
    buf_append_byte(&out, is_string);
    buf_append_u32(&out, (uint32_t)value.len);
    if (buf_append_span(&out, value))
        key = arena_dup(arena, buf_span(&out));
    buf_free(&out);
    return key;
}

static int compare_keys(const void *a, const void *b) {
    return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

static bool append_rdn(const struct x501_RelativeDistinguishedName *rdn, struct arena *arena,
                       struct buf *out) {
    struct span *keys = arena_array(arena, rdn->count + 1, sizeof(*keys));
    if (!keys)
        return false;
    for (size_t i = 0; i < rdn->count; i++) {
        keys[i] = ava_key(&rdn->items[i], arena);
        if (!keys[i].data)
            return false;
    }
    qsort(keys, rdn->count, sizeof(*keys), compare_keys);
    buf_append_u32(out, (uint32_t)rdn->count);
    for (size_t i = 0; i < rdn->count; i++)
        buf_append_span(out, keys[i]);
    return !out->failed;
}

struct span dn_key(const struct x501_Name *name, struct arena *arena) {
    const struct x501_RDNSequence *rdns = &name->u.rdnSequence;
    struct span key = {NULL, 0};
    struct buf out;
    bool ok = true;
    buf_init(&out, 0);
    for (size_t i = 0; i < rdns->count && ok; i++)
        ok = append_rdn(&rdns->items[i], arena, &out);
    if (ok)
        key = arena_dup(arena, out.len ? buf_span(&out) : SPAN_LIT(""));
    buf_free(&out);
    return key;
}

bool dn_equal(const struct x501_Name *a, const struct x501_Name *b) {
    struct arena arena;
    arena_init(&arena, 4 << 20);
    struct span x = dn_key(a, &arena), y = dn_key(b, &arena);
    bool equal = x.data && y.data && span_eq(x, y);
    arena_free(&arena);
    return equal;
}
