#include <inttypes.h>
#include <stdio.h>

#include "asn1/print_private.h"

#define MAX_HEX_LINE 4096 /* octets of hex made at a time */

void print_text(struct printer *p, const char *text) {
    buf_append(p->out, text, strlen(text));
}

bool print_knows_offset(const struct printer *p, const uint8_t *data, size_t *offset) {
    uintptr_t start = (uintptr_t)p->how->input.data, at = (uintptr_t)data;
    if (!p->how->offsets || !data || !start || at < start || at - start > p->how->input.len)
        return false;
    *offset = at - start;
    return true;
}

void print_offset(struct printer *p, const uint8_t *data) {
    size_t offset;
    if (!p->how->json && print_knows_offset(p, data, &offset))
        buf_printf(p->out, " -- at %zu --", offset);
}

static void append_json_octet(struct printer *p, uint8_t c) {
    if (c == '"' || c == '\\')
        buf_printf(p->out, "\\%c", c);
    else if (c < 0x20)
        buf_printf(p->out, "\\u%04x", c);
    else
        buf_append_byte(p->out, c);
}

void print_quoted(struct printer *p, struct span text) {
    buf_append_byte(p->out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (p->how->json)
            append_json_octet(p, text.data[i]);
        else if (text.data[i] == '"')
            buf_append(p->out, "\"\"", 2);
        else
            buf_append_byte(p->out, text.data[i]);
    }
    buf_append_byte(p->out, '"');
}

static void append_hex(struct printer *p, struct span octets) {
    static const char digits[] = "0123456789ABCDEF";
    char line[2 * MAX_HEX_LINE];
    while (octets.len) {
        struct span part = span_sub(octets, 0, MAX_HEX_LINE);
        for (size_t i = 0; i < part.len; i++) {
            line[2 * i] = digits[part.data[i] >> 4];
            line[2 * i + 1] = digits[part.data[i] & 15];
        }
        buf_append(p->out, line, 2 * part.len);
        octets = span_sub(octets, part.len, octets.len);
    }
}

void print_hex(struct printer *p, struct span octets) {
    size_t most = p->how->json || !p->how->elide || octets.len <= p->how->elide ? octets.len : p->how->elide;
    print_text(p, p->how->json ? "\"" : "'");
    append_hex(p, span_sub(octets, 0, most));
    print_text(p, p->how->json ? "\"" : "'H");
    if (most < octets.len)
        buf_printf(p->out, " -- the first %zu of %zu octets --", most, octets.len);
}

/* ---- bits and numbers ---- */

/* True if each one bit has a name, so that names say all. */
static bool all_bits_named(const struct ber_type *type, const struct ber_bits *bits) {
    for (size_t i = 0; i < bits->octets.len * 8; i++)
        if (ber_bit(bits, (unsigned)i) && !ber_name_of(type, (int64_t)i))
            return false;
    return type->name_count;
}

static void print_bits(struct printer *p, const struct ber_type *type, const struct ber_bits *bits) {
    bool json = p->how->json;
    if (all_bits_named(type, bits)) {
        const char *separator = "";
        print_text(p, json ? "[" : "{");
        for (size_t i = 0; i < bits->octets.len * 8; i++)
            if (ber_bit(bits, (unsigned)i)) {
                buf_printf(p->out, json ? "%s\"%s\"" : "%s%s", separator, ber_name_of(type, (int64_t)i));
                separator = ", ";
            }
        print_text(p, json ? "]" : "}");
    } else if (json) {
        print_text(p, "{\"hex\": ");
        print_hex(p, bits->octets);
        buf_printf(p->out, ", \"unused\": %u}", bits->unused);
    } else {
        print_hex(p, bits->octets);
        if (bits->unused)
            buf_printf(p->out, " -- the last %u bits do not count --", bits->unused);
    }
}

static void print_number(struct printer *p, const struct ber_type *type, int64_t number) {
    const char *name = ber_name_of(type, number);
    if (name)
        buf_printf(p->out, p->how->json ? "\"%s\"" : "%s", name);
    else
        buf_printf(p->out, "%" PRId64, number);
}

/* ---- strings ---- */

