/* From X.411's ORAddress to attributes. */
#include <stdio.h>

#include "asn1/ber.h"
#include "asn1/table.h"
#include "base/text.h"
#include "names/oraddress_private.h"
#include "names/paddress.h"

enum { MOST_LINES = 6, MOST_UNITS = 4 };

/* One value of each kind: of its variants the printable one counts, then the teletex, then the universal one.
 */
struct collector {
    struct arena *arena;
    struct span values[ORADDRESS_KINDS];
    struct attribute_list defined, unknown;
    int defined_rank; /* of the variant in `defined`: 0 none, else its enum rank + 1 */
    bool failed;      /* no memory */
};

enum rank { PRINTABLE, TELETEX, UNIVERSAL, RANKS };

/* The attributes of extension variants are visited rank by rank, so the first value stays. False for blanks,
 * which are no value. */
static bool put(struct collector *c, enum oraddress_kind kind, struct span utf8) {
    bool blank = true;
    for (size_t i = 0; i < utf8.len && blank; i++)
        blank = utf8.data[i] == ' ';
    if (kind == ORADDRESS_ADMD && blank && utf8.data)
        utf8 = SPAN_LIT(" ");
    else if (blank)
        return false;
    if (!c->values[kind].data)
        c->values[kind] = utf8;
    return true;
}

/* Units without gaps: one of blanks has no place. */
static void put_unit(struct collector *c, int *unit, struct span utf8) {
    *unit += *unit < MOST_UNITS && put(c, (enum oraddress_kind)(ORADDRESS_UNIT_1 + *unit), utf8);
}

static struct span in_utf8(struct collector *c, struct span s, enum rank rank) {
    if (!s.data || rank == PRINTABLE)
        return s;
    struct span utf8 = text_from_teletex(s, c->arena);
    c->failed |= !utf8.data;
    return utf8;
}

static struct span universal(struct collector *c, const struct x411_UniversalOrBMPString *s) {
    struct span utf8 = {NULL, 0};
    if (!s)
        return utf8;
    bool bmp = s->character_encoding.choice == x411_UniversalOrBMPString_character_encoding_two_octets;
    utf8 = bmp ? text_from_bmp(s->character_encoding.u.two_octets, c->arena)
               : text_from_universal(s->character_encoding.u.four_octets, c->arena);
    c->failed |= !utf8.data;
    return utf8;
}

static void put_defined(struct collector *c, enum rank rank, struct span type, struct span value) {
    if (!type.data || !type.len || !value.data || (c->defined_rank && c->defined_rank != (int)rank + 1))
        return;
    c->defined_rank = (int)rank + 1;
    c->failed |= !attribute_append(&c->defined, ORADDRESS_DOMAIN_DEFINED, type, value);
}

static void put_lines(struct collector *c, struct span text) {
    int line = 0;
    while (text.len && line < MOST_LINES) {
        size_t len = 0;
        while (len < text.len && text.data[len] != '\r' && text.data[len] != '\n')
            len++;
        line += put(c, (enum oraddress_kind)(ORADDRESS_PD_LINE_1 + line), span_sub(text, 0, len));
        text = span_sub(text, len + 1, text.len);
    }
}

/* What this edition does not know, or can't read, stays visible: its number and its BER in hex. */
static void put_unknown(struct collector *c, const struct x411_ExtensionAttribute *attribute) {
    char *type = arena_printf(c->arena, "%lld", (long long)attribute->extension_attribute_type);
    size_t len = attribute->extension_attribute_value.len;
    char *hex = arena_array(c->arena, len + 1, 2);
    if (!type || !hex) {
        c->failed = true;
        return;
    }
    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", attribute->extension_attribute_value.data[i]);
    c->failed |= !attribute_append(&c->unknown, ORADDRESS_UNKNOWN, span_str(type), span_of(hex, 2 * len));
}

static void put_isdn(struct collector *c, struct span number, struct span sub) {
    char *text = arena_printf(c->arena, "%.*s%s%.*s", (int)number.len, (const char *)number.data,
                              sub.data ? "+" : "", (int)sub.len, sub.data ? (const char *)sub.data : "");
    c->failed |= !text;
    put(c, ORADDRESS_ISDN, span_str(text));
}

/* False when the presentation address has no text. */
static bool put_psap(struct collector *c, const struct x501_PresentationAddress *wire) {
    struct paddress psap;
    struct buf text;
    buf_init(&text, 0);
    bool good = paddress_of(wire, c->arena, &psap) && paddress_print(&psap, &text) && text.len;
    if (good) {
        struct span copy = arena_dup(c->arena, buf_span(&text));
        c->failed |= !copy.data;
        put(c, ORADDRESS_PSAP, copy);
    }
    buf_free(&text);
    return good;
}

static bool put_network(struct collector *c, const struct x411_ExtendedNetworkAddress *address) {
    if (address->choice == x411_ExtendedNetworkAddress_psap_address)
        return put_psap(c, &address->u.psap_address);
    put_isdn(c, address->u.e163_4_address.number, address->u.e163_4_address.sub_address);
    return true;
}

