/*
 * Splitting (X.411 §14.3): one copy for each next hop and each mailbox, however often the
 * envelope names it, and
 * a report for those who failed or were answered. In a stored envelope the
 * responsibility flag stands on exactly the recipients that have a copy.
 */
#include <stdlib.h>

#include "base/map.h"
#include "mts/mts_private.h"

struct grouping {
    struct mts_copy *copies;
    struct plan *plans;
    size_t count;
    size_t *slot_of_hop;  /* 1 + index of the hop's copy */
    struct map mailboxes; /* the same of a mailbox's, by mailbox_key() */
};

/* Equal addresses lead to one user, whose mailbox's name is one place in the tables. */
static uint64_t mailbox_key(const struct target *target) {
    return (uintptr_t)target->mailbox;
}

static bool has_copy(const struct target *target) {
    return target->kind == TARGET_HOP || target->kind == TARGET_MAILBOX;
}

/* Time from which the copy may go, and its end (X.411 §14.3 deferred delivery; latest delivery; the
 * priority's expiry). */
static void set_times(struct ruling *ruling, const struct subject *subject, const struct hop *hop,
                      struct mts_copy *copy, struct plan *plan) {
    int64_t now = ruling->run->now, deferred, latest;
    struct span time;
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    copy->due = now;
    if (subject->kind == MTS_MESSAGE && time_read(envelope->deferred_delivery_time, &deferred) &&
        deferred > now) {
        if (hop && hop->given.defers)
            plan->flags |= PLAN_PEER_HOLDS;
        else
            copy->due = deferred;
    }
    copy->priority = subject->kind == MTS_PROBE ? MTS_URGENT : priority_lane(envelope->priority);
    copy->expires = copy->due + ruling->tables->self.schedules[copy->priority].expiry;
    if (extension_decode(ruling->arena, &envelope->extensions, EXT_LATEST_DELIVERY_TIME,
                         &x411_LatestDeliveryTime_type, &time) &&
        time_read(time, &latest))
        copy->latest = latest;
}

/* 1 + index of the copy for the recipient's hop or mailbox; 0: there is none yet. */
static size_t slot_of(const struct grouping *grouping, const struct target *target) {
    if (target->kind == TARGET_HOP)
        return grouping->slot_of_hop[target->hop];
    const struct map_slot *slot = map_find(&grouping->mailboxes, mailbox_key(target));
    return slot ? (size_t)slot->number : 0;
}

/* The next copy is that for the mailbox. */
static bool keep_slot(struct grouping *grouping, const struct target *target) {
    struct map_slot *slot = map_at(&grouping->mailboxes, mailbox_key(target));
    if (slot)
        slot->number = (int64_t)grouping->count + 1;
    return slot != NULL;
}

/* The copy that the recipient belongs to: its hop's or its mailbox's, or a new one. */
static struct mts_copy *copy_for(struct ruling *ruling, struct grouping *grouping,
                                 const struct subject *subject, const struct target *target) {
    size_t known = slot_of(grouping, target);
    if (known)
        return &grouping->copies[known - 1];
    struct mts_copy *copies = ruling_grow(ruling, grouping->copies, grouping->count, sizeof *copies);
    struct plan *plans = ruling_grow(ruling, grouping->plans, grouping->count, sizeof *plans);
    if (!copies || !plans)
        return NULL;
    grouping->copies = copies;
    grouping->plans = plans;
    struct mts_copy *copy = &copies[grouping->count];
    const struct hop *hop = NULL;
    *copy = (struct mts_copy){.kind = MTS_COPY_DELIVER, .hop = -1, .mailbox = target->mailbox};
    plans[grouping->count] = (struct plan){0};
    if (target->kind == TARGET_HOP) {
        hop = &ruling->tables->hops[target->hop];
        copy->kind = MTS_COPY_TRANSFER;
        copy->hop = target->hop;
        copy->mailbox = NULL;
        plans[grouping->count].flags = plan_flags_of_hop(ruling->tables, target->hop);
        plans[grouping->count].bilateral = hop->bilateral;
        if (conversion_to_p2(hop, subject)) {
            plans[grouping->count].flags |= PLAN_TO_P2 | (hop->given.rfc1328_replace ? PLAN_REPLACE : 0) |
                                            (hop->given.rfc1328_encapsulate ? PLAN_ENCAPSULATE : 0);
            if (subject->kind == MTS_MESSAGE)
                copy->kind = MTS_COPY_CONVERT;
        }
        plans[grouping->count].rfc1328_address = span_str(ruling->tables->self.rfc1328_address);
        grouping->slot_of_hop[target->hop] = grouping->count + 1;
    } else if (!keep_slot(grouping, target)) {
        ruling->no_memory = true;
        return NULL;
    }
    grouping->count++;
    set_times(ruling, subject, hop, copy, &plans[grouping->count - 1]);
    return copy;
}

