#include "mhs/types.h"

#include <stdio.h>

#include "mhs/types_ms.h"
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
    &x228_PConnect_type,
    &x228_PAccept_type,
    &x411_ReportTransferContent_type,
    &x880_Bind_type,
    &x411_MTABindArgument_type,
    &x411_MTABindResult_type,
    &x411p3_MTSBindArgument_type,
    &x411p3_MTSBindResult_type,
    &x411p3_MessageSubmissionArgument_type,
    &x411p3_MessageDeliveryArgument_type,
    &x411p3_ReportDeliveryArgument_type,
    &x411p3_MessageSubmissionEnvelope_type,
    &x411p3_ProbeSubmissionEnvelope_type,
    &x411p3_MessageDeliveryEnvelope_type,
    &x420_IPM_type,
    &x411_ORName_type,
    &x413_MSBindArgument_type,
    &x413_MSBindResult_type,
    &x413_MSMessageSubmissionArgument_type,
    &x413_MSMessageSubmissionResult_type,
    &x413_MSProbeSubmissionArgument_type,
    &x413_ListArgument_type,
    &x413_SummarizeArgument_type,
    &x413_FetchArgument_type,
    &x413_DeleteArgument_type,
    &x413_ModifyArgument_type,
    &x413_Register_MSArgument_type,
    &x413_AlertArgument_type,
    &x413_ListResult_type,
    &x413_FetchResult_type,
    &x413_SummarizeResult_type,
    &x413_EntryInformation_type,
    &x413_Attribute_type,
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

static const struct ber_module *module_of(const struct ber_type *type) {
    for (const struct ber_module *const *module = schema_modules; *module; module++)
        if (ber_module_type(*module, ber_type_name(type)) == type)
            return *module;
    return NULL;
}

const char *types_called(void *user, const struct ber_type *type) {
    static char full[160];
    const char *name = ber_type_name(type);
    const struct ber_module *module = types_find(user, name) == type ? NULL : module_of(type);
    if (!module)
        return name;
    snprintf(full, sizeof full, "%s.%s", module->name, name);
    return full;
}

static const struct ber_type *row_type(const struct ber_table_row *row) {
    return row ? row->type : NULL;
}

/* ---- what stands in open types ---- */

static uint8_t first_octet(struct span octets) {
    return octets.data && octets.len ? octets.data[0] : 0;
}

static const struct ber_type *in_extension(const struct x411_ExtensionField *field) {
    if (field->type.choice != x411_ExtensionType_standard_extension)
        return NULL;
    return row_type(ber_table_by_number(&x411ext_StandardExtensions_table, field->type.u.standard_extension));
}

/* X.880's bind has RTSE's tags, [16] to [18], but one element within them, of the bind itself, where RTSE's
 * first one has a context tag; [1] is an MTA's bind, and stands first in an RTORJ too. */
static bool is_rose_bind(struct span octets) {
    struct ber_element element;
    enum ber_error_code why;
    uint8_t tag = first_octet(octets);
    if (tag < 0xB0 || tag > 0xB2 || !ber_element_read(octets, &element, &why))
        return false;
    uint8_t inside = first_octet(ber_element_contents(octets, &element));
    return inside && (inside < 0x80 || (inside == 0xA1 && tag != 0xB2));
}

/* In an EXTERNAL: an extended body part by its reference, else an APDU by the tag that no other in its place
 * has. MTS-APDUs have the tags of ROSE's: they stand outermost or in RTTR. */
static const struct ber_type *in_external(const struct ber_place *external, struct span octets) {
    const struct asn1_EXTERNAL *value = external->value;
    if (value->direct_reference.data) {
        const struct ber_table_row *row =
            ber_table_by_oid(&x420_ExtendedBodyPartTypes_table, value->direct_reference);
        if (row)
            return row->type;
    }
    uint8_t tag = first_octet(octets);
    bool outermost = !external->outer || external->outer->type == &x228_RTSE_apdus_type;
    return is_rose_bind(octets)                      ? &x880_Bind_type
           : tag >= 0xB0 && tag <= 0xB6              ? &x228_RTSE_apdus_type
           : outermost && tag >= 0xA0 && tag <= 0xA2 ? &x411_MTS_APDU_type
           : tag >= 0xA1 && tag <= 0xA4              ? &x880_ROS_type
                                                     : NULL;
}

/* A content by its type: P2 of 1984 and 1988 (X.420 §20.3), and a message within a message (X.411
 * §8.2.1.1.1.34). */
static const struct ber_type *in_content(const struct x411_ContentType *type) {
    static const uint8_t p2[] = {0x56, 0x01, 0x0A, 0x00}, p22[] = {0x56, 0x01, 0x0A, 0x01};
    if (!type)
        return NULL;
    if (type->choice == x411_ContentType_built_in)
        return type->u.built_in == x411_BuiltInContentType_external ? &asn1_EXTERNAL_type
               : type->u.built_in == x411_BuiltInContentType_interpersonal_messaging_1984 ||
                       type->u.built_in == x411_BuiltInContentType_interpersonal_messaging_1988
                   ? &x420_InformationObject_type
                   : NULL;
    if (span_eq(type->u.extended, x411_id_cont_inner_envelope))
        return &x411_MTS_APDU_type;
    return span_eq(type->u.extended, span_of(p2, sizeof p2)) ||
                   span_eq(type->u.extended, span_of(p22, sizeof p22))
               ? &x420_InformationObject_type
               : NULL;
}

