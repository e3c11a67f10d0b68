/* What must hold before a message or probe may go to a user or a next hop (X.411 §14.3). */
#include "labels/label.h"
#include "mts/mts_private.h"

static bool refuse(struct cause *cause, int reason, int diagnostic, const char *why) {
    *cause = (struct cause){reason, diagnostic, why};
    return false;
}

#define UNABLE(diagnostic)                                                                                   \
    x411_NonDeliveryReasonCode_unable_to_transfer, x411_NonDeliveryDiagnosticCode_##diagnostic

bool check_latest_delivery(struct ruling *ruling, const struct subject *subject, struct cause *cause) {
    struct span time;
    int64_t latest;
    if (!extension_decode(ruling->arena, &subject->envelope.extensions, EXT_LATEST_DELIVERY_TIME,
                          &x411_LatestDeliveryTime_type, &time) ||
        !time_read(time, &latest) || ruling->run->now <= latest)
        return true;
    return refuse(cause, UNABLE(maximum_time_expired), "latest delivery time has passed");
}

/* What concerns all recipients but bounds (accept.c): judged once, on arrival. */
bool check_message(struct ruling *ruling, const struct subject *subject, struct cause *cause) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    uint32_t most = ruling->tables->self.max_recipients;
    if (criticality_unknown(&envelope->extensions, CRITICAL_FOR_TRANSFER))
        return refuse(cause, UNABLE(unsupported_critical_function), NULL);
    if (most && envelope->per_recipient_fields.count > most)
        return refuse(cause, UNABLE(too_many_recipients), NULL);
    return check_latest_delivery(ruling, subject, cause);
}

/*
 * What is asked of a physical delivery can't be done by a mailbox: any such
 * extension that is critical for delivery is refused (ICAO Doc 9880 IIB
 * 4.5.2.4.11, which repeats X.411). requested-delivery-method is none of them:
 * it "states only a preference" (Technical Corrigendum 5 to ISO 10021-4) and
 * refuses nothing, whatever it says.
 */
static bool check_physical_fields(const struct x411_Extensions *extensions, struct cause *cause) {
    for (size_t i = 0; i < extensions->count; i++) {
        const struct x411_ExtensionField *field = &extensions->items[i];
        int64_t number = extension_number(field);
        if (number >= EXT_PHYSICAL_FORWARDING_PROHIBITED && number <= EXT_PHYSICAL_DELIVERY_REPORT_REQUEST &&
            extension_critical(field, CRITICAL_FOR_DELIVERY))
            return refuse(cause, x411_NonDeliveryReasonCode_physical_rendition_not_performed,
                          x411_NonDeliveryDiagnosticCode_unsupported_critical_function,
                          "no physical delivery access unit");
    }
    return true;
}

static bool proves(struct ruling *ruling, struct sources *sources, unsigned source) {
    if (sources->proofs[source] == NOT_ASKED)
        sources->proofs[source] =
            authority_proves(ruling, sources->subject, 1u << source, sources->names[source]) ? PROVED
                                                                                             : NOT_PROVED;
    return sources->proofs[source] == PROVED;
}

/* Whether the restriction speaks of this source. Whom it permits by name must have a right to the name. */
static bool restriction_matches(struct ruling *ruling, const struct restriction *restriction,
                                struct sources *sources, unsigned source) {
    const struct address *address = &sources->addresses[source];
    if (!sources->names[source] || !(restriction->sources & 1u << source))
        return false;
    if (!restriction->pattern && !restriction->exact.data)
        return true;
    return address->key.data &&
           (restriction->pattern ? pattern_matches(restriction->pattern, &address->parts)
                                 : span_eq(restriction->exact, address->key)) &&
           (!restriction->permitted || proves(ruling, sources, source));
}

bool restrictions_permit(struct ruling *ruling, const struct restriction *restrictions, size_t count,
                         struct sources *sources, bool otherwise) {
    for (size_t i = 0; i < count; i++)
        for (unsigned source = 0; source < MTS_SOURCES; source++)
            if (restriction_matches(ruling, &restrictions[i], sources, source))
                return restrictions[i].permitted;
    return otherwise;
}

bool label_among(struct ruling *ruling, const struct x411_SecurityLabel *labels, size_t count,
                 const struct x411_Extensions *extensions, bool unmarked) {
    struct x411_SecurityLabel label = {0};
    if (!extension_decode(ruling->arena, extensions, EXT_MESSAGE_SECURITY_LABEL, &x411_SecurityLabel_type,
                          &label)) {
        if (!unmarked || extension_find(extensions, EXT_MESSAGE_SECURITY_LABEL))
            return false;
        label.has_security_classification = true;
        label.security_classification = x411_SecurityClassification_unmarked;
    }
    for (size_t i = 0; i < count; i++)
        if (label_matches(&labels[i], &label))
            return true;
    return false;
}

