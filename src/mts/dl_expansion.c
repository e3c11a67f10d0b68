/* Distribution lists (X.411 §14.3): who may use one, and the message that goes to its members. */
#include <stdlib.h>

#include "mts/mts_private.h"

static bool refuse(struct cause *cause, int diagnostic) {
    *cause = (struct cause){x411_NonDeliveryReasonCode_unable_to_transfer, diagnostic, NULL};
    return false;
}

static void history_of(struct ruling *ruling, const struct subject *subject,
                       struct x411_DLExpansionHistory *history) {
    *history = (struct x411_DLExpansionHistory){0};
    extension_decode(ruling->arena, &subject->envelope.extensions, EXT_DL_EXPANSION_HISTORY,
                     &x411_DLExpansionHistory_type, history);
}

/* The one who submits to the list: the list before it, else the originator; by a name that is his to use. */
static bool may_submit(struct ruling *ruling, const struct subject *subject, const struct dl *dl) {
    struct x411_DLExpansionHistory history;
    struct address address;
    history_of(ruling, subject, &history);
    const struct x411_ORName *submitter =
        history.count ? &history.items[history.count - 1].dl : &subject->envelope.originator_name;
    unsigned source = history.count ? MTS_DL_EXPANDED_BY : MTS_ORIGINATED_BY;
    if (!dl->submitter_count)
        return true;
    if (!address_of(&ruling->scratch, submitter, &address)) {
        ruling->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < dl->submitter_count; i++)
        if (pattern_matches(&dl->submitters[i], &address.parts))
            return authority_proves(ruling, subject, source, submitter);
    return false;
}

bool dl_permits(struct ruling *ruling, const struct subject *subject, const struct dl *dl,
                struct cause *cause) {
    if (extension_enumerated(&subject->envelope.extensions, EXT_DL_EXPANSION_PROHIBITED) == 1)
        return refuse(cause, x411_NonDeliveryDiagnosticCode_dl_expansion_prohibited);
    if (!may_submit(ruling, subject, dl))
        return refuse(cause, x411_NonDeliveryDiagnosticCode_no_dl_submit_permission);
    if (criticality_unknown(&subject->envelope.extensions, CRITICAL_FOR_DELIVERY))
        return refuse(cause, x411_NonDeliveryDiagnosticCode_unsupported_critical_function);
    return true;
}

/* A list meets a message once: a second time is recursion, and the message goes no further this way. */
static bool dl_has_expanded(struct ruling *ruling, const struct subject *subject, const struct dl *dl) {
    struct x411_DLExpansionHistory history;
    struct address address;
    history_of(ruling, subject, &history);
    for (size_t i = 0; i < history.count; i++)
        if (address_of(&ruling->scratch, &history.items[i].dl, &address) && span_eq(address.key, dl->key))
            return true;
    return false;
}

