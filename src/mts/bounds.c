/*
 * Upper bounds of what the envelope's type leaves open (X.411 annex B): the values of its extensions and of
 * the extension attributes in its names. All others the decoder has judged. What is not known here is not
 * judged, nor is a value that does not decode: it goes on as it came.
 */
#include "mts/mts_private.h"
#include "schema/x411ext.h"

/* X.411 gives the universal form of each attribute a bound of its own, where schema/x411.asn1 has one type
 * for all: characters, by the number of the attribute. */
static const uint16_t universal_bounds[] = {
    [24] = x411_ub_common_name_length,         [25] = x411_ub_organization_name_length,
    [29] = x411_ub_pds_parameter_length,       [30] = x411_ub_pds_parameter_length,
    [31] = x411_ub_pds_parameter_length,       [32] = x411_ub_pds_parameter_length,
    [33] = x411_ub_pds_parameter_length,       [34] = x411_ub_pds_parameter_length,
    [35] = x411_ub_unformatted_address_length, [36] = x411_ub_pds_parameter_length,
    [37] = x411_ub_pds_parameter_length,       [38] = x411_ub_pds_parameter_length,
    [39] = x411_ub_pds_parameter_length,       [40] = x411_ub_pds_parameter_length};

static bool string_holds(const struct x411_UniversalOrBMPString *string, size_t most) {
    bool bmp = string->character_encoding.choice == x411_UniversalOrBMPString_character_encoding_two_octets;
    struct span octets =
        bmp ? string->character_encoding.u.two_octets : string->character_encoding.u.four_octets;
    return octets.len <= most * (bmp ? 2 : 4);
}

static bool optional_holds(const struct x411_UniversalOrBMPString *string, size_t most) {
    return !string || string_holds(string, most);
}

static bool personal_name_holds(const struct x411_UniversalPersonalName *name) {
    return string_holds(&name->surname, x411_ub_universal_surname_length) &&
           optional_holds(name->given_name, x411_ub_universal_given_name_length) &&
           optional_holds(name->initials, x411_ub_universal_initials_length) &&
           optional_holds(name->generation_qualifier, x411_ub_universal_generation_qualifier_length);
}

static bool unit_names_hold(const struct x411_UniversalOrganizationalUnitNames *units) {
    for (size_t i = 0; i < units->count; i++)
        if (!string_holds(&units->items[i], x411_ub_organizational_unit_name_length))
            return false;
    return true;
}

static bool domain_defined_hold(const struct x411_UniversalDomainDefinedAttributes *defined) {
    for (size_t i = 0; i < defined->count; i++)
        if (!string_holds(&defined->items[i].type, x411_ub_domain_defined_attribute_type_length) ||
            !string_holds(&defined->items[i].value, x411_ub_domain_defined_attribute_value_length))
            return false;
    return true;
}

static bool universal_holds(int64_t attribute, const void *value) {
    switch (attribute) {
    case 26:
        return personal_name_holds(value);
    case 27:
        return unit_names_hold(value);
    case 28:
        return domain_defined_hold(value);
    default:
        return attribute < 24 || attribute > 40 || string_holds(value, universal_bounds[attribute]);
    }
}

/* The value, or NULL: it does not decode. `*holds` is cleared when that is for a bound. */
static const void *judge(struct work *work, const struct ber_type *type, struct span octets, bool *holds) {
    struct ber_limits strict = {.relax_characters = true};
    struct ber_error error = {0};
    void *value = arena_alloc(&work->scratch, ber_type_size(type));
    if (!value) {
        work->no_memory = true;
        return NULL;
    }
    if (ber_decode(type, octets, &work->scratch, &strict, value, &error))
        return value;
    work->no_memory |= error.code == BER_MEMORY;
    *holds &= error.code != BER_BOUND;
    return NULL;
}

static bool name_holds(struct work *work, const struct x411_ORName *name) {
    bool holds = true;
    for (size_t i = 0; i < name->extension_attributes.count && holds; i++) {
        const struct x411_ExtensionAttribute *attribute = &name->extension_attributes.items[i];
        const struct ber_table_row *row =
            ber_table_by_number(&x411_ExtensionAttributeTable_table, attribute->extension_attribute_type);
        const void *value = row ? judge(work, row->type, attribute->extension_attribute_value, &holds) : NULL;
        holds &= !value || universal_holds(row->number, value);
    }
    return holds;
}

static bool extensions_hold(struct work *work, const struct x411_Extensions *extensions,
                            const struct ber_table *table) {
    bool holds = true;
    for (size_t i = 0; i < extensions->count && holds; i++) {
        const struct x411_ExtensionField *field = &extensions->items[i];
        const struct ber_table_row *row = ber_table_by_number(table, extension_number(field));
        if (row && field->value.data)
            judge(work, row->type, field->value, &holds);
        /* The bound counts the whole encoding. */
        holds &= extension_number(field) != EXT_CONTENT_CORRELATOR ||
                 field->value.len <= x411_ub_content_correlator_length;
    }
    return holds;
}

static bool bilateral_holds(const struct x411_MessageTransferEnvelope *envelope) {
    for (size_t i = 0; i < envelope->per_domain_bilateral_information.count; i++)
        if (envelope->per_domain_bilateral_information.items[i].bilateral_information.len >
            x411_ub_bilateral_info)
            return false;
    return true;
}

bool bounds_hold(struct work *work, const struct subject *subject) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    bool probe = subject->kind == MTS_PROBE;
    bool holds = bilateral_holds(envelope) && name_holds(work, &envelope->originator_name) &&
                 extensions_hold(work, &envelope->extensions,
                                 probe ? &x411ext_ProbeTransferExtensions_table
                                       : &x411ext_MessageTransferExtensions_table);
    for (size_t i = 0; i < envelope->per_recipient_fields.count && holds; i++) {
        const recipient_fields *recipient = &envelope->per_recipient_fields.items[i];
        arena_reset(&work->scratch);
        holds = name_holds(work, &recipient->recipient_name) &&
                extensions_hold(work, &recipient->extensions,
                                probe ? &x411ext_PerRecipientProbeTransferExtensions_table
                                      : &x411ext_PerRecipientMessageTransferExtensions_table);
    }
    arena_reset(&work->scratch);
    return holds;
}
