/* From attributes to X.411's ORAddress. */
#include "asn1/ber.h"
#include "asn1/table.h"
#include "base/text.h"
#include "names/oraddress_private.h"
#include "names/paddress.h"

enum { MOST_EXTENSIONS = 64, MOST_LINES = 6 };

/* In which string types a value can be written, from the narrowest. */
enum repertoire { PRINTABLE, TELETEX, UNIVERSAL };

struct builder {
    const struct oraddress *address;
    struct arena *arena;
    struct error *err;
    struct x411_ExtensionAttribute *extensions;
    size_t extension_count;
};

static bool no_memory(struct builder *b) {
    return error_set(b->err, ORADDRESS_MEMORY, "O/R address: out of memory");
}

static struct span value_of(const struct builder *b, enum oraddress_kind kind) {
    const struct oraddress_attribute *found = oraddress_find(b->address, kind);
    return found ? found->value : (struct span){NULL, 0};
}

/* What goes out as teletex, in UTF-8: the form beside the value, where the value goes out too, as printable;
 * else the value, for whoever reads it must find the same address. */
static struct span teletex_form(const struct oraddress_attribute *item, enum repertoire repertoire) {
    return repertoire == PRINTABLE && item->teletex.data ? item->teletex : item->value;
}

/* Of the kind's attribute; `repertoire` is that of all that go out in one form with it. */
static struct span teletex_of(const struct builder *b, enum oraddress_kind kind, enum repertoire repertoire) {
    const struct oraddress_attribute *found = oraddress_find(b->address, kind);
    return found ? teletex_form(found, repertoire) : (struct span){NULL, 0};
}

static bool has_teletex(const struct builder *b, enum oraddress_kind first, enum oraddress_kind last) {
    for (size_t i = 0; i < b->address->count; i++) {
        const struct oraddress_attribute *item = &b->address->items[i];
        if (item->kind >= first && item->kind <= last && item->teletex.data)
            return true;
    }
    return false;
}

static size_t characters(struct span utf8) {
    size_t count = 0;
    for (size_t i = 0; i < utf8.len; i++)
        count += (utf8.data[i] & 0xC0) != 0x80;
    return count;
}

/* Universal names may be longer than printable ones (X.411 annex B). */
static unsigned bound_of(enum oraddress_kind kind, enum repertoire repertoire) {
    if (repertoire == UNIVERSAL) {
        switch (kind) {
        case ORADDRESS_SURNAME:
            return x411_ub_universal_surname_length;
        case ORADDRESS_GIVEN_NAME:
            return x411_ub_universal_given_name_length;
        case ORADDRESS_INITIALS:
            return x411_ub_universal_initials_length;
        case ORADDRESS_GENERATION:
            return x411_ub_universal_generation_qualifier_length;
        default:
            break;
        }
    }
    return oraddress_kinds[kind].bound;
}

/* `ub-surname-length`, as X.411 writes it. */
static void bound_name(enum oraddress_kind kind, char out[64]) {
    size_t i = 0;
    for (const char *at = oraddress_kinds[kind].bound_name; *at && i < 63; at++)
        out[i++] = *at == '_' ? '-' : *at;
    out[i] = 0;
}

static bool check_bound(struct builder *b, enum oraddress_kind kind, struct span value,
                        enum repertoire repertoire) {
    char name[64];
    unsigned bound = bound_of(kind, repertoire);
    if (!bound || characters(value) <= bound)
        return true;
    bound_name(kind, name);
    return error_set(b->err, ORADDRESS_BOUND, "O/R address: %s is longer than %u characters (%s)",
                     oraddress_label(kind), bound, name);
}

static enum repertoire repertoire_of(struct span value, struct arena *arena) {
    if (is_printable_string(value))
        return PRINTABLE;
    bool lossy = false;
    (void)text_to_teletex(value, arena, &lossy);
    return lossy ? UNIVERSAL : TELETEX;
}

/* The widest repertoire that a value of these kinds wants: the parts of one attribute are all of one string
 * type. */
