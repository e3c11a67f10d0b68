/* X.400 1988 to 1984: addresses in domain-defined attributes. */
#include "names/rfc1328.h"

#include <ctype.h>
#include <strings.h>

#include "base/text.h"
#include "names/oraddress_private.h"

enum {
    MOST_DDAS = x411_ub_domain_defined_attributes,
    MOST_VALUE = x411_ub_domain_defined_attribute_value_length
};

static const char *const parts[MOST_DDAS] = {"X400-88", "X400-C1", "X400-C2", "X400-C3"};

/* The keys of RFC 1327 §4.2 where they are not F.401's labels. */
static const char *const keys[ORADDRESS_KINDS] = {
    [ORADDRESS_ADMD] = "ADMD",
    [ORADDRESS_PRMD] = "PRMD",
    [ORADDRESS_GENERATION] = "GQ",
    [ORADDRESS_NUMERIC_USER_ID] = "UA-ID",
    [ORADDRESS_PSAP] = "NET-PSAP",
    [ORADDRESS_PD_SERVICE] = "PD-SERVICE",
    [ORADDRESS_PD_POSTAL_CODE] = "PD-CODE",
    [ORADDRESS_PD_OFFICE] = "PD-OFFICE",
    [ORADDRESS_PD_OFFICE_NUMBER] = "PD-OFFICE-NUM",
    [ORADDRESS_PD_EXTENSION_ADDRESS] = "PD-EXT-ADDRESS",
    [ORADDRESS_PD_EXTENSION_DELIVERY] = "PD-EXT-DELIVERY",
    [ORADDRESS_PD_STREET] = "PD-STREET",
    [ORADDRESS_PD_BOX] = "PD-BOX",
    [ORADDRESS_PD_RESTANTE] = "PD-RESTANTE",
    [ORADDRESS_PD_UNIQUE] = "PD-UNIQUE",
    [ORADDRESS_PD_LOCAL] = "PD-LOCAL",
};

/* ---- ASCII in PrintableString (RFC 1327 §3.4) ---- */

static const struct {
    char c, letter;
} short_forms[] = {{'@', 'a'}, {'%', 'p'}, {'!', 'b'}, {'"', 'q'}, {'_', 'u'}, {'(', 'l'}, {')', 'r'}};
enum { SHORT_FORMS = sizeof(short_forms) / sizeof(short_forms[0]) };

static void put_encoded(uint8_t c, struct buf *out) {
    for (size_t i = 0; i < SHORT_FORMS; i++)
        if (c == (uint8_t)short_forms[i].c) {
            buf_printf(out, "(%c)", short_forms[i].letter);
            return;
        }
    if (is_printable_string(span_of(&c, 1)))
        buf_append_byte(out, c);
    else
        buf_printf(out, "(%03u)", c);
}

static bool take_encoded(struct span text, size_t *at, struct buf *out) {
    struct span rest = span_sub(text, *at, 5);
    if (rest.len >= 3 && rest.data[2] == ')') {
        for (size_t i = 0; i < SHORT_FORMS; i++)
            if (tolower(rest.data[1]) == short_forms[i].letter) {
                *at += 3;
                return buf_append_byte(out, (uint8_t)short_forms[i].c);
            }
    }
    if (rest.len < 5 || rest.data[4] != ')' || !is_digits(span_sub(rest, 1, 3)))
        return false;
    unsigned value = (rest.data[1] - '0') * 100u + (rest.data[2] - '0') * 10u + (rest.data[3] - '0');
    *at += 5;
    return value < 128 && buf_append_byte(out, (uint8_t)value);
}

static bool decode(struct span text, struct buf *out) {
    for (size_t at = 0; at < text.len;) {
        if (text.data[at] != '(') {
            if (!buf_append_byte(out, text.data[at++]))
                return false;
        } else if (!take_encoded(text, &at, out))
            return false;
    }
    return true;
}

/* ---- std-or (RFC 1327 §4.2) ---- */

static bool is_teletex(struct span value) {
    return !text_is_ascii(value) || (value.len && value.data[0] == '*');
}