/* No user of a mailbox here makes proofs of delivery: the request is understood, but can't be met. */
static bool asks_for_proof(const recipient_fields *recipient) {
    const struct x411_ExtensionField *field =
        extension_find(&recipient->extensions, EXT_PROOF_OF_DELIVERY_REQUEST);
    return field && extension_critical(field, CRITICAL_FOR_DELIVERY) &&
           extension_enumerated(&recipient->extensions, EXT_PROOF_OF_DELIVERY_REQUEST) ==
               x411_ProofOfDeliveryRequest_proof_of_delivery_requested;
}

bool check_user(struct ruling *ruling, const struct subject *subject, const recipient_fields *recipient,
                const struct user *user, const struct user_verdict *verdict, struct cause *cause) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    if (!user->given.mailbox)
        return refuse(cause, UNABLE(recipient_unavailable), NULL);
    if (criticality_unknown(&envelope->extensions, CRITICAL_FOR_DELIVERY) ||
        criticality_unknown(&recipient->extensions, CRITICAL_FOR_DELIVERY) || asks_for_proof(recipient))
        return refuse(cause, UNABLE(unsupported_critical_function), NULL);
    if (user->label_count &&
        !label_among(ruling, user->labels, user->label_count, &envelope->extensions, true))
        return refuse(cause, x411_NonDeliveryReasonCode_transfer_failure_for_security_reason,
                      x411_NonDeliveryDiagnosticCode_security_policy_violation, NULL);
    if (!verdict->permitted)
        return refuse(cause, x411_NonDeliveryReasonCode_restricted_delivery, -1, NULL);
    if (!content_type_in(&user->content_types, &envelope->content_type))
        return refuse(cause, UNABLE(content_type_not_supported), NULL);
    if (user->given.max_length && subject->has_length && subject->length > user->given.max_length)
        return refuse(cause, UNABLE(content_too_long), NULL);
    return check_physical_fields(&envelope->extensions, cause) &&
           check_physical_fields(&recipient->extensions, cause) &&
           conversion_explicit(subject, recipient, cause) &&
           conversion_implicit(subject, &user->eits, user->given.no_implicit_conversion, cause);
}

static bool check_physical(struct ruling *ruling, const recipient_fields *recipient, const struct hop *hop,
                           struct cause *cause) {
    struct address address;
    if (hop->given.physical_delivery || hop->foreign || ruling->tables->self.pdau)
        return true;
    if (address_of(&ruling->scratch, &recipient->recipient_name, &address) &&
        oraddress_is_postal(&address.parts))
        return refuse(cause, x411_NonDeliveryReasonCode_physical_delivery_not_performed, -1,
                      "no physical delivery access unit");
    return true;
}

bool check_hop(struct ruling *ruling, const struct subject *subject, const recipient_fields *recipient,
               int number, struct cause *cause) {
    const struct hop *hop = &ruling->tables->hops[number];
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    if (hop->given.max_length && subject->has_length && subject->length > hop->given.max_length)
        return refuse(cause, UNABLE(content_too_long), "the next MTA takes no content of this length");
    if (hop->given.max_recipients && envelope->per_recipient_fields.count > hop->given.max_recipients)
        return refuse(cause, UNABLE(too_many_recipients), "the next MTA takes fewer recipients");
    bool to_p2 = conversion_to_p2(hop, subject);
    if (!to_p2 && !content_type_in(&hop->content_types, &envelope->content_type))
        return refuse(cause, UNABLE(content_type_not_supported), NULL);
    if (!to_p2 && hop->given.edition_1984_content_only &&
        (envelope->content_type.choice != x411_ContentType_built_in ||
         envelope->content_type.u.built_in == x411_BuiltInContentType_interpersonal_messaging_1988))
        return refuse(cause, UNABLE(unable_to_downgrade), "only content of 1984 is understood there");
    if (hop->foreign && !hop->given.service_messages &&
        subject_has(subject, x411_PerMessageIndicators_service_message))
        return refuse(cause, UNABLE(no_bilateral_agreement), "service message");
    if (!check_physical(ruling, recipient, hop, cause) ||
        !conversion_implicit(subject, &hop->eits, false, cause))
        return false;
    if (hop->given.edition == MTS_EDITION_1984 && !downgrade_possible(ruling, hop, subject, recipient))
        return refuse(cause, UNABLE(unable_to_downgrade), NULL);
    return true;
}

bool check_next_hop(struct ruling *ruling, const struct subject *subject, const recipient_fields *recipient,
                    int number, struct cause *cause) {
    if (loop_ahead(ruling, &subject->envelope.extensions, number))
        return refuse(cause, UNABLE(loop_detected), "by its internal trace the next MTA had it before");
    return check_hop(ruling, subject, recipient, number, cause);
}
