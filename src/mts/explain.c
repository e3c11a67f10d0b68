/*
 * The rules at work on one supposed recipient. The subject is a probe: it meets
 * what a message would meet (X.411 §14.3), but no list is expanded for it.
 */
#include "mts/explain.h"

#include "labels/label.h"
#include "mts/mts_private.h"
#include "names/codes.h"
#include "names/dn.h"

struct explain {
    struct mts_run *run;
    struct ruling ruling;
    struct mts_explanation *out;
    struct error *err;
};

const char *mts_outcome_name(enum mts_outcome outcome) {
    static const char *const names[] = {[MTS_OUTCOME_TRANSFER] = "transfer",
                                        [MTS_OUTCOME_DELIVERY] = "local-delivery",
                                        [MTS_OUTCOME_EXPANSION] = "list-expansion",
                                        [MTS_OUTCOME_NON_DELIVERY] = "non-delivery"};
    return names[outcome];
}

static bool no_memory(struct explain *e) {
    return error_set(e->err, 1, "out of memory");
}

/* ---- the supposed message ---- */

static bool read_recipient(struct explain *e, const struct mts_supposed *supposed, struct x411_ORName *name) {
    struct arena *arena = e->run->arena;
    if (!oraddress_parse_name(span_str(supposed->recipient), arena, name, e->err))
        return false;
    if (supposed->directory_name) {
        name->directory_name = arena_alloc(arena, sizeof *name->directory_name);
        if (!name->directory_name)
            return no_memory(e);
        if (!dn_parse(span_str(supposed->directory_name), arena, name->directory_name, e->err))
            return false;
    }
    return !address_is_empty(name) || name->directory_name || error_set(e->err, 1, "the address is empty");
}

static bool read_content_type(struct explain *e, const char *text, struct x411_ContentType *type) {
    static const char *const p22 = "p22";
    struct mts_names one = {.items = text ? &text : &p22, .count = 1};
    struct name_set set;
    if (!name_set_read(e->run->arena, &one, true, &set, e->err))
        return false;
    content_type_of_item(set.items[0], type);
    return true;
}

static bool read_eits(struct explain *e, const struct mts_names *names,
                      struct x411_EncodedInformationTypes **types) {
    struct name_set set;
    if (!names->count)
        return true;
    *types = arena_alloc(e->run->arena, sizeof **types);
    if (!*types)
        return no_memory(e);
    return name_set_read(e->run->arena, names, false, &set, e->err) &&
           (eits_of_items(e->run->arena, &set, *types) || no_memory(e));
}

static bool read_label(struct explain *e, const char *text, struct x411_Extensions *extensions) {
    struct x411_SecurityLabel label;
    if (!text)
        return true;
    return label_parse(span_str(text), e->run->arena, &label, e->err) &&
           (extension_encode(e->run->arena, extensions, EXT_MESSAGE_SECURITY_LABEL, &x411_SecurityLabel_type,
                             &label) ||
            no_memory(e));
}

/* Internal trace, which ends with us. */
static bool read_via(struct explain *e, const struct mts_names *via, struct x411_Extensions *extensions) {
    const struct mts_tables *tables = e->run->tables;
    struct x411_InternalTraceInformation trace = {.count = via->count + 1};
    if (!via->count)
        return true;
    trace.items = arena_array(e->run->arena, trace.count, sizeof *trace.items);
    if (!trace.items)
        return no_memory(e);
    for (size_t i = 0; i < trace.count; i++) {
        struct span name = i < via->count ? span_str(via->items[i]) : tables->mta_name;
        struct x411_InternalTraceInformationElement *element = &trace.items[i];
        if (name.len < 1 || name.len > x411_ub_mta_name_length)
            return error_set(e->err, 1, "the name of an MTA has 1 to %d characters",
                             (int)x411_ub_mta_name_length);
        *element = (struct x411_InternalTraceInformationElement){.global_domain_identifier = tables->domain,
                                                                 .mta_name = name};
        element->mta_supplied_information.routing_action = x411_RoutingAction_relayed;
        if (!time_write(&e->ruling, e->run->now, &element->mta_supplied_information.arrival_time))
            return no_memory(e);
    }
    return extension_encode(e->run->arena, extensions, EXT_INTERNAL_TRACE,
                            &x411_InternalTraceInformation_type, &trace) ||
           no_memory(e);
}

