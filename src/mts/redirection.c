/*
 * Redirection (X.411 §14.3): the recipient is replaced, the one before is
 * kept in redirection-history, and the trace says so. Redirected recipients
 * travel in an envelope of their own: the mark in the trace must not hide a
 * loop of the others.
 */
#include "mts/mts_private.h"

/* What a class is compared with: a message's, probe's or report's fields. */
struct facts {
    const struct x411_ContentType *content_type;      /* NULL: not known, as of some reports */
    const struct x411_EncodedInformationTypes *types; /* or NULL */
    const struct x411_Extensions *extensions;         /* with the security label */
    uint64_t length;                                  /* of the content, 0: not known */
    unsigned priority;                                /* a bit, 0: it has none */
    bool report;
};

/*
 * EncodedInformationTypesConstraints: a type that is unacceptable excludes; one
 * of the acceptable, whatever else is there, or none but exclusively acceptable
 * ones are needed where such are named.
 */
static bool class_has_types(const struct user_redirection *redirection,
                            const struct x411_EncodedInformationTypes *types) {
    const struct name_set *acceptable = &redirection->acceptable_eits;
    const struct name_set *exclusive = &redirection->exclusive_eits;
    if (redirection->unacceptable_eits.count && types &&
        eits_meet(&redirection->unacceptable_eits, types, false))
        return false;
    if (!acceptable->count && !exclusive->count)
        return true;
    return types && ((acceptable->count && eits_meet(acceptable, types, false)) ||
                     (exclusive->count && eits_meet(exclusive, types, true)));
}

static bool class_has_label(struct ruling *ruling, const struct user_redirection *redirection,
                            const struct x411_Extensions *extensions) {
    return !redirection->label_count ||
           label_among(ruling, redirection->labels, redirection->label_count, extensions, false);
}

/* MessageClass, but for applies-only-to. */
static bool class_fits(struct ruling *ruling, const struct user_redirection *redirection,
                       const struct facts *facts) {
    const struct mts_class *class = &redirection->class;
    if (class->objects == (facts->report ? MTS_OBJECTS_MESSAGES : MTS_OBJECTS_REPORTS))
        return false;
    if (class->priorities && facts->priority && !(class->priorities & facts->priority))
        return false;
    if (class->max_length && facts->length > class->max_length)
        return false;
    return content_type_in(&redirection->content_types, facts->content_type) &&
           class_has_types(redirection, facts->types) &&
           class_has_label(ruling, redirection, facts->extensions);
}

/* Those that he has registered himself, if he has, take the place of the configuration's. */
static const struct user_redirection *redirections_of(const struct user *user, size_t *count) {
    const struct registration *registered = user->registration;
    bool own = registered && registered->redirection_count;
    *count = own ? registered->redirection_count : user->redirection_count;
    return own ? registered->redirections : user->redirections;
}

static struct facts facts_of(const struct subject *subject) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    return (struct facts){.content_type = &envelope->content_type,
                          .types = subject_types(subject),
                          .extensions = &envelope->extensions,
                          .length = subject->has_length ? subject->length : 0,
                          .priority = 1u << priority_lane(envelope->priority)};
}

/* What the classes that a user has registered as deliverable say of a message that is of none: the first part
 * in which each of them differs. */
static int why_undeliverable(const struct registration *registered, const struct facts *facts) {
    bool type = false, length = false;
    for (size_t i = 0; i < registered->class_count; i++) {
        const struct user_redirection *class = &registered->classes[i];
        bool of_type = content_type_in(&class->content_types, facts->content_type);
        type = type || of_type;
        length =
            length || (of_type && (!class->class.max_length || facts->length <= class->class.max_length));
    }
    return !type     ? x411_NonDeliveryDiagnosticCode_content_type_not_supported
           : !length ? x411_NonDeliveryDiagnosticCode_content_too_long
                     : x411_NonDeliveryDiagnosticCode_encoded_information_types_unsupported;
}

