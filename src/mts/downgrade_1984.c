/*
 * Envelopes for MTAs of 1984 (X.419 Annex B). What 1984 does not know is
 * dropped; what must not be dropped (critical extensions, and addresses that
 * 1984 can't express) is refused. RFC 1328 §3 saves addresses by agreement
 * (names/rfc1328.h). A content type by object identifier travels as external(1),
 * "reserved for use when interworking between 1988 systems and 1984 systems"
 * (X.411 §8.2.1.1.1.34); its content is then the EXTERNAL that outbound.c writes.
 */
#include "mts/mts_private.h"

static const struct span absent = {NULL, 0};

enum { HIGHEST_REASON_1984 = 2, HIGHEST_DIAGNOSTIC_1984 = 11 };

static bool is_critical(const struct x411_Extensions *extensions) {
    for (size_t i = 0; i < extensions->count; i++)
        if (extension_critical(&extensions->items[i], CRITICAL_FOR_TRANSFER) ||
            extension_critical(&extensions->items[i], CRITICAL_FOR_DELIVERY))
            return true;
    return false;
}

static bool name_possible(struct ruling *ruling, const struct rfc1328 *how, const struct x411_ORName *name) {
    struct x411_ORName out;
    return rfc1328_downgrade(how, name, &ruling->scratch, &out);
}

static struct rfc1328 rfc1328_of_hop(const struct mts_tables *tables, const struct hop *hop) {
    return hop->given.rfc1328 ? (struct rfc1328){true, tables->rfc1328_address} : (struct rfc1328){0};
}

bool downgrade_possible(struct ruling *ruling, const struct hop *hop, const struct subject *subject,
                        const recipient_fields *recipient) {
    struct rfc1328 how = rfc1328_of_hop(ruling->tables, hop);
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    return !is_critical(&envelope->extensions) && !is_critical(&recipient->extensions) &&
           (subject->anonymous || name_possible(ruling, &how, &envelope->originator_name)) &&
           name_possible(ruling, &how, &recipient->recipient_name);
}

/* In place. */
static bool downgrade_name(struct arena *arena, struct x411_ORName *name, const struct rfc1328 *how) {
    struct x411_ORName old = *name;
    return rfc1328_downgrade(how, &old, arena, name);
}

/* Types by object identifier become `undefined` (bit 0). */
static bool downgrade_types(struct arena *arena, struct x411_EncodedInformationTypes **types) {
    if (!*types || !(*types)->extended_encoded_information_types.count)
        return true;
    struct x411_EncodedInformationTypes *copy = arena_alloc(arena, sizeof *copy);
    if (!copy)
        return false;
    *copy = **types;
    copy->raw = absent;
    copy->extended_encoded_information_types.items = NULL;
    copy->extended_encoded_information_types.count = 0;
    *types = copy;
    return ber_bit_set(&copy->built_in_encoded_information_types, 0, true, arena);
}

/* 1984's trace has no other-actions. */
static bool downgrade_trace(struct arena *arena, struct x411_TraceInformation *trace) {
    struct x411_TraceInformationElement *items =
        arena_array(arena, trace->count ? trace->count : 1, sizeof *items);
    if (!items)
        return false;
    for (size_t i = 0; i < trace->count; i++) {
        items[i] = trace->items[i];
        struct x411_DomainSuppliedInformation *supplied = &items[i].domain_supplied_information;
        items[i].raw = supplied->raw = absent;
        supplied->other_actions = (struct ber_bits){{NULL, 0}, 0};
        if (!downgrade_types(arena, &supplied->converted_encoded_information_types))
            return false;
    }
    trace->items = trace->count ? items : NULL;
    return true;
}

/* 1984 knows the first four indicators. */
static bool downgrade_indicators(struct arena *arena, struct ber_bits *indicators) {
    if (!indicators->octets.len)
        return true;
    uint8_t *octet = arena_alloc(arena, 1);
    if (!octet)
        return false;
    *octet = indicators->octets.data[0] & 0xF0;
    *indicators = (struct ber_bits){span_of(octet, 1), 0};
    return true;
}

/* 1984 knows bilateral information of administration domains only. */
static void downgrade_bilateral(struct x411_MessageTransferEnvelope *envelope) {
    struct x411_PerDomainBilateralInformation *items = envelope->per_domain_bilateral_information.items;
    size_t count = 0;
    for (size_t i = 0; i < envelope->per_domain_bilateral_information.count; i++)
        if (items[i].domain.choice == x411_BilateralDomain_domain_administration_domain_name)
            items[count++] = items[i];
    envelope->per_domain_bilateral_information.count = count;
    if (!count)
        envelope->per_domain_bilateral_information.items = NULL;
}