static void record_copy(struct ruling *ruling, const struct branch *branch, size_t position,
                        const struct mts_copy *copy) {
    const struct target *target = &branch->targets[position];
    bool hop = target->kind == TARGET_HOP;
    enum mts_event_kind kind = copy->kind == MTS_COPY_CONVERT ? MTS_EVENT_TO_CONVERSION
                               : hop                          ? MTS_EVENT_ROUTED
                                                              : MTS_EVENT_TO_MAILBOX;
    struct mts_event *event = ruling_event(ruling, kind, branch->subject.identifier);
    event->recipient =
        branch->subject.envelope.per_recipient_fields.items[position].originally_specified_recipient_number;
    event->hop = hop ? target->hop : -1;
    event->name = hop ? (struct span){NULL, 0} : span_str(target->mailbox);
    if (hop)
        event->other = ruling_address(
            ruling, &branch->subject.envelope.per_recipient_fields.items[position].recipient_name);
    if (copy->due <= ruling->run->now)
        return;
    event = ruling_event(ruling, MTS_EVENT_DEFERRED, branch->subject.identifier);
    event->time = copy->due;
}

static bool group(struct ruling *ruling, const struct branch *branch, struct grouping *grouping) {
    const struct subject *subject = &branch->subject;
    size_t count = subject->envelope.per_recipient_fields.count;
    grouping->slot_of_hop =
        arena_array(ruling->arena, ruling->tables->hop_count + 1, sizeof *grouping->slot_of_hop);
    if (!grouping->slot_of_hop) {
        ruling->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!has_copy(&branch->targets[i]))
            continue;
        struct mts_copy *copy = copy_for(ruling, grouping, subject, &branch->targets[i]);
        if (!copy)
            return false;
        uint32_t *positions =
            ruling_grow(ruling, (void *)copy->recipients, copy->recipient_count, sizeof *positions);
        if (!positions)
            return false;
        positions[copy->recipient_count++] = (uint32_t)i;
        copy->recipients = positions;
        record_copy(ruling, branch, i, copy);
    }
    return true;
}

/* The flags on exactly those with a copy. The array is the branch's own from here on. */
static bool set_responsibility(struct ruling *ruling, struct branch *branch) {
    struct x411_MessageTransferEnvelope *envelope = &branch->subject.envelope;
    recipient_fields *items = envelope->per_recipient_fields.items;
    for (size_t i = 0; i < envelope->per_recipient_fields.count; i++)
        if (!subject_set_responsible(ruling->arena, &items[i], has_copy(&branch->targets[i]))) {
            ruling->no_memory = true;
            return false;
        }
    return true;
}

/*
 * What need not be done again for each outbound copy: an envelope whose only
 * copy leaves the domain is kept without internal trace, and a flag without an
 * effect is dropped. A plan with PLAN_ALL alone means the stored octets as they are.
 */
static bool simplify(struct ruling *ruling, struct branch *branch, struct plan *plan, bool only) {
    struct x411_Extensions *extensions = &branch->subject.envelope.extensions;
    if (only) {
        plan->flags |= PLAN_ALL;
        if (plan->flags & PLAN_DROP_INTERNAL_TRACE &&
            !extension_set(ruling->arena, extensions, EXT_INTERNAL_TRACE, (struct span){NULL, 0}))
            return false;
    }
    if (!extension_find(extensions, EXT_INTERNAL_TRACE))
        plan->flags &= ~(unsigned)PLAN_DROP_INTERNAL_TRACE;
    if (!branch->subject.envelope.deferred_delivery_time.data)
        plan->flags &= ~(unsigned)PLAN_DROP_DEFERRED;
    return true;
}