static const struct ber_type *in_delivered(const struct x411p3_DeliveredContentType *type) {
    struct x411_ContentType same = {.choice = x411_ContentType_built_in};
    if (type->choice == x411p3_DeliveredContentType_extended) {
        same.choice = x411_ContentType_extended;
        same.u.extended = type->u.extended;
    } else {
        same.u.built_in = type->u.built_in;
    }
    return in_content(&same);
}

static const struct ber_type *in_pdv_list(struct span octets) {
    uint8_t tag = first_octet(octets);
    return tag >= 0x60 && tag <= 0x64   ? &x227_ACSE_apdu_type
           : tag >= 0xA1 && tag <= 0xA4 ? &x880_ROS_type
           : tag >= 0xB0 && tag <= 0xB6 ? &x228_RTSE_apdus_type
                                        : NULL;
}

/* Binds: of MTAs is the CHOICE with tag [1], of users of the MTS or of a store a SET. NULL is told by itself.
 */
static const struct ber_type *in_bind(struct span octets, bool result) {
    uint8_t tag = first_octet(octets);
    return tag == 0xA1 && result   ? &x411_MTABindResult_type
           : tag == 0xA1           ? &x411_MTABindArgument_type
           : tag == 0x31 && result ? &x411p3_MTSBindResult_type
           : tag == 0x31           ? &x411p3_MTSBindArgument_type
                                   : NULL;
}

/* RTSE's connection data hold a bind: as it is in X.410 mode, within X.880's in normal mode. */
static const struct ber_type *in_connection_data(const struct ber_place *place, struct span octets) {
    uint8_t tag = first_octet(octets);
    if (tag >= 0xB0 && tag <= 0xB2)
        return &x880_Bind_type;
    return in_bind(octets, place->outer && place->outer->type == &x228_RTOACapdu_type);
}

static const struct ber_type *by_code(const struct ber_table *const *tables, const struct x880_Code *code) {
    const struct ber_type *type = NULL;
    for (; code->choice == x880_Code_local && !type && *tables; tables++)
        type = row_type(ber_table_by_number(*tables, code->u.local));
    return type;
}

/* P3 and P7. Where ports share a code the type that reads the other's values too comes first. */
static const struct ber_type *in_operation(const struct ber_place *place) {
    static const struct ber_table *const arguments[] = {
        &x419_DeliveryArguments_table, &x419_SubmissionArguments_table, &x419_AdministrationArguments_table,
        &x419_RetrievalArguments_table, NULL};
    static const struct ber_table *const results[] = {
        &x419_DeliveryResults_table, &x419_SubmissionResults_table, &x419_AdministrationResults_table,
        &x419_RetrievalResults_table, NULL};
    static const struct ber_table *const errors[] = {&x419_SubmissionErrors_table, &x419_DeliveryErrors_table,
                                                     &x419_AdministrationErrors_table,
                                                     &x419_RetrievalErrors_table, NULL};
    if (place->type == &x880_Invoke_type)
        return by_code(arguments, &((const struct x880_Invoke *)place->value)->opcode);
    if (place->type == &x880_ReturnResult_result_type)
        return by_code(results, &((const struct x880_ReturnResult_result *)place->value)->opcode);
    if (place->type == &x880_ReturnError_type)
        return by_code(errors, &((const struct x880_ReturnError *)place->value)->errcode);
    return NULL;
}

/* By a number or identifier beside the value. */
static const struct ber_type *by_key(const struct ber_place *place) {
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
    const struct ber_type *type = types_ms_open(place);
    return type ? type : in_operation(place);
}

/* Of the places that are known to hold a content. */
static const struct ber_type *by_content_type(const struct ber_place *place) {
    const void *value = place->value;
    if (place->type == &x411_Message_type)
        return in_content(&((const struct x411_Message *)value)->envelope.content_type);
    if (place->type == &x411_ReportTransferContent_type &&
        strcmp(place->member->name, "returned-content") == 0)
        return in_content(((const struct x411_ReportTransferContent *)value)->content_type);
    if (place->type == &x411p3_MessageSubmissionArgument_type)
        return in_content(&((const struct x411p3_MessageSubmissionArgument *)value)->envelope.content_type);
    if (place->type == &x411p3_MessageDeliveryArgument_type)
        return in_delivered(
            &((const struct x411p3_MessageDeliveryArgument *)value)->other_fields.content_type);
    if (place->type == &x411p3_ReportDeliveryArgument_type)
        return in_content(((const struct x411p3_ReportDeliveryArgument *)value)->content_type);
    if (place->type == &x413_MSMessageSubmissionArgument_type)
        return in_content(&((const struct x413_MSMessageSubmissionArgument *)value)->envelope.content_type);
    bool of_1984 =
        place->type == &x41184_UserMPDU_type ||
        (place->type == &x41184_DeliveryReportContent_type && strcmp(place->member->name, "returned") == 0);
    return of_1984 ? &x420_InformationObject_type : NULL;
}

