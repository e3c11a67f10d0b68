/*
 * The outbound APDU: a pure function of the held octets, the plan and the
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

static bool drop(struct work *work, struct subject *subject, const struct plan *plan) {
    struct span absent = {NULL, 0};
    /* Of a probe nothing but its content type is converted. */
    if (plan->flags & PLAN_TO_P2 && subject->kind == MTS_PROBE)
        subject->envelope.content_type =
            (struct x411_ContentType){.choice = x411_ContentType_built_in,
                                      .u.built_in = x411_BuiltInContentType_interpersonal_messaging_1984};
    if (plan->flags & PLAN_DROP_DEFERRED)
        subject->envelope.deferred_delivery_time = absent;
    if (plan->flags & PLAN_PEER_HOLDS &&
        !trace_not_deferred(work, &subject->envelope.trace_information, &subject->envelope.extensions))
        return false;
    return !(plan->flags & PLAN_DROP_INTERNAL_TRACE) ||
           extension_set(work->arena, &subject->envelope.extensions, EXT_INTERNAL_TRACE, absent);
}

/* The flag of those whom another copy serves. */
static bool clear_others(struct work *work, struct subject *subject, const struct plan *plan) {
    recipient_fields *items = subject->envelope.per_recipient_fields.items;
    size_t count = subject->envelope.per_recipient_fields.count, cursor = 0, position;
    if (plan->flags & PLAN_ALL)
        return true;
    bool *ours = arena_array(work->arena, count ? count : 1, sizeof *ours);
    if (!ours)
        return false;
    while (plan_next(plan, subject, &cursor, &position))
        ours[position] = true;
    for (size_t i = 0; i < count; i++)
        if (!ours[i] && !subject_set_responsible(work->arena, &items[i], false))
            return false;
    return true;
}

static bool add_bilateral(struct work *work, struct subject *subject, const struct plan *plan) {
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    size_t count = envelope->per_domain_bilateral_information.count;
    struct x411_PerDomainBilateralInformation *items;
    if (!plan->bilateral.len)
        return true;
    items = arena_array(work->arena, count + 1, sizeof *items);
    if (!items)
        return false;
    if (count)
        memcpy(items, envelope->per_domain_bilateral_information.items, count * sizeof *items);
    envelope->per_domain_bilateral_information.items = items;
    envelope->per_domain_bilateral_information.count = count + 1;
    return ber_decode(&x411_PerDomainBilateralInformation_type, plan->bilateral, work->arena, NULL,
                      &items[count], NULL);
}

/* The content type by object identifier as BER, for the EXTERNAL that 1984 gets; absent for another. */
static bool external_of(struct work *work, const struct subject *subject, struct span *external) {
    const struct x411_ContentType *type = &subject->envelope.content_type;
    return type->choice == x411_ContentType_built_in ||
           ber_encode_arena(&ber_OBJECT_IDENTIFIER_type, &type->u.extended, work->arena, external, NULL);
}

/* What the plan says of RFC 1328; false when its address does not read. */
static bool agreement(struct work *work, const struct plan *plan, struct rfc1328 *how) {
    struct oraddress *address = arena_alloc(work->arena, sizeof *address);
    *how = (struct rfc1328){.common_name = plan->flags & PLAN_RFC1328};
    if (!plan->rfc1328_address.len)
        return true;
    how->gateway = address;
    return address && oraddress_parse(plan->rfc1328_address, work->arena, address, NULL);
}

/* ---- the old form of an extension's number ---- */

typedef void visit_extensions(struct arena *arena, struct x411_Extensions *extensions);

/* `80 01 nn` is written as `83 03 02 01 nn`, as if it were a private extension, and the 83 made an A0 when
 * all is encoded: the old form is an explicit [0] round an INTEGER, which the type table does not know. */
static void write_as_private(struct arena *arena, struct x411_Extensions *extensions) {
    for (size_t i = 0; i < extensions->count; i++) {
        struct x411_ExtensionType *type = &extensions->items[i].type;
        int64_t number = extension_number(&extensions->items[i]);
        uint8_t integer[] = {0x02, 0x01, (uint8_t)number};
        if (number < 0 || number > 127)
            continue;
        extensions->items[i].raw = type->raw = (struct span){NULL, 0}; /* it is encoded anew */
        type->choice = x411_ExtensionType_private_extension;
        type->u.private_extension = arena_dup(arena, span_of(integer, sizeof integer));
    }
}

/* In what was just encoded and decoded again: the spans point into it, behind tag and length. No genuine
 * private extension begins so: 0.2.1 names no country's administration. */