static enum repertoire widest(const struct builder *b, enum oraddress_kind first, enum oraddress_kind last) {
    enum repertoire most = PRINTABLE;
    for (size_t i = 0; i < b->address->count; i++) {
        const struct oraddress_attribute *item = &b->address->items[i];
        if (item->kind < first || item->kind > last)
            continue;
        enum repertoire own = repertoire_of(item->value, b->arena);
        if (item->type.data && repertoire_of(item->type, b->arena) > own)
            own = repertoire_of(item->type, b->arena);
        most = own > most ? own : most;
    }
    return most;
}

static bool to_teletex(struct builder *b, struct span value, struct span *out) {
    *out = (struct span){NULL, 0};
    if (value.data)
        *out = text_to_teletex(value, b->arena, NULL);
    return !value.data || out->data ? true : no_memory(b);
}

static bool to_universal(struct builder *b, struct span value, struct x411_UniversalOrBMPString *out) {
    *out = (struct x411_UniversalOrBMPString){0};
    struct span text;
    if (text_fits_bmp(value)) {
        text = text_to_bmp(value, b->arena);
        out->character_encoding.choice = x411_UniversalOrBMPString_character_encoding_two_octets;
        out->character_encoding.u.two_octets = text;
    } else {
        text = text_to_universal(value, b->arena);
        out->character_encoding.choice = x411_UniversalOrBMPString_character_encoding_four_octets;
        out->character_encoding.u.four_octets = text;
    }
    return text.data ? true : no_memory(b);
}

/* A copy of the value as a universal string, or NULL for an absent one. */
static bool to_optional(struct builder *b, struct span value, struct x411_UniversalOrBMPString **out) {
    *out = NULL;
    if (!value.data)
        return true;
    *out = arena_alloc(b->arena, sizeof(**out));
    return *out ? to_universal(b, value, *out) : no_memory(b);
}

static bool add_element(struct builder *b, int64_t number, struct span element) {
    if (b->extension_count == MOST_EXTENSIONS)
        return error_set(b->err, ORADDRESS_BOUND, "O/R address: more than %d extension attributes",
                         MOST_EXTENSIONS);
    if (!b->extensions) {
        b->extensions = arena_array(b->arena, MOST_EXTENSIONS, sizeof(*b->extensions));
        if (!b->extensions)
            return no_memory(b);
    }
    b->extensions[b->extension_count++] = (struct x411_ExtensionAttribute){
        .extension_attribute_type = number, .extension_attribute_value = element};
    return true;
}

static bool add_extension(struct builder *b, int64_t number, const void *value) {
    const struct ber_table_row *row = ber_table_by_number(&x411_ExtensionAttributeTable_table, number);
    struct span element;
    struct ber_error error;
    if (!ber_encode_arena(row->type, value, b->arena, &element, &error)) {
        if (error.code == BER_MEMORY)
            return no_memory(b);
        return error_set(b->err, error.code == BER_BOUND ? ORADDRESS_BOUND : ORADDRESS_CHARACTER,
                         "O/R address: %s: %s", row->name, error.text);
    }
    return add_element(b, number, element);
}

/* ---- attributes that are one string ---- */

static bool wants_printable(struct builder *b, enum oraddress_kind kind, struct span value) {
    if (!value.data || is_printable_string(value))
        return !value.data || check_bound(b, kind, value, PRINTABLE);
    return error_set(b->err, ORADDRESS_CHARACTER, "O/R address: %s has a character outside PrintableString",
                     oraddress_label(kind));
}

static bool wants_digits(struct builder *b, enum oraddress_kind kind, struct span value) {
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] != ' ' && (value.data[i] < '0' || value.data[i] > '9'))
            return error_set(b->err, ORADDRESS_CHARACTER, "O/R address: %s has something else than digits",
                             oraddress_label(kind));
    }
    return check_bound(b, kind, value, PRINTABLE);
}