/* teletex-and-or-ps: `*` and the T.61 octets, those that are no printable characters as `{NNN}`. */
static bool put_teletex(struct span value, struct arena *arena, struct buf *out) {
    bool lossy = false;
    struct span octets = text_to_teletex(value, arena, &lossy);
    if (!octets.data || lossy)
        return false;
    buf_append_byte(out, '*');
    for (size_t i = 0; i < octets.len; i++) {
        if (is_printable_string(span_sub(octets, i, 1)) && !strchr("/=", octets.data[i]))
            buf_append_byte(out, octets.data[i]);
        else
            buf_printf(out, "{%03u}", octets.data[i]);
    }
    return !out->failed;
}

static bool put_value(struct span value, struct arena *arena, struct buf *out) {
    if (is_teletex(value))
        return put_teletex(value, arena, out);
    for (size_t i = 0; i < value.len; i++) {
        if (strchr("/=$", value.data[i]))
            buf_append_byte(out, '$');
        buf_append_byte(out, value.data[i]);
    }
    return !out->failed;
}

static bool is_line(const struct oraddress_attribute *item) {
    return item->kind >= ORADDRESS_PD_LINE_1 && item->kind <= ORADDRESS_PD_LINE_6;
}

/* The unformatted postal address as one value, where its lines are printable: the index of the first line. */
static size_t put_postal_lines(const struct oraddress *address, size_t last, struct arena *arena,
                               struct buf *out) {
    size_t first = last;
    while (first > 0 && is_line(&address->items[first - 1]))
        first--;
    for (size_t i = first; i <= last; i++)
        if (is_teletex(address->items[i].value) ||
            memchr(address->items[i].value.data, '|', address->items[i].value.len))
            return SIZE_MAX;
    for (size_t i = first; i <= last; i++) {
        buf_printf(out, "%s", i == first ? "/PD-ADDRESS=" : "|");
        if (!put_value(address->items[i].value, arena, out))
            return SIZE_MAX;
    }
    return first;
}

static bool put_isdn(struct span value, struct arena *arena, struct buf *out) {
    const uint8_t *plus = memchr(value.data, '+', value.len);
    struct span number = plus ? span_of(value.data, (size_t)(plus - value.data)) : value;
    buf_printf(out, "/NET-NUM=");
    if (!put_value(number, arena, out) || !plus)
        return !out->failed;
    buf_printf(out, "/NET-SUB=");
    return put_value(span_sub(value, number.len + 1, value.len), arena, out);
}

/* Most specific first: `/PD-ADDRESS=…/PRMD=XX/ADMD=ZZ/C=US/`. Units have their numbers, which RFC 1327 lets
 * readers know; lines of an unformatted address that are not all printable are F.401's. */
static bool put_std_or(const struct oraddress *address, struct arena *arena, struct buf *out) {
    for (size_t i = address->count; i-- > 0;) {
        const struct oraddress_attribute *item = &address->items[i];
        size_t first = is_line(item) ? put_postal_lines(address, i, arena, out) : SIZE_MAX;
        if (first != SIZE_MAX) {
            i = first;
            continue;
        }
        if (item->kind == ORADDRESS_ISDN) {
            if (!put_isdn(item->value, arena, out))
                return false;
            continue;
        }
        const char *key = keys[item->kind] ? keys[item->kind] : oraddress_label(item->kind);
        if (item->kind == ORADDRESS_DOMAIN_DEFINED)
            key = "DD.";
        buf_printf(out, "/%s%s", key, item->kind == ORADDRESS_UNKNOWN ? ":" : "");
        if (item->type.data && !put_value(item->type, arena, out))
            return false;
        buf_append_byte(out, '=');
        if (!put_value(item->value, arena, out))
            return false;
    }
    return buf_append_byte(out, '/');
}

