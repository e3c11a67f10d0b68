/* The envelope of a submission (X.411 §8.2.1.1.1, §8.2.1.2.1) out of what a caller says. */
#include <limits.h>

#include "access/access_private.h"
#include "asn1/ber.h"
#include "names/oraddress.h"
#include "schema/x411p3.h"

/* interpersonal-messaging-1988 of BuiltInContentType (schema/x411.asn1) */
enum { INTERPERSONAL_1988 = 22 };

/* What is common to both kinds, while one is made. */
struct making {
    struct mhs_session *session;
    struct arena *arena;
    const struct mhs_submission *from;
};

static enum mhs_code no_memory(const struct making *making) {
    return access_fail(making->session, MHS_NO_MEMORY, "no memory for the envelope");
}

/* ---- names ---- */

bool access_name(const struct mhs_name *name, struct arena *arena, struct x411_ORName *to,
                 struct error *err) {
    static const struct ber_limits lax = {.relax_bounds = true, .relax_characters = true};
    struct ber_error why = {0};
    if (!name->ber.data)
        return name->text ? oraddress_parse_name(span_str(name->text), arena, to, err)
                          : error_set(err, MHS_INVALID, "it is missing");
    return ber_decode(&x411_ORName_type, span_of(name->ber.data, name->ber.length), arena, &lax, to, &why) ||
           error_set(err, MHS_INVALID, "it is no BER of ORName: %s: %s", why.path, why.text);
}

static enum mhs_code read_name(const struct making *making, const struct mhs_name *name, const char *what,
                               struct x411_ORName *to) {
    struct error err = {0};
    return access_name(name, making->arena, to, &err)
               ? MHS_OK
               : access_fail(making->session, MHS_INVALID, "%s%s%s%s can't be used: %s", what,
                             name->text ? " '" : "", name->text ? name->text : "", name->text ? "'" : "",
                             err.text);
}

/* ---- extensions ---- */

struct extension_list {
    struct x411_Extensions *to;
    struct arena *arena;
    bool failed;
};

static bool list_begin(struct extension_list *list, struct x411_Extensions *to, struct arena *arena) {
    *list = (struct extension_list){to, arena, false};
    to->items = arena_array(arena, 8, sizeof *to->items);
    to->count = 0;
    return to->items != NULL;
}

static void add_extension(struct extension_list *list, int64_t number, int criticality,
                          const struct ber_type *type, const void *value) {
    struct x411_ExtensionField *field = &list->to->items[list->to->count++];
    field->type.choice = x411_ExtensionType_standard_extension;
    field->type.u.standard_extension = number;
    if (criticality >= 0 && !ber_bit_set(&field->criticality, (unsigned)criticality, true, list->arena))
        list->failed = true;
    if (!ber_encode_arena(type, value, list->arena, &field->value, NULL))
        list->failed = true;
}

static bool list_end(struct extension_list *list) {
    if (list->to->count == 0)
        list->to->items = NULL;
    return !list->failed;
}

static enum mhs_code read_exempted(const struct making *making, struct x411_DLExemptedRecipients *to) {
    const struct mhs_submission *from = making->from;
    enum mhs_code code = MHS_OK;
    *to = (struct x411_DLExemptedRecipients){0};
    if (from->dl_exempted_count)
        to->items = arena_array(making->arena, from->dl_exempted_count, sizeof *to->items);
    if (from->dl_exempted_count && !to->items)
        return no_memory(making);
    for (; code == MHS_OK && to->count < from->dl_exempted_count; to->count++)
        code =
            read_name(making, &from->dl_exempted[to->count], "the exempted recipient", &to->items[to->count]);
    return code;
}

static enum mhs_code read_correlator(const struct making *making, struct x411_ContentCorrelator *to) {
    const struct span octets =
        span_of(making->from->content_correlator.data, making->from->content_correlator.length);
    bool ascii = true;
    for (size_t i = 0; i < octets.len; i++)
        ascii &= octets.data[i] < 0x80;
    to->choice = ascii ? x411_ContentCorrelator_ia5text : x411_ContentCorrelator_octets;
    if (ascii)
        to->u.ia5text = octets;
    else
        to->u.octets = octets;
    return octets.len <= x411_ub_content_correlator_length
               ? MHS_OK
               : access_fail(making->session, MHS_INVALID, "the content correlator is longer than %d octets",
                             (int)x411_ub_content_correlator_length);
}