/* Writes the value to `*printable`, or as the kind's teletex or universal extension attribute. */
static bool build_string(struct builder *b, enum oraddress_kind kind, struct span *printable) {
    struct span value = value_of(b, kind), teletex;
    if (!value.data)
        return true;
    enum repertoire repertoire = repertoire_of(value, b->arena);
    if (!check_bound(b, kind, value, repertoire))
        return false;
    if (repertoire == PRINTABLE)
        *printable = value;
    if (repertoire == PRINTABLE && !has_teletex(b, kind, kind))
        return true;
    if (repertoire != UNIVERSAL) {
        value = teletex_of(b, kind, repertoire);
        return check_bound(b, kind, value, TELETEX) && to_teletex(b, value, &teletex) &&
               add_extension(b, oraddress_kinds[kind].teletex, &teletex);
    }
    struct x411_UniversalOrBMPString wide;
    return to_universal(b, value, &wide) && add_extension(b, oraddress_kinds[kind].universal, &wide);
}

static bool build_common_name(struct builder *b) {
    struct span printable = {NULL, 0};
    return build_string(b, ORADDRESS_COMMON_NAME, &printable) &&
           (!printable.data ||
            add_extension(b, oraddress_kinds[ORADDRESS_COMMON_NAME].printable, &printable));
}

static bool build_postal_parameter(struct builder *b, enum oraddress_kind kind) {
    struct span value = value_of(b, kind);
    if (!value.data)
        return true;
    struct x411_PDSParameter parameter = {0};
    struct x411_UniversalOrBMPString wide;
    enum repertoire repertoire = repertoire_of(value, b->arena);
    if (!check_bound(b, kind, value, repertoire))
        return false;
    if (repertoire == UNIVERSAL)
        return to_universal(b, value, &wide) && add_extension(b, oraddress_kinds[kind].universal, &wide);
    if (repertoire == PRINTABLE)
        parameter.printable_string = value;
    if (repertoire == TELETEX || has_teletex(b, kind, kind)) {
        value = teletex_of(b, kind, repertoire);
        if (!check_bound(b, kind, value, TELETEX) || !to_teletex(b, value, &parameter.teletex_string))
            return false;
    }
    return add_extension(b, oraddress_kinds[kind].printable, &parameter);
}

/* ---- domains ---- */

static bool build_country(struct builder *b, enum oraddress_kind kind, struct x411_CountryName *country) {
    struct span value = value_of(b, kind);
    *country = (struct x411_CountryName){0};
    if (value.len == 3 && is_digits(value)) {
        country->choice = x411_CountryName_x121_dcc_code;
        country->u.x121_dcc_code = value;
        return true;
    }
    if (value.len == 2 && is_printable_string(value)) {
        country->choice = x411_CountryName_iso_3166_alpha2_code;
        country->u.iso_3166_alpha2_code = value;
        return true;
    }
    return error_set(b->err, ORADDRESS_SYNTAX,
                     "O/R address: the country '%.*s' is neither two letters nor three digits",
                     (int)value.len, (const char *)value.data);
}

/* Digits alone go as NumericString (RFC 2156 §4.1.1). The alternatives of ADMD and PRMD have the same
 * numbers. */
static bool build_domain(struct builder *b, enum oraddress_kind kind,
                         struct x411_AdministrationDomainName *admd, struct x411_PrivateDomainName *prmd) {
    struct span value = value_of(b, kind);
    bool numeric = is_digits(value);
    if (!wants_printable(b, kind, value))
        return false;
    if (admd) {
        admd->choice =
            numeric ? x411_AdministrationDomainName_numeric : x411_AdministrationDomainName_printable;
        admd->u.printable = value;
    } else {
        prmd->choice = numeric ? x411_PrivateDomainName_numeric : x411_PrivateDomainName_printable;
        prmd->u.printable = value;
    }
    return true;
}

