#include "mts/summary.h"

#include <stdio.h>

#include "names/identifier.h"

const char *summary_kind(enum mts_kind kind) {
    return kind == MTS_PROBE ? "probe" : kind == MTS_REPORT ? "report" : "message";
}

static struct span printed(struct arena *arena, bool (*print)(const void *value, struct buf *out),
                           const void *value) {
    struct buf text;
    buf_init(&text, 4096);
    struct span result = {NULL, 0};
    if (print(value, &text))
        result = arena_dup(arena, buf_span(&text));
    buf_free(&text);
    return result;
}

static bool print_identifier(const void *value, struct buf *out) {
    return mts_identifier_print(value, out);
}

static struct span content_type_text(struct arena *arena, bool built_in, int64_t number, struct span oid) {
    char text[256];
    if (built_in)
        snprintf(text, sizeof text, "%lld", (long long)number);
    else if (!ber_oid_format(oid, text, sizeof text))
        return (struct span){NULL, 0};
    return arena_dup(arena, span_str(text));
}

static int64_t time_of(struct span utctime) {
    int64_t seconds;
    return utctime.data && ber_utctime_read(utctime, &seconds) ? seconds : 0;
}

static const char *priority_name(int64_t priority) {
    return priority == MTS_URGENT ? "urgent" : priority == MTS_NON_URGENT ? "non-urgent" : "normal";
}

/* The first trace element was added where the message was submitted. */
static void add_trace(struct summary *summary, const struct x411_TraceInformation *trace) {
    summary->trace = trace;
    if (trace->count)
        summary->submitted = time_of(trace->items[0].domain_supplied_information.arrival_time);
}

static bool of_message(struct span octets, struct arena *arena, struct summary *summary) {
    struct x411_MessageTransferEnvelope *envelope = arena_alloc(arena, sizeof *envelope);
    struct ber_limits limits = {.relax_bounds = true};
    if (!envelope || !ber_decode(&x411_MessageTransferEnvelope_type, octets, arena, &limits, envelope, NULL))
        return false;
    const struct x411_ContentType *type = &envelope->content_type;
    summary->identifier = printed(arena, print_identifier, &envelope->message_identifier);
    summary->originator = oraddress_name_text(&envelope->originator_name, arena);
    summary->content_identifier = envelope->content_identifier;
    summary->content_type = content_type_text(arena, type->choice == x411_ContentType_built_in,
                                              type->u.built_in, type->u.extended);
    summary->priority = priority_name(envelope->priority);
    add_trace(summary, &envelope->trace_information);
    return true;
}

static bool of_probe(struct span octets, struct arena *arena, struct summary *summary) {
    struct x411_ProbeTransferEnvelope *envelope = arena_alloc(arena, sizeof *envelope);
    struct ber_limits limits = {.relax_bounds = true};
    if (!envelope || !ber_decode(&x411_ProbeTransferEnvelope_type, octets, arena, &limits, envelope, NULL))
        return false;
    summary->identifier = printed(arena, print_identifier, &envelope->probe_identifier);
    summary->originator = oraddress_name_text(&envelope->originator_name, arena);
    summary->content_identifier = envelope->content_identifier;
    add_trace(summary, &envelope->trace_information);
    return true;
}

static bool of_report(struct span octets, struct arena *arena, struct summary *summary) {
    struct x411_Report *report = arena_alloc(arena, sizeof *report);
    struct ber_limits limits = {.relax_bounds = true};
    if (!report || !ber_decode(&x411_Report_type, octets, arena, &limits, report, NULL))
        return false;
    summary->identifier = printed(arena, print_identifier, &report->envelope.report_identifier);
    summary->content_identifier = report->content.content_identifier;
    add_trace(summary, &report->envelope.trace_information);
    return true;
}

bool summary_of(enum mts_kind kind, struct span octets, struct arena *arena, struct summary *summary) {
    *summary = (struct summary){.priority = "urgent"};
    return kind == MTS_MESSAGE ? of_message(octets, arena, summary)
           : kind == MTS_PROBE ? of_probe(octets, arena, summary)
                               : of_report(octets, arena, summary);
}

static bool of_delivered_report(struct span octets, struct arena *arena, struct summary *summary) {
    struct x411p3_ReportDeliveryEnvelope *envelope = arena_alloc(arena, sizeof *envelope);
    struct ber_limits limits = {.relax_bounds = true};
    if (!envelope || !ber_decode(&x411p3_ReportDeliveryEnvelope_type, octets, arena, &limits, envelope, NULL))
        return false;
    summary->identifier = printed(arena, print_identifier, &envelope->subject_submission_identifier);
    summary->content_identifier = envelope->content_identifier;
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++) {
        const struct x411_ReportType *type = &envelope->per_recipient_fields.items[i].report_type;
        *(type->choice == x411_ReportType_delivery ? &summary->delivered : &summary->non_delivered) += 1;
    }
    const struct x411_ContentType *type = envelope->content_type;
    if (type)
        summary->content_type = content_type_text(arena, type->choice == x411_ContentType_built_in,
                                                  type->u.built_in, type->u.extended);
    return true;
}

bool summary_of_delivery(enum mts_kind kind, struct span octets, struct arena *arena,
                         struct summary *summary) {
    *summary = (struct summary){.priority = "normal"};
    if (kind == MTS_REPORT)
        return of_delivered_report(octets, arena, summary);
    struct x411p3_MessageDeliveryEnvelope *envelope = arena_alloc(arena, sizeof *envelope);
    struct ber_limits limits = {.relax_bounds = true};
    if (!envelope ||
        !ber_decode(&x411p3_MessageDeliveryEnvelope_type, octets, arena, &limits, envelope, NULL))
        return false;
    const struct x411p3_OtherMessageDeliveryFields *fields = &envelope->other_fields;
    const struct x411p3_DeliveredContentType *type = &fields->content_type;
    summary->identifier = printed(arena, print_identifier, &envelope->message_delivery_identifier);
    summary->originator = oraddress_name_text(&fields->originator_name, arena);
    summary->content_identifier = fields->content_identifier;
    summary->content_type = content_type_text(arena, type->choice == x411p3_DeliveredContentType_built_in,
                                              type->u.built_in, type->u.extended);
    summary->submitted = time_of(fields->message_submission_time);
    summary->priority = priority_name(fields->priority);
    return true;
}
