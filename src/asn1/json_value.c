#include "asn1/json_private.h"
#include "base/text.h"

static bool wrong(struct json_reader *r, const struct ber_type *type, const char *wanted) {
    return ber_fail(r->error, BER_VALUE, 0, "%s wants %s", type->name, wanted);
}

bool json_hex(struct json_reader *r, const json_t *json, struct span *octets) {
    const char *text = json_string_value(json);
    size_t len = json_string_length(json);
    if (!text || len % 2)
        return ber_fail(r->error, BER_VALUE, 0, "expected a string of hex digits in pairs");
    uint8_t *out = arena_alloc(r->arena, len / 2 + 1);
    if (!out)
        return ber_fail(r->error, BER_MEMORY, 0, "no memory");
    for (size_t i = 0; i < len / 2; i++) {
        int high = text_hex_digit((uint8_t)text[2 * i]), low = text_hex_digit((uint8_t)text[2 * i + 1]);
        if (high < 0 || low < 0)
            return ber_fail(r->error, BER_VALUE, 0, "'%.2s' is no pair of hex digits", text + 2 * i);
        out[i] = (uint8_t)(high << 4 | low);
    }
    *octets = span_of(out, len / 2);
    return true;
}

static bool number_by_name(const struct ber_type *type, const char *name, int64_t *number) {
    for (uint32_t i = 0; name && i < type->name_count; i++)
        if (strcmp(type->names[i].name, name) == 0) {
            *number = type->names[i].number;
            return true;
        }
    return false;
}

static bool read_number(struct json_reader *r, const struct ber_type *type, const json_t *json, void *value) {
    int64_t number;
    if (json_is_integer(json))
        number = json_integer_value(json);
    else if (!number_by_name(type, json_string_value(json), &number))
        return wrong(r, type, "a number or one of its names");
    *(int64_t *)value = number;
    return true;
}

static bool read_named_bits(struct json_reader *r, const struct ber_type *type, const json_t *json,
                            struct ber_bits *bits) {
    size_t i;
    const json_t *name;
    bits->octets = SPAN_LIT("");
    json_array_foreach(json, i, name) {
        int64_t number;
        if (!number_by_name(type, json_string_value(name), &number) || number < 0 || number > 65535)
            return wrong(r, type, "names of its bits");
        if (!ber_bit_set(bits, (unsigned)number, true, r->arena))
            return ber_fail(r->error, BER_MEMORY, 0, "no memory");
    }
    return true;
}

static bool read_bits(struct json_reader *r, const struct ber_type *type, const json_t *json,
                      struct ber_bits *bits) {
    if (json_is_array(json))
        return read_named_bits(r, type, json, bits);
    json_int_t unused = json_integer_value(json_object_get(json, "unused"));
    if (!json_is_object(json) || unused < 0 || unused > 7)
        return wrong(r, type, "an array of names or {\"hex\", \"unused\"}");
    bits->unused = (unsigned)unused;
    return json_hex(r, json_object_get(json, "hex"), &bits->octets);
}

static size_t utf8_next(const uint8_t *s, uint32_t *c) {
    size_t len = *s < 0x80 ? 1 : *s < 0xE0 ? 2 : *s < 0xF0 ? 3 : 4;
    *c = len == 1 ? *s : *s & (0x7F >> len);
    for (size_t i = 1; i < len; i++)
        *c = *c << 6 | (s[i] & 0x3F);
    return len;
}

/* Jansson gives valid UTF-8 only. */
static bool to_wide(struct json_reader *r, struct span text, size_t width, struct span *out) {
    uint8_t *wide = arena_array(r->arena, text.len + 1, width), *at = wide;
    if (!wide)
        return ber_fail(r->error, BER_MEMORY, 0, "no memory");
    for (size_t i = 0; i < text.len;) {
        uint32_t c;
        i += utf8_next(text.data + i, &c);
        if (width == 2 && c > 0xFFFF)
            return ber_fail(r->error, BER_CHARACTER, 0, "a character beyond BMPString");
        for (size_t k = width; k-- > 0;)
            *at++ = (uint8_t)(c >> 8 * k);
    }
    *out = span_of(wide, (size_t)(at - wide));
    return true;
}

static bool read_string(struct json_reader *r, const struct ber_type *type, const json_t *json,
                        struct span *value) {
    if (json_is_object(json))
        return json_hex(r, json_object_get(json, "hex"), value);
    if (!json_is_string(json))
        return wrong(r, type, "a string");
    struct span text = span_of(json_string_value(json), json_string_length(json));
    if (type->kind == BER_KIND_BMPSTRING || type->kind == BER_KIND_UNIVERSALSTRING)
        return to_wide(r, text, type->kind == BER_KIND_BMPSTRING ? 2 : 4, value);
    for (size_t i = 0; type->kind != BER_KIND_UTF8STRING && i < text.len; i++)
        if (text.data[i] >= 0x80)
            return ber_fail(r->error, BER_CHARACTER, 0,
                            "characters of %s beyond ASCII are given in {\"hex\"}", type->name);
    *value = arena_dup(r->arena, text);
    return value->data || ber_fail(r->error, BER_MEMORY, 0, "no memory");
}

/* A string given as characters is one of its type; what is given in hex is taken as it is. */
static bool read_characters(struct json_reader *r, const struct ber_type *type, const json_t *json,
                            struct span *value) {
    if (!read_string(r, type, json, value))
        return false;
    if (json_is_object(json) || ber_is_string(type->kind, *value))
        return true;
    return wrong(r, type,
                 type->kind == BER_KIND_UTCTIME           ? "a time like \"261129190000Z\""
                 : type->kind == BER_KIND_GENERALIZEDTIME ? "a time like \"20261129190000Z\""
                                                          : "characters of its repertoire, or {\"hex\"}");
}

static bool read_oid(struct json_reader *r, const struct ber_type *type, const json_t *json,
                     struct span *value) {
    if (json_is_object(json))
        return json_hex(r, json_object_get(json, "hex"), value);
    if (!json_is_string(json) || !ber_oid_parse(json_string_value(json), r->arena, value))
        return wrong(r, type, "a string like \"2.6.1.4\"");
    return true;
}

bool json_primitive(struct json_reader *r, const struct ber_type *type, const json_t *json, void *value) {
    switch (type->kind) {
    case BER_KIND_NULL:
        if (value)
            *(bool *)value = true;
        return json_is_null(json) || wrong(r, type, "null");
    case BER_KIND_BOOLEAN:
        *(bool *)value = json_is_true(json);
        return json_is_boolean(json) || wrong(r, type, "true or false");
    case BER_KIND_INTEGER:
    case BER_KIND_ENUMERATED:
        return read_number(r, type, json, value);
    case BER_KIND_BIT_STRING:
        return read_bits(r, type, json, value);
    case BER_KIND_OBJECT_IDENTIFIER:
        return read_oid(r, type, json, value);
    case BER_KIND_OCTET_STRING:
    case BER_KIND_REAL:
    case BER_KIND_RELATIVE_OID:
        return json_hex(r, json, value);
    default:
        return read_characters(r, type, json, value);
    }
}
