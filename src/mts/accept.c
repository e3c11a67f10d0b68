/* What comes in by transfer (X.411 §14.3): loop and trace first, then each recipient that is ours to serve.
 */
#include "mts/mts_private.h"

static void invalid(struct work *work, const char *cause) {
    work->out->result = MTS_INVALID;
    work->out->cause = cause;
}

static bool check_peer(struct work *work, int peer) {
    if (peer >= 0 && (size_t)peer < work->tables->hop_count)
        return true;
    invalid(work, "the peer is not in the tables");
    return false;
}

/* All recipients that are our responsibility fail alike. */
static void fail_all(struct batch *batch, struct cause cause) {
    const struct x411_MessageTransferEnvelope *envelope = &batch->subject.envelope;
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++)
        if (subject_responsible(&envelope->per_recipient_fields.items[i]))
            batch->targets[i] = (struct target){.kind = TARGET_FAILED, .cause = cause};
}

static struct cause over_bounds(const struct work *work) {
    return (struct cause){x411_NonDeliveryReasonCode_unable_to_transfer,
                          x411_NonDeliveryDiagnosticCode_size_constraint_violation, work->bound};
}

/*
 * Takes those recipients out whose fields break an upper bound: what is wrong
 * with one is no reason to fail the others, and the next MTA would refuse it in
 * their envelope. Those that are our responsibility fail, in a batch of their own.
 */
static void take_out_of_bounds(struct work *work, struct batch *batch) {
    struct x411_MessageTransferEnvelope *envelope = &batch->subject.envelope;
    recipient_fields *items = envelope->per_recipient_fields.items;
    size_t count = envelope->per_recipient_fields.count, kept = 0, out = 0;
    struct subject others = batch->subject;
    recipient_fields *broken = arena_array(work->arena, count + 1, sizeof *broken);
    const char **bounds = arena_array(work->arena, count + 1, sizeof *bounds);
    if (!broken || !bounds) {
        work->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (bounds_hold_in_recipient(work, batch->subject.kind, &items[i]))
            items[kept++] = items[i];
        else if (subject_responsible(&items[i])) {
            bounds[out] = work->bound;
            broken[out++] = items[i];
        }
    }
    envelope->per_recipient_fields.count = kept;
    others.envelope.per_recipient_fields.items = broken;
    others.envelope.per_recipient_fields.count = out;
    struct batch *failed = out ? batch_new(work, &others) : NULL;
    for (size_t i = 0; failed && i < out; i++) {
        work->bound = bounds[i];
        failed->targets[i] = (struct target){.kind = TARGET_FAILED, .cause = over_bounds(work)};
    }
}

/* Upper bounds of what came in. False: they were broken for all. */
static bool check_bounds(struct work *work, struct batch *batch) {
    if (work->run->relax_bounds)
        return true;
    take_out_of_bounds(work, batch);
    if (work->no_memory || bounds_hold_around(work, &batch->subject))
        return true;
    fail_all(batch, over_bounds(work));
    return false;
}

void batch_resolve(struct work *work, struct batch *batch) {
    const struct x411_MessageTransferEnvelope *envelope = &batch->subject.envelope;
    struct cause cause;
    if (!check_message(work, &batch->subject, &cause)) {
        fail_all(batch, cause);
        return;
    }
    arena_reset(&work->scratch);
    for (size_t i = 0; i < envelope->per_recipient_fields.count && !work->no_memory; i++)
        if (subject_responsible(&envelope->per_recipient_fields.items[i]) &&
            batch->targets[i].kind == TARGET_NONE)
            recipient_resolve(work, batch, i);
}

