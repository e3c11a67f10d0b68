/* Reports (X.411 §14): what one says of a message or probe of ours. */
#include "mts/mts_private.h"
#include "mts/supplementary.h"

static struct span supplementary(struct ruling *ruling, const char *text) {
    struct span said = text ? supplementary_of(span_str(text), ruling->arena) : (struct span){NULL, 0};
    if (text && *text && !said.data)
        ruling->no_memory = true;
    return said;
}

static void set_type(struct ruling *ruling, const struct outcome *outcome, struct x411_ReportType *type) {
    if (outcome->delivered) {
        type->choice = x411_ReportType_delivery;
        type->u.delivery.type_of_MTS_user = outcome->user_type;
        time_write(ruling, outcome->time, &type->u.delivery.message_delivery_time);
        return;
    }
    type->choice = x411_ReportType_non_delivery;
    type->u.non_delivery.non_delivery_reason_code = outcome->cause.reason;
    type->u.non_delivery.has_non_delivery_diagnostic_code = outcome->cause.diagnostic >= 0;
    type->u.non_delivery.non_delivery_diagnostic_code = outcome->cause.diagnostic;
}

static void fill_recipient(struct ruling *ruling, const struct subject *subject,
                           const struct outcome *outcome,
                           struct x411_PerRecipientReportTransferFields *fields) {
    recipient_fields *recipient = &subject->envelope.per_recipient_fields.items[outcome->position];
    const struct x411_ExtensionField *history =
        extension_find(&recipient->extensions, EXT_REDIRECTION_HISTORY);
    struct x411_RedirectionHistory redirections = {0};
    fields->actual_recipient_name = recipient->recipient_name;
    fields->originally_specified_recipient_number = recipient->originally_specified_recipient_number;
    fields->per_recipient_indicators = recipient->per_recipient_indicators;
    fields->supplementary_information = supplementary(ruling, outcome->cause.supplementary);
    time_write(ruling, subject->arrival, &fields->last_trace_information.arrival_time);
    fields->last_trace_information.converted_encoded_information_types = subject->converted;
    set_type(ruling, outcome, &fields->last_trace_information.report_type);
    if (!history)
        return;
    if (!extension_add(ruling->arena, &fields->extensions, history))
        ruling->no_memory = true;
    if (extension_decode(ruling->arena, &recipient->extensions, EXT_REDIRECTION_HISTORY,
                         &x411_RedirectionHistory_type, &redirections) &&
        redirections.count)
        fields->originally_intended_recipient_name =
            &redirections.items[0].intended_recipient_name.intended_recipient;
}

/* A subject that lists have expanded: the report goes to the last list, and says whence the message came
 * (X.411 §12.2.1.3). */
static bool set_destination(struct ruling *ruling, const struct subject *subject,
                            struct x411_ReportTransferEnvelope *envelope) {
    const struct x411_MessageTransferEnvelope *from = &subject->envelope;
    struct x411_DLExpansionHistory lists = {0};
    struct x411_OriginatorAndDLExpansionHistory history;
    envelope->report_destination_name = from->originator_name;
    if (!extension_decode(ruling->arena, &from->extensions, EXT_DL_EXPANSION_HISTORY,
                          &x411_DLExpansionHistory_type, &lists) ||
        !lists.count)
        return true;
    history.count = lists.count + 1;
    history.items = arena_array(ruling->arena, history.count, sizeof *history.items);
    if (!history.items)
        return false;
    history.items[0].originator_or_dl_name = from->originator_name;
    if (from->trace_information.count)
        history.items[0].origination_or_expansion_time =
            from->trace_information.items[0].domain_supplied_information.arrival_time;
    for (size_t i = 0; i < lists.count; i++) {
        history.items[i + 1].originator_or_dl_name = lists.items[i].dl;
        history.items[i + 1].origination_or_expansion_time = lists.items[i].dl_expansion_time;
    }
    envelope->report_destination_name = lists.items[lists.count - 1].dl;
    return extension_encode(ruling->arena, &envelope->extensions, EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY,
                            &x411_OriginatorAndDLExpansionHistory_type, &history);
}

