/* What comes in by transfer (X.411 §14.3): loop and trace first, then each recipient that is ours to serve.
 */
#include "mts/mts_private.h"

static void invalid(struct ruling *ruling, const char *cause) {
    ruling->out->result = MTS_INVALID;
    ruling->out->cause = cause;
}

static const char too_many_extensions[] = "it has too many extension fields";

static bool check_peer(struct ruling *ruling, int peer) {
    if (peer >= 0 && (size_t)peer < ruling->tables->hop_count)
        return true;
    invalid(ruling, "the peer is not in the tables");
    return false;
}

/* All recipients that are our responsibility fail alike. */
static void fail_all(struct branch *branch, struct cause cause) {
    const struct x411_MessageTransferEnvelope *envelope = &branch->subject.envelope;
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++)
        if (subject_responsible(&envelope->per_recipient_fields.items[i]))
            branch->targets[i] = (struct target){.kind = TARGET_FAILED, .cause = cause};
}

static struct cause over_bounds(const struct ruling *ruling) {
    return (struct cause){x411_NonDeliveryReasonCode_unable_to_transfer,
                          x411_NonDeliveryDiagnosticCode_size_constraint_violation, ruling->bound};
}

/*
 * Takes those recipients out whose fields break an upper bound: what is wrong
 * with one is no reason to fail the others, and the next MTA would refuse it in
 * their envelope. Those that are our responsibility fail, in a branch of their own.
 */
static void take_out_of_bounds(struct ruling *ruling, struct branch *branch) {
    struct x411_MessageTransferEnvelope *envelope = &branch->subject.envelope;
    recipient_fields *items = envelope->per_recipient_fields.items;
    size_t count = envelope->per_recipient_fields.count, kept = 0, out = 0;
    struct subject others = branch->subject;
    recipient_fields *broken = arena_array(ruling->arena, count + 1, sizeof *broken);
    const char **bounds = arena_array(ruling->arena, count + 1, sizeof *bounds);
    if (!broken || !bounds) {
        ruling->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (bounds_hold_in_recipient(ruling, branch->subject.kind, &items[i]))
            items[kept++] = items[i];
        else if (subject_responsible(&items[i])) {
            bounds[out] = ruling->bound;
            broken[out++] = items[i];
        }
    }
    envelope->per_recipient_fields.count = kept;
    others.envelope.per_recipient_fields.items = broken;
    others.envelope.per_recipient_fields.count = out;
    struct branch *failed = out ? branch_new(ruling, &others) : NULL;
    for (size_t i = 0; failed && i < out; i++) {
        ruling->bound = bounds[i];
        failed->targets[i] = (struct target){.kind = TARGET_FAILED, .cause = over_bounds(ruling)};
    }
}

/* Upper bounds of what came in. False: they were broken for all. */
static bool check_bounds(struct ruling *ruling, struct branch *branch) {
    if (ruling->run->relax_bounds)
        return true;
    take_out_of_bounds(ruling, branch);
    if (ruling->no_memory || bounds_hold_around(ruling, &branch->subject))
        return true;
    fail_all(branch, over_bounds(ruling));
    return false;
}

void branch_resolve(struct ruling *ruling, struct branch *branch) {
    const struct x411_MessageTransferEnvelope *envelope = &branch->subject.envelope;
    struct cause cause;
    if (!check_message(ruling, &branch->subject, &cause)) {
        fail_all(branch, cause);
        return;
    }
    arena_reset(&ruling->scratch);
    for (size_t i = 0; i < envelope->per_recipient_fields.count && !ruling->no_memory; i++)
        if (subject_responsible(&envelope->per_recipient_fields.items[i]) &&
            branch->targets[i].kind == TARGET_NONE)
            recipient_resolve(ruling, branch, i);
}

/*
 * The originator-requested-alternate-recipient is the peer's to write too. One to whom it may not hand over
 * is taken out now: whenever the recipient fails, here or at another MTA of ours, who then knows nothing of
 * the peer, it is as if none had been asked for. A directory name of it is not looked up: it might be
 * anybody's.
 */
static void judge_alternate(struct ruling *ruling, int peer, recipient_fields *recipient) {
    struct x411_ORName alternate;
    struct address address;
    if (!redirection_by_originator(ruling, recipient, &alternate))
        return;
    if (!address_of(&ruling->scratch, &alternate, &address)) {
        ruling->no_memory = true;
        return;
    }
    bool may = !address_is_empty(&alternate) && authority_hands_over(ruling->tables, peer, &address);
    if (may && !alternate.directory_name)
        return;
    alternate.directory_name = NULL;
    alternate.raw = recipient->raw = (struct span){NULL, 0};
    ruling->no_memory |=
        may ? !extension_encode(ruling->arena, &recipient->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
                                &x411_MTAOriginatorRequestedAlternateRecipient_type, &alternate)
            : !extension_set(ruling->arena, &recipient->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
                             (struct span){NULL, 0});
}

