/*
 * Where a report goes (X.411 §14): to a user of ours, through a
 * list whose policy decides, or on to the next MTA. There is no report on a
 * report: what can't go on is recorded and ends here.
 */
#include "mts/mts_private.h"

/* A list that decided on the report already, by its key; or who got it as a list's owner. Each is met once in
 * each of the two roles, whatever the report's history says: else one report would become many. */
struct met {
    struct span key;
    bool owner;
    struct met *earlier;
};

struct report_on_way {
    struct x411_Report *report;
    bool has_content;
    struct span identifier;
    struct span subject;
    struct met **met; /* by all that come of the report */
};

static bool meet(struct ruling *ruling, const struct report_on_way *r, struct span key, bool owner) {
    for (const struct met *met = *r->met; met; met = met->earlier)
        if (met->owner == owner && span_eq(met->key, key))
            return false;
    struct met *met = arena_alloc(ruling->arena, sizeof *met);
    if (!met) {
        ruling->no_memory = true;
        return false;
    }
    *met = (struct met){key, owner, *r->met};
    *r->met = met;
    return true;
}

static void discard(struct ruling *ruling, const struct report_on_way *r, const char *why) {
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_DISCARDED, r->identifier);
    event->other = r->subject;
    event->text = why;
}

static void keep(struct ruling *ruling, const struct report_on_way *r, enum mts_copy_kind kind, int hop,
                 const char *mailbox) {
    struct x411_Report *report = r->report;
    struct plan plan = {.flags = PLAN_ALL};
    struct mts_copy *copy = arena_alloc(ruling->arena, sizeof *copy);
    struct span octets, absent = {NULL, 0};
    if (kind == MTS_COPY_TRANSFER) {
        plan.flags |=
            plan_flags_of_hop(ruling->tables, hop) & (PLAN_1984 | PLAN_RFC1328 | PLAN_OLD_EXTENSIONS);
        plan.rfc1328_address = span_str(ruling->tables->self.rfc1328_address);
        if (plan_flags_of_hop(ruling->tables, hop) & PLAN_DROP_INTERNAL_TRACE &&
            !extension_set(ruling->arena, &report->envelope.extensions, EXT_INTERNAL_TRACE, absent))
            copy = NULL;
    }
    report->raw = report->envelope.raw = absent;
    struct mts_object *object =
        copy && plan_write(ruling->arena, &plan, &copy->plan) &&
                ber_encode_arena(&x411_Report_type, report, ruling->arena, &octets, NULL)
            ? ruling_object(ruling)
            : NULL;
    if (!object) {
        ruling->no_memory = true;
        return;
    }
    copy->kind = kind;
    copy->hop = hop;
    copy->mailbox = mailbox;
    copy->priority = MTS_URGENT;
    copy->due = ruling->run->now;
    copy->expires = copy->due + ruling->tables->self.schedules[MTS_URGENT].expiry;
    *object = (struct mts_object){MTS_REPORT, octets, r->has_content, r->identifier, copy, 1};
    struct mts_event *event = ruling_event(
        ruling, kind == MTS_COPY_TRANSFER ? MTS_EVENT_ROUTED : MTS_EVENT_TO_MAILBOX, r->identifier);
    event->hop = hop;
    event->name = span_str(mailbox);
    event->other = r->subject;
}

/* The user gets what he asked for: what only the MTA wanted to know ends here (X.411 §14). */
static bool keep_what_originator_wants(struct ruling *ruling, struct x411_Report *report) {
    struct x411_ReportTransferContent *content = &report->content;
    struct x411_PerRecipientReportTransferFields *items =
        arena_array(ruling->arena, content->per_recipient_fields.count, sizeof *items);
    size_t count = 0;
    if (!items) {
        ruling->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < content->per_recipient_fields.count; i++) {
        const struct x411_PerRecipientReportTransferFields *fields = &content->per_recipient_fields.items[i];
        bool delivered = fields->last_trace_information.report_type.choice == x411_ReportType_delivery;
        if (report_wanted_by_originator(&fields->per_recipient_indicators, delivered))
            items[count++] = *fields;
    }
    if (count != content->per_recipient_fields.count)
        content->raw = (struct span){NULL, 0};
    content->per_recipient_fields.items = items;
    content->per_recipient_fields.count = count;
    return count != 0;
}

/* The name before this list in the history: who put the message to it. NULL: `why` says why there is none. A
 * message meets a list once: a history that has it twice would lead the report round and round. */
static const struct x411_ORName *before(struct ruling *ruling, const struct x411_Report *report,
                                        const struct dl *dl, const char **why) {
    struct x411_OriginatorAndDLExpansionHistory history = {0};
    struct address address;
    const struct x411_ORName *found = NULL;
    *why = "the report's history does not name the list";
    extension_decode(ruling->arena, &report->envelope.extensions, EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY,
                     &x411_OriginatorAndDLExpansionHistory_type, &history);
    for (size_t i = 0; i < history.count; i++) {
        if (!address_of(ruling->arena, &history.items[i].originator_or_dl_name, &address) ||
            !span_eq(address.key, dl->key))
            continue;
        if (found || !i) {
            *why = i ? "the report's history names the list twice"
                     : "the report's history names the list as the originator";
            return NULL;
        }
        found = &history.items[i - 1].originator_or_dl_name;
    }
    return found;
}