/* Fails those whom the peer may not hand over to us. */
static void fail_not_for_us(struct work *work, struct batch *batch, int peer) {
    static const struct cause not_for_us = {
        x411_NonDeliveryReasonCode_unable_to_transfer, x411_NonDeliveryDiagnosticCode_no_bilateral_agreement,
        "the MTA that sent it may not hand over what is for this recipient"};
    const struct x411_MessageTransferEnvelope *envelope = &batch->subject.envelope;
    for (size_t i = 0; i < envelope->per_recipient_fields.count && !work->no_memory; i++) {
        const recipient_fields *recipient = &envelope->per_recipient_fields.items[i];
        struct address address;
        if (batch->targets[i].kind != TARGET_NONE || !subject_responsible(recipient) ||
            !recipient_has_address(work, batch, i))
            continue;
        if (!address_of(&work->scratch, &recipient->recipient_name, &address))
            work->no_memory = true;
        else if (!authority_hands_over(work->tables, peer, &address))
            batch->targets[i] = (struct target){.kind = TARGET_FAILED, .cause = not_for_us};
        arena_reset(&work->scratch);
    }
}

/* False: nothing of the message may come from the peer, and the work is MTS_INVALID. */
static bool check_authority(struct work *work, int peer, struct batch *batch) {
    if (!authority_originators(work, peer, batch))
        return false;
    if (authority_is_limited(work->tables, peer))
        fail_not_for_us(work, batch, peer);
    return true;
}

/* The time until which a message must be held, 0 for none. A probe is never deferred. */
static int64_t deferred_until(const struct work *work, const struct subject *subject) {
    int64_t time;
    if (subject->kind == MTS_MESSAGE && time_read(subject->envelope.deferred_delivery_time, &time) &&
        time > work->run->now)
        return time;
    return 0;
}

static void accept_subject(struct work *work, int peer, struct subject *subject) {
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    if (!authority_trace(work, peer, &envelope->trace_information))
        return;
    bool loop = !work->tables->hops[peer].given.dont_check_loops &&
                loop_detected(work->tables, &envelope->trace_information, &envelope->extensions, work->arena);
    subject->arrival = work->run->now;
    subject->from = work->tables->hops[peer].foreign ? &work->tables->hops[peer] : NULL;
    upgrade_subject(work, peer, subject);
    struct mts_event *event = work_event(work, MTS_EVENT_ACCEPTED, subject->identifier);
    event->hop = peer;
    event->name = work_address(work, &envelope->originator_name);
    if (!trace_arrive(work, peer, &envelope->trace_information, &envelope->extensions,
                      deferred_until(work, subject)))
        return;
    struct batch *batch = batch_new(work, subject);
    if (!batch)
        return;
    if (loop) {
        work->out->loop = true;
        fail_all(batch, (struct cause){x411_NonDeliveryReasonCode_unable_to_transfer,
                                       x411_NonDeliveryDiagnosticCode_loop_detected, NULL});
    } else if (!check_authority(work, peer, batch))
        return;
    else if (check_bounds(work, batch))
        batch_resolve(work, batch);
    split_batches(work);
}

void mts_accept_message(struct mts_run *run, int peer, const struct x411_MessageTransferEnvelope *envelope,
                        uint64_t content_length, struct mts_decisions *out) {
    struct work work;
    struct subject subject;
    work_begin(&work, run, out);
    work.has_content = true;
    if (check_peer(&work, peer) && subject_of_message(&work, envelope, content_length, &subject))
        accept_subject(&work, peer, &subject);
    work_end(&work);
}

void mts_accept_probe(struct mts_run *run, int peer, const struct x411_ProbeTransferEnvelope *envelope,
                      struct mts_decisions *out) {
    struct work work;
    struct subject subject;
    work_begin(&work, run, out);
    if (check_peer(&work, peer) && subject_of_probe(&work, envelope, &subject))
        accept_subject(&work, peer, &subject);
    work_end(&work);
}