/*
 * A directory name beside an address is another way. Where nobody has the address any more, here or at
 * another MTA of ours, the message goes to whom the directory knows by the name, and then nobody knows the
 * peer. So it is looked up now, and stays where the peer may hand over what it leads to.
 */
static void judge_directory_name(struct ruling *ruling, int peer, recipient_fields *recipient) {
    struct x411_ORName *name = &recipient->recipient_name, found;
    struct address address;
    struct cause cause;
    if (!name->directory_name)
        return;
    enum lookup lookup = directory_look_up(ruling, name->directory_name, &found, &cause);
    if (lookup == LOOKUP_ASKED)
        return;
    if (lookup == LOOKUP_FOUND && !address_of(&ruling->scratch, &found, &address)) {
        ruling->no_memory = true;
        return;
    }
    if (lookup == LOOKUP_FOUND && authority_hands_over(ruling->tables, peer, &address))
        return;
    name->directory_name = NULL;
    name->raw = recipient->raw = (struct span){NULL, 0};
}

/* Fails those whom the peer may not hand over to us. */
static void fail_not_for_us(struct ruling *ruling, struct branch *branch, int peer) {
    static const struct cause not_for_us = {
        x411_NonDeliveryReasonCode_unable_to_transfer, x411_NonDeliveryDiagnosticCode_no_bilateral_agreement,
        "the MTA that sent it may not hand over what is for this recipient"};
    const struct x411_MessageTransferEnvelope *envelope = &branch->subject.envelope;
    for (size_t i = 0; i < envelope->per_recipient_fields.count && !ruling->no_memory; i++) {
        recipient_fields *recipient = &envelope->per_recipient_fields.items[i];
        struct address address;
        if (!subject_responsible(recipient))
            continue;
        judge_alternate(ruling, peer, recipient);
        if (branch->targets[i].kind != TARGET_NONE || !recipient_has_address(ruling, branch, i))
            continue;
        if (!address_of(&ruling->scratch, &recipient->recipient_name, &address))
            ruling->no_memory = true;
        else if (!authority_hands_over(ruling->tables, peer, &address))
            branch->targets[i] = (struct target){.kind = TARGET_FAILED, .cause = not_for_us};
        else
            judge_directory_name(ruling, peer, recipient);
        arena_reset(&ruling->scratch);
    }
}

/* False: nothing of the message may come from the peer, and the ruling is MTS_INVALID. */
static bool check_authority(struct ruling *ruling, int peer, struct branch *branch) {
    if (!authority_identifier(ruling, peer, &branch->subject) ||
        !authority_originators(ruling, peer, &branch->subject))
        return false;
    if (authority_is_limited(ruling->tables, peer))
        fail_not_for_us(ruling, branch, peer);
    return true;
}

/* The time until which a message must be object, 0 for none. A probe is never deferred. */
static int64_t deferred_until(const struct ruling *ruling, const struct subject *subject) {
    int64_t time;
    if (subject->kind == MTS_MESSAGE && time_read(subject->envelope.deferred_delivery_time, &time) &&
        time > ruling->run->now)
        return time;
    return 0;
}

/* The list by which it came: reports on it may go there. */
static void record_list(struct ruling *ruling, int peer, const struct subject *subject) {
    static const recipient_fields nobody;
    const struct x411_ORName *sources[MTS_SOURCES];
    authority_sources(ruling, subject, &nobody, sources);
    if (!sources[2] || !authority_proves(ruling, subject, MTS_DL_EXPANDED_BY, sources[2]))
        return;
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_EXPANDED, subject->identifier);
    event->hop = peer;
    event->name = ruling_address(ruling, sources[2]);
}

