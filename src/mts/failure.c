/* What became of work: a copy that failed, expired, must go by another next hop, or is sent elsewhere by an
 * operator. */
#include "mts/mts_private.h"

static void invalid(struct work *work, const char *cause) {
    if (work->no_memory)
        return;
    work->out->result = MTS_INVALID;
    work->out->cause = cause;
}

/* The stored copy as a batch whose targets are open. NULL: it does not read. */
static struct batch *open_copy(struct work *work, const struct mts_stored *stored, struct plan *plan) {
    struct subject subject;
    if (!plan_read(work->arena, stored->plan, plan) || !subject_decode(work, stored, &subject)) {
        invalid(work, "the stored copy does not read");
        return NULL;
    }
    return batch_new(work, &subject);
}

/* No report on a report: it is recorded and ends. */
static void report_ends(struct work *work, const struct mts_stored *stored, const char *why) {
    struct x411_Report report = {0};
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    if (!ber_decode(&x411_Report_type, stored->octets, work->arena, &limits, &report, NULL)) {
        invalid(work, "the stored report does not read");
        return;
    }
    struct mts_event *event = work_event(work, MTS_EVENT_DISCARDED,
                                         identifier_text(work->arena, &report.envelope.report_identifier));
    event->other = identifier_text(work->arena, &report.content.subject_identifier);
    event->text = why;
}

static void fail_copy(struct work *work, const struct mts_stored *stored, struct cause cause, bool final) {
    struct plan plan;
    size_t cursor = 0, position;
    struct batch *batch = open_copy(work, stored, &plan);
    while (batch && plan_next(&plan, &batch->subject, &cursor, &position)) {
        if (final)
            batch->targets[position] = (struct target){.kind = TARGET_FAILED, .cause = cause};
        else
            recipient_fail(work, batch, position, cause);
    }
    if (batch)
        split_batches(work);
}

static void work_fail(struct work *work, const struct mts_stored *stored, struct cause cause, bool final) {
    if (stored->kind == MTS_REPORT)
        report_ends(work, stored, cause.supplementary ? cause.supplementary : "it could not be transferred");
    else
        fail_copy(work, stored, cause, final);
}

void mts_work_failed(struct mts_run *run, const struct mts_stored *stored, const struct mts_failure *failure,
                     struct mts_decisions *out) {
    struct work work;
    work_begin(&work, run, out);
    work_fail(&work, stored, (struct cause){failure->reason, failure->diagnostic, failure->supplementary},
              failure->final);
    work_end(&work);
}

void mts_work_expired(struct mts_run *run, const struct mts_stored *stored, struct mts_decisions *out) {
    struct work work;
    struct cause cause = {x411_NonDeliveryReasonCode_unable_to_transfer,
                          x411_NonDeliveryDiagnosticCode_maximum_time_expired, NULL};
    work_begin(&work, run, out);
    if (stored->kind == MTS_REPORT)
        cause.supplementary = "it expired";
    work_fail(&work, stored, cause, true);
    work_end(&work);
}

/* ---- another next hop ---- */

static bool is_down(const struct mts_run *run, int hop) {
    return run->hop_down && (size_t)hop < run->hop_down_count && run->hop_down[hop];
}

/* A hop of the address's route that is up; -1: none that is better than waiting. */
static int other_hop(const struct work *work, const struct address *address, struct span identifier,
                     int attempted) {
    struct decision decision;
    if (!route_find(work->tables, address, &decision) || decision.route->action != MTS_ROUTE_TRANSFER)
        return -1;
    int hop = route_choose(work->run, decision.route, span_hash(identifier), attempted);
    return hop >= 0 && !is_down(work->run, hop) ? hop : -1;
}

static bool address_or_fail(struct work *work, const struct x411_ORName *name, struct address *address) {
    if (!address_of(work->arena, name, address))
        work->no_memory = true;
    return !work->no_memory;
}

