/*
 * The outbound APDU: a pure function of the stored octets, the plan and the
 * content's length. The content always comes last, so that it can be streamed:
 * in a message by its nature, in a report because a SET has no order
 * (X.690 §8.11; the returned content is written as its last element).
 */
#include "mts/mts_private.h"

/* Identifier octet and definite length. */
static bool put_header(struct buf *out, uint8_t identifier, uint64_t length) {
    uint8_t octets[10] = {identifier};
    size_t count = 0;
    if (length < 0x80) {
        octets[1] = (uint8_t)length;
        return buf_append(out, octets, 2);
    }
    for (uint64_t rest = length; rest; rest >>= 8)
        count++;
    octets[1] = (uint8_t)(0x80 | count);
    for (size_t i = 0; i < count; i++)
        octets[2 + i] = (uint8_t)(length >> 8 * (count - 1 - i));
    return buf_append(out, octets, 2 + count);
}

static size_t header_length(uint64_t length) {
    size_t count = 0;
    for (uint64_t rest = length; rest && length >= 0x80; rest >>= 8)
        count++;
    return 2 + count;
}

static bool drop(struct ruling *ruling, struct subject *subject, const struct plan *plan) {
    struct span absent = {NULL, 0};
    /* Of a probe nothing but its content type is converted. */
    if (plan->flags & PLAN_TO_P2 && subject->kind == MTS_PROBE)
        subject->envelope.content_type =
            (struct x411_ContentType){.choice = x411_ContentType_built_in,
                                      .u.built_in = x411_BuiltInContentType_interpersonal_messaging_1984};
    if (plan->flags & PLAN_DROP_DEFERRED)
        subject->envelope.deferred_delivery_time = absent;
    if (plan->flags & PLAN_PEER_HOLDS &&
        !trace_not_deferred(ruling, &subject->envelope.trace_information, &subject->envelope.extensions))
        return false;
    return !(plan->flags & PLAN_DROP_INTERNAL_TRACE) ||
           extension_set(ruling->arena, &subject->envelope.extensions, EXT_INTERNAL_TRACE, absent);
}

/* The flag of those whom another copy serves. */
static bool clear_others(struct ruling *ruling, struct subject *subject, const struct plan *plan) {
    recipient_fields *items = subject->envelope.per_recipient_fields.items;
    size_t count = subject->envelope.per_recipient_fields.count, cursor = 0, position;
    if (plan->flags & PLAN_ALL)
        return true;
    bool *ours = arena_array(ruling->arena, count ? count : 1, sizeof *ours);
    if (!ours)
        return false;
    while (plan_next(plan, subject, &cursor, &position))
        ours[position] = true;
    for (size_t i = 0; i < count; i++)
        if (!ours[i] && !subject_set_responsible(ruling->arena, &items[i], false))
            return false;
    return true;
}

static bool add_bilateral(struct ruling *ruling, struct subject *subject, const struct plan *plan) {
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    size_t count = envelope->per_domain_bilateral_information.count;
    struct x411_PerDomainBilateralInformation *items;
    if (!plan->bilateral.len)
        return true;
    items = arena_array(ruling->arena, count + 1, sizeof *items);
    if (!items)
        return false;
    if (count)
        memcpy(items, envelope->per_domain_bilateral_information.items, count * sizeof *items);
    envelope->per_domain_bilateral_information.items = items;
    envelope->per_domain_bilateral_information.count = count + 1;
    return ber_decode(&x411_PerDomainBilateralInformation_type, plan->bilateral, ruling->arena, NULL,
                      &items[count], NULL);
}

/* The content type by object identifier as BER, for the EXTERNAL that 1984 gets; absent for another. */
static bool external_of(struct ruling *ruling, const struct subject *subject, struct span *external) {
    const struct x411_ContentType *type = &subject->envelope.content_type;
    return type->choice == x411_ContentType_built_in ||
           ber_encode_arena(&ber_OBJECT_IDENTIFIER_type, &type->u.extended, ruling->arena, external, NULL);
}