static void follow(struct ruling *ruling, struct report_on_way r, unsigned depth);

/* A copy of the report with another destination; what leads there is recorded before. */
static struct x411_Report *copy_to(struct ruling *ruling, const struct report_on_way *r,
                                   const struct x411_ORName *to) {
    struct x411_Report *copy = arena_alloc(ruling->arena, sizeof *copy);
    if (!copy) {
        ruling->no_memory = true;
        return NULL;
    }
    *copy = *r->report;
    copy->envelope.report_destination_name = *to;
    return copy;
}

/*
 * By a list, to an owner with the list's name (reporting-DL-name). It is a DL
 * operation in the trace: the MTA that reported may well be on the way, and
 * would take the report for a loop.
 */
static void send_by_list(struct ruling *ruling, struct report_on_way r, const struct x411_ORName *to,
                         const struct dl *owned, unsigned depth) {
    r.report = copy_to(ruling, &r, to);
    if (!r.report)
        return;
    struct x411_ReportTransferEnvelope *envelope = &r.report->envelope;
    if (!trace_mark(ruling, &envelope->trace_information, &envelope->extensions,
                    x411_OtherActions_dl_operation) ||
        (owned && !extension_encode(ruling->arena, &envelope->extensions, EXT_REPORTING_DL_NAME,
                                    &x411_ReportingDLName_type, &owned->name)))
        ruling->no_memory = true;
    else
        follow(ruling, r, depth + 1);
}

static void send_to_owner(struct ruling *ruling, const struct report_on_way *r, const struct dl *dl,
                          unsigned depth) {
    struct address address;
    if (!address_of(ruling->arena, dl->owner, &address))
        ruling->no_memory = true;
    else if (meet(ruling, r, address.key, true))
        send_by_list(ruling, *r, dl->owner, dl, depth);
    else
        discard(ruling, r, "the list's owner has had the report already");
}

/* What came to this list as another's owner goes on to its own owner: the first list has told the originator
 * already, and lists that own each other must not multiply a report. */
static void follow_owner(struct ruling *ruling, const struct report_on_way *r, const struct dl *dl,
                         unsigned depth) {
    if (dl->owner)
        send_to_owner(ruling, r, dl, depth);
    else
        discard(ruling, r, "the list's owner is a list without one");
}

static void follow_policy(struct ruling *ruling, const struct report_on_way *r, const struct dl *dl,
                          unsigned depth) {
    enum mts_dl_reports policy = dl->owner ? dl->given.reports : MTS_DL_REPORTS_TO_ORIGINATOR;
    const char *why;
    if (extension_find(&r->report->envelope.extensions, EXT_REPORTING_DL_NAME)) {
        follow_owner(ruling, r, dl, depth);
        return;
    }
    if (!meet(ruling, r, dl->key, false)) {
        discard(ruling, r, "the list has had the report already");
        return;
    }
    const struct x411_ORName *origin = before(ruling, r->report, dl, &why);
    if (policy != MTS_DL_REPORTS_TO_ORIGINATOR)
        send_to_owner(ruling, r, dl, depth);
    if (policy == MTS_DL_REPORTS_TO_OWNER)
        return;
    if (origin)
        send_by_list(ruling, *r, origin, NULL, depth);
    else
        discard(ruling, r, why);
}

/* As the user asked for: the history says so, as that of a message does (X.411, 1999, §12.2.1.3). */
static void redirect(struct ruling *ruling, struct report_on_way r, const struct x411_ORName *alternate,
                     unsigned depth) {
    const struct x411_ORName *from = &r.report->envelope.report_destination_name;
    r.report = copy_to(ruling, &r, from);
    if (!r.report)
        return;
    if (redirect_report(ruling, r.report, alternate))
        follow(ruling, r, depth + 1);
    else
        discard(ruling, &r, "a redirection loop");
}

static void follow_alias(struct ruling *ruling, struct report_on_way r, const struct x411_ORName *name,
                         unsigned depth) {
    r.report = copy_to(ruling, &r, name);
    if (r.report)
        follow(ruling, r, depth + 1);
}