static void append_utf8(struct buf *out, uint32_t c) {
    if (c < 0x80) {
        buf_append_byte(out, (uint8_t)c);
    } else if (c < 0x800) {
        buf_append_u16(out, (uint16_t)(0xC080 | (c & 0x7C0) << 2 | (c & 0x3F)));
    } else {
        if (c >= 0x10000)
            buf_append_byte(out, (uint8_t)(0xF0 | c >> 18));
        buf_append_byte(out, (uint8_t)(c >= 0x10000 ? 0x80 | (c >> 12 & 0x3F) : 0xE0 | c >> 12));
        buf_append_byte(out, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
        buf_append_byte(out, (uint8_t)(0x80 | (c & 0x3F)));
    }
}

static bool is_wide(enum ber_kind kind) {
    return kind == BER_KIND_BMPSTRING || kind == BER_KIND_UNIVERSALSTRING;
}

static uint32_t wide_character(enum ber_kind kind, struct span s, size_t i) {
    uint32_t c = 0;
    for (size_t k = 0; k < (kind == BER_KIND_BMPSTRING ? 2 : 4); k++)
        c = c << 8 | s.data[i + k];
    return c;
}

/* True if the string can be shown as characters and read back the same. */
static bool is_plain(enum ber_kind kind, struct span s) {
    size_t at;
    if (kind == BER_KIND_UTF8STRING)
        return ber_repertoire_check(kind, s, &at) && !(s.len && memchr(s.data, 0, s.len));
    if (is_wide(kind)) {
        if (!ber_repertoire_check(kind, s, &at))
            return false;
        for (size_t i = 0; i < s.len; i += kind == BER_KIND_BMPSTRING ? 2 : 4) {
            uint32_t c = wide_character(kind, s, i);
            if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
                return false;
        }
        return true;
    }
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] >= 0x7F ||
            (s.data[i] < 0x20 && s.data[i] != '\n' && s.data[i] != '\r' && s.data[i] != '\t'))
            return false;
    return true;
}

static void print_wide(struct printer *p, enum ber_kind kind, struct span s) {
    struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < s.len; i += kind == BER_KIND_BMPSTRING ? 2 : 4)
        append_utf8(&text, wide_character(kind, s, i));
    if (text.failed)
        p->out->failed = true;
    print_quoted(p, buf_span(&text));
    buf_free(&text);
}

/* What has no form as characters. */
static void print_octets(struct printer *p, struct span s) {
    print_text(p, p->how->json ? "{\"hex\": " : "");
    print_hex(p, s);
    print_text(p, p->how->json ? "}" : "");
}

static void print_string(struct printer *p, enum ber_kind kind, struct span s) {
    bool odd = p->how->json && !ber_is_string(kind, s); /* as characters it can't be read back */
    if (!is_plain(kind, s)) {
        print_octets(p, s);
        return;
    }
    if (odd) {
        print_text(p, "{\"hex\": ");
        print_hex(p, s);
        print_text(p, ", \"text\": ");
    }
    if (is_wide(kind))
        print_wide(p, kind, s);
    else
        print_quoted(p, s);
    print_text(p, odd ? "}" : "");
}

static void print_oid(struct printer *p, struct span oid) {
    char text[640];
    if (!ber_oid_format(oid, text, sizeof text)) { /* an arc beyond 64 bits */
        print_octets(p, oid);
    } else if (p->how->json) {
        print_quoted(p, span_str(text));
    } else {
        for (char *dot = text; (dot = strchr(dot, '.')) != NULL;)
            *dot = ' ';
        buf_printf(p->out, "{%s}", text);
    }
}

void print_primitive(struct printer *p, const struct ber_type *type, const void *value) {
    const struct span *s = value;
    switch (type->kind) {
    case BER_KIND_NULL:
        print_text(p, p->how->json ? "null" : "NULL");
        return;
    case BER_KIND_BOOLEAN:
        print_text(p, p->how->json           ? (*(const bool *)value ? "true" : "false")
                      : *(const bool *)value ? "TRUE"
                                             : "FALSE");
        return;
    case BER_KIND_INTEGER:
    case BER_KIND_ENUMERATED:
        print_number(p, type, *(const int64_t *)value);
        return;
    case BER_KIND_BIT_STRING:
        print_bits(p, type, value);
        break;
    case BER_KIND_OBJECT_IDENTIFIER:
        print_oid(p, *s);
        break;
    case BER_KIND_ANY:
    case BER_KIND_OCTET_STRING:
    case BER_KIND_REAL:
    case BER_KIND_RELATIVE_OID:
        print_hex(p, *s);
        break;
    default:
        print_string(p, type->kind, *s);
    }
    print_offset(p, s->data);
}
