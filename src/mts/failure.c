/* What became of work: a copy that failed, expired, must go by another next hop, or is sent elsewhere by an
 * operator. */
#include "mts/mts_private.h"

static void invalid(struct ruling *ruling, const char *cause) {
    if (ruling->no_memory)
        return;
    ruling->out->result = MTS_INVALID;
    ruling->out->cause = cause;
}

/* The stored copy as a branch whose targets are open. NULL: it can't be decoded. */
static struct branch *open_copy(struct ruling *ruling, const struct mts_stored *stored, struct plan *plan) {
    struct subject subject;
    if (!plan_read(ruling->arena, stored->plan, plan) || !subject_decode(ruling, stored, &subject)) {
        invalid(ruling, "the stored copy can't be decoded");
        return NULL;
    }
    return branch_new(ruling, &subject);
}

/* No report on a report: it is recorded and ends. */
static void report_ends(struct ruling *ruling, const struct mts_stored *stored, const char *why) {
    struct x411_Report report = {0};
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    if (!ber_decode(&x411_Report_type, stored->octets, ruling->arena, &limits, &report, NULL)) {
        invalid(ruling, "the stored report can't be decoded");
        return;
    }
    struct mts_event *event = ruling_event(
        ruling, MTS_EVENT_DISCARDED, identifier_text(ruling->arena, &report.envelope.report_identifier));
    event->other = identifier_text(ruling->arena, &report.content.subject_identifier);
    event->text = why;
}

static void fail_copy(struct ruling *ruling, const struct mts_stored *stored, struct cause cause,
                      bool final) {
    struct plan plan;
    size_t cursor = 0, position;
    struct branch *branch = open_copy(ruling, stored, &plan);
    while (branch && plan_next(&plan, &branch->subject, &cursor, &position)) {
        if (final)
            branch->targets[position] = (struct target){.kind = TARGET_FAILED, .cause = cause};
        else
            recipient_fail(ruling, branch, position, cause);
    }
    if (branch)
        split_branches(ruling);
}

static void ruling_fail(struct ruling *ruling, const struct mts_stored *stored, struct cause cause,
                        bool final) {
    const char *why = cause.supplementary ? cause.supplementary : ruling->record;
    if (stored->kind == MTS_REPORT)
        report_ends(ruling, stored, why ? why : "it could not be transferred");
    else
        fail_copy(ruling, stored, cause, final);
}

void mts_work_failed(struct mts_run *run, const struct mts_stored *stored, const struct mts_failure *failure,
                     struct mts_decisions *out) {
    struct ruling ruling;
    ruling_begin(&ruling, run, out);
    ruling_fail(&ruling, stored, (struct cause){failure->reason, failure->diagnostic, failure->supplementary},
                failure->final);
    ruling_end(&ruling);
}

void mts_work_expired(struct mts_run *run, const struct mts_stored *stored, const char *last,
                      struct mts_decisions *out) {
    struct ruling ruling;
    struct cause cause = {x411_NonDeliveryReasonCode_unable_to_transfer,
                          x411_NonDeliveryDiagnosticCode_maximum_time_expired, NULL};
    ruling_begin(&ruling, run, out);
    ruling.record = stored->kind == MTS_REPORT && !last ? "it expired" : last;
    ruling_fail(&ruling, stored, cause, true);
    ruling_end(&ruling);
}

/* ---- another next hop ---- */

static bool is_down(const struct mts_run *run, int hop) {
    return run->hop_down && (size_t)hop < run->hop_down_count && run->hop_down[hop];
}

/* A hop of the address's route that is up; -1: none that is better than waiting. */
static int other_hop(const struct ruling *ruling, const struct address *address, struct span identifier,
                     int attempted) {
    struct decision decision;
    if (!route_find(ruling->tables, address, &decision) || decision.route->action != MTS_ROUTE_TRANSFER)
        return -1;
    int hop = route_choose(ruling->run, decision.route, span_hash(identifier), attempted);
    return hop >= 0 && !is_down(ruling->run, hop) ? hop : -1;
}

static bool address_or_fail(struct ruling *ruling, const struct x411_ORName *name, struct address *address) {
    if (!address_of(ruling->arena, name, address))
        ruling->no_memory = true;
    return !ruling->no_memory;
}