static void accept_subject(struct ruling *ruling, int peer, struct subject *subject) {
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    if (extensions_are_too_many(&envelope->extensions)) {
        invalid(ruling, too_many_extensions);
        return;
    }
    if (!authority_trace(ruling, peer, &envelope->trace_information))
        return;
    bool loop =
        !ruling->tables->hops[peer].given.dont_check_loops &&
        loop_detected(ruling->tables, &envelope->trace_information, &envelope->extensions, ruling->arena);
    subject->arrival = ruling->run->now;
    subject->from = ruling->tables->hops[peer].foreign ? &ruling->tables->hops[peer] : NULL;
    upgrade_subject(ruling, peer, subject);
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_ACCEPTED, subject->identifier);
    event->hop = peer;
    event->name = ruling_address(ruling, &envelope->originator_name);
    event->text = subject->kind == MTS_PROBE ? MTS_EVENT_OF_PROBE : NULL;
    if (!trace_arrive(ruling, peer, &envelope->trace_information, &envelope->extensions,
                      deferred_until(ruling, subject)))
        return;
    struct branch *branch = branch_new(ruling, subject);
    if (!branch)
        return;
    if (!check_authority(ruling, peer, branch))
        return;
    record_list(ruling, peer, subject);
    if (loop) {
        ruling->out->loop = true;
        fail_all(branch, (struct cause){x411_NonDeliveryReasonCode_unable_to_transfer,
                                        x411_NonDeliveryDiagnosticCode_loop_detected, NULL});
    } else if (check_bounds(ruling, branch))
        branch_resolve(ruling, branch);
    split_branches(ruling);
}

void mts_accept_message(struct mts_run *run, int peer, const struct x411_MessageTransferEnvelope *envelope,
                        uint64_t content_length, struct mts_decisions *out) {
    struct ruling ruling;
    struct subject subject;
    ruling_begin(&ruling, run, out);
    ruling.has_content = true;
    if (check_peer(&ruling, peer) && subject_of_message(&ruling, envelope, content_length, &subject))
        accept_subject(&ruling, peer, &subject);
    ruling_end(&ruling);
}

void mts_accept_probe(struct mts_run *run, int peer, const struct x411_ProbeTransferEnvelope *envelope,
                      struct mts_decisions *out) {
    struct ruling ruling;
    struct subject subject;
    ruling_begin(&ruling, run, out);
    if (check_peer(&ruling, peer) && subject_of_probe(&ruling, envelope, &subject))
        accept_subject(&ruling, peer, &subject);
    ruling_end(&ruling);
}

/* So many recipients of a report stand in its record though nobody believes what it says of them. */
enum { DOUBTED_MOST = 16 };

/* Why nobody believes what it says of them, where the report as a whole is believed. */
static const char *const why_not_of_them[AUTHORITY_SOME] = {
    [AUTHORITY_NONE] = "their copies were not sent to the MTA that it came from",
    [AUTHORITY_REPEATS] = "the MTA that it came from has reported on them before"};

/* Beyond the most each adds to the count of the last of its cause, or is the first. */
struct doubts {
    size_t count;
    size_t last[AUTHORITY_SOME]; /* by cause, of the whole report NONE: the event's place, from 1 */
};

/* True: the recipient needs no event of its own. */
static bool is_one_more(struct ruling *ruling, struct doubts *doubts, enum authority_belief cause) {
    if (++doubts->count <= DOUBTED_MOST || !doubts->last[cause])
        return false;
    ruling->out->events[doubts->last[cause] - 1].more++;
    return true;
}

/* Who said it stands beside what was said. `why`: none of it is believed. */
static void record_report(struct ruling *ruling, int peer, const struct x411_Report *report,
                          struct span identifier, const enum authority_belief *beliefs, const char *why) {
    const struct x411_ReportTransferContent *content = &report->content;
    struct span subject = identifier_text(ruling->arena, &content->subject_identifier);
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_ACCEPTED, identifier);
    struct doubts doubts = {0};
    event->hop = peer;
    event->other = subject;
    for (size_t i = 0; i < content->per_recipient_fields.count; i++) {
        enum authority_belief belief = why ? AUTHORITY_NONE : beliefs[i];
        bool believed = belief == AUTHORITY_SOME;
        if (!believed && is_one_more(ruling, &doubts, belief))
            continue;
        const struct x411_PerRecipientReportTransferFields *fields = &content->per_recipient_fields.items[i];
        const struct x411_ReportType *type = &fields->last_trace_information.report_type;
        event = ruling_event(ruling, believed ? MTS_EVENT_REPORT_IN : MTS_EVENT_REPORT_DOUBTED, identifier);
        if (!believed) {
            doubts.last[belief] = ruling->out->event_count;
            event->text = why ? why : why_not_of_them[belief];
        }
        event->hop = peer;
        event->other = subject;
        event->recipient = fields->originally_specified_recipient_number;
        event->name = ruling_address(ruling, &fields->actual_recipient_name);
        if (type->choice == x411_ReportType_non_delivery) {
            event->reason = type->u.non_delivery.non_delivery_reason_code;
            if (type->u.non_delivery.has_non_delivery_diagnostic_code)
                event->diagnostic = type->u.non_delivery.non_delivery_diagnostic_code;
        } else
            time_read(type->u.delivery.message_delivery_time, &event->time);
    }
}