/* A value that starts with `*` back to UTF-8. */
static bool take_teletex(struct span *value, struct arena *arena) {
    if (!value->len || value->data[0] != '*')
        return true;
    uint8_t *octets = arena_alloc(arena, value->len);
    size_t len = 0;
    if (!octets)
        return false;
    for (size_t i = 1; i < value->len; i++) {
        struct span rest = span_sub(*value, i, 5);
        octets[len++] = rest.data[0];
        if (rest.data[0] != '{')
            continue;
        if (rest.len < 5 || rest.data[4] != '}' || !is_digits(span_sub(rest, 1, 3)))
            return false;
        octets[len - 1] =
            (uint8_t)((rest.data[1] - '0') * 100 + (rest.data[2] - '0') * 10 + rest.data[3] - '0');
        i += 4;
    }
    *value = text_from_teletex(span_of(octets, len), arena);
    return value->data != NULL;
}

static bool take_std_or(struct span text, struct arena *arena, struct x411_ORName *out) {
    struct oraddress read;
    struct attribute_list list = {.arena = arena};
    if (!oraddress_parse(text, arena, &read, NULL))
        return false;
    for (size_t i = 0; i < read.count; i++) {
        struct oraddress_attribute item = read.items[i];
        if (!take_teletex(&item.value, arena) || (item.type.data && !take_teletex(&item.type, arena)) ||
            !attribute_append(&list, item.kind, item.type, item.value))
            return false;
    }
    struct oraddress address = {list.items, list.count};
    return oraddress_build_name(&address, arena, out, NULL);
}

/* ---- to 1984 ---- */

/* Nor can 1984 express "a numeric address", by user identifier or X.121, that has a private domain (X.419
 * B.2.8, as Microsoft's MTA cites it). */
static bool build_1984(const struct oraddress *address, struct arena *arena, struct x411_ORName *out) {
    bool numeric =
        oraddress_find(address, ORADDRESS_NUMERIC_USER_ID) || oraddress_find(address, ORADDRESS_X121);
    return !(numeric && oraddress_find(address, ORADDRESS_PRMD)) &&
           oraddress_build_name(address, arena, out, NULL) && !out->extension_attributes.count;
}

static bool copy_attributes(const struct oraddress *from, struct attribute_list *list) {
    for (size_t i = 0; i < from->count; i++)
        if (!attribute_append(list, from->items[i].kind, from->items[i].type, from->items[i].value))
            return false;
    return true;
}

static bool with_common(const struct oraddress *address, struct arena *arena, struct x411_ORName *out) {
    struct attribute_list list = {.arena = arena};
    const struct oraddress_attribute *name = oraddress_find(address, ORADDRESS_COMMON_NAME);
    if (!name)
        return false;
    for (size_t i = 0; i < address->count; i++) {
        const struct oraddress_attribute *item = &address->items[i];
        if (item->type.data && span_eq_nocase(item->type, SPAN_LIT("Common")))
            return false;
        if (item != name && !attribute_append(&list, item->kind, item->type, item->value))
            return false;
    }
    if (!attribute_append(&list, ORADDRESS_DOMAIN_DEFINED, SPAN_LIT("Common"), name->value))
        return false;
    struct oraddress converted = {list.items, list.count};
    return build_1984(&converted, arena, out);
}

/* The encoded text in pieces of the bound, as the gateway's domain-defined attributes. */
static bool add_parts(struct span text, struct attribute_list *list) {
    for (size_t i = 0; text.len; i++) {
        struct span piece = span_sub(text, 0, MOST_VALUE);
        /* The spaces at a value's ends are lost on the way: a piece ends before one, and starts with none. */
        while (piece.len && piece.len < text.len &&
               (piece.data[piece.len - 1] == ' ' || text.data[piece.len] == ' '))
            piece.len--;
        if (i == MOST_DDAS || !piece.len ||
            !attribute_append(list, ORADDRESS_DOMAIN_DEFINED, span_str(parts[i]), piece))
            return false;
        text = span_sub(text, piece.len, text.len);
    }
    return true;
}

static bool encode_text(struct span plain, struct arena *arena, struct span *text) {
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < plain.len; i++)
        put_encoded(plain.data[i], &out);
    *text = out.failed ? (struct span){NULL, 0} : arena_dup(arena, buf_span(&out));
    buf_free(&out);
    return text->data != NULL;
}