/* All of the copy's recipients move, or none: half a copy would not be simpler to wait for. */
static bool move_recipients(struct work *work, struct batch *batch, const struct plan *plan,
                            const struct mts_rerouting *rerouting) {
    size_t cursor = 0, position, moved = 0;
    while (plan_next(plan, &batch->subject, &cursor, &position)) {
        const recipient_fields *recipient = &batch->subject.envelope.per_recipient_fields.items[position];
        struct address address;
        struct cause cause;
        if (!address_or_fail(work, &recipient->recipient_name, &address))
            return false;
        int hop = rerouting->wanted >= 0
                      ? rerouting->wanted
                      : other_hop(work, &address, batch->subject.identifier, rerouting->attempted);
        if (hop < 0 || !check_hop(work, &batch->subject, recipient, hop, &cause))
            return false;
        batch->targets[position] = (struct target){.kind = TARGET_HOP, .hop = hop};
        moved++;
    }
    return moved;
}

/* Whether the tables say anything of the address: a user, a list, an alias or a route. */
static bool is_served(struct work *work, const struct x411_ORName *name) {
    struct address address;
    struct decision decision;
    return address_or_fail(work, name, &address) &&
           (entry_find(work->tables, address.key) || route_find(work->tables, &address, &decision));
}

/* The next hop left the tables: each recipient goes where one that comes now would, unless one of them would
 * have no next hop at all. */
static bool route_anew(struct work *work, struct batch *batch, const struct plan *plan) {
    const recipient_fields *items = batch->subject.envelope.per_recipient_fields.items;
    size_t cursor = 0, position, moved = 0;
    for (; plan_next(plan, &batch->subject, &cursor, &position); moved++)
        if (!is_served(work, &items[position].recipient_name))
            return false;
    for (cursor = 0; plan_next(plan, &batch->subject, &cursor, &position);)
        recipient_resolve(work, batch, position);
    return moved;
}

static void record_reroute(struct work *work, struct span identifier, int attempted) {
    struct mts_event *event = work_event(work, MTS_EVENT_REROUTED, identifier);
    event->hop = attempted;
    if (attempted < 0)
        event->text = "the rules decided on it anew";
}

static bool add_attempt(struct work *work, struct x411_Report *report, int attempted) {
    struct subject subject = {.envelope.trace_information = report->envelope.trace_information,
                              .envelope.extensions = report->envelope.extensions};
    if (!trace_reroute(work, &subject, attempted))
        return false;
    report->envelope.trace_information = subject.envelope.trace_information;
    report->envelope.extensions = subject.envelope.extensions;
    return true;
}

static void reroute_report(struct work *work, const struct mts_stored *stored,
                           const struct mts_rerouting *rerouting) {
    struct x411_Report report = {0};
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    struct address address;
    if (!ber_decode(&x411_Report_type, stored->octets, work->arena, &limits, &report, NULL)) {
        invalid(work, "the stored report does not read");
        return;
    }
    const struct x411_ORName *destination = &report.envelope.report_destination_name;
    struct span identifier = identifier_text(work->arena, &report.envelope.report_identifier);
    if (!address_or_fail(work, destination, &address) || !is_served(work, destination))
        return;
    if (rerouting->attempted >= 0 && rerouting->wanted < 0 &&
        other_hop(work, &address, identifier, rerouting->attempted) < 0)
        return;
    if (rerouting->wanted >= 0 && !report_fits(work, &report, rerouting->wanted))
        return;
    if (rerouting->attempted >= 0 && !add_attempt(work, &report, rerouting->attempted))
        return;
    record_reroute(work, identifier, rerouting->attempted);
    if (rerouting->wanted >= 0)
        report_send_by(work, &report, stored->has_content, identifier, rerouting->wanted);
    else
        report_dispatch(work, &report, stored->has_content, identifier);
}

void mts_reroute(struct mts_run *run, const struct mts_stored *stored, const struct mts_rerouting *rerouting,
                 struct mts_decisions *out) {
    struct work work;
    struct plan plan;
    bool moves;
    work_begin(&work, run, out);
    if (stored->kind == MTS_REPORT) {
        reroute_report(&work, stored, rerouting);
        work_end(&work);
        return;
    }
    struct batch *batch = open_copy(&work, stored, &plan);
    if (rerouting->attempted < 0 && rerouting->wanted < 0)
        moves = batch && route_anew(&work, batch, &plan);
    else
        moves = batch && move_recipients(&work, batch, &plan, rerouting);
    if (moves && (rerouting->attempted < 0 || trace_reroute(&work, &batch->subject, rerouting->attempted))) {
        record_reroute(&work, batch->subject.identifier, rerouting->attempted);
        split_batches(&work);
    }
    work_end(&work);
}