static bool build_domains(struct builder *b, struct x411_BuiltInStandardAttributes *a) {
    if (value_of(b, ORADDRESS_COUNTRY).data) {
        a->country_name = arena_alloc(b->arena, sizeof(*a->country_name));
        if (!a->country_name)
            return no_memory(b);
        if (!build_country(b, ORADDRESS_COUNTRY, a->country_name))
            return false;
    }
    if (value_of(b, ORADDRESS_ADMD).data) {
        a->administration_domain_name = arena_alloc(b->arena, sizeof(*a->administration_domain_name));
        if (!a->administration_domain_name)
            return no_memory(b);
        if (!build_domain(b, ORADDRESS_ADMD, a->administration_domain_name, NULL))
            return false;
    }
    if (value_of(b, ORADDRESS_PRMD).data) {
        a->private_domain_name = arena_alloc(b->arena, sizeof(*a->private_domain_name));
        if (!a->private_domain_name)
            return no_memory(b);
        return build_domain(b, ORADDRESS_PRMD, NULL, a->private_domain_name);
    }
    return true;
}

/* ---- names of several parts ---- */

/* Values and the teletex forms beside them. */
static bool check_parts(struct builder *b, enum oraddress_kind first, enum oraddress_kind last,
                        enum repertoire repertoire) {
    for (size_t i = 0; i < b->address->count; i++) {
        const struct oraddress_attribute *item = &b->address->items[i];
        if (item->kind >= first && item->kind <= last &&
            (!check_bound(b, item->kind, item->value, repertoire) ||
             !check_bound(b, item->kind, item->teletex, TELETEX)))
            return false;
    }
    return true;
}

static bool build_teletex_name(struct builder *b, enum repertoire repertoire) {
    struct x411_TeletexPersonalName name = {0};
    return to_teletex(b, teletex_of(b, ORADDRESS_SURNAME, repertoire), &name.surname) &&
           to_teletex(b, teletex_of(b, ORADDRESS_GIVEN_NAME, repertoire), &name.given_name) &&
           to_teletex(b, teletex_of(b, ORADDRESS_INITIALS, repertoire), &name.initials) &&
           to_teletex(b, teletex_of(b, ORADDRESS_GENERATION, repertoire), &name.generation_qualifier) &&
           add_extension(b, oraddress_kinds[ORADDRESS_SURNAME].teletex, &name);
}

static bool build_universal_name(struct builder *b) {
    struct x411_UniversalPersonalName name = {0};
    return to_universal(b, value_of(b, ORADDRESS_SURNAME), &name.surname) &&
           to_optional(b, value_of(b, ORADDRESS_GIVEN_NAME), &name.given_name) &&
           to_optional(b, value_of(b, ORADDRESS_INITIALS), &name.initials) &&
           to_optional(b, value_of(b, ORADDRESS_GENERATION), &name.generation_qualifier) &&
           add_extension(b, oraddress_kinds[ORADDRESS_SURNAME].universal, &name);
}

static bool build_personal_name(struct builder *b, struct x411_BuiltInStandardAttributes *a) {
    enum repertoire repertoire = widest(b, ORADDRESS_SURNAME, ORADDRESS_GENERATION);
    if (!value_of(b, ORADDRESS_SURNAME).data) {
        for (size_t i = 0; i < b->address->count; i++) {
            enum oraddress_kind kind = b->address->items[i].kind;
            if (kind >= ORADDRESS_GIVEN_NAME && kind <= ORADDRESS_GENERATION)
                return error_set(b->err, ORADDRESS_SYNTAX, "O/R address: %s without a surname; give S",
                                 oraddress_label(kind));
        }
        return true;
    }
    if (!check_parts(b, ORADDRESS_SURNAME, ORADDRESS_GENERATION, repertoire))
        return false;
    if (repertoire != PRINTABLE)
        return repertoire == TELETEX ? build_teletex_name(b, repertoire) : build_universal_name(b);
    if (has_teletex(b, ORADDRESS_SURNAME, ORADDRESS_GENERATION) && !build_teletex_name(b, repertoire))
        return false;
    a->personal_name = arena_alloc(b->arena, sizeof(*a->personal_name));
    if (!a->personal_name)
        return no_memory(b);
    *a->personal_name = (struct x411_PersonalName){
        .surname = value_of(b, ORADDRESS_SURNAME),
        .given_name = value_of(b, ORADDRESS_GIVEN_NAME),
        .initials = value_of(b, ORADDRESS_INITIALS),
        .generation_qualifier = value_of(b, ORADDRESS_GENERATION),
    };
    return true;
}