static void retag(struct arena *arena, struct x411_Extensions *extensions) {
    (void)arena;
    for (size_t i = 0; i < extensions->count; i++) {
        const struct x411_ExtensionType *type = &extensions->items[i].type;
        if (type->choice == x411_ExtensionType_private_extension && type->u.private_extension.len == 3 &&
            memcmp(type->u.private_extension.data, "\x02\x01", 2) == 0)
            ((uint8_t *)type->u.private_extension.data)[-2] = 0xA0; /* octets of our own arena */
    }
}

static void each_of_subject(struct arena *arena, struct subject *subject, visit_extensions *visit) {
    recipient_fields *recipients = subject->envelope.per_recipient_fields.items;
    subject->envelope.raw = (struct span){NULL, 0};
    visit(arena, &subject->envelope.extensions);
    for (size_t i = 0; i < subject->envelope.per_recipient_fields.count; i++) {
        recipients[i].raw = (struct span){NULL, 0};
        visit(arena, &recipients[i].extensions);
    }
}

static void each_of_report(struct arena *arena, struct x411_Report *report, visit_extensions *visit) {
    struct x411_PerRecipientReportTransferFields *recipients = report->content.per_recipient_fields.items;
    report->raw = report->envelope.raw = report->content.raw = (struct span){NULL, 0};
    visit(arena, &report->envelope.extensions);
    visit(arena, &report->content.extensions);
    for (size_t i = 0; i < report->content.per_recipient_fields.count; i++) {
        recipients[i].raw = (struct span){NULL, 0};
        visit(arena, &recipients[i].extensions);
    }
}

static bool old_form_of_subject(struct work *work, const struct mts_stored *stored, struct subject *subject,
                                struct span *octets) {
    struct mts_stored again = *stored;
    struct subject written;
    each_of_subject(work->arena, subject, write_as_private);
    if (!subject_encode(work, subject, octets))
        return false;
    again.octets = *octets;
    if (!subject_decode(work, &again, &written))
        return false;
    each_of_subject(work->arena, &written, retag);
    return true;
}

static bool old_form_of_report(struct work *work, struct x411_Report *report, struct span *octets) {
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    struct x411_Report written = {0};
    each_of_report(work->arena, report, write_as_private);
    if (!ber_encode_arena(&x411_Report_type, report, work->arena, octets, NULL) ||
        !ber_decode(&x411_Report_type, *octets, work->arena, &limits, &written, NULL))
        return false;
    each_of_report(work->arena, &written, retag);
    return true;
}

/* The envelope of this copy: the held octets themselves where the plan asks for no change. */
static bool envelope_of(struct work *work, const struct mts_stored *stored, const struct plan *plan,
                        struct span *octets, struct span *external) {
    struct subject subject;
    struct rfc1328 how;
    *octets = stored->octets;
    if (plan->flags == PLAN_ALL && !plan->bilateral.len)
        return true;
    if (!subject_decode(work, stored, &subject) || !clear_others(work, &subject, plan) ||
        !drop(work, &subject, plan) || !add_bilateral(work, &subject, plan))
        return false;
    if (plan->flags & PLAN_OLD_EXTENSIONS)
        return old_form_of_subject(work, stored, &subject, octets);
    return (!(plan->flags & PLAN_1984) ||
            (agreement(work, plan, &how) && external_of(work, &subject, external) &&
             downgrade_message(work->arena, &subject, &how))) &&
           subject_encode(work, &subject, octets);
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

static bool report_octets(struct work *work, const struct mts_stored *stored, const struct plan *plan,
                          struct span *octets) {
    struct x411_Report report = {0};
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    struct rfc1328 how;
    *octets = stored->octets;
    if (!(plan->flags & (PLAN_1984 | PLAN_OLD_EXTENSIONS)))
        return true;
    if (!ber_decode(&x411_Report_type, stored->octets, work->arena, &limits, &report, NULL))
        return false;
    if (plan->flags & PLAN_OLD_EXTENSIONS)
        return old_form_of_report(work, &report, octets);
    return agreement(work, plan, &how) && downgrade_report(work->arena, &report, &how) &&
           ber_encode_arena(&x411_Report_type, &report, work->arena, octets, NULL);
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
    struct work work;
    struct plan plan;
    struct span octets, external = {NULL, 0};
    work_begin(&work, &run, &decisions);
    if (!plan_read(arena, stored->plan, &plan))
        return false;
    if (stored->kind == MTS_REPORT)
        return report_octets(&work, stored, &plan, &octets) && put_report(stored, octets, out);
    if (!envelope_of(&work, stored, &plan, &octets, &external))
        return false;
    return stored->kind == MTS_MESSAGE ? put_message(stored, octets, external, out)
                                       : put_retagged(0xA2, octets, out);
}