static bool suppose(struct explain *e, const struct mts_supposed *supposed, struct subject *subject) {
    struct arena *arena = e->run->arena;
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    recipient_fields *recipient = arena_alloc(arena, sizeof *recipient);
    *subject = (struct subject){.kind = MTS_PROBE,
                                .has_length = supposed->has_length,
                                .length = supposed->content_length,
                                .arrival = e->run->now,
                                .anonymous = !supposed->originator,
                                .identifier = SPAN_LIT("supposed")};
    if (!recipient || !subject_set_responsible(arena, recipient, true))
        return no_memory(e);
    recipient->originally_specified_recipient_number = 1;
    envelope->priority = supposed->priority;
    envelope->per_recipient_fields.items = recipient;
    envelope->per_recipient_fields.count = 1;
    if (supposed->alternate_allowed &&
        !ber_bit_set(&envelope->per_message_indicators, x411_PerMessageIndicators_alternate_recipient_allowed,
                     true, arena))
        return no_memory(e);
    return read_recipient(e, supposed, &recipient->recipient_name) &&
           (!supposed->originator ||
            address_parse(arena, supposed->originator, &envelope->originator_name, e->err)) &&
           read_content_type(e, supposed->content_type, &envelope->content_type) &&
           read_eits(e, &supposed->eits, &envelope->original_encoded_information_types) &&
           read_label(e, supposed->security_label, &envelope->extensions) &&
           read_via(e, &supposed->via, &envelope->extensions);
}

/* ---- what was decided ---- */

static void step(struct explain *e, const char *text) {
    struct mts_explanation *out = e->out;
    const char **steps = text ? ruling_grow(&e->ruling, out->steps, out->step_count, sizeof *steps) : NULL;
    if (!steps) {
        e->ruling.no_memory = true;
        return;
    }
    out->steps = steps;
    out->steps[out->step_count++] = text;
}

#define STEP(e, ...) step(e, arena_printf((e)->run->arena, __VA_ARGS__))

static const char *text_of(struct span span) {
    return span.data ? (const char *)span.data : "?";
}

static const char *cause_text(struct explain *e, int reason, int diagnostic, const char *why) {
    struct arena *arena = e->run->arena;
    const char *name = non_delivery_reason_name(reason);
    const char *second = diagnostic >= 0 ? non_delivery_diagnostic_name(diagnostic) : NULL;
    const char *more =
        diagnostic < 0 ? "" : arena_printf(arena, ", %s (%d)", second ? second : "code", diagnostic);
    const char *text = more ? arena_printf(arena, "%s (%d)%s%s%s", name ? name : "code", reason, more,
                                           why ? ", " : "", why ? why : "")
                            : NULL;
    e->ruling.no_memory |= !text;
    return text ? text : "";
}

/* What becomes of the content on the way to the next hop. */
static void explain_content(struct explain *e, const struct hop *hop, const struct subject *subject,
                            struct mts_explained_hop *out) {
    out->converted = conversion_to_p2(hop, subject);
    if (out->converted)
        STEP(e, "%s takes P2 only: P22 is converted, and a body part that P2 lacks is %s", out->hop,
             hop->given.rfc1328_encapsulate ? "put into a nationally-defined one"
             : hop->given.rfc1328_replace   ? "replaced by a text"
                                            : "unable-to-downgrade");
}

/* The recipients that the redirections' events name, one after the other. */
static void take_redirections(struct explain *e, struct span from) {
    struct mts_explanation *out = e->out;
    STEP(e, "the recipient is %s", text_of(from));
    for (size_t i = 0; i < e->out->decisions.event_count; i++) {
        const struct mts_event *event = &e->out->decisions.events[i];
        if (event->kind != MTS_EVENT_REDIRECTED)
            continue;
        struct mts_explained_redirection *items =
            ruling_grow(&e->ruling, out->redirections, out->redirection_count, sizeof *items);
        if (!items)
            return;
        out->redirections = items;
        items[out->redirection_count++] =
            (struct mts_explained_redirection){from, event->name, event->reason};
        const char *reason = redirection_reason_name(event->reason);
        STEP(e, "redirected to %s: %s", text_of(event->name), reason ? reason : "?");
        from = event->name;
    }
}

static void explain_hop(struct explain *e, const struct subject *subject, const struct choice *choice,
                        struct mts_explained_hop *hop) {
    const struct mts_run *run = e->run;
    struct cause cause = {-1, -1, NULL};
    *hop = (struct mts_explained_hop){
        .hop = run->tables->hops[choice->hop].given.name, .rank = choice->rank, .weight = choice->weight};
    bool known = (size_t)choice->hop < run->hop_down_count;
    hop->disabled = known && run->hop_disabled && run->hop_disabled[choice->hop];
    hop->backing_off = known && run->hop_down && run->hop_down[choice->hop] && !hop->disabled;
    hop->usable = check_next_hop(&e->ruling, subject, &subject->envelope.per_recipient_fields.items[0],
                                 choice->hop, &cause);
    hop->reason = cause.reason;
    hop->diagnostic = cause.diagnostic;
    hop->supplementary = cause.supplementary;
    hop->chosen = e->out->hop && strcmp(e->out->hop, hop->hop) == 0;
    STEP(e, "next hop %s: rank %u, weight %u%s%s%s%s", hop->hop, hop->rank, hop->weight,
         hop->disabled      ? ", disabled by an operator"
         : hop->backing_off ? ", backing off"
                            : "",
         hop->chosen ? ", would be tried first" : "", hop->usable ? "" : ", can't take it: ",
         hop->usable ? "" : cause_text(e, hop->reason, hop->diagnostic, hop->supplementary));
    explain_content(e, &run->tables->hops[choice->hop], subject, hop);
}