/* All of the copy's recipients move, or none: half a copy would not be simpler to wait for. */
static bool move_recipients(struct ruling *ruling, struct branch *branch, const struct plan *plan,
                            const struct mts_rerouting *rerouting) {
    size_t cursor = 0, position, moved = 0;
    while (plan_next(plan, &branch->subject, &cursor, &position)) {
        const recipient_fields *recipient = &branch->subject.envelope.per_recipient_fields.items[position];
        struct address address;
        struct cause cause;
        if (!address_or_fail(ruling, &recipient->recipient_name, &address))
            return false;
        int hop = rerouting->wanted >= 0
                      ? rerouting->wanted
                      : other_hop(ruling, &address, branch->subject.identifier, rerouting->attempted);
        if (hop < 0 ||
            (rerouting->wanted < 0 && loop_ahead(ruling, &branch->subject.envelope.extensions, hop)) ||
            !check_hop(ruling, &branch->subject, recipient, hop, &cause))
            return false;
        branch->targets[position] = (struct target){.kind = TARGET_HOP, .hop = hop};
        moved++;
    }
    return moved;
}

/* Whether the tables say anything of the address: a user, a list, an alias or a route. */
static bool is_served(struct ruling *ruling, const struct x411_ORName *name) {
    struct address address;
    struct decision decision;
    return address_or_fail(ruling, name, &address) &&
           (entry_find(ruling->tables, address.key) || route_find(ruling->tables, &address, &decision));
}

/* The next hop left the tables: each recipient goes where one that comes now would, unless one of them would
 * have no way at all. */
static bool route_anew(struct ruling *ruling, struct branch *branch, const struct plan *plan) {
    const recipient_fields *items = branch->subject.envelope.per_recipient_fields.items;
    size_t cursor = 0, position, moved = 0;
    for (; plan_next(plan, &branch->subject, &cursor, &position); moved++)
        if (!is_served(ruling, &items[position].recipient_name))
            return false;
    for (cursor = 0; plan_next(plan, &branch->subject, &cursor, &position);)
        recipient_resolve(ruling, branch, position);
    return moved;
}

static void record_reroute(struct ruling *ruling, struct span identifier,
                           const struct mts_rerouting *rerouting) {
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_REROUTED, identifier);
    event->hop = rerouting->attempted;
    if (rerouting->wanted >= 0)
        event->text = "an operator named the next peer";
    else if (rerouting->attempted < 0)
        event->text = "the rules decided on it anew";
}

static bool add_attempt(struct ruling *ruling, struct x411_Report *report, int attempted) {
    struct subject subject = {.envelope.trace_information = report->envelope.trace_information,
                              .envelope.extensions = report->envelope.extensions};
    if (!trace_reroute(ruling, &subject, attempted))
        return false;
    report->envelope.trace_information = subject.envelope.trace_information;
    report->envelope.extensions = subject.envelope.extensions;
    return true;
}

static void reroute_report(struct ruling *ruling, const struct mts_stored *stored,
                           const struct mts_rerouting *rerouting) {
    struct x411_Report report = {0};
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    struct address address;
    if (!ber_decode(&x411_Report_type, stored->octets, ruling->arena, &limits, &report, NULL)) {
        invalid(ruling, "the stored report can't be decoded");
        return;
    }
    const struct x411_ORName *destination = &report.envelope.report_destination_name;
    struct span identifier = identifier_text(ruling->arena, &report.envelope.report_identifier);
    if (!address_or_fail(ruling, destination, &address) || !is_served(ruling, destination))
        return;
    if (rerouting->attempted >= 0 && rerouting->wanted < 0 &&
        other_hop(ruling, &address, identifier, rerouting->attempted) < 0)
        return;
    if (rerouting->wanted >= 0 && !report_fits(ruling, &report, rerouting->wanted))
        return;
    if (rerouting->attempted >= 0 && !add_attempt(ruling, &report, rerouting->attempted))
        return;
    record_reroute(ruling, identifier, rerouting);
    if (rerouting->wanted >= 0)
        report_send_by(ruling, &report, stored->has_content, identifier, rerouting->wanted);
    else
        report_dispatch(ruling, &report, stored->has_content, identifier);
}

void mts_reroute(struct mts_run *run, const struct mts_stored *stored, const struct mts_rerouting *rerouting,
                 struct mts_decisions *out) {
    struct ruling ruling;
    struct plan plan;
    bool moves;
    ruling_begin(&ruling, run, out);
    if (stored->kind == MTS_REPORT) {
        reroute_report(&ruling, stored, rerouting);
        ruling_end(&ruling);
        return;
    }
    struct branch *branch = open_copy(&ruling, stored, &plan);
    if (rerouting->attempted < 0 && rerouting->wanted < 0)
        moves = branch && route_anew(&ruling, branch, &plan);
    else
        moves = branch && move_recipients(&ruling, branch, &plan, rerouting);
    if (moves &&
        (rerouting->attempted < 0 || trace_reroute(&ruling, &branch->subject, rerouting->attempted))) {
        record_reroute(&ruling, branch->subject.identifier, rerouting);
        split_branches(&ruling);
    }
    ruling_end(&ruling);
}