static struct mts_event *discard(struct ruling *ruling, struct span identifier,
                                 const struct x411_Report *report, const char *why) {
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_DISCARDED, identifier);
    event->other = identifier_text(ruling->arena, &report->content.subject_identifier);
    event->text = why;
    return event;
}

static void keep_believed(struct x411_ReportTransferContent *content, const enum authority_belief *beliefs) {
    size_t count = 0;
    for (size_t i = 0; i < content->per_recipient_fields.count; i++)
        if (beliefs[i] == AUTHORITY_SOME)
            content->per_recipient_fields.items[count++] = content->per_recipient_fields.items[i];
    if (count != content->per_recipient_fields.count)
        content->raw = (struct span){NULL, 0};
    content->per_recipient_fields.count = count;
}

/* As the owner of a list (reporting-DL-name) a user hears what he asked for or not. Who owns a list of
 * elsewhere is not recorded: to whom a bound peer's report goes he gets it as the originator. */
static void take_list_off(struct ruling *ruling, struct x411_Report *report) {
    ruling->no_memory |= !extension_set(ruling->arena, &report->envelope.extensions, EXT_REPORTING_DL_NAME,
                                        (struct span){NULL, 0});
}

static const char *const why_not[] = {
    [AUTHORITY_NONE] = "no copy of its subject was sent to the MTA that it came from",
    [AUTHORITY_UNKNOWN] =
        "nothing is recorded of its subject: we did not send it, or longer ago than records are kept",
    [AUTHORITY_LONG] =
        ("so many reports came on its subject that the beginning of its record alone was read, which shows "
         "no copy that was sent to the MTA that it came from"),
    [AUTHORITY_REPEATS] = "the MTA that it came from has reported on these recipients before",
    [AUTHORITY_ELSEWHERE] =
        "it is for neither the recorded originator of its subject nor a list that expanded it"};

static void accept_report(struct ruling *ruling, int peer, struct x411_Report *report,
                          struct span identifier) {
    struct x411_ReportTransferContent *content = &report->content;
    struct x411_PerRecipientReportTransferFields *items =
        arena_array(ruling->arena, content->per_recipient_fields.count + 1, sizeof *items);
    enum authority_belief *beliefs =
        arena_array(ruling->arena, content->per_recipient_fields.count + 1, sizeof *beliefs);
    if (!items || !beliefs) {
        ruling->no_memory = true;
        return;
    }
    if (content->per_recipient_fields.count)
        memcpy(items, content->per_recipient_fields.items,
               content->per_recipient_fields.count * sizeof *items);
    content->per_recipient_fields.items = items;
    bool strange;
    enum authority_belief belief = authority_report(ruling, peer, report, beliefs, &strange);
    ruling->out->loop = !ruling->tables->hops[peer].given.dont_check_loops &&
                        loop_detected(ruling->tables, &report->envelope.trace_information,
                                      &report->envelope.extensions, ruling->arena);
    const char *why = ruling->out->loop          ? "the report loops"
                      : belief != AUTHORITY_SOME ? why_not[belief]
                      : criticality_unknown_in_report(report, CRITICAL_FOR_TRANSFER)
                          ? "an unknown extension of the report is critical for transfer"
                          : NULL;
    /* Of one that is discarded nobody is believed: the next one may be true, and this one has told of nobody.
     */
    record_report(ruling, peer, report, identifier, beliefs, why);
    if (why)
        discard(ruling, identifier, report, why)->strange = strange;
    else if (trace_arrive(ruling, peer, &report->envelope.trace_information, &report->envelope.extensions,
                          0)) {
        keep_believed(content, beliefs);
        if (authority_is_limited(ruling->tables, peer))
            take_list_off(ruling, report);
        report_dispatch(ruling, report, false, identifier);
    }
}

/* A report over X.411's upper bounds goes on as it came: none is made on it, and to drop it would leave the
 * originator without an answer. */
void mts_accept_report(struct mts_run *run, int peer, const struct x411_Report *received,
                       struct mts_decisions *out) {
    struct ruling ruling;
    struct x411_Report report = *received;
    ruling_begin(&ruling, run, out);
    struct span identifier = identifier_text(ruling.arena, &report.envelope.report_identifier);
    if (extensions_are_too_many(&report.envelope.extensions) ||
        extensions_are_too_many(&report.content.extensions)) {
        invalid(&ruling, too_many_extensions);
        ruling_end(&ruling);
        return;
    }
    if (check_peer(&ruling, peer) && authority_trace(&ruling, peer, &report.envelope.trace_information) &&
        authority_report_identifier(&ruling, peer, &report)) {
        upgrade_report(&ruling, peer, &report);
        accept_report(&ruling, peer, &report, identifier);
    }
    ruling_end(&ruling);
}