/* Units 1 to n without a gap: a unit below one that is not named has no place on the wire. */
static bool count_units(struct builder *b, size_t *count) {
    *count = 0;
    for (int i = 0; i < 4; i++) {
        if (!value_of(b, (enum oraddress_kind)(ORADDRESS_UNIT_1 + i)).data)
            continue;
        if (*count != (size_t)i)
            return error_set(b->err, ORADDRESS_SYNTAX,
                             "O/R address: OU%d without OU%d; number the units from OU1, the highest first",
                             i + 1, i);
        (*count)++;
    }
    return true;
}

/* In teletex form, or in universal form where `repertoire`, that of the units, says so. */
static bool build_wide_units(struct builder *b, size_t count, enum repertoire repertoire) {
    x411_TeletexOrganizationalUnitName teletex[4];
    struct x411_UniversalOrBMPString wide[4];
    for (size_t i = 0; i < count; i++) {
        enum oraddress_kind kind = (enum oraddress_kind)(ORADDRESS_UNIT_1 + i);
        struct span value = teletex_of(b, kind, repertoire);
        if (repertoire != UNIVERSAL ? !to_teletex(b, value, &teletex[i]) : !to_universal(b, value, &wide[i]))
            return false;
    }
    if (repertoire != UNIVERSAL)
        return add_extension(b, 5, &(struct x411_TeletexOrganizationalUnitNames){teletex, count});
    return add_extension(b, 27, &(struct x411_UniversalOrganizationalUnitNames){wide, count});
}

static bool build_units(struct builder *b, struct x411_BuiltInStandardAttributes *a) {
    enum repertoire repertoire = widest(b, ORADDRESS_UNIT_1, ORADDRESS_UNIT_4);
    size_t count;
    if (!count_units(b, &count) || !check_parts(b, ORADDRESS_UNIT_1, ORADDRESS_UNIT_4, repertoire))
        return false;
    if (!count || repertoire != PRINTABLE)
        return !count || build_wide_units(b, count, repertoire);
    if (has_teletex(b, ORADDRESS_UNIT_1, ORADDRESS_UNIT_4) && !build_wide_units(b, count, repertoire))
        return false;
    a->organizational_unit_names.items = arena_array(b->arena, count, sizeof(struct span));
    if (!a->organizational_unit_names.items)
        return no_memory(b);
    for (size_t i = 0; i < count; i++)
        a->organizational_unit_names.items[i] = value_of(b, (enum oraddress_kind)(ORADDRESS_UNIT_1 + i));
    a->organizational_unit_names.count = count;
    return true;
}

static bool check_defined(struct builder *b, const struct oraddress_attribute *item) {
    if (characters(item->type) <= x411_ub_domain_defined_attribute_type_length)
        return check_bound(b, item->kind, item->value, PRINTABLE);
    return error_set(b->err, ORADDRESS_BOUND,
                     "O/R address: the type DDA:%.*s is longer than %d characters (%s)",
                     (int)(item->type.len < 40 ? item->type.len : 40), (const char *)item->type.data,
                     x411_ub_domain_defined_attribute_type_length, "ub-domain-defined-attribute-type-length");
}