/* ---- an operator's redirection ---- */

void mts_redirect(struct mts_run *run, const struct mts_stored *stored, const char *address,
                  struct mts_decisions *out) {
    struct ruling ruling;
    struct plan plan;
    struct x411_ORName to;
    size_t cursor = 0, position;
    ruling_begin(&ruling, run, out);
    if (stored->kind == MTS_REPORT)
        invalid(&ruling, "a report is not redirected by hand");
    else if (!address_parse(ruling.arena, address, &to, NULL))
        invalid(&ruling, "the address is not a valid address");
    else {
        struct branch *branch = open_copy(&ruling, stored, &plan);
        while (branch && plan_next(&plan, &branch->subject, &cursor, &position))
            recipient_redirect(&ruling, branch, position, &to,
                               x411_RedirectionReason_recipient_MD_assigned_alternate_recipient);
        if (branch)
            split_branches(&ruling);
    }
    ruling_end(&ruling);
}

static bool loops_to(struct ruling *ruling, const struct mts_stored *stored, const struct x411_ORName *to) {
    struct plan plan;
    size_t cursor = 0, position;
    struct branch *branch = open_copy(ruling, stored, &plan);
    while (branch && plan_next(&plan, &branch->subject, &cursor, &position))
        if (redirection_loops(ruling, &branch->subject.envelope.per_recipient_fields.items[position], to))
            return true;
    return false;
}

/* Why it would loop; NULL: it would not, or it can't be decoded. */
static const char *loops_by(struct ruling *ruling, const struct mts_stored *stored, int number) {
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    struct x411_Report report = {0};
    struct subject subject = {0};
    const struct hop *hop = &ruling->tables->hops[number];
    bool of_report = stored->kind == MTS_REPORT;
    if (of_report ? !ber_decode(&x411_Report_type, stored->octets, ruling->arena, &limits, &report, NULL)
                  : !subject_decode(ruling, stored, &subject))
        return NULL;
    if (hop->foreign)
        return loop_of_domain(&hop->domain, of_report ? &report.envelope.trace_information
                                                      : &subject.envelope.trace_information)
                   ? "its trace shows that the peer's domain had it before"
                   : NULL;
    return loop_ahead(ruling, of_report ? &report.envelope.extensions : &subject.envelope.extensions, number)
               ? "its internal trace shows that the peer had it before"
               : NULL;
}

const char *mts_loop_ahead(struct mts_run *run, const struct mts_stored *stored, int hop,
                           const char *address) {
    struct ruling ruling;
    struct mts_decisions out = {0};
    struct x411_ORName to;
    const char *why = NULL;
    ruling_begin(&ruling, run, &out);
    if (hop >= 0)
        why = loops_by(&ruling, stored, hop);
    else if (stored->kind != MTS_REPORT && address_parse(ruling.arena, address, &to, NULL) &&
             loops_to(&ruling, stored, &to))
        why = "a recipient has that address now, or had it before a redirection";
    ruling_end(&ruling);
    return why;
}

/* ---- the recipients of a copy ---- */

bool mts_recipients(const struct mts_stored *stored, struct arena *arena, struct mts_recipient **recipients,
                    size_t *count) {
    static const struct mts_tables no_tables;
    struct mts_run run = {.tables = &no_tables, .arena = arena};
    struct mts_decisions out;
    struct ruling ruling;
    struct plan plan;
    size_t cursor = 0, position;
    *recipients = NULL;
    *count = 0;
    if (stored->kind == MTS_REPORT)
        return true;
    ruling_begin(&ruling, &run, &out);
    struct branch *branch = open_copy(&ruling, stored, &plan);
    while (branch && plan_next(&plan, &branch->subject, &cursor, &position)) {
        const recipient_fields *fields = &branch->subject.envelope.per_recipient_fields.items[position];
        struct mts_recipient *items = ruling_grow(&ruling, *recipients, *count, sizeof *items);
        if (!items)
            break;
        *recipients = items;
        items[(*count)++] =
            (struct mts_recipient){(uint32_t)position, fields->originally_specified_recipient_number,
                                   ruling_address(&ruling, &fields->recipient_name)};
    }
    return branch && !ruling.no_memory;
}
