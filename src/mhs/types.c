#include "mhs/types.h"

#include "schema/modules.h"

/* In this order: a 1984 message is no 1988 one, but some short values are of several types. */
static const struct ber_type *const usual_types[] = {
    &x411_MTS_APDU_type,
    &x41184_MPDU_type,
    &x420_InformationObject_type,
    &asn1_EXTERNAL_type,
    &x411_MessageTransferEnvelope_type,
    &x411_ProbeTransferEnvelope_type,
    &x411_ReportTransferEnvelope_type,
    &x41184_UMPDUEnvelope_type,
    &x226_CP_type_type,
    &x226_CPA_PPDU_type,
    &x226_CPR_PPDU_type,
    &x226_Abort_type_type,
    &x226_User_data_type,
    &x227_ACSE_apdu_type,
    &x228_RTSE_apdus_type,
    &x880_ROS_type,
    NULL,
};

static const struct ber_type *in_module(const struct ber_module *module, const char *name) {
    size_t len = strlen(module->name);
    if (strncmp(name, module->name, len) == 0 && name[len] == '.')
        return ber_module_type(module, name + len + 1);
    return ber_module_type(module, name);
}

const struct ber_type *types_find(void *user, const char *name) {
    (void)user;
    for (const struct ber_type *const *type = usual_types; *type; type++)
        if (strcmp(ber_type_name(*type), name) == 0)
            return *type;
    for (const struct ber_module *const *module = schema_modules; *module; module++) {
        const struct ber_type *type = in_module(*module, name);
        if (type)
            return type;
    }
    return NULL;
}

static const struct ber_type *row_type(const struct ber_table_row *row) {
    return row ? row->type : NULL;
}

/* ---- what stands in open types ---- */

static const struct ber_type *in_extension(const struct x411_ExtensionField *field) {
    if (field->type.choice != x411_ExtensionType_standard_extension)
        return NULL;
    return row_type(ber_table_by_number(&x411ext_StandardExtensions_table, field->type.u.standard_extension));
}

/* In an EXTERNAL: an extended body part by its reference, else an APDU by the tag that no other in its place
 * has. */
static const struct ber_type *in_external(const struct ber_place *external, struct span octets) {
    const struct asn1_EXTERNAL *value = external->value;
    if (value->direct_reference.data) {
        const struct ber_table_row *row =
            ber_table_by_oid(&x420_ExtendedBodyPartTypes_table, value->direct_reference);
        if (row)
            return row->type;
    }
    uint8_t tag = octets.data && octets.len ? octets.data[0] : 0;
    if (tag >= 0xB0 && tag <= 0xB6)
        return &x228_RTSE_apdus_type;
    return tag >= 0xA0 && tag <= 0xA2 && !external->outer ? &x411_MTS_APDU_type : NULL;
}

/* P2 of 1984 and 1988 (X.420 §20.3). */
static const struct ber_type *in_message(const struct x411_Message *message) {
    const struct x411_ContentType *type = &message->envelope.content_type;
    if (type->choice != x411_ContentType_built_in)
        return NULL;
    return type->u.built_in == 2 || type->u.built_in == 22 ? &x420_InformationObject_type : NULL;
}

static const struct ber_type *in_pdv_list(struct span octets) {
    uint8_t tag = octets.data && octets.len ? octets.data[0] : 0;
    return tag >= 0x60 && tag <= 0x64   ? &x227_ACSE_apdu_type
           : tag >= 0xB0 && tag <= 0xB6 ? &x228_RTSE_apdus_type
                                        : NULL;
}

const struct ber_type *types_open(void *user, const struct ber_place *place, struct span octets) {
    (void)user;
    if (!place)
        return NULL;
    const void *value = place->value;
    if (place->type == &x411_ExtensionField_type)
        return in_extension(value);
    if (place->type == &x411_ExtensionAttribute_type)
        return row_type(
            ber_table_by_number(&x411_ExtensionAttributeTable_table,
                                ((const struct x411_ExtensionAttribute *)value)->extension_attribute_type));
    if (place->type == &x420_IPMSExtension_type)
        return row_type(ber_table_by_oid(&x420_IPMSExtensionTypes_table,
                                         ((const struct x420_IPMSExtension *)value)->type));
    if (place->type == &x411_Token_type)
        return row_type(ber_table_by_oid(&x411_TokensTable_table,
                                         ((const struct x411_Token *)value)->token_type_identifier));
    if (place->type == &x411_TokenData_type)
        return row_type(
            ber_table_by_number(&x411_TokenDataTable_table, ((const struct x411_TokenData *)value)->type));
    if (place->type == &asn1_EXTERNAL_encoding_type && place->outer)
        return in_external(place->outer, octets);
    if (place->type == &x411_Message_type)
        return in_message(value);
    if (place->type == &x41184_UserMPDU_type)
        return &x420_InformationObject_type;
    return place->type == &x226_PDV_list_presentation_data_values_type ? in_pdv_list(octets) : NULL;
}

/* ---- guessing ---- */

const struct ber_type *types_guess(struct span octets, struct arena *arena) {
    /* An extensible type would swallow anything. */
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true, .refuse_unknown = true};
    const struct ber_type *best = usual_types[0];
    size_t farthest = 0;
    for (const struct ber_type *const *type = usual_types; *type; type++) {
        struct ber_error error;
        arena_reset(arena);
        void *value = arena_alloc(arena, ber_type_size(*type));
        if (!value)
            continue;
        if (ber_decode(*type, octets, arena, &limits, value, &error))
            return *type;
        if (error.offset > farthest) {
            farthest = error.offset;
            best = *type;
        }
    }
    return best;
}