static bool build_defined(struct builder *b, struct x411_BuiltInDomainDefinedAttributes *out) {
    enum { MOST = x411_ub_domain_defined_attributes };
    struct x411_BuiltInDomainDefinedAttribute printable[MOST] = {0};
    struct x411_TeletexDomainDefinedAttribute teletex[MOST] = {0};
    struct x411_UniversalDomainDefinedAttribute wide[MOST] = {0};
    enum repertoire repertoire = widest(b, ORADDRESS_DOMAIN_DEFINED, ORADDRESS_DOMAIN_DEFINED);
    bool in_teletex =
        repertoire == TELETEX ||
        (repertoire == PRINTABLE && has_teletex(b, ORADDRESS_DOMAIN_DEFINED, ORADDRESS_DOMAIN_DEFINED));
    size_t count = 0;
    for (size_t i = 0; i < b->address->count; i++) {
        const struct oraddress_attribute *item = &b->address->items[i];
        if (item->kind != ORADDRESS_DOMAIN_DEFINED)
            continue;
        if (count == MOST)
            return error_set(b->err, ORADDRESS_BOUND, "O/R address: more than %d domain-defined attributes",
                             MOST);
        if (!check_defined(b, item))
            return false;
        printable[count].type = item->type;
        printable[count].value = item->value;
        struct span form = teletex_form(item, repertoire);
        if (in_teletex &&
            (!check_bound(b, item->kind, form, TELETEX) || !to_teletex(b, item->type, &teletex[count].type) ||
             !to_teletex(b, form, &teletex[count].value)))
            return false;
        if (repertoire == UNIVERSAL && (!to_universal(b, item->type, &wide[count].type) ||
                                        !to_universal(b, item->value, &wide[count].value)))
            return false;
        count++;
    }
    if (!count || repertoire == UNIVERSAL)
        return !count || add_extension(b, 28, &(struct x411_UniversalDomainDefinedAttributes){wide, count});
    if (in_teletex && !add_extension(b, 6, &(struct x411_TeletexDomainDefinedAttributes){teletex, count}))
        return false;
    if (repertoire == TELETEX)
        return true;
    out->items = arena_array(b->arena, count, sizeof(*out->items));
    if (!out->items)
        return no_memory(b);
    memcpy(out->items, printable, count * sizeof(*out->items));
    out->count = count;
    return true;
}

/* ---- the rest of the extension attributes ---- */

static bool build_postal_country(struct builder *b) {
    struct x411_CountryName country;
    if (!value_of(b, ORADDRESS_PD_COUNTRY).data)
        return true;
    if (!build_country(b, ORADDRESS_PD_COUNTRY, &country))
        return false;
    struct x411_PhysicalDeliveryCountryName name = {0};
    name.choice = country.choice == x411_CountryName_x121_dcc_code
                      ? x411_PhysicalDeliveryCountryName_x121_dcc_code
                      : x411_PhysicalDeliveryCountryName_iso_3166_alpha2_code;
    name.u.x121_dcc_code = country.u.x121_dcc_code;
    return add_extension(b, 8, &name);
}

static bool build_postal_code(struct builder *b) {
    struct span value = value_of(b, ORADDRESS_PD_POSTAL_CODE);
    if (!value.data)
        return true;
    struct x411_PostalCode code = {.choice = is_digits(value) ? x411_PostalCode_numeric_code
                                                              : x411_PostalCode_printable_code,
                                   .u.printable_code = value};
    return wants_printable(b, ORADDRESS_PD_POSTAL_CODE, value) && add_extension(b, 9, &code);
}

static struct span join_lines(struct builder *b, const struct span *lines, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += lines[i].len + 2;
    uint8_t *out = arena_alloc(b->arena, size + 1);
    size_t len = 0;
    for (size_t i = 0; out && i < count; i++) {
        if (i) {
            memcpy(out + len, "\r\n", 2);
            len += 2;
        }
        memcpy(out + len, lines[i].data, lines[i].len);
        len += lines[i].len;
    }
    return span_of(out, out ? len : 0);
}

/* A teletex form is of all lines together; its own bound is checked when it is encoded. */
static bool check_lines(struct builder *b) {
    for (int kind = ORADDRESS_PD_LINE_1; kind <= ORADDRESS_PD_LINE_6; kind++)
        if (!check_bound(b, (enum oraddress_kind)kind, value_of(b, (enum oraddress_kind)kind), PRINTABLE))
            return false;
    return true;
}