static void keep(struct ruling *ruling, struct branch *branch, struct grouping *grouping) {
    struct span octets;
    bool ok = set_responsibility(ruling, branch);
    for (size_t i = 0; ok && i < grouping->count; i++) {
        struct plan *plan = &grouping->plans[i];
        plan->positions = (uint32_t *)grouping->copies[i].recipients;
        plan->count = grouping->copies[i].recipient_count;
        ok = simplify(ruling, branch, plan, grouping->count == 1) &&
             plan_write(ruling->arena, plan, &grouping->copies[i].plan);
    }
    struct mts_object *object =
        ok && subject_encode(ruling, &branch->subject, &octets) ? ruling_object(ruling) : NULL;
    if (!object) {
        ruling->no_memory = true;
        return;
    }
    *object = (struct mts_object){.kind = branch->subject.kind,
                                  .octets = octets,
                                  .has_content = branch->subject.kind == MTS_MESSAGE,
                                  .identifier = branch->subject.identifier,
                                  .copies = grouping->copies,
                                  .copy_count = grouping->count};
}

/* `originator`: as text, once for all recipients. */
static void record_outcome(struct ruling *ruling, const struct branch *branch, struct span originator,
                           const struct outcome *outcome) {
    struct mts_event *event =
        ruling_event(ruling, outcome->delivered ? MTS_EVENT_DELIVERED : MTS_EVENT_NOT_DELIVERED,
                     branch->subject.identifier);
    event->recipient = branch->subject.envelope.per_recipient_fields.items[outcome->position]
                           .originally_specified_recipient_number;
    struct span address = ruling_address(
        ruling, &branch->subject.envelope.per_recipient_fields.items[outcome->position].recipient_name);
    if (outcome->delivered) {
        event->name = address;
        return;
    }
    event->other = address;
    event->originator = originator;
    event->reason = outcome->cause.reason;
    event->diagnostic = outcome->cause.diagnostic;
    event->text = outcome->cause.supplementary ? outcome->cause.supplementary : ruling->record;
}

static void report(struct ruling *ruling, struct branch *branch) {
    size_t count = 0, recipients = branch->subject.envelope.per_recipient_fields.count;
    struct outcome *outcomes = arena_array(ruling->arena, recipients ? recipients : 1, sizeof *outcomes);
    if (!outcomes) {
        ruling->no_memory = true;
        return;
    }
    struct span originator = ruling_address(ruling, &branch->subject.envelope.originator_name);
    for (size_t i = 0; i < recipients; i++) {
        const struct target *target = &branch->targets[i];
        if (target->kind != TARGET_FAILED && target->kind != TARGET_ANSWERED)
            continue;
        outcomes[count] = (struct outcome){.position = i,
                                           .delivered = target->kind == TARGET_ANSWERED,
                                           .time = ruling->run->now,
                                           .user_type = target->user_type,
                                           .cause = target->cause};
        record_outcome(ruling, branch, originator, &outcomes[count++]);
    }
    if (count)
        report_make(ruling, &branch->subject, outcomes, count);
}

/*
 * Who reads a message from a mailbox has its whole stored envelope decoded. So many
 * mailboxes share one at the most, for else the cost of many would grow with their
 * square. Each part repeats all that stands in the envelope beside recipients: where
 * that is long, parts are so large that their recipients are no shorter, for else the
 * cost would be the product of both. Whom the others' names are disclosed to needs all
 * of them in one, whatever it costs.
 */
#define MAILBOXES_TOGETHER 64
#define RECIPIENT_OCTETS   64 /* those of one's fields, hardly ever less */

/* How many share an envelope of such a length beside recipients. */
static bool mailboxes_together(struct ruling *ruling, const struct branch *branch, size_t *together) {
    struct subject alone = branch->subject;
    struct span octets;
    alone.envelope.per_recipient_fields.count = 1; /* at least one there must be */
    if (!subject_encode(ruling, &alone, &octets))
        return false;
    size_t fit = octets.len / RECIPIENT_OCTETS;
    *together = fit > MAILBOXES_TOGETHER ? fit : MAILBOXES_TOGETHER;
    return true;
}