/* What the plan says of RFC 1328; false when its address is no valid one. */
static bool agreement(struct ruling *ruling, const struct plan *plan, struct rfc1328 *how) {
    struct oraddress *address = arena_alloc(ruling->arena, sizeof *address);
    *how = (struct rfc1328){.common_name = plan->flags & PLAN_RFC1328};
    if (!plan->rfc1328_address.len)
        return true;
    how->gateway = address;
    return address && oraddress_parse(plan->rfc1328_address, ruling->arena, address, NULL);
}

/* ---- the old form of an extension's number ---- */

/*
 * `80 01 nn` becomes `A0 03 02 01 nn`: an explicit [0] round an INTEGER, as
 * ISODE's MTAs write and read it. X.411's type has no such alternative, so the
 * octets stand in the place of those that were decoded.
 */
static bool old_form(struct arena *arena, struct x411_Extensions *extensions) {
    for (size_t i = 0; i < extensions->count; i++) {
        struct x411_ExtensionField *field = &extensions->items[i];
        int64_t number = extension_number(field);
        struct span integer;
        if (number < 0)
            continue;
        if (!ber_encode_arena(&ber_INTEGER_type, &number, arena, &integer, NULL))
            return false;
        uint8_t *octets = arena_alloc(arena, 2 + integer.len);
        if (!octets)
            return false;
        octets[0] = 0xA0;
        octets[1] = (uint8_t)integer.len;
        memcpy(octets + 2, integer.data, integer.len);
        field->type.raw = span_of(octets, 2 + integer.len);
        field->raw = (struct span){NULL, 0};
    }
    return true;
}

static bool old_form_of_subject(struct arena *arena, struct subject *subject) {
    recipient_fields *recipients = subject->envelope.per_recipient_fields.items;
    bool done = old_form(arena, &subject->envelope.extensions);
    for (size_t i = 0; done && i < subject->envelope.per_recipient_fields.count; i++) {
        recipients[i].raw = (struct span){NULL, 0};
        done = old_form(arena, &recipients[i].extensions);
    }
    return done;
}

static bool old_form_of_report(struct arena *arena, struct x411_Report *report) {
    struct x411_PerRecipientReportTransferFields *recipients = report->content.per_recipient_fields.items;
    report->raw = report->envelope.raw = report->content.raw = (struct span){NULL, 0};
    bool done = old_form(arena, &report->envelope.extensions) && old_form(arena, &report->content.extensions);
    for (size_t i = 0; done && i < report->content.per_recipient_fields.count; i++) {
        recipients[i].raw = (struct span){NULL, 0};
        done = old_form(arena, &recipients[i].extensions);
    }
    return done;
}

/* What an MTA of 1984 gets instead. */
static bool form_of_1984(struct ruling *ruling, const struct plan *plan, struct subject *subject,
                         struct span *external) {
    struct rfc1328 how;
    return agreement(ruling, plan, &how) && external_of(ruling, subject, external) &&
           downgrade_message(ruling->arena, subject, &how);
}

/* The envelope of this copy: the stored octets themselves where the plan asks for no change. */
static bool envelope_of(struct ruling *ruling, const struct mts_stored *stored, const struct plan *plan,
                        struct span *octets, struct span *external) {
    struct subject subject;
    *octets = stored->octets;
    if (plan->flags == PLAN_ALL && !plan->bilateral.len)
        return true;
    if (!subject_decode(ruling, stored, &subject) || !clear_others(ruling, &subject, plan) ||
        !drop(ruling, &subject, plan) || !add_bilateral(ruling, &subject, plan))
        return false;
    return (!(plan->flags & PLAN_OLD_EXTENSIONS) || old_form_of_subject(ruling->arena, &subject)) &&
           (!(plan->flags & PLAN_1984) || form_of_1984(ruling, plan, &subject, external)) &&
           subject_encode(ruling, &subject, octets);
}