/* By the tag. While JSON is read there are no octets: then the JSON names the type. */
static const struct ber_type *by_tag(const struct ber_place *place, struct span octets) {
    uint8_t tag = first_octet(octets);
    if (place->type == &asn1_EXTERNAL_encoding_type)
        return place->outer ? in_external(place->outer, octets) : NULL;
    if (place->type == &x226_PDV_list_presentation_data_values_type)
        return in_pdv_list(octets);
    if (place->type == &x228_ConnectionData_type)
        return in_connection_data(place, octets);
    if (place->type == &x880_Bind_type && types_ms_bind(place, octets))
        return types_ms_bind(place, octets);
    if (place->type == &x880_Bind_type)
        return in_bind(octets, strcmp(place->member->name, "bindResult") == 0);
    if (place->type == &x228_RTSE_apdus_type)
        return tag == 0x28 ? &asn1_EXTERNAL_type : tag >= 0xA0 && tag <= 0xA2 ? &x411_MTS_APDU_type : NULL;
    if (place->type == &x227_AARQ_apdu_type || place->type == &x227_AARE_apdu_type)
        return tag == 0x30 ? &x501_Name_type : tag == 0x31 ? &x501_RelativeDistinguishedName_type : NULL;
    return NULL;
}

const struct ber_type *types_open(void *user, const struct ber_place *place, struct span octets) {
    (void)user;
    if (!place)
        return NULL;
    const struct ber_type *type = types_ms_submission(place, octets);
    type = type ? type : by_key(place);
    type = type ? type : by_content_type(place);
    return type ? type : by_tag(place, octets);
}

/* ---- guessing ---- */

/* Next element of a SET's or SEQUENCE's contents; steps over it. */
static bool next_element(struct span *contents, struct ber_element *element, struct span *inside) {
    enum ber_error_code why;
    if (!ber_element_read(*contents, element, &why))
        return false;
    *inside = ber_element_contents(*contents, element);
    *contents = span_of(contents->data + element->total, contents->len - element->total);
    return true;
}

/*
 * A message, probe or report of the form that 1984 and 1988 share, so far as it can be read: what tells 1988
 * is the envelope's extensions ([3], a report's [1]; X.411 §12.2.1), which nearly each of its MTAs sends.
 */
static bool may_be_of_1984(struct span octets) {
    struct ber_element outer, element;
    struct span apdu, envelope;
    if (!next_element(&octets, &outer, &apdu) || outer.tag_class != BER_CONTEXT || outer.number > 2)
        return false;
    envelope = apdu;
    if (outer.number != 2 && !next_element(&apdu, &element, &envelope))
        return false;
    uint32_t extensions = outer.number == 1 ? 1 : 3;
    struct span inside;
    while (next_element(&envelope, &element, &inside))
        if (element.tag_class == BER_CONTEXT && element.number == extensions)
            return false;
    return true;
}

/* How many of the octets make sense as a value of the type. */
static size_t understood(const struct ber_type *type, struct span octets, struct arena *arena) {
    struct ber_passed_list passed = {0};
    /* An extensible type would swallow anything. */
    struct ber_limits limits = {.relax_bounds = true,
                                .relax_characters = true,
                                .refuse_unknown = true,
                                .lenient = true,
                                .passed = &passed};
    struct ber_error error;
    size_t used;
    arena_reset(arena);
    void *value = arena_alloc(arena, ber_type_size(type));
    if (!value)
        return 0;
    size_t read = ber_decode_prefix(type, octets, arena, &limits, value, &used, &error) ? used
                  : error.code == BER_TRUNCATED                                         ? octets.len
                                                                                        : error.offset;
    return read > passed.octets ? read - passed.octets : 0;
}

static bool fits(const struct ber_type *type, struct span octets, struct arena *arena) {
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true, .refuse_unknown = true};
    arena_reset(arena);
    void *value = arena_alloc(arena, ber_type_size(type));
    return value && ber_decode(type, octets, arena, &limits, value, NULL);
}

const struct ber_type *types_guess(struct span octets, struct arena *arena) {
    const struct ber_type *best = NULL;
    size_t most = 0;
    for (const struct ber_type *const *type = usual_types; *type; type++) {
        if (fits(*type, octets, arena))
            return *type;
        size_t read = understood(*type, octets, arena);
        bool of_1984 =
            *type == &x41184_MPDU_type && read > 0 && best == &x411_MTS_APDU_type && may_be_of_1984(octets);
        if (read > most || of_1984) {
            most = read > most ? read : most;
            best = *type;
        }
    }
    arena_reset(arena);
    return most * 2 >= octets.len ? best : NULL;
}