/* Recipients of other copies whose address 1984 can't express are left out: they were only for information.
 */
static bool downgrade_recipients(struct arena *arena, struct x411_MessageTransferEnvelope *envelope,
                                 const struct rfc1328 *how) {
    recipient_fields *items = envelope->per_recipient_fields.items;
    size_t count = 0;
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++) {
        recipient_fields fields = items[i];
        if (!downgrade_name(arena, &fields.recipient_name, how)) {
            if (subject_responsible(&fields))
                return false;
            continue;
        }
        fields.raw = absent;
        fields.extensions = (struct x411_Extensions){0};
        items[count++] = fields;
    }
    envelope->per_recipient_fields.count = count;
    return count;
}

bool downgrade_message(struct arena *arena, struct subject *subject, const struct rfc1328 *how) {
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    envelope->raw = absent;
    envelope->extensions = (struct x411_Extensions){0};
    downgrade_bilateral(envelope);
    if (envelope->content_type.choice != x411_ContentType_built_in)
        envelope->content_type = (struct x411_ContentType){.choice = x411_ContentType_built_in,
                                                           .u.built_in = x411_BuiltInContentType_external};
    return downgrade_name(arena, &envelope->originator_name, how) &&
           downgrade_types(arena, &envelope->original_encoded_information_types) &&
           downgrade_trace(arena, &envelope->trace_information) &&
           downgrade_indicators(arena, &envelope->per_message_indicators) &&
           downgrade_recipients(arena, envelope, how);
}

/* ---- reports ---- */

bool downgrade_report_possible(struct ruling *ruling, const struct hop *hop,
                               const struct x411_Report *report) {
    struct rfc1328 how = rfc1328_of_hop(ruling->tables, hop);
    const struct x411_ReportTransferContent *content = &report->content;
    if (is_critical(&report->envelope.extensions) ||
        !name_possible(ruling, &how, &report->envelope.report_destination_name))
        return false;
    for (size_t i = 0; i < content->per_recipient_fields.count; i++)
        if (!name_possible(ruling, &how, &content->per_recipient_fields.items[i].actual_recipient_name))
            return false;
    return true;
}

/* Reasons that came later are, to 1984, inability to transfer; diagnostics that came later are left out. */
static void downgrade_type(struct x411_ReportType *type) {
    type->raw = absent;
    if (type->choice == x411_ReportType_delivery) {
        type->u.delivery.raw = absent;
        if (type->u.delivery.type_of_MTS_user > x411_TypeOfMTSUser_private)
            type->u.delivery.type_of_MTS_user = x411_TypeOfMTSUser_private;
        return;
    }
    struct x411_NonDeliveryReport *failure = &type->u.non_delivery;
    failure->raw = absent;
    if (failure->non_delivery_reason_code > HIGHEST_REASON_1984)
        failure->non_delivery_reason_code = x411_NonDeliveryReasonCode_unable_to_transfer;
    if (failure->non_delivery_diagnostic_code > HIGHEST_DIAGNOSTIC_1984)
        failure->has_non_delivery_diagnostic_code = false;
}

static bool downgrade_reported(struct arena *arena, struct x411_PerRecipientReportTransferFields *fields,
                               const struct rfc1328 *how) {
    struct x411_ORName *intended = fields->originally_intended_recipient_name;
    fields->raw = fields->last_trace_information.raw = absent;
    fields->extensions = (struct x411_Extensions){0};
    downgrade_type(&fields->last_trace_information.report_type);
    if (intended && !downgrade_name(arena, intended, how))
        fields->originally_intended_recipient_name = NULL;
    return downgrade_name(arena, &fields->actual_recipient_name, how) &&
           downgrade_types(arena, &fields->last_trace_information.converted_encoded_information_types);
}

bool downgrade_report(struct arena *arena, struct x411_Report *report, const struct rfc1328 *how) {
    struct x411_ReportTransferContent *content = &report->content;
    report->raw = report->envelope.raw = content->raw = absent;
    report->envelope.extensions = content->extensions = (struct x411_Extensions){0};
    content->original_encoded_information_types = NULL;
    content->content_type = NULL;
    for (size_t i = 0; i < content->per_recipient_fields.count; i++)
        if (!downgrade_reported(arena, &content->per_recipient_fields.items[i], how))
            return false;
    return downgrade_name(arena, &report->envelope.report_destination_name, how) &&
           downgrade_trace(arena, &report->envelope.trace_information) &&
           downgrade_trace(arena, &content->subject_intermediate_trace_information);
}