static void follow_user(struct ruling *ruling, const struct report_on_way *r, const struct user *user,
                        unsigned depth) {
    const struct x411_ORName *alternate = redirection_of_report(ruling, user, r->report);
    bool by_list = extension_find(&r->report->envelope.extensions, EXT_REPORTING_DL_NAME);
    if (alternate)
        redirect(ruling, *r, alternate, depth);
    else if (!user->given.mailbox)
        discard(ruling, r, "the report's destination has no mailbox");
    else if (criticality_unknown_in_report(r->report, CRITICAL_FOR_DELIVERY))
        discard(ruling, r, "an unknown extension of the report is critical for delivery");
    else if (!by_list && !keep_what_originator_wants(ruling, r->report))
        discard(ruling, r, "the originator did not ask for it");
    else
        keep(ruling, r, MTS_COPY_DELIVER, -1, user->given.mailbox);
}

bool report_fits(struct ruling *ruling, const struct x411_Report *report, int hop) {
    return ruling->tables->hops[hop].given.edition != MTS_EDITION_1984 ||
           downgrade_report_possible(ruling, &ruling->tables->hops[hop], report);
}

/* 1984 has no directory names: a recipient that is reported by one alone gets the address that the directory
 * has for it. True when nothing is left to ask for. */
static bool find_addresses(struct ruling *ruling, struct x411_ReportTransferContent *content) {
    size_t count = content->per_recipient_fields.count;
    struct x411_PerRecipientReportTransferFields *items =
        arena_array(ruling->arena, count + 1, sizeof *items);
    if (!items) {
        ruling->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct x411_ORName *name = &items[i].actual_recipient_name, found;
        struct cause cause;
        items[i] = content->per_recipient_fields.items[i];
        if (!name->directory_name || !address_is_empty(name))
            continue;
        enum lookup lookup = directory_look_up(ruling, name->directory_name, &found, &cause);
        if (lookup == LOOKUP_ASKED)
            return false;
        if (lookup == LOOKUP_NONE)
            continue;
        *name = found;
        items[i].raw = content->raw = (struct span){NULL, 0};
    }
    content->per_recipient_fields.items = items;
    return true;
}

static void send_by(struct ruling *ruling, const struct report_on_way *r, int hop) {
    bool of_1984 = hop >= 0 && ruling->tables->hops[hop].given.edition == MTS_EDITION_1984;
    if (of_1984 && !find_addresses(ruling, &r->report->content))
        return;
    if (hop < 0)
        discard(ruling, r, "no next hop");
    else if (!report_fits(ruling, r->report, hop))
        discard(ruling, r, "the report can't be downgraded for the next MTA");
    else
        keep(ruling, r, MTS_COPY_TRANSFER, hop, NULL);
}

static void follow_route(struct ruling *ruling, const struct report_on_way *r,
                         const struct address *address) {
    struct decision decision;
    if (!route_find(ruling->tables, address, &decision) || decision.route->action != MTS_ROUTE_TRANSFER) {
        discard(ruling, r, "nobody is at the report's destination");
        return;
    }
    const struct route *route = decision.route;
    int hop = route_choose(ruling->run, route, span_hash(r->identifier), -1);
    bool loops = hop >= 0 && loop_ahead(ruling, &r->report->envelope.extensions, hop);
    for (size_t i = 0; loops && i < route->choice_count; i++) {
        hop = route->choices[i].hop;
        loops = loop_ahead(ruling, &r->report->envelope.extensions, hop);
    }
    if (loops)
        discard(ruling, r, "by its internal trace the next MTA had the report before");
    else
        send_by(ruling, r, hop);
}

static void follow(struct ruling *ruling, struct report_on_way r, unsigned depth) {
    const struct x411_ORName *destination = &r.report->envelope.report_destination_name;
    struct address address;
    if (ruling->no_memory)
        return;
    if (depth > ruling->tables->self.dl_depth || address_is_empty(destination)) {
        discard(ruling, &r, depth ? "too many lists" : "the report has no destination");
        return;
    }
    if (!address_of(ruling->arena, destination, &address)) {
        ruling->no_memory = true;
        return;
    }
    const struct entry *entry = entry_find(ruling->tables, address.key);
    if (!entry)
        follow_route(ruling, &r, &address);
    else if (entry->user)
        follow_user(ruling, &r, entry->user, depth);
    else if (entry->dl)
        follow_policy(ruling, &r, entry->dl, depth);
    else
        follow_alias(ruling, r, entry->alias, depth);
}

static struct report_on_way begin(struct ruling *ruling, struct x411_Report *report, bool has_content,
                                  struct span identifier) {
    struct report_on_way r = {report, has_content, identifier,
                              identifier_text(ruling->arena, &report->content.subject_identifier),
                              arena_alloc(ruling->arena, sizeof *r.met)};
    if (!r.subject.data || !r.met)
        ruling->no_memory = true;
    return r;
}

void report_dispatch(struct ruling *ruling, struct x411_Report *report, bool has_content,
                     struct span identifier) {
    follow(ruling, begin(ruling, report, has_content, identifier), 0);
}

void report_send_by(struct ruling *ruling, struct x411_Report *report, bool has_content,
                    struct span identifier, int hop) {
    struct report_on_way r = begin(ruling, report, has_content, identifier);
    send_by(ruling, &r, hop);
}
