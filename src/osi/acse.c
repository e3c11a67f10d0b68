#include "osi/acse.h"

#include "asn1/ber.h"
#include "schema/x227.h"

static const struct span basic_encoding = {(const uint8_t *)"\x51\x01", 2};

void acse_init(struct acse *a, struct arena *arena, struct osi_cause *cause) {
    memset(a, 0, sizeof *a);
    a->arena = arena;
    a->cause = cause;
}

static bool no_memory(struct acse *a) {
    return osi_cause_set(a->cause, OSI_END_MEMORY, OSI_LAYER_ACSE, false, -1, "", "no memory for an APDU");
}

static bool encode(struct acse *a, const struct x227_ACSE_apdu *apdu, struct span *out) {
    return ber_encode_arena(&x227_ACSE_apdu_type, apdu, a->arena, out, NULL) || no_memory(a);
}

static bool protocol_error(struct acse *a, const char *name, const char *text) {
    return osi_cause_set(a->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_ACSE, false, -1, name, "%s APDU: %s",
                         name, text);
}

/* Reads an APDU that must be `choice` while the machine is in `state`. */
static bool decode(struct acse *a, enum acse_state state, struct span in, int choice, const char *name,
                   struct x227_ACSE_apdu *apdu) {
    struct ber_error error = {.text = ""};
    if (!in.data)
        return protocol_error(a, name, "is missing");
    if (!ber_decode(&x227_ACSE_apdu_type, in, a->arena, NULL, apdu, &error))
        return protocol_error(a, name, error.text);
    if ((int)apdu->choice != choice || a->state != state)
        return protocol_error(a, name, "another APDU came in this state");
    return true;
}

static bool put_user(struct acse *a, int64_t context, struct span data,
                     struct x227_Association_information *info) {
    if (!data.data)
        return true;
    struct asn1_EXTERNAL *external = arena_alloc(a->arena, sizeof *external);
    if (!external)
        return no_memory(a);
    external->direct_reference = basic_encoding;
    external->has_indirect_reference = true;
    external->indirect_reference = context;
    external->encoding.choice = asn1_EXTERNAL_encoding_single_ASN1_type;
    external->encoding.u.single_ASN1_type = data;
    info->items = external;
    info->count = 1;
    return true;
}

static struct span get_user(const struct x227_Association_information *info) {
    if (info->count == 0)
        return (struct span){0};
    const struct asn1_EXTERNAL_encoding *encoding = &info->items[0].encoding;
    if (encoding->choice == asn1_EXTERNAL_encoding_single_ASN1_type)
        return encoding->u.single_ASN1_type;
    if (encoding->choice == asn1_EXTERNAL_encoding_octet_aligned)
        return encoding->u.octet_aligned;
    return (struct span){0};
}

/* ---- associate ---- */

bool acse_request(struct acse *a, const struct acse_associate *associate, struct span *out) {
    struct x227_ACSE_apdu apdu = {.choice = x227_ACSE_apdu_aarq};
    struct x227_AARQ_apdu *aarq = &apdu.u.aarq;
    aarq->application_context_name = associate->application_context;
    aarq->calling_AP_title = associate->calling.ap_title;
    aarq->calling_AE_qualifier = associate->calling.ae_qualifier;
    aarq->called_AP_title = associate->called.ap_title;
    aarq->called_AE_qualifier = associate->called.ae_qualifier;
    a->state = ACSE_STA1;
    return put_user(a, associate->user_context, associate->user_data, &aarq->user_information) &&
           encode(a, &apdu, out);
}

bool acse_indication(struct acse *a, struct span in, struct acse_associate *associate) {
    struct x227_ACSE_apdu apdu = {0};
    memset(associate, 0, sizeof *associate);
    if (!decode(a, ACSE_STA0, in, x227_ACSE_apdu_aarq, "AARQ", &apdu))
        return false;
    const struct x227_AARQ_apdu *aarq = &apdu.u.aarq;
    associate->version_1 = !aarq->protocol_version.octets.data ||
                           ber_bit(&aarq->protocol_version, x227_Protocol_version_version1);
    associate->application_context = aarq->application_context_name;
    associate->calling = (struct osi_entity){aarq->calling_AP_title, aarq->calling_AE_qualifier};
    associate->called = (struct osi_entity){aarq->called_AP_title, aarq->called_AE_qualifier};
    associate->user_data = get_user(&aarq->user_information);
    a->state = ACSE_STA2;
    return true;
}

bool acse_response(struct acse *a, const struct acse_associate *associate, struct span *out) {
    struct x227_ACSE_apdu apdu = {.choice = x227_ACSE_apdu_aare};
    struct x227_AARE_apdu *aare = &apdu.u.aare;
    aare->application_context_name = associate->application_context;
    aare->result = associate->result;
    struct x227_Associate_source_diagnostic *source = &aare->result_source_diagnostic;
    source->choice = associate->by_provider ? x227_Associate_source_diagnostic_acse_service_provider
                                            : x227_Associate_source_diagnostic_acse_service_user;
    if (associate->by_provider)
        source->u.acse_service_provider = associate->diagnostic;
    else
        source->u.acse_service_user = associate->diagnostic;
    aare->responding_AP_title = associate->called.ap_title;
    aare->responding_AE_qualifier = associate->called.ae_qualifier;
    a->state = associate->result == 0 ? ACSE_STA5 : ACSE_STA0;
    return put_user(a, associate->user_context, associate->user_data, &aare->user_information) &&
           encode(a, &apdu, out);
}