static int compare_spans(const void *a, const void *b) {
    return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* Among the recipients of one envelope a list counts once: naming it often must not multiply the work. */
static bool named_before(struct ruling *ruling, struct branch *branch, const struct dl *dl) {
    for (size_t i = 0; i < branch->expanded_count; i++)
        if (branch->expanded[i] == dl)
            return true;
    const struct dl **expanded =
        ruling_grow(ruling, branch->expanded, branch->expanded_count, sizeof *expanded);
    if (expanded) {
        branch->expanded = expanded;
        branch->expanded[branch->expanded_count++] = dl;
    }
    return false;
}

/* A name by directory name only gets its address. False: it has none, or must be asked for first. */
static bool with_address(struct ruling *ruling, struct x411_ORName *name) {
    struct x411_ORName found;
    struct cause cause;
    if (!address_is_empty(name))
        return true;
    if (!name->directory_name ||
        directory_look_up(ruling, name->directory_name, &found, &cause) != LOOKUP_FOUND)
        return false;
    *name = found;
    return true;
}

/* Keys of those who shall get nothing: the exempted recipients, and by the list's policy the originator.
 * Sorted. */
static bool excluded_keys(struct ruling *ruling, const struct subject *subject, const struct dl *dl,
                          struct span **keys, size_t *count) {
    struct x411_DLExemptedRecipients exempted = {0};
    struct address address;
    extension_decode(ruling->arena, &subject->envelope.extensions, EXT_DL_EXEMPTED_RECIPIENTS,
                     &x411_DLExemptedRecipients_type, &exempted);
    *count = 0;
    *keys = arena_array(ruling->arena, exempted.count + 1, sizeof **keys);
    if (!*keys)
        return false;
    for (size_t i = 0; i < exempted.count; i++) {
        if (!with_address(ruling, &exempted.items[i]))
            continue;
        if (!address_of(ruling->arena, &exempted.items[i], &address))
            return false;
        (*keys)[(*count)++] = address.key;
    }
    if (dl->given.remove_originator) {
        if (!address_of(ruling->arena, &subject->envelope.originator_name, &address))
            return false;
        (*keys)[(*count)++] = address.key;
    }
    qsort(*keys, *count, sizeof **keys, compare_spans);
    return true;
}

/* The members' fields: those of the list as recipient, without what was meant for the list alone. */
static bool member_fields(struct ruling *ruling, const recipient_fields *list, recipient_fields *fields) {
    const struct span absent = {NULL, 0};
    *fields = *list;
    fields->raw = absent;
    return extension_set(ruling->arena, &fields->extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE, absent) &&
           extension_set(ruling->arena, &fields->extensions, EXT_REDIRECTION_HISTORY, absent) &&
           subject_set_responsible(ruling->arena, fields, true);
}

static bool fill_members(struct ruling *ruling, const recipient_fields *list, const struct dl *dl,
                         struct subject *subject) {
    struct span *keys;
    size_t excluded, count = 0;
    recipient_fields fields, *items = arena_array(ruling->arena, dl->member_count + 1, sizeof *items);
    if (!items || !excluded_keys(ruling, subject, dl, &keys, &excluded) ||
        !member_fields(ruling, list, &fields))
        return false;
    for (size_t i = 0; i < dl->member_count; i++) {
        struct x411_ORName member = dl->members[i];
        struct address address = {.key = dl->member_keys[i]};
        if (address_is_empty(&member) && with_address(ruling, &member) &&
            !address_of(ruling->arena, &member, &address))
            return false;
        if (bsearch(&address.key, keys, excluded, sizeof *keys, compare_spans))
            continue;
        items[count] = fields;
        items[count++].recipient_name = member;
    }
    subject->envelope.per_recipient_fields.items = items;
    subject->envelope.per_recipient_fields.count = count;
    return true;
}

static bool append_history(struct ruling *ruling, struct subject *subject, const struct dl *dl) {
    struct x411_DLExpansionHistory old, history;
    history_of(ruling, subject, &old);
    history.count = old.count + 1;
    history.items = arena_array(ruling->arena, history.count, sizeof *history.items);
    if (!history.items)
        return false;
    if (old.count)
        memcpy(history.items, old.items, old.count * sizeof *history.items);
    history.items[old.count].dl = dl->name;
    return time_write(ruling, ruling->run->now, &history.items[old.count].dl_expansion_time) &&
           extension_encode(ruling->arena, &subject->envelope.extensions, EXT_DL_EXPANSION_HISTORY,
                            &x411_DLExpansionHistory_type, &history);
}

/* The list's members are not disclosed to each other. */
static struct branch *expanded(struct ruling *ruling, const struct branch *branch,
                               const recipient_fields *list, const struct dl *dl) {
    struct subject subject = branch->subject;
    struct x411_MessageTransferEnvelope *envelope = &subject.envelope;
    if (!append_history(ruling, &subject, dl) || !fill_members(ruling, list, dl, &subject) ||
        !trace_mark(ruling, &envelope->trace_information, &envelope->extensions,
                    x411_OtherActions_dl_operation) ||
        !ber_bit_set(&envelope->per_message_indicators,
                     x411_PerMessageIndicators_disclosure_of_other_recipients, false, ruling->arena)) {
        ruling->no_memory = true;
        return NULL;
    }
    struct branch *next = branch_new(ruling, &subject);
    if (next)
        next->dl_depth = branch->dl_depth + 1;
    return next;
}

bool dl_expand(struct ruling *ruling, struct branch *branch, size_t position, const struct dl *dl,
               struct cause *cause) {
    const recipient_fields *list = &branch->subject.envelope.per_recipient_fields.items[position];
    struct target *target = &branch->targets[position];
    if (dl_has_expanded(ruling, &branch->subject, dl)) {
        target->kind = TARGET_DROPPED;
        ruling_event(ruling, MTS_EVENT_DISCARDED, branch->subject.identifier)->text =
            "the list has expanded this message before";
        return true;
    }
    if (!dl_permits(ruling, &branch->subject, dl, cause))
        return false;
    if (branch->dl_depth >= ruling->tables->self.dl_depth)
        return refuse(cause, x411_NonDeliveryDiagnosticCode_dl_expansion_failure);
    if (named_before(ruling, branch, dl)) {
        target->kind = TARGET_DROPPED;
        ruling_event(ruling, MTS_EVENT_DISCARDED, branch->subject.identifier)->text =
            "the list is named twice";
        return true;
    }
    struct branch *next = expanded(ruling, branch, list, dl);
    if (!next)
        return true;
    size_t members = next->subject.envelope.per_recipient_fields.count;
    target->kind = dl->given.expansion_is_delivery || !members ? TARGET_ANSWERED : TARGET_DROPPED;
    target->user_type = x411_TypeOfMTSUser_dl;
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_EXPANDED, branch->subject.identifier);
    event->recipient = list->originally_specified_recipient_number;
    event->name = ruling_address(ruling, &dl->name);
    ruling_undecided(ruling, next, 0, members);
    return true;
}