/* A recipient whose target is a mailbox, and the first one with the same. */
struct named {
    size_t first, position;
};

static int compare_named(const void *left, const void *right) {
    const struct named *a = left, *b = right;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

static size_t count_mailboxes(const struct branch *branch) {
    size_t count = 0;
    for (size_t i = 0; i < branch->subject.envelope.per_recipient_fields.count; i++)
        count += branch->targets[i].kind == TARGET_MAILBOX;
    return count;
}

/* The `count` recipients with mailboxes: those of one mailbox stand together. NULL without memory. */
static struct named *order_mailboxes(struct ruling *ruling, const struct branch *branch, size_t count) {
    struct named *order = arena_array(ruling->arena, count, sizeof *order);
    struct map firsts = {0}; /* 1 + position */
    for (size_t i = 0, at = 0; order && at < count; i++) {
        if (branch->targets[i].kind != TARGET_MAILBOX)
            continue;
        struct map_slot *slot = map_at(&firsts, mailbox_key(&branch->targets[i]));
        if (!slot) {
            order = NULL;
            break;
        }
        if (!slot->number)
            slot->number = (int64_t)i + 1;
        order[at++] = (struct named){(size_t)slot->number - 1, i};
    }
    map_free(&firsts);
    if (order)
        qsort(order, count, sizeof *order, compare_named);
    else
        ruling->no_memory = true;
    return order;
}

/* How many of the first ones go into one envelope: those of one mailbox are not parted, and stand alone where
 * they are too many for the others. */
static size_t count_dealt(const struct named *order, size_t left, size_t together) {
    size_t count = 0;
    while (count < left) {
        size_t end = count + 1;
        while (end < left && order[end].first == order[count].first)
            end++;
        if (count && end > together)
            break;
        count = end;
    }
    return count;
}

/* Moves those recipients to a branch whose envelope has their fields alone. */
static bool deal_some(struct ruling *ruling, struct branch *branch, const struct named *order, size_t count) {
    struct subject subject = branch->subject;
    const recipient_fields *from = branch->subject.envelope.per_recipient_fields.items;
    recipient_fields *items = arena_array(ruling->arena, count, sizeof *items);
    struct target *targets = arena_array(ruling->arena, count, sizeof *targets);
    for (size_t i = 0; items && targets && i < count; i++) {
        size_t position = order[i].position;
        items[i] = from[position];
        targets[i] = branch->targets[position];
        branch->targets[position] = (struct target){.kind = TARGET_NONE};
    }
    subject.envelope.per_recipient_fields.items = items;
    subject.envelope.per_recipient_fields.count = count;
    struct branch *dealt = items ? branch_with(ruling, &subject, targets) : NULL;
    ruling->no_memory |= !dealt;
    if (dealt)
        dealt->dealt = true;
    return dealt != NULL;
}

static bool deal_mailboxes(struct ruling *ruling, struct branch *branch) {
    size_t left = count_mailboxes(branch), together, count;
    if (left <= MAILBOXES_TOGETHER || branch->dealt ||
        subject_has(&branch->subject, x411_PerMessageIndicators_disclosure_of_other_recipients))
        return true;
    const struct named *order = order_mailboxes(ruling, branch, left);
    if (!order || !mailboxes_together(ruling, branch, &together))
        return false;
    for (; left > 0; left -= count, order += count) {
        count = count_dealt(order, left, together);
        if (!deal_some(ruling, branch, order, count))
            return false;
    }
    return true;
}

/* Copies and their object. */
static void keep_branch(struct ruling *ruling, struct branch *branch) {
    struct grouping grouping = {0};
    if (group(ruling, branch, &grouping)) {
        /* Reports speak of the flags as they came in: before they are set. */
        report(ruling, branch);
        if (grouping.count)
            keep(ruling, branch, &grouping);
    }
    map_free(&grouping.mailboxes);
}

void split_branches(struct ruling *ruling) {
    for (struct branch *branch = ruling->first; branch && !ruling->no_memory && !ruling->out->need_count;
         branch = branch->next)
        if (deal_mailboxes(ruling, branch))
            keep_branch(ruling, branch);
}