static bool behind_gateway(const struct oraddress *gateway, const struct oraddress *address,
                           struct arena *arena, struct x411_ORName *out) {
    struct attribute_list list = {.arena = arena};
    struct span text;
    struct buf plain;
    buf_init(&plain, 0);
    bool done = put_std_or(address, arena, &plain) && encode_text(buf_span(&plain), arena, &text) &&
                copy_attributes(gateway, &list) && add_parts(text, &list);
    buf_free(&plain);
    struct oraddress converted = {list.items, list.count};
    return done && build_1984(&converted, arena, out);
}

bool rfc1328_downgrade(const struct rfc1328 *how, const struct x411_ORName *name, struct arena *arena,
                       struct x411_ORName *out) {
    struct oraddress address;
    if (!oraddress_of_name(name, arena, &address) || !address.count)
        return false;
    if (build_1984(&address, arena, out)) {
        if (!name->extension_attributes.count) {
            *out = *name;
            out->raw = (struct span){NULL, 0};
            out->directory_name = NULL;
        }
        return true;
    }
    return (how->common_name && with_common(&address, arena, out)) ||
           (how->gateway && behind_gateway(how->gateway, &address, arena, out));
}

/* ---- back ---- */

/* The number of a part's type, or -1. */
static int part_of(const struct oraddress_attribute *item) {
    for (int i = 0; item->kind == ORADDRESS_DOMAIN_DEFINED && i < MOST_DDAS; i++)
        if (span_eq_nocase(item->type, span_str(parts[i])))
            return i;
    return -1;
}

/* All of the gateway's attributes, and besides them nothing but parts. */
static bool is_behind(const struct oraddress *gateway, const struct oraddress *address,
                      struct span values[static MOST_DDAS]) {
    struct oraddress own = {address->items, 0};
    while (own.count < address->count && part_of(&address->items[own.count]) < 0)
        own.count++;
    if (own.count == address->count || !oraddress_equal(&own, gateway))
        return false;
    for (size_t i = own.count; i < address->count; i++) {
        int part = part_of(&address->items[i]);
        if (part < 0 || values[part].data)
            return false;
        values[part] = address->items[i].value;
    }
    return values[0].data != NULL;
}

static bool out_of_gateway(const struct oraddress *gateway, const struct oraddress *address,
                           struct arena *arena, struct x411_ORName *out) {
    struct span values[MOST_DDAS] = {{NULL, 0}}, copy = {NULL, 0};
    struct buf encoded, plain;
    if (!is_behind(gateway, address, values))
        return false;
    buf_init(&encoded, 0);
    buf_init(&plain, 0);
    for (int i = 0; i < MOST_DDAS && values[i].data; i++)
        buf_append_span(&encoded, values[i]);
    if (!encoded.failed && decode(buf_span(&encoded), &plain))
        copy = arena_dup(arena, buf_span(&plain));
    buf_free(&encoded);
    buf_free(&plain);
    return copy.data && take_std_or(copy, arena, out);
}

static bool without_common(const struct oraddress *address, struct arena *arena, struct x411_ORName *out) {
    struct attribute_list list = {.arena = arena};
    bool found = false;
    if (oraddress_find(address, ORADDRESS_COMMON_NAME))
        return false;
    for (size_t i = 0; i < address->count; i++) {
        struct oraddress_attribute item = address->items[i];
        if (!found && item.type.data && span_eq_nocase(item.type, SPAN_LIT("Common"))) {
            found = true;
            item = (struct oraddress_attribute){.kind = ORADDRESS_COMMON_NAME, .value = item.value};
        }
        if (!attribute_append(&list, item.kind, item.type, item.value))
            return false;
    }
    if (!found || !attribute_sort(&list))
        return false;
    struct oraddress converted = {list.items, list.count};
    return oraddress_build_name(&converted, arena, out, NULL);
}

bool rfc1328_upgrade(const struct rfc1328 *how, const struct x411_ORName *name, struct arena *arena,
                     struct x411_ORName *out) {
    struct oraddress address;
    if (!name->built_in_domain_defined_attributes.count || !oraddress_of_name(name, arena, &address))
        return false;
    if (!(how->gateway && out_of_gateway(how->gateway, &address, arena, out)) &&
        !(how->common_name && without_common(&address, arena, out)))
        return false;
    out->directory_name = name->directory_name;
    return true;
}