static bool build_postal_lines(struct builder *b) {
    struct span lines[MOST_LINES];
    size_t count = 0;
    for (int i = 0; i < MOST_LINES; i++) {
        struct span line = value_of(b, (enum oraddress_kind)(ORADDRESS_PD_LINE_1 + i));
        if (line.data)
            lines[count++] = line;
    }
    enum repertoire repertoire = widest(b, ORADDRESS_PD_LINE_1, ORADDRESS_PD_LINE_6);
    struct x411_UnformattedPostalAddress address = {0};
    struct x411_UniversalOrBMPString wide;
    if (!count)
        return true;
    if (repertoire == PRINTABLE) {
        address.printable_address.items = lines;
        address.printable_address.count = count;
        return check_lines(b) &&
               (!has_teletex(b, ORADDRESS_PD_LINE_1, ORADDRESS_PD_LINE_1) ||
                to_teletex(b, teletex_of(b, ORADDRESS_PD_LINE_1, repertoire), &address.teletex_string)) &&
               add_extension(b, 16, &address);
    }
    struct span text = join_lines(b, lines, count);
    if (!text.data)
        return no_memory(b);
    if (repertoire == UNIVERSAL)
        return to_universal(b, text, &wide) && add_extension(b, 35, &wide);
    return to_teletex(b, text, &address.teletex_string) && add_extension(b, 16, &address);
}

static bool build_network(struct builder *b) {
    struct span isdn = value_of(b, ORADDRESS_ISDN), psap = value_of(b, ORADDRESS_PSAP);
    struct x411_ExtendedNetworkAddress address = {0};
    if (psap.data) {
        struct paddress parsed;
        if (isdn.data)
            return error_set(b->err, ORADDRESS_SYNTAX, "O/R address: ISDN and PSAP exclude each other");
        address.choice = x411_ExtendedNetworkAddress_psap_address;
        return paddress_parse(psap, b->arena, &parsed, b->err) &&
               paddress_build(&parsed, b->arena, &address.u.psap_address, b->err) &&
               add_extension(b, 22, &address);
    }
    if (!isdn.data)
        return true;
    const uint8_t *plus = memchr(isdn.data, '+', isdn.len);
    size_t len = plus ? (size_t)(plus - isdn.data) : isdn.len;
    address.choice = x411_ExtendedNetworkAddress_e163_4_address;
    address.u.e163_4_address.number = span_sub(isdn, 0, len);
    if (plus)
        address.u.e163_4_address.sub_address = span_sub(isdn, len + 1, isdn.len);
    return add_extension(b, 22, &address);
}

static bool build_terminal_type(struct builder *b) {
    struct span value = value_of(b, ORADDRESS_TERMINAL_TYPE);
    int64_t number = value.data ? terminal_type_of(value) : 0;
    if (number < 0)
        return error_set(b->err, ORADDRESS_SYNTAX,
                         "O/R address: T-TY is tlx, ttx, g3fax, g4fax, ia5, vtx or a number");
    return !value.data || add_extension(b, 23, &number);
}

static int64_t number_of(struct span digits) {
    int64_t number = digits.len <= 3 && is_digits(digits) ? 0 : -1;
    for (size_t i = 0; i < digits.len && number >= 0; i++)
        number = number * 10 + (digits.data[i] - '0');
    return number;
}