/* Numbers and criticalities are those of X.411's table of extensions. */
static enum mhs_code message_extensions(const struct making *making, struct x411_Extensions *to) {
    const struct mhs_submission *from = making->from;
    struct x411_DLExemptedRecipients exempted;
    struct extension_list list;
    const int64_t yes = 1;
    struct span latest;
    struct x411_ContentCorrelator correlator = {0};
    enum mhs_code code = read_exempted(making, &exempted);
    if (code == MHS_OK)
        code = read_correlator(making, &correlator);
    if (code != MHS_OK)
        return code;
    if (!list_begin(&list, to, making->arena))
        return no_memory(making);
    if (from->reassignment_prohibited)
        add_extension(&list, 1, x411_Criticality_for_delivery, &x411_RecipientReassignmentProhibited_type,
                      &yes);
    if (from->dl_expansion_prohibited)
        add_extension(&list, 3, x411_Criticality_for_delivery, &x411_DLExpansionProhibited_type, &yes);
    if (from->conversion_with_loss_prohibited)
        add_extension(&list, 4, x411_Criticality_for_delivery, &x411_ConversionWithLossProhibited_type, &yes);
    if (from->latest_delivery && !ber_utctime_write(from->latest_delivery, making->arena, &latest))
        return access_fail(making->session, MHS_INVALID,
                           "the time of latest delivery can't be written as UTCTime");
    if (from->latest_delivery)
        add_extension(&list, 5, x411_Criticality_for_delivery, &x411_LatestDeliveryTime_type, &latest);
    if (from->content_correlator.data)
        add_extension(&list, 23, -1, &x411_ContentCorrelator_type, &correlator);
    if (exempted.count)
        add_extension(&list, 42, -1, &x411_DLExemptedRecipients_type, &exempted);
    return list_end(&list) ? MHS_OK : no_memory(making);
}

static enum mhs_code recipient_extensions(const struct making *making, const struct mhs_recipient *recipient,
                                          struct x411_Extensions *to) {
    const struct mhs_name *name = &recipient->alternate;
    struct x411_ORName alternate;
    struct extension_list list;
    if (!list_begin(&list, to, making->arena))
        return no_memory(making);
    if (name->text || name->ber.data) {
        enum mhs_code code = read_name(making, name, "the alternate recipient", &alternate);
        if (code != MHS_OK)
            return code;
        add_extension(&list, 2, x411_Criticality_for_submission,
                      &x411_OriginatorRequestedAlternateRecipient_type, &alternate);
    }
    x411_DeliveryMethod method = recipient->delivery_method;
    const struct x411_RequestedDeliveryMethod methods = {&method, 1};
    if (method)
        add_extension(&list, 6, -1, &x411_RequestedDeliveryMethod_type, &methods);
    return list_end(&list) ? MHS_OK : no_memory(making);
}

/* ---- fields ---- */

static bool indicators(const struct making *making, struct ber_bits *bits) {
    const struct mhs_submission *from = making->from;
    const struct {
        unsigned bit;
        bool set;
    } table[] = {
        {x411_PerMessageIndicators_disclosure_of_other_recipients, from->disclose_recipients},
        {x411_PerMessageIndicators_implicit_conversion_prohibited, from->conversion_prohibited},
        {x411_PerMessageIndicators_alternate_recipient_allowed, from->alternate_recipient_allowed},
        {x411_PerMessageIndicators_content_return_request, from->content_return},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].set && !ber_bit_set(bits, table[i].bit, true, making->arena))
            return false;
    return true;
}

static bool report_request(const struct making *making, enum mhs_report_request report,
                           struct ber_bits *bits) {
    if (report == MHS_REPORT_NONE) {
        bits->octets = SPAN_LIT("");
        return true;
    }
    return ber_bit_set(bits, x411p3_OriginatorReportRequest_non_delivery_report, true, making->arena) &&
           (report != MHS_REPORT_DELIVERY ||
            ber_bit_set(bits, x411p3_OriginatorReportRequest_report, true, making->arena));
}

static enum mhs_code content_type(const struct making *making, struct x411_ContentType *type) {
    const struct mhs_submission *from = making->from;
    if (!from->content_type_oid) {
        x411_BuiltInContentType number = from->content_type ? from->content_type : INTERPERSONAL_1988;
        *type = (struct x411_ContentType){.choice = x411_ContentType_built_in, .u.built_in = number};
        return MHS_OK;
    }
    type->choice = x411_ContentType_extended;
    return ber_oid_parse(from->content_type_oid, making->arena, &type->u.extended)
               ? MHS_OK
               : access_fail(making->session, MHS_INVALID,
                             "the content type '%s' is no OBJECT IDENTIFIER; write it as 2.6.1.10.1",
                             from->content_type_oid);
}

/* One recipient's fields; those of a message and of a probe have the same members. */
static enum mhs_code recipient(const struct making *making, size_t number, struct x411_ORName *name,
                               struct ber_bits *request, struct x411_Extensions *extensions) {
    const struct mhs_recipient *from = &making->from->recipients[number];
    enum mhs_code code = read_name(making, &from->name, "the recipient", name);
    if (code == MHS_OK && !report_request(making, from->report, request))
        code = no_memory(making);
    return code == MHS_OK ? recipient_extensions(making, from, extensions) : code;
}