static bool fill_envelope(struct ruling *ruling, const struct subject *subject,
                          struct x411_ReportTransferEnvelope *envelope) {
    const struct x411_ExtensionField *label =
        extension_find(&subject->envelope.extensions, EXT_MESSAGE_SECURITY_LABEL);
    struct x411_ReportingMTAName name = {.domain = ruling->tables->domain,
                                         .mta_name = ruling->tables->mta_name};
    return set_destination(ruling, subject, envelope) &&
           (!label || extension_add(ruling->arena, &envelope->extensions, label)) &&
           extension_encode(ruling->arena, &envelope->extensions, EXT_REPORTING_MTA_NAME,
                            &x411_ReportingMTAName_type, &name) &&
           trace_arrive(ruling, -1, &envelope->trace_information, &envelope->extensions, 0);
}

/* The trace as the subject entered our domain; the last domain's part is last-trace-information. */
static struct x411_TraceInformation trace_before_us(struct ruling *ruling,
                                                    const struct x411_TraceInformation *trace) {
    struct x411_TraceInformation before = *trace;
    while (before.count &&
           domain_equal(&before.items[before.count - 1].global_domain_identifier, &ruling->tables->domain))
        before.count--;
    if (!before.count)
        before.items = NULL;
    return before;
}

static bool fill_content(struct ruling *ruling, const struct subject *subject,
                         struct x411_ReportTransferContent *content) {
    const struct x411_MessageTransferEnvelope *from = &subject->envelope;
    const struct x411_ExtensionField *correlator = extension_find(&from->extensions, EXT_CONTENT_CORRELATOR);
    content->subject_identifier = from->message_identifier;
    content->original_encoded_information_types = from->original_encoded_information_types;
    content->content_type = (struct x411_ContentType *)&from->content_type;
    content->content_identifier = from->content_identifier;
    if (report_audited_for_all(subject))
        content->subject_intermediate_trace_information = trace_before_us(ruling, &from->trace_information);
    return !correlator || extension_add(ruling->arena, &content->extensions, correlator);
}

/* One report on those outcomes that somebody wants to know of. */
void report_make(struct ruling *ruling, const struct subject *subject, const struct outcome *outcomes,
                 size_t count) {
    struct x411_Report *report = arena_alloc(ruling->arena, sizeof *report);
    struct x411_PerRecipientReportTransferFields *items = arena_array(ruling->arena, count, sizeof *items);
    bool failed = false;
    size_t wanted = 0;
    if (!report || !items) {
        ruling->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct ber_bits *indicators =
            &subject->envelope.per_recipient_fields.items[outcomes[i].position].per_recipient_indicators;
        if (!report_wanted(indicators, outcomes[i].delivered))
            continue;
        failed |= !outcomes[i].delivered;
        fill_recipient(ruling, subject, &outcomes[i], &items[wanted++]);
    }
    if (!wanted)
        return;
    report->content.per_recipient_fields.items = items;
    report->content.per_recipient_fields.count = wanted;
    struct span identifier = ruling_identifier(ruling, &report->envelope.report_identifier);
    if (ruling->no_memory || !fill_envelope(ruling, subject, &report->envelope) ||
        !fill_content(ruling, subject, &report->content)) {
        ruling->no_memory = true;
        return;
    }
    /* What was converted is not what the originator sent. */
    bool returned = failed && ruling->has_content && subject->kind == MTS_MESSAGE && !subject->converted &&
                    subject_has(subject, x411_PerMessageIndicators_content_return_request);
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_REPORTED, subject->identifier);
    event->other = identifier;
    event->name = ruling_address(ruling, &report->envelope.report_destination_name);
    report_dispatch(ruling, report, returned, identifier);
}