/*
 * The content goes last. With `external` (the BER of its content type) it is
 * the octet-aligned encoding of an EXTERNAL: "when the content-type has the
 * integer value external, the value of the content octet string is the ASN.1
 * encoding of the external-content" (X.411 annex A).
 */
static bool put_message(const struct mts_stored *stored, struct span envelope, struct span external,
                        struct buf *out) {
    uint64_t length = stored->content_length;
    uint64_t inner = external.len + header_length(length) + length;
    uint64_t outer = external.len ? header_length(inner) + inner : length;
    bool ok = put_header(out, 0xA0, envelope.len + header_length(outer) + outer) &&
              buf_append_span(out, envelope) && put_header(out, 0x04, outer);
    return ok && (!external.len || (put_header(out, 0x28, inner) && buf_append_span(out, external) &&
                                    put_header(out, 0x81, length)));
}

/* With another identifier octet in place of the universal SET's or SEQUENCE's. */
static bool put_retagged(uint8_t identifier, struct span element, struct buf *out) {
    return element.len > 1 && buf_append_byte(out, identifier) &&
           buf_append_span(out, span_sub(element, 1, element.len));
}

static bool report_octets(struct ruling *ruling, const struct mts_stored *stored, const struct plan *plan,
                          struct span *octets) {
    struct x411_Report report = {0};
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    struct rfc1328 how;
    *octets = stored->octets;
    if (!(plan->flags & (PLAN_1984 | PLAN_OLD_EXTENSIONS)))
        return true;
    if (!ber_decode(&x411_Report_type, stored->octets, ruling->arena, &limits, &report, NULL))
        return false;
    return (!(plan->flags & PLAN_OLD_EXTENSIONS) || old_form_of_report(ruling->arena, &report)) &&
           (!(plan->flags & PLAN_1984) ||
            (agreement(ruling, plan, &how) && downgrade_report(ruling->arena, &report, &how))) &&
           ber_encode_arena(&x411_Report_type, &report, ruling->arena, octets, NULL);
}

static bool put_report(const struct mts_stored *stored, struct span octets, struct buf *out) {
    struct ber_element report, envelope, content;
    uint64_t length = stored->content_length, added = header_length(length) + length;
    if (!stored->has_content)
        return put_retagged(0xA1, octets, out);
    if (!ber_element_read(octets, &report, NULL))
        return false;
    struct span inside = ber_element_contents(octets, &report);
    if (!ber_element_read(inside, &envelope, NULL))
        return false;
    struct span set = span_sub(inside, envelope.total, inside.len);
    if (!ber_element_read(set, &content, NULL))
        return false;
    struct span fields = ber_element_contents(set, &content);
    uint64_t set_length = fields.len + added;
    return put_header(out, 0xA1, envelope.total + header_length(set_length) + set_length) &&
           buf_append_span(out, span_sub(inside, 0, envelope.total)) && put_header(out, 0x31, set_length) &&
           buf_append_span(out, fields) && put_header(out, 0x81, length);
}

bool mts_outbound(const struct mts_stored *stored, struct arena *arena, struct buf *out) {
    static const struct mts_tables no_tables;
    struct mts_run run = {.tables = &no_tables, .arena = arena};
    struct mts_decisions decisions;
    struct ruling ruling;
    struct plan plan;
    struct span octets, external = {NULL, 0};
    ruling_begin(&ruling, &run, &decisions);
    if (!plan_read(arena, stored->plan, &plan))
        return false;
    if (stored->kind == MTS_REPORT)
        return report_octets(&ruling, stored, &plan, &octets) && put_report(stored, octets, out);
    if (!envelope_of(&ruling, stored, &plan, &octets, &external))
        return false;
    return stored->kind == MTS_MESSAGE ? put_message(stored, octets, external, out)
                                       : put_retagged(0xA2, octets, out);
}