bool registration_takes(struct ruling *ruling, const struct user *user, struct sources *sources,
                        struct cause *cause) {
    const struct registration *registered = user->registration;
    struct facts facts = facts_of(sources->subject);
    if (!registered || !registered->class_count)
        return true;
    for (size_t i = 0; i < registered->class_count; i++) {
        const struct user_redirection *class = &registered->classes[i];
        if (class_fits(ruling, class, &facts) &&
            restrictions_permit(ruling, class->applies_only_to, class->applies_only_to_count, sources,
                                !class->applies_only_to_count))
            return true;
    }
    *cause = (struct cause){x411_NonDeliveryReasonCode_unable_to_transfer,
                            why_undeliverable(registered, &facts), NULL};
    return false;
}

const struct x411_ORName *redirection_assigned(struct ruling *ruling, const struct user *user,
                                               struct sources *sources) {
    struct facts facts = facts_of(sources->subject);
    size_t count;
    const struct user_redirection *redirections = redirections_of(user, &count);
    for (size_t i = 0; i < count; i++) {
        const struct user_redirection *redirection = &redirections[i];
        if (class_fits(ruling, redirection, &facts) &&
            restrictions_permit(ruling, redirection->applies_only_to, redirection->applies_only_to_count,
                                sources, !redirection->applies_only_to_count))
            return redirection->alternate;
    }
    return NULL;
}

/* applies-only-to is "not considered in the case of Reports" (X.411 annex B, MessageClass). */
const struct x411_ORName *redirection_of_report(struct ruling *ruling, const struct user *user,
                                                const struct x411_Report *report) {
    struct facts facts = {.content_type = report->content.content_type,
                          .types = report->content.original_encoded_information_types,
                          .extensions = &report->envelope.extensions,
                          .report = true};
    size_t count;
    const struct user_redirection *redirections = redirections_of(user, &count);
    for (size_t i = 0; i < count; i++)
        if (class_fits(ruling, &redirections[i], &facts))
            return redirections[i].alternate;
    return NULL;
}

/* The address of the originator-requested alternate recipient, if there is one. */
bool redirection_by_originator(struct ruling *ruling, const recipient_fields *recipient,
                               struct x411_ORName *to) {
    *to = (struct x411_ORName){0};
    return extension_decode(ruling->arena, &recipient->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
                            &x411_MTAOriginatorRequestedAlternateRecipient_type, to);
}

static bool was_there(struct ruling *ruling, const struct x411_RedirectionHistory *history,
                      const struct x411_ORName *now, const struct x411_ORName *to) {
    if (address_equal(&ruling->scratch, now, to))
        return true;
    for (size_t i = 0; i < history->count; i++)
        if (address_equal(&ruling->scratch, &history->items[i].intended_recipient_name.intended_recipient,
                          to))
            return true;
    return false;
}

bool redirection_loops(struct ruling *ruling, const recipient_fields *recipient,
                       const struct x411_ORName *to) {
    struct x411_RedirectionHistory history = {0};
    extension_decode(ruling->arena, &recipient->extensions, EXT_REDIRECTION_HISTORY,
                     &x411_RedirectionHistory_type, &history);
    return was_there(ruling, &history, &recipient->recipient_name, to);
}

static struct branch *branch_for_redirected(struct ruling *ruling, struct branch *branch) {
    if (branch->redirected)
        return branch->redirected;
    struct branch *copy = branch_copy(ruling, branch);
    if (!copy)
        return NULL;
    struct x411_MessageTransferEnvelope *envelope = &copy->subject.envelope;
    branch->redirected = copy->redirected = copy;
    if (!trace_mark(ruling, &envelope->trace_information, &envelope->extensions,
                    x411_OtherActions_redirected))
        return NULL;
    return copy;
}