static void explain_route(struct explain *e, const struct subject *subject, const struct address *address) {
    struct decision decision;
    struct mts_explanation *out = e->out;
    if (!route_find(e->run->tables, address, &decision)) {
        STEP(e, "no route matches, and there is no default route");
        return;
    }
    const struct route *route = decision.route;
    out->route = route->text;
    STEP(e, "route %s is the most specific of those that match", *route->text ? route->text : "(default)");
    if (route->action == MTS_ROUTE_REFUSE)
        STEP(e, "the route states a non-delivery");
    if (route->action == MTS_ROUTE_LOCAL)
        STEP(e, "the address space is local, and nobody has this address");
    out->hops = arena_array(e->run->arena, route->choice_count + 1, sizeof *out->hops);
    if (!out->hops) {
        e->ruling.no_memory = true;
        return;
    }
    out->hop_count = route->choice_count;
    for (size_t i = 0; i < route->choice_count; i++)
        explain_hop(e, subject, &route->choices[i], &out->hops[i]);
}

/* Who is at the last recipient's address. */
static void explain_entry(struct explain *e, const struct subject *subject, const struct x411_ORName *name) {
    struct address address;
    if (address_is_empty(name)) {
        STEP(e, "the directory does not know the name's address");
        return;
    }
    if (!address_of(e->run->arena, name, &address)) {
        e->ruling.no_memory = true;
        return;
    }
    const struct entry *entry = entry_find(e->run->tables, address.key);
    if (!entry) {
        explain_route(e, subject, &address);
    } else if (entry->user) {
        STEP(e, "a user of this MTA, mailbox %s",
             entry->user->given.mailbox ? entry->user->given.mailbox : "(none)");
    } else if (entry->dl) {
        STEP(e, "a distribution list of %zu members", entry->dl->member_count);
        e->out->members = entry->dl->member_count;
    }
}

static void take_target(struct explain *e, const struct target *target) {
    struct mts_explanation *out = e->out;
    out->reason = out->diagnostic = -1;
    if (target->kind == TARGET_HOP) {
        out->outcome = MTS_OUTCOME_TRANSFER;
        out->hop = e->run->tables->hops[target->hop].given.name;
    } else if (target->kind == TARGET_ANSWERED) {
        out->outcome =
            target->user_type == x411_TypeOfMTSUser_dl ? MTS_OUTCOME_EXPANSION : MTS_OUTCOME_DELIVERY;
        out->mailbox = target->mailbox;
    } else {
        out->outcome = MTS_OUTCOME_NON_DELIVERY;
        out->reason = target->cause.reason;
        out->diagnostic = target->cause.diagnostic;
        out->supplementary = target->cause.supplementary;
    }
}

/* Where the recipient has come to: redirected, it moves to a further branch and leaves no target. */
static const struct branch *last_branch(const struct ruling *ruling) {
    const struct branch *last = ruling->first;
    for (const struct branch *branch = ruling->first; branch; branch = branch->next)
        if (branch->targets[0].kind != TARGET_NONE)
            last = branch;
    return last;
}

static void explain_branch(struct explain *e, struct span asked) {
    const struct branch *branch = last_branch(&e->ruling);
    const struct x411_ORName *name = &branch->subject.envelope.per_recipient_fields.items[0].recipient_name;
    struct mts_explanation *out = e->out;
    take_target(e, &branch->targets[0]);
    out->recipient = ruling_address(&e->ruling, name);
    if (name->directory_name)
        out->directory_name = dn_text(name->directory_name, e->run->arena);
    take_redirections(e, asked);
    explain_entry(e, &branch->subject, name);
    if (out->outcome != MTS_OUTCOME_NON_DELIVERY)
        return;
    if (out->diagnostic == x411_NonDeliveryDiagnosticCode_no_dl_submit_permission &&
        branch->subject.anonymous)
        STEP(e, "it depends on the originator: the list takes messages of its submitters only, and none was "
                "named; give --from ADDRESS");
    else
        STEP(e, "non-delivery: %s", cause_text(e, out->reason, out->diagnostic, out->supplementary));
}

bool mts_explain(struct mts_run *run, const struct mts_supposed *supposed, struct mts_explanation *out,
                 struct error *err) {
    struct explain e = {.run = run, .out = out, .err = err};
    struct subject subject;
    *out = (struct mts_explanation){0};
    ruling_begin(&e.ruling, run, &out->decisions);
    if (!suppose(&e, supposed, &subject)) {
        ruling_end(&e.ruling);
        return false;
    }
    struct span asked =
        ruling_address(&e.ruling, &subject.envelope.per_recipient_fields.items[0].recipient_name);
    struct branch *branch = branch_new(&e.ruling, &subject);
    if (branch)
        branch_resolve(&e.ruling, branch);
    bool asks = out->decisions.need_count;
    if (branch && !asks && !e.ruling.no_memory)
        explain_branch(&e, asked);
    ruling_end(&e.ruling);
    if (asks)
        return error_set(err, 1, "the directory has not answered");
    return !e.ruling.no_memory || no_memory(&e);
}