/* Who said it stands beside what was said. */
static void record_report(struct work *work, int peer, const struct x411_Report *report,
                          struct span identifier, const bool *believed) {
    const struct x411_ReportTransferContent *content = &report->content;
    struct span subject = identifier_text(work->arena, &content->subject_identifier);
    struct mts_event *event = work_event(work, MTS_EVENT_ACCEPTED, identifier);
    event->hop = peer;
    event->other = subject;
    for (size_t i = 0; i < content->per_recipient_fields.count; i++) {
        const struct x411_PerRecipientReportTransferFields *fields = &content->per_recipient_fields.items[i];
        const struct x411_ReportType *type = &fields->last_trace_information.report_type;
        event = work_event(work, believed[i] ? MTS_EVENT_REPORT_IN : MTS_EVENT_REPORT_DOUBTED, identifier);
        event->hop = peer;
        event->other = subject;
        event->recipient = fields->originally_specified_recipient_number;
        event->name = work_address(work, &fields->actual_recipient_name);
        if (type->choice == x411_ReportType_non_delivery) {
            event->reason = type->u.non_delivery.non_delivery_reason_code;
            if (type->u.non_delivery.has_non_delivery_diagnostic_code)
                event->diagnostic = type->u.non_delivery.non_delivery_diagnostic_code;
        } else
            time_read(type->u.delivery.message_delivery_time, &event->time);
    }
}

static void discard(struct work *work, struct span identifier, const struct x411_Report *report,
                    const char *why) {
    struct mts_event *event = work_event(work, MTS_EVENT_DISCARDED, identifier);
    event->other = identifier_text(work->arena, &report->content.subject_identifier);
    event->text = why;
}

static void keep_believed(struct x411_ReportTransferContent *content, const bool *believed) {
    size_t count = 0;
    for (size_t i = 0; i < content->per_recipient_fields.count; i++)
        if (believed[i])
            content->per_recipient_fields.items[count++] = content->per_recipient_fields.items[i];
    if (count != content->per_recipient_fields.count)
        content->raw = (struct span){NULL, 0};
    content->per_recipient_fields.count = count;
}

static void accept_report(struct work *work, int peer, struct x411_Report *report, struct span identifier) {
    struct x411_ReportTransferContent *content = &report->content;
    struct x411_PerRecipientReportTransferFields *items =
        arena_array(work->arena, content->per_recipient_fields.count + 1, sizeof *items);
    bool *believed = arena_array(work->arena, content->per_recipient_fields.count + 1, sizeof *believed);
    if (!items || !believed) {
        work->no_memory = true;
        return;
    }
    if (content->per_recipient_fields.count)
        memcpy(items, content->per_recipient_fields.items,
               content->per_recipient_fields.count * sizeof *items);
    content->per_recipient_fields.items = items;
    bool any = authority_report(work, peer, report, believed);
    record_report(work, peer, report, identifier, believed);
    work->out->loop = !work->tables->hops[peer].given.dont_check_loops &&
                      loop_detected(work->tables, &report->envelope.trace_information,
                                    &report->envelope.extensions, work->arena);
    if (work->out->loop)
        discard(work, identifier, report, "the report loops");
    else if (!any)
        discard(work, identifier, report, "no copy of its subject was routed to the MTA that sent it");
    else if (criticality_unknown_in_report(report, CRITICAL_FOR_TRANSFER))
        discard(work, identifier, report, "an unknown extension of the report is critical for transfer");
    else if (trace_arrive(work, peer, &report->envelope.trace_information, &report->envelope.extensions, 0)) {
        keep_believed(content, believed);
        report_dispatch(work, report, false, identifier);
    }
}

/* A report over X.411's upper bounds goes on as it came: none is made on it, and to drop it would leave the
 * originator without an answer. */
void mts_accept_report(struct mts_run *run, int peer, const struct x411_Report *received,
                       struct mts_decisions *out) {
    struct work work;
    struct x411_Report report = *received;
    work_begin(&work, run, out);
    struct span identifier = identifier_text(work.arena, &report.envelope.report_identifier);
    if (check_peer(&work, peer) && authority_trace(&work, peer, &report.envelope.trace_information)) {
        upgrade_report(&work, peer, &report);
        accept_report(&work, peer, &report, identifier);
    }
    work_end(&work);
}
