/*
 * Upper bounds of what the envelope's type leaves open (X.411 annex B): the values of its extensions, and the
 * extension attributes of the O/R addresses in the envelope and in its extensions. All others the decoder has
 * judged. What is not known here is not judged, nor is a value that does not decode: it goes on as it came.
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

/* Keeps for the report and the record which bound was broken: false, or true when it was not. */
static bool told(struct ruling *ruling, bool holds, const char *what) {
    if (!holds)
        ruling->bound = what;
    return holds;
}

static void tell_error(struct ruling *ruling, const struct ber_error *error) {
    const char *text = arena_printf(ruling->arena, "%s: %s", error->path, error->text);
    ruling->bound = text ? text : error->bound;
}

/* The value, or NULL: it does not decode. `*holds` is cleared when that is for a bound. */
static const void *judge(struct ruling *ruling, const struct ber_type *type, struct span octets,
                         bool *holds) {
    struct ber_limits strict = {.relax_characters = true};
    struct ber_error error = {0};
    void *value = arena_alloc(&ruling->scratch, ber_type_size(type));
    if (!value) {
        ruling->no_memory = true;
        return NULL;
    }
    if (ber_decode(type, octets, &ruling->scratch, &strict, value, &error))
        return value;
    ruling->no_memory |= error.code == BER_MEMORY;
    if (error.code != BER_BOUND)
        return NULL;
    tell_error(ruling, &error);
    *holds = false;
    return NULL;
}

static bool attributes_hold(struct ruling *ruling, const struct x411_ExtensionAttributes *attributes) {
    bool holds = true;
    for (size_t i = 0; i < attributes->count && holds; i++) {
        const struct x411_ExtensionAttribute *attribute = &attributes->items[i];
        const struct ber_table_row *row =
            ber_table_by_number(&x411_ExtensionAttributeTable_table, attribute->extension_attribute_type);
        const void *value =
            row ? judge(ruling, row->type, attribute->extension_attribute_value, &holds) : NULL;
        holds &= !value || told(ruling, universal_holds(row->number, value), row->name);
    }
    return holds;
}

static bool name_holds(struct ruling *ruling, const struct x411_ORName *name) {
    return attributes_hold(ruling, &name->extension_attributes);
}

static bool redirections_hold(struct ruling *ruling, const struct x411_RedirectionHistory *history) {
    for (size_t i = 0; i < history->count; i++)
        if (!name_holds(ruling, &history->items[i].intended_recipient_name.intended_recipient))
            return false;
    return true;
}

static bool expansions_hold(struct ruling *ruling, const struct x411_DLExpansionHistory *history) {
    for (size_t i = 0; i < history->count; i++)
        if (!name_holds(ruling, &history->items[i].dl))
            return false;
    return true;
}

static bool exempted_hold(struct ruling *ruling, const struct x411_DLExemptedRecipients *exempted) {
    for (size_t i = 0; i < exempted->count; i++)
        if (!name_holds(ruling, &exempted->items[i]))
            return false;
    return true;
}

/* The O/R addresses in the value of a message's or probe's extension. */
static bool addresses_hold(struct ruling *ruling, int64_t number, const void *value) {
    switch (number) {
    case EXT_ORIGINATOR_REQUESTED_ALTERNATE:
        return name_holds(ruling, value);
    case EXT_ORIGINATOR_RETURN_ADDRESS:
        return attributes_hold(ruling, &((const struct x411_ORAddress *)value)->extension_attributes);
    case EXT_REDIRECTION_HISTORY:
        return redirections_hold(ruling, value);
    case EXT_DL_EXPANSION_HISTORY:
        return expansions_hold(ruling, value);
    case EXT_DL_EXEMPTED_RECIPIENTS:
        return exempted_hold(ruling, value);
    default:
        return true;
    }
}

static bool extensions_hold(struct ruling *ruling, const struct x411_Extensions *extensions,
                            const struct ber_table *table) {
    bool holds = true;
    for (size_t i = 0; i < extensions->count && holds; i++) {
        const struct x411_ExtensionField *field = &extensions->items[i];
        int64_t number = extension_number(field);
        const struct ber_table_row *row = ber_table_by_number(table, number);
        const void *value = row && field->value.data ? judge(ruling, row->type, field->value, &holds) : NULL;
        holds &= !value || addresses_hold(ruling, number, value);
        /* The bound counts the whole encoding. */
        holds &= number != EXT_CONTENT_CORRELATOR ||
                 told(ruling, field->value.len <= x411_ub_content_correlator_length, "content-correlator");
    }
    return holds;
}

static bool bilateral_holds(struct ruling *ruling, const struct x411_MessageTransferEnvelope *envelope) {
    for (size_t i = 0; i < envelope->per_domain_bilateral_information.count; i++)
        if (envelope->per_domain_bilateral_information.items[i].bilateral_information.len >
            x411_ub_bilateral_info)
            return told(ruling, false, "bilateral-information");
    return true;
}

/* A value that the decoder let pass (run->over_bounds), as it came or as it would leave. */
static bool decoded_holds(struct ruling *ruling, const struct ber_type *type, struct span octets,
                          const void *value) {
    bool holds = true;
    if (!ruling->run->over_bounds)
        return true;
    if (octets.data || ber_encode_arena(type, value, &ruling->scratch, &octets, NULL))
        judge(ruling, type, octets, &holds);
    else
        ruling->no_memory = true;
    return holds;
}

bool bounds_hold_in_name(struct ruling *ruling, const struct x411_ORName *name) {
    bool holds = decoded_holds(ruling, &x411_ORName_type, name->raw, name) && name_holds(ruling, name);
    arena_reset(&ruling->scratch);
    return holds;
}

/* A probe's fields have the form of a message's. */
bool bounds_hold_in_recipient(struct ruling *ruling, enum mts_kind kind, const recipient_fields *recipient) {
    bool holds =
        decoded_holds(ruling, &x411_PerRecipientMessageTransferFields_type, recipient->raw, recipient) &&
        name_holds(ruling, &recipient->recipient_name) &&
        extensions_hold(ruling, &recipient->extensions,
                        kind == MTS_PROBE ? &x411ext_PerRecipientProbeTransferExtensions_table
                                          : &x411ext_PerRecipientMessageTransferExtensions_table);
    arena_reset(&ruling->scratch);
    return holds;
}

bool bounds_hold_for_all(struct ruling *ruling, const struct subject *subject) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    bool holds = bilateral_holds(ruling, envelope) && name_holds(ruling, &envelope->originator_name) &&
                 extensions_hold(ruling, &envelope->extensions,
                                 subject->kind == MTS_PROBE ? &x411ext_ProbeTransferExtensions_table
                                                            : &x411ext_MessageTransferExtensions_table);
    arena_reset(&ruling->scratch);
    return holds;
}

bool bounds_hold_around(struct ruling *ruling, const struct subject *subject) {
    struct subject few = *subject;
    struct span octets;
    bool holds = true;
    if (!bounds_hold_for_all(ruling, subject))
        return false;
    if (!ruling->run->over_bounds || !subject->envelope.per_recipient_fields.count)
        return true;
    few.envelope.raw = (struct span){NULL, 0};
    few.envelope.per_recipient_fields.count = 1;
    if (subject_encode(ruling, &few, &octets))
        judge(ruling,
              subject->kind == MTS_PROBE ? &x411_ProbeTransferEnvelope_type
                                         : &x411_MessageTransferEnvelope_type,
              octets, &holds);
    else
        ruling->no_memory = true;
    arena_reset(&ruling->scratch);
    return holds;
}
