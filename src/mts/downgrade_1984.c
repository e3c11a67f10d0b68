/*
 * Envelopes for MTAs of 1984 (X.419 Annex B). What 1984 does not know is
 * dropped; what must not be dropped (critical extensions, addresses and content
 * types that 1984 can't express) is refused. RFC 1328 §3.2 saves addresses with
 * a common name.
 */
#include "mts/mts_private.h"

static const struct span absent = {NULL, 0};

enum { HIGHEST_REASON_1984 = 2, HIGHEST_DIAGNOSTIC_1984 = 11, UB_DDAS = 4, COMMON_NAME = 1 };

static bool is_critical(const struct x411_Extensions *extensions) {
    for (size_t i = 0; i < extensions->count; i++)
        if (extension_critical(&extensions->items[i], CRITICAL_FOR_TRANSFER) ||
            extension_critical(&extensions->items[i], CRITICAL_FOR_DELIVERY))
            return true;
    return false;
}

static bool name_possible(const struct x411_ORName *name, bool rfc1328) {
    size_t count = name->extension_attributes.count;
    if (count == 0)
        return true;
    return rfc1328 && count == 1 &&
           name->extension_attributes.items[0].extension_attribute_type == COMMON_NAME &&
           name->built_in_domain_defined_attributes.count < UB_DDAS;
}

bool downgrade_possible(const struct hop *hop, const struct subject *subject,
                        const recipient_fields *recipient) {
    bool rfc1328 = hop->given.rfc1328;
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    return !is_critical(&envelope->extensions) && !is_critical(&recipient->extensions) &&
           envelope->content_type.choice == x411_ContentType_built_in &&
           name_possible(&envelope->originator_name, rfc1328) &&
           name_possible(&recipient->recipient_name, rfc1328);
}

/* Common name to the domain-defined attribute `Common` (RFC 1328 §3.2); a directory name is dropped. */
static bool downgrade_name(struct arena *arena, struct x411_ORName *name) {
    struct ber_element element;
    name->raw = absent;
    name->directory_name = NULL;
    if (!name->extension_attributes.count)
        return true;
    struct span value = name->extension_attributes.items[0].extension_attribute_value;
    size_t count = name->built_in_domain_defined_attributes.count;
    struct x411_BuiltInDomainDefinedAttribute *items = arena_array(arena, count + 1, sizeof *items);
    if (!items || !ber_element_read(value, &element, NULL))
        return false;
    if (count)
        memcpy(items, name->built_in_domain_defined_attributes.items, count * sizeof *items);
    items[count].type = SPAN_LIT("Common");
    items[count].value = ber_element_contents(value, &element);
    name->built_in_domain_defined_attributes.items = items;
    name->built_in_domain_defined_attributes.count = count + 1;
    name->extension_attributes.items = NULL;
    name->extension_attributes.count = 0;
    return true;
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
                                 bool rfc1328) {
    recipient_fields *items = envelope->per_recipient_fields.items;
    size_t count = 0;
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++) {
        recipient_fields fields = items[i];
        if (!name_possible(&fields.recipient_name, rfc1328)) {
            if (subject_responsible(&fields))
                return false;
            continue;
        }
        fields.raw = absent;
        fields.extensions = (struct x411_Extensions){0};
        if (!downgrade_name(arena, &fields.recipient_name))
            return false;
        items[count++] = fields;
    }
    envelope->per_recipient_fields.count = count;
    return count;
}

bool downgrade_message(struct arena *arena, struct subject *subject, bool rfc1328) {
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    envelope->raw = absent;
    envelope->extensions = (struct x411_Extensions){0};
    downgrade_bilateral(envelope);
    return name_possible(&envelope->originator_name, rfc1328) &&
           downgrade_name(arena, &envelope->originator_name) &&
           downgrade_types(arena, &envelope->original_encoded_information_types) &&
           downgrade_trace(arena, &envelope->trace_information) &&
           downgrade_indicators(arena, &envelope->per_message_indicators) &&
           downgrade_recipients(arena, envelope, rfc1328);
}

/* ---- reports ---- */

bool downgrade_report_possible(const struct hop *hop, const struct x411_Report *report) {
    bool rfc1328 = hop->given.rfc1328;
    const struct x411_ReportTransferContent *content = &report->content;
    if (is_critical(&report->envelope.extensions) ||
        !name_possible(&report->envelope.report_destination_name, rfc1328))
        return false;
    for (size_t i = 0; i < content->per_recipient_fields.count; i++)
        if (!name_possible(&content->per_recipient_fields.items[i].actual_recipient_name, rfc1328))
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
                               bool rfc1328) {
    struct x411_ORName *intended = fields->originally_intended_recipient_name;
    fields->raw = fields->last_trace_information.raw = absent;
    fields->extensions = (struct x411_Extensions){0};
    downgrade_type(&fields->last_trace_information.report_type);
    if (intended && !name_possible(intended, rfc1328))
        fields->originally_intended_recipient_name = intended = NULL;
    return name_possible(&fields->actual_recipient_name, rfc1328) &&
           downgrade_name(arena, &fields->actual_recipient_name) &&
           (!intended || downgrade_name(arena, intended)) &&
           downgrade_types(arena, &fields->last_trace_information.converted_encoded_information_types);
}

bool downgrade_report(struct arena *arena, struct x411_Report *report, bool rfc1328) {
    struct x411_ReportTransferContent *content = &report->content;
    report->raw = report->envelope.raw = content->raw = absent;
    report->envelope.extensions = content->extensions = (struct x411_Extensions){0};
    content->original_encoded_information_types = NULL;
    content->content_type = NULL;
    for (size_t i = 0; i < content->per_recipient_fields.count; i++)
        if (!downgrade_reported(arena, &content->per_recipient_fields.items[i], rfc1328))
            return false;
    return name_possible(&report->envelope.report_destination_name, rfc1328) &&
           downgrade_name(arena, &report->envelope.report_destination_name) &&
           downgrade_trace(arena, &report->envelope.trace_information) &&
           downgrade_trace(arena, &content->subject_intermediate_trace_information);
}