static bool append_history(struct ruling *ruling, struct x411_Extensions *extensions,
                           const struct x411_ORName *intended, const struct x411_RedirectionHistory *old,
                           int reason) {
    struct x411_RedirectionHistory history = {.count = old->count + 1};
    history.items = arena_array(ruling->arena, history.count, sizeof *history.items);
    if (!history.items)
        return false;
    if (old->count)
        memcpy(history.items, old->items, old->count * sizeof *history.items);
    struct x411_Redirection *last = &history.items[old->count];
    last->intended_recipient_name.intended_recipient = *intended;
    last->redirection_reason = reason;
    return time_write(ruling, ruling->run->now, &last->intended_recipient_name.redirection_time) &&
           extension_encode(ruling->arena, extensions, EXT_REDIRECTION_HISTORY, &x411_RedirectionHistory_type,
                            &history);
}

static bool change_recipient(struct ruling *ruling, recipient_fields *recipient,
                             const struct x411_RedirectionHistory *old, const struct x411_ORName *to,
                             int reason) {
    recipient->raw = (struct span){NULL, 0};
    if (!append_history(ruling, &recipient->extensions, &recipient->recipient_name, old, reason))
        return false;
    recipient->recipient_name = *to;
    /* It has been used: the alternate's own failure must not lead back to it. */
    return reason != x411_RedirectionReason_originator_requested_alternate_recipient ||
           extension_set(ruling->arena, &recipient->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
                         (struct span){NULL, 0});
}

static void record(struct ruling *ruling, const struct branch *branch, const struct x411_ORName *from,
                   const recipient_fields *recipient, int reason) {
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_REDIRECTED, branch->subject.identifier);
    event->recipient = recipient->originally_specified_recipient_number;
    event->name = ruling_address(ruling, &recipient->recipient_name);
    event->other = ruling_address(ruling, from);
    event->reason = reason;
}

void redirect_recipient(struct ruling *ruling, struct branch *branch, size_t position,
                        const struct x411_ORName *to, int reason) {
    struct x411_RedirectionHistory history = {0};
    const recipient_fields *from = &branch->subject.envelope.per_recipient_fields.items[position];
    uint32_t most = ruling->tables->self.redirections;
    extension_decode(ruling->arena, &from->extensions, EXT_REDIRECTION_HISTORY, &x411_RedirectionHistory_type,
                     &history);
    if (history.count >= most || was_there(ruling, &history, &from->recipient_name, to)) {
        branch->targets[position] =
            (struct target){.kind = TARGET_FAILED,
                            .cause = {x411_NonDeliveryReasonCode_unable_to_transfer,
                                      x411_NonDeliveryDiagnosticCode_redirection_loop_detected, NULL}};
        return;
    }
    struct branch *next = branch_for_redirected(ruling, branch);
    if (!next)
        return;
    recipient_fields *recipient = &next->subject.envelope.per_recipient_fields.items[position];
    *recipient = *from;
    branch->targets[position].kind = TARGET_NONE;
    if (!change_recipient(ruling, recipient, &history, to, reason)) {
        ruling->no_memory = true;
        return;
    }
    record(ruling, next, &from->recipient_name, recipient, reason);
    ruling_undecided(ruling, next, position, 1);
}

bool redirect_report(struct ruling *ruling, struct x411_Report *report, const struct x411_ORName *to) {
    struct x411_ReportTransferEnvelope *envelope = &report->envelope;
    struct x411_RedirectionHistory history = {0};
    extension_decode(ruling->arena, &envelope->extensions, EXT_REDIRECTION_HISTORY,
                     &x411_RedirectionHistory_type, &history);
    if (history.count >= ruling->tables->self.redirections ||
        was_there(ruling, &history, &envelope->report_destination_name, to))
        return false;
    if (!append_history(ruling, &envelope->extensions, &envelope->report_destination_name, &history,
                        x411_RedirectionReason_recipient_assigned_alternate_recipient) ||
        !trace_mark(ruling, &envelope->trace_information, &envelope->extensions,
                    x411_OtherActions_redirected))
        ruling->no_memory = true;
    envelope->report_destination_name = *to;
    return true;
}