static void put_terminal_type(struct collector *c, int64_t number) {
    const char *label = terminal_type_label(number);
    if (!label)
        label = arena_printf(c->arena, "%lld", (long long)number);
    c->failed |= !label;
    put(c, ORADDRESS_TERMINAL_TYPE, span_str(label));
}

/* The kind of a postal attribute that is a PDSParameter or its universal form, 0 for another. */
static enum oraddress_kind postal_kind(int64_t number) {
    for (int kind = ORADDRESS_PD_OFFICE; kind <= ORADDRESS_PD_LOCAL; kind++) {
        if (oraddress_kinds[kind].printable == number || oraddress_kinds[kind].universal == number)
            return (enum oraddress_kind)kind;
    }
    return 0;
}

static void put_teletex_name(struct collector *c, const struct x411_TeletexPersonalName *name) {
    put(c, ORADDRESS_SURNAME, in_utf8(c, name->surname, TELETEX));
    put(c, ORADDRESS_GIVEN_NAME, in_utf8(c, name->given_name, TELETEX));
    put(c, ORADDRESS_INITIALS, in_utf8(c, name->initials, TELETEX));
    put(c, ORADDRESS_GENERATION, in_utf8(c, name->generation_qualifier, TELETEX));
}

static void put_universal_name(struct collector *c, const struct x411_UniversalPersonalName *name) {
    put(c, ORADDRESS_SURNAME, universal(c, &name->surname));
    put(c, ORADDRESS_GIVEN_NAME, universal(c, name->given_name));
    put(c, ORADDRESS_INITIALS, universal(c, name->initials));
    put(c, ORADDRESS_GENERATION, universal(c, name->generation_qualifier));
}

static void put_postal_address(struct collector *c, const struct x411_UnformattedPostalAddress *address) {
    int line = 0;
    for (size_t i = 0; i < address->printable_address.count && line < MOST_LINES; i++)
        line +=
            put(c, (enum oraddress_kind)(ORADDRESS_PD_LINE_1 + line), address->printable_address.items[i]);
    if (!line && address->teletex_string.data)
        put_lines(c, in_utf8(c, address->teletex_string, TELETEX));
}

static bool put_printable(struct collector *c, int64_t number, const void *value) {
    switch (number) {
    case 1:
        put(c, ORADDRESS_COMMON_NAME, *(const struct span *)value);
        break;
    case 7:
        put(c, ORADDRESS_PD_SERVICE, *(const struct span *)value);
        break;
    case 8: {
        const struct x411_PhysicalDeliveryCountryName *country = value;
        put(c, ORADDRESS_PD_COUNTRY, country->u.iso_3166_alpha2_code);
        break;
    }
    case 9: {
        const struct x411_PostalCode *code = value;
        put(c, ORADDRESS_PD_POSTAL_CODE, code->u.printable_code);
        break;
    }
    case 16:
        put_postal_address(c, value);
        break;
    case 22:
        return put_network(c, value);
    case 23:
        put_terminal_type(c, *(const int64_t *)value);
        break;
    default: {
        const struct x411_PDSParameter *parameter = value;
        put(c, postal_kind(number), parameter->printable_string);
        put(c, postal_kind(number), in_utf8(c, parameter->teletex_string, TELETEX));
    }
    }
    return true;
}

static void put_teletex(struct collector *c, int64_t number, const void *value) {
    int unit = 0;
    if (number == 2 || number == 3) {
        enum oraddress_kind kind = number == 2 ? ORADDRESS_COMMON_NAME : ORADDRESS_ORGANIZATION;
        put(c, kind, in_utf8(c, *(const struct span *)value, TELETEX));
    } else if (number == 4) {
        put_teletex_name(c, value);
    } else if (number == 5) {
        const struct x411_TeletexOrganizationalUnitNames *units = value;
        for (size_t i = 0; i < units->count; i++)
            put_unit(c, &unit, in_utf8(c, units->items[i], TELETEX));
    } else {
        const struct x411_TeletexDomainDefinedAttributes *defined = value;
        for (size_t i = 0; i < defined->count; i++)
            put_defined(c, TELETEX, in_utf8(c, defined->items[i].type, TELETEX),
                        in_utf8(c, defined->items[i].value, TELETEX));
    }
}

static void put_universal(struct collector *c, int64_t number, const void *value) {
    int unit = 0;
    if (number == 26) {
        put_universal_name(c, value);
    } else if (number == 27) {
        const struct x411_UniversalOrganizationalUnitNames *units = value;
        for (size_t i = 0; i < units->count; i++)
            put_unit(c, &unit, universal(c, &units->items[i]));
    } else if (number == 28) {
        const struct x411_UniversalDomainDefinedAttributes *defined = value;
        for (size_t i = 0; i < defined->count; i++)
            put_defined(c, UNIVERSAL, universal(c, &defined->items[i].type),
                        universal(c, &defined->items[i].value));
    } else if (number == 35) {
        if (!c->values[ORADDRESS_PD_LINE_1].data)
            put_lines(c, universal(c, value));
    } else {
        enum oraddress_kind kind = number == 24   ? ORADDRESS_COMMON_NAME
                                   : number == 25 ? ORADDRESS_ORGANIZATION
                                                  : postal_kind(number);
        put(c, kind, universal(c, value));
    }
}