bool acse_confirm(struct acse *a, struct span in, struct acse_associate *associate) {
    struct x227_ACSE_apdu apdu = {0};
    memset(associate, 0, sizeof *associate);
    if (!decode(a, ACSE_STA1, in, x227_ACSE_apdu_aare, "AARE", &apdu))
        return false;
    const struct x227_AARE_apdu *aare = &apdu.u.aare;
    const struct x227_Associate_source_diagnostic *source = &aare->result_source_diagnostic;
    associate->application_context = aare->application_context_name;
    associate->result = (int)aare->result;
    associate->by_provider = source->choice == x227_Associate_source_diagnostic_acse_service_provider;
    associate->diagnostic =
        (int)(associate->by_provider ? source->u.acse_service_provider : source->u.acse_service_user);
    associate->called = (struct osi_entity){aare->responding_AP_title, aare->responding_AE_qualifier};
    associate->user_data = get_user(&aare->user_information);
    a->state = associate->result == 0 ? ACSE_STA5 : ACSE_STA0;
    return true;
}

const char *acse_diagnostic_text(const struct acse_associate *aare) {
    static const char *const user[] = {"no diagnostic",
                                       "no reason given",
                                       "application context name not supported",
                                       "calling AP-title not recognized",
                                       "calling AP-invocation-identifier not recognized",
                                       "calling AE-qualifier not recognized",
                                       "calling AE-invocation-identifier not recognized",
                                       "called AP-title not recognized",
                                       "called AP-invocation-identifier not recognized",
                                       "called AE-qualifier not recognized",
                                       "called AE-invocation-identifier not recognized",
                                       "authentication mechanism name not recognized",
                                       "authentication mechanism name required",
                                       "authentication failure",
                                       "authentication required"};
    static const char *const provider[] = {"no diagnostic", "no reason given", "no common ACSE version"};
    if (aare->by_provider)
        return aare->diagnostic >= 0 && aare->diagnostic < 3 ? provider[aare->diagnostic]
                                                             : "unknown diagnostic";
    return aare->diagnostic >= 0 && aare->diagnostic < 15 ? user[aare->diagnostic] : "unknown diagnostic";
}

const char *acse_diagnostic_parameter(const struct acse_associate *aare) {
    static const char *const user[] = {"",
                                       "",
                                       "application context name",
                                       "calling AP-title",
                                       "calling AP-invocation-identifier",
                                       "calling AE-qualifier",
                                       "calling AE-invocation-identifier",
                                       "called AP-title",
                                       "called AP-invocation-identifier",
                                       "called AE-qualifier",
                                       "called AE-invocation-identifier",
                                       "mechanism-name",
                                       "mechanism-name",
                                       "authentication-value",
                                       "authentication-value"};
    if (aare->by_provider)
        return aare->diagnostic == ACSE_NO_COMMON_ACSE_VERSION ? "ACSE version" : "";
    return aare->diagnostic >= 0 && aare->diagnostic < 15 ? user[aare->diagnostic] : "";
}

/* ---- release and abort ---- */

bool acse_release(struct acse *a, int64_t user_context, struct span user_data, struct span *out) {
    struct x227_ACSE_apdu apdu = {.choice = x227_ACSE_apdu_rlrq, .u.rlrq = {.has_reason = true, .reason = 0}};
    a->state = ACSE_STA3;
    return put_user(a, user_context, user_data, &apdu.u.rlrq.user_information) && encode(a, &apdu, out);
}

bool acse_release_indication(struct acse *a, struct span in, struct span *user_data) {
    struct x227_ACSE_apdu apdu = {0};
    if (!decode(a, ACSE_STA5, in, x227_ACSE_apdu_rlrq, "RLRQ", &apdu))
        return false;
    *user_data = get_user(&apdu.u.rlrq.user_information);
    a->state = ACSE_STA4;
    return true;
}

bool acse_release_response(struct acse *a, struct span *out) {
    struct x227_ACSE_apdu apdu = {.choice = x227_ACSE_apdu_rlre, .u.rlre = {.has_reason = true, .reason = 0}};
    a->state = ACSE_STA0;
    return encode(a, &apdu, out);
}

bool acse_release_confirm(struct acse *a, struct span in, struct span *user_data) {
    struct x227_ACSE_apdu apdu = {0};
    if (!decode(a, ACSE_STA3, in, x227_ACSE_apdu_rlre, "RLRE", &apdu))
        return false;
    *user_data = get_user(&apdu.u.rlre.user_information);
    a->state = ACSE_STA0;
    return true;
}

bool acse_abort(struct acse *a, bool by_provider, int64_t user_context, struct span user_data,
                struct span *out) {
    struct x227_ACSE_apdu apdu = {.choice = x227_ACSE_apdu_abrt, .u.abrt = {.abort_source = by_provider}};
    a->state = ACSE_STA0;
    return put_user(a, user_context, user_data, &apdu.u.abrt.user_information) && encode(a, &apdu, out);
}

bool acse_aborted(struct acse *a, struct span in, bool *by_provider, struct span *user_data) {
    struct x227_ACSE_apdu apdu = {0};
    *by_provider = true;
    *user_data = (struct span){0};
    if (!decode(a, a->state, in, x227_ACSE_apdu_abrt, "ABRT", &apdu))
        return false;
    a->state = ACSE_STA0;
    *by_provider = apdu.u.abrt.abort_source == 1;
    *user_data = get_user(&apdu.u.abrt.user_information);
    return true;
}