/* ---- an operator's redirection ---- */

void mts_redirect(struct mts_run *run, const struct mts_stored *stored, const char *address,
                  struct mts_decisions *out) {
    struct work work;
    struct plan plan;
    struct x411_ORName to;
    size_t cursor = 0, position;
    work_begin(&work, run, out);
    if (stored->kind == MTS_REPORT)
        invalid(&work, "a report is not redirected by hand");
    else if (!address_parse(work.arena, address, &to, NULL))
        invalid(&work, "the address does not read");
    else {
        struct batch *batch = open_copy(&work, stored, &plan);
        while (batch && plan_next(&plan, &batch->subject, &cursor, &position))
            recipient_redirect(&work, batch, position, &to,
                               x411_RedirectionReason_recipient_MD_assigned_alternate_recipient);
        if (batch)
            split_batches(&work);
    }
    work_end(&work);
}

static bool loops_to(struct work *work, const struct mts_stored *stored, const struct x411_ORName *to) {
    struct plan plan;
    size_t cursor = 0, position;
    struct batch *batch = open_copy(work, stored, &plan);
    while (batch && plan_next(&plan, &batch->subject, &cursor, &position))
        if (redirection_loops(work, &batch->subject.envelope.per_recipient_fields.items[position], to))
            return true;
    return false;
}

static bool loops_by(struct work *work, const struct mts_stored *stored, const struct hop *hop) {
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    struct x411_Report report = {0};
    struct subject subject = {0};
    if (!hop->foreign)
        return false;
    if (stored->kind == MTS_REPORT)
        return ber_decode(&x411_Report_type, stored->octets, work->arena, &limits, &report, NULL) &&
               loop_of_domain(&hop->domain, &report.envelope.trace_information);
    return subject_decode(work, stored, &subject) &&
           loop_of_domain(&hop->domain, &subject.envelope.trace_information);
}

const char *mts_loop_ahead(struct mts_run *run, const struct mts_stored *stored, int hop,
                           const char *address) {
    struct work work;
    struct mts_decisions out = {0};
    struct x411_ORName to;
    const char *why = NULL;
    work_begin(&work, run, &out);
    if (hop >= 0 && loops_by(&work, stored, &work.tables->hops[hop]))
        why = "its trace shows that the peer's domain had it before";
    else if (hop < 0 && stored->kind != MTS_REPORT && address_parse(work.arena, address, &to, NULL) &&
             loops_to(&work, stored, &to))
        why = "a recipient has that address now, or had it before a redirection";
    work_end(&work);
    return why;
}

/* ---- the recipients of a copy ---- */

bool mts_recipients(const struct mts_stored *stored, struct arena *arena, struct mts_recipient **recipients,
                    size_t *count) {
    static const struct mts_tables no_tables;
    struct mts_run run = {.tables = &no_tables, .arena = arena};
    struct mts_decisions out;
    struct work work;
    struct plan plan;
    size_t cursor = 0, position;
    *recipients = NULL;
    *count = 0;
    if (stored->kind == MTS_REPORT)
        return true;
    work_begin(&work, &run, &out);
    struct batch *batch = open_copy(&work, stored, &plan);
    while (batch && plan_next(&plan, &batch->subject, &cursor, &position)) {
        const recipient_fields *fields = &batch->subject.envelope.per_recipient_fields.items[position];
        struct mts_recipient *items = work_grow(&work, *recipients, *count, sizeof *items);
        if (!items)
            break;
        *recipients = items;
        items[(*count)++] =
            (struct mts_recipient){(uint32_t)position, fields->originally_specified_recipient_number,
                                   work_address(&work, &fields->recipient_name)};
    }
    return batch && !work.no_memory;
}