bool oraddress_build_unknown(const struct oraddress_attribute *item, struct arena *arena,
                             struct x411_ExtensionAttribute *attribute, struct error *err) {
    int64_t number = number_of(item->type);
    uint8_t *octets = arena_alloc(arena, item->value.len / 2 + 1);
    if (!octets)
        return error_set(err, ORADDRESS_MEMORY, "O/R address: out of memory");
    bool good = number >= 0 && number <= x411_ub_extension_attributes && item->value.len % 2 == 0;
    for (size_t i = 0; good && i + 1 < item->value.len; i += 2) {
        int high = text_hex_digit(item->value.data[i]), low = text_hex_digit(item->value.data[i + 1]);
        good = high >= 0 && low >= 0;
        octets[i / 2] = good ? (uint8_t)(high << 4 | low) : 0;
    }
    struct span element = span_of(octets, item->value.len / 2);
    struct ber_element read;
    if (!good || !ber_element_read(element, &read, NULL) || read.total != element.len)
        return error_set(err, ORADDRESS_SYNTAX,
                         "O/R address: X-EXT:%.*s is not an attribute's number and BER in hex",
                         (int)(item->type.len < 20 ? item->type.len : 20), (const char *)item->type.data);
    *attribute = (struct x411_ExtensionAttribute){.extension_attribute_type = number,
                                                  .extension_attribute_value = element};
    return true;
}

static bool build_unknown(struct builder *b, const struct oraddress_attribute *item) {
    struct x411_ExtensionAttribute attribute;
    return oraddress_build_unknown(item, b->arena, &attribute, b->err) &&
           add_element(b, attribute.extension_attribute_type, attribute.extension_attribute_value);
}

static bool build_postal(struct builder *b) {
    struct span service = value_of(b, ORADDRESS_PD_SERVICE);
    if (!wants_printable(b, ORADDRESS_PD_SERVICE, service) ||
        (service.data && !add_extension(b, 7, &service)) || !build_postal_country(b) || !build_postal_code(b))
        return false;
    for (int kind = ORADDRESS_PD_OFFICE; kind <= ORADDRESS_PD_LOCAL; kind++) {
        if (!build_postal_parameter(b, (enum oraddress_kind)kind))
            return false;
    }
    return build_postal_lines(b);
}

static bool build_standard(struct builder *b, struct x411_BuiltInStandardAttributes *a) {
    a->network_address = value_of(b, ORADDRESS_X121);
    a->terminal_identifier = value_of(b, ORADDRESS_TERMINAL_ID);
    a->numeric_user_identifier = value_of(b, ORADDRESS_NUMERIC_USER_ID);
    return build_domains(b, a) && wants_digits(b, ORADDRESS_X121, a->network_address) &&
           wants_printable(b, ORADDRESS_TERMINAL_ID, a->terminal_identifier) &&
           build_string(b, ORADDRESS_ORGANIZATION, &a->organization_name) &&
           wants_digits(b, ORADDRESS_NUMERIC_USER_ID, a->numeric_user_identifier) &&
           build_personal_name(b, a) && build_units(b, a);
}

bool oraddress_build(const struct oraddress *address, struct arena *arena, struct x411_ORAddress *wire,
                     struct error *err) {
    struct builder b = {.address = address, .arena = arena, .err = err};
    *wire = (struct x411_ORAddress){0};
    if (!build_standard(&b, &wire->built_in_standard_attributes) ||
        !build_defined(&b, &wire->built_in_domain_defined_attributes) || !build_common_name(&b) ||
        !build_postal(&b) || !build_network(&b) || !build_terminal_type(&b))
        return false;
    for (size_t i = 0; i < address->count; i++) {
        if (address->items[i].kind == ORADDRESS_UNKNOWN && !build_unknown(&b, &address->items[i]))
            return false;
    }
    wire->extension_attributes.items = b.extensions;
    wire->extension_attributes.count = b.extension_count;
    return true;
}

bool oraddress_build_name(const struct oraddress *address, struct arena *arena, struct x411_ORName *name,
                          struct error *err) {
    struct x411_ORAddress wire;
    *name = (struct x411_ORName){0};
    if (!oraddress_build(address, arena, &wire, err))
        return false;
    name->built_in_standard_attributes = wire.built_in_standard_attributes;
    name->built_in_domain_defined_attributes = wire.built_in_domain_defined_attributes;
    name->extension_attributes = wire.extension_attributes;
    return true;
}