static enum rank rank_of(int64_t number) {
    return number >= 24 ? UNIVERSAL : number >= 2 && number <= 6 ? TELETEX : PRINTABLE;
}

static void put_extension(struct collector *c, const struct x411_ExtensionAttribute *attribute) {
    int64_t number = attribute->extension_attribute_type;
    const struct ber_table_row *row = ber_table_by_number(&x411_ExtensionAttributeTable_table, number);
    struct ber_limits relaxed = {.relax_bounds = true, .relax_characters = true};
    void *value = row ? arena_alloc(c->arena, ber_type_size(row->type)) : NULL;
    struct ber_error error;
    if (row && !value) {
        c->failed = true;
    } else if (!row || !ber_decode(row->type, attribute->extension_attribute_value, c->arena, &relaxed, value,
                                   &error)) {
        c->failed |= row && error.code == BER_MEMORY;
        put_unknown(c, attribute);
    } else if (rank_of(number) == PRINTABLE) {
        if (!put_printable(c, number, value))
            put_unknown(c, attribute);
    } else if (rank_of(number) == TELETEX) {
        put_teletex(c, number, value);
    } else {
        put_universal(c, number, value);
    }
}

static void put_standard(struct collector *c, const struct x411_BuiltInStandardAttributes *a) {
    int unit = 0;
    /* The alternatives of these CHOICEs are all spans: u's first member stands for each. */
    if (a->country_name)
        put(c, ORADDRESS_COUNTRY, a->country_name->u.x121_dcc_code);
    if (a->administration_domain_name)
        put(c, ORADDRESS_ADMD, a->administration_domain_name->u.numeric);
    if (a->private_domain_name)
        put(c, ORADDRESS_PRMD, a->private_domain_name->u.numeric);
    put(c, ORADDRESS_X121, a->network_address);
    put(c, ORADDRESS_TERMINAL_ID, a->terminal_identifier);
    put(c, ORADDRESS_ORGANIZATION, a->organization_name);
    put(c, ORADDRESS_NUMERIC_USER_ID, a->numeric_user_identifier);
    if (a->personal_name) {
        put(c, ORADDRESS_SURNAME, a->personal_name->surname);
        put(c, ORADDRESS_GIVEN_NAME, a->personal_name->given_name);
        put(c, ORADDRESS_INITIALS, a->personal_name->initials);
        put(c, ORADDRESS_GENERATION, a->personal_name->generation_qualifier);
    }
    for (size_t i = 0; i < a->organizational_unit_names.count; i++)
        put_unit(c, &unit, a->organizational_unit_names.items[i]);
}

static bool finish(struct collector *c, struct oraddress *address) {
    struct attribute_list list = {.arena = c->arena};
    for (int kind = 1; kind < ORADDRESS_DOMAIN_DEFINED; kind++) {
        if (c->values[kind].data)
            c->failed |=
                !attribute_append(&list, (enum oraddress_kind)kind, (struct span){NULL, 0}, c->values[kind]);
    }
    for (size_t i = 0; i < c->defined.count; i++)
        c->failed |= !attribute_append(&list, ORADDRESS_DOMAIN_DEFINED, c->defined.items[i].type,
                                       c->defined.items[i].value);
    for (size_t i = 0; i < c->unknown.count; i++)
        c->failed |=
            !attribute_append(&list, ORADDRESS_UNKNOWN, c->unknown.items[i].type, c->unknown.items[i].value);
    *address = (struct oraddress){list.items, list.count};
    return !c->failed;
}

bool oraddress_of(const struct x411_ORAddress *wire, struct arena *arena, struct oraddress *address) {
    struct collector c = {.arena = arena, .defined = {.arena = arena}, .unknown = {.arena = arena}};
    put_standard(&c, &wire->built_in_standard_attributes);
    const struct x411_BuiltInDomainDefinedAttributes *defined = &wire->built_in_domain_defined_attributes;
    for (size_t i = 0; i < defined->count; i++)
        put_defined(&c, PRINTABLE, defined->items[i].type, defined->items[i].value);
    const struct x411_ExtensionAttributes *extensions = &wire->extension_attributes;
    for (int rank = PRINTABLE; rank < RANKS && extensions->count; rank++) {
        for (size_t i = 0; i < extensions->count; i++) {
            if (rank_of(extensions->items[i].extension_attribute_type) == (enum rank)rank)
                put_extension(&c, &extensions->items[i]);
        }
    }
    return finish(&c, address);
}

bool oraddress_of_name(const struct x411_ORName *name, struct arena *arena, struct oraddress *address) {
    struct x411_ORAddress wire = {
        .built_in_standard_attributes = name->built_in_standard_attributes,
        .built_in_domain_defined_attributes = name->built_in_domain_defined_attributes,
        .extension_attributes = name->extension_attributes,
    };
    return oraddress_of(&wire, arena, address);
}