static enum mhs_code encode(const struct making *making, const struct ber_type *type, const void *envelope,
                            struct span *encoded) {
    struct ber_error why = {0};
    return ber_encode_arena(type, envelope, making->arena, encoded, &why)
               ? MHS_OK
               : access_fail(making->session, MHS_INVALID, "the envelope can't be written: %s: %s", why.path,
                             why.text);
}

static enum mhs_code encoded_types(const struct making *making, struct x411_EncodedInformationTypes *types) {
    struct mhs_octets octets = making->from->encoded_types;
    struct ber_error why = {0};
    return ber_decode(&x411_EncodedInformationTypes_type, span_of(octets.data, octets.length), making->arena,
                      NULL, types, &why)
               ? MHS_OK
               : access_fail(making->session, MHS_INVALID,
                             "the encoded information types are no BER of EncodedInformationTypes: %s",
                             why.text);
}

static enum mhs_code message_envelope(const struct making *making, struct span *encoded) {
    const struct mhs_submission *from = making->from;
    struct x411p3_MessageSubmissionEnvelope envelope = {.priority = from->priority};
    struct x411_EncodedInformationTypes types;
    struct x411p3_PerRecipientMessageSubmissionFields *fields =
        arena_array(making->arena, from->recipient_count, sizeof *fields);
    envelope.content_identifier = span_str(from->content_identifier);
    envelope.original_encoded_information_types = from->encoded_types.data ? &types : NULL;
    envelope.per_recipient_fields.items = fields;
    if (!fields || !indicators(making, &envelope.per_message_indicators))
        return no_memory(making);
    if (from->deferred_delivery &&
        !ber_utctime_write(from->deferred_delivery, making->arena, &envelope.deferred_delivery_time))
        return access_fail(making->session, MHS_INVALID,
                           "the time of deferred delivery can't be written as UTCTime");
    enum mhs_code code = read_name(making, &from->originator, "the originator", &envelope.originator_name);
    if (code == MHS_OK)
        code = content_type(making, &envelope.content_type);
    if (code == MHS_OK && from->encoded_types.data)
        code = encoded_types(making, &types);
    if (code == MHS_OK)
        code = message_extensions(making, &envelope.extensions);
    for (size_t i = 0; code == MHS_OK && i < from->recipient_count;
         i++, envelope.per_recipient_fields.count++)
        code = recipient(making, i, &fields[i].recipient_name, &fields[i].originator_report_request,
                         &fields[i].extensions);
    return code == MHS_OK ? encode(making, &x411p3_MessageSubmissionEnvelope_type, &envelope, encoded) : code;
}

static enum mhs_code probe_envelope(const struct making *making, struct span *encoded) {
    const struct mhs_submission *from = making->from;
    struct x411p3_ProbeSubmissionEnvelope envelope = {0};
    struct x411p3_PerRecipientProbeSubmissionFields *fields =
        arena_array(making->arena, from->recipient_count, sizeof *fields);
    envelope.content_identifier = span_str(from->content_identifier);
    envelope.has_content_length = from->content_length > 0;
    envelope.content_length = (int64_t)from->content_length;
    envelope.per_recipient_fields.items = fields;
    if (!fields || !indicators(making, &envelope.per_message_indicators))
        return no_memory(making);
    enum mhs_code code = read_name(making, &from->originator, "the originator", &envelope.originator_name);
    if (code == MHS_OK)
        code = content_type(making, &envelope.content_type);
    if (code == MHS_OK && from->content_correlator.data)
        code = access_fail(making->session, MHS_INVALID, "a probe has no content correlator");
    if (code == MHS_OK)
        code = message_extensions(making, &envelope.extensions);
    for (size_t i = 0; code == MHS_OK && i < from->recipient_count;
         i++, envelope.per_recipient_fields.count++)
        code = recipient(making, i, &fields[i].recipient_name, &fields[i].originator_report_request,
                         &fields[i].extensions);
    return code == MHS_OK ? encode(making, &x411p3_ProbeSubmissionEnvelope_type, &envelope, encoded) : code;
}

enum mhs_code access_envelope(struct mhs_session *session, const struct mhs_submission *submission,
                              bool probe, struct span *encoded) {
    const struct making making = {session, &session->envelope, submission};
    arena_reset(&session->envelope);
    if (!submission->recipient_count || submission->recipient_count > x411_ub_recipients)
        return access_fail(session, MHS_INVALID, "a submission has 1 to %d recipients",
                           (int)x411_ub_recipients);
    return (probe ? probe_envelope : message_envelope)(&making, encoded);
}
