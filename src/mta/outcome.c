/*
 * Outcomes of transfers in: a sender that did not see our answer asks again by
 * a resume, in this association or another, and gets the same answer (I7). Kept
 * only for what had a checkpoint in the store: without one nothing is resumed.
 */
#include "mta/outcome.h"

#include "mta/inbound.h"
#include "mta/jump.h"
#include "mta/mta_private.h"

enum verdict { ACCEPTED = 1, REFUSED, RELEASED /* of the association itself */ };

static int64_t keep_us(const struct mta *mta) {
    return mta->view.config->limits.resume_seconds * SECOND;
}

void outcome_named(struct association *association) {
    struct mta *mta = association->net->mta;
    association->named_in = mta->named_in = mta->batch.number;
    batch_arm_later(mta);
}

/* Associations of one peer that are up at once may have one name, too: each has to know that the batch says
 * something of it. */
static void tell_namesakes(const struct association *association, struct span name) {
    struct mta *mta = association->net->mta;
    for (struct net_process *net = mta->nets; net; net = net->next)
        for (size_t i = 0; i < net->associations.room; i++) {
            struct association *other = net->associations.slots[i].value;
            if (!other || other->out || other->peer != association->peer ||
                !span_eq(bytes_head(other->id), name))
                continue;
            other->outcomes = true;
            other->named_in = mta->batch.number;
        }
}

static bool put(struct association *association, struct span name, struct span activity,
                enum verdict verdict) {
    struct mta *mta = association->net->mta;
    buf_clear(&mta->scratch);
    bool done =
        buf_append_byte(&mta->scratch, (uint8_t)verdict) &&
        payload_put_octets(&mta->scratch, bytes_rest(association->id)) &&
        buf_append_u64(&mta->scratch, (uint64_t)jump_steady(mta)) &&
        store_put_outcome(mta->batch.store, &(struct store_outcome){.association = name,
                                                                    .activity = activity,
                                                                    .peer = span_str(association->peer->name),
                                                                    .expiry = jump_steady(mta) + keep_us(mta),
                                                                    .data = buf_span(&mta->scratch)});
    outcome_named(association);
    tell_namesakes(association, name);
    batch_arm(mta);
    return done;
}

bool outcome_note(struct association *association, bool accepted) {
    struct inbound *inbound = association->inbound;
    struct span name = bytes_head(inbound->names), activity = bytes_rest(inbound->names);
    return inbound_remove(association->net->mta, inbound) &&
           put(association, name, activity, accepted ? ACCEPTED : REFUSED);
}

/* An outcome of before one that could not be forgotten may be that one: it is none. Its sender begins anew,
 * which I5 confirms. */
static enum verdict verdict_of(const struct mta *mta, const struct buf *data) {
    struct reader r = reader_of(buf_span(data));
    enum verdict verdict = (enum verdict)reader_u8(&r);
    payload_octets(&r); /* outcome_address */
    int64_t at = reader_left(&r) ? (int64_t)reader_u64(&r) : 0;
    return mta->unforgotten && at <= mta->unforgotten ? (enum verdict)0 : verdict;
}

/* 0: there is none. False: that can't be told now. */
static bool find(struct mta *mta, struct span name, struct span activity, struct span peer,
                 enum verdict *verdict, struct error *err) {
    struct error inner = {0};
    struct buf data;
    buf_init(&data, 0);
    bool found = store_get_outcome(mta->view.store, name, activity, peer, &data, &inner);
    *verdict = found ? verdict_of(mta, &data) : (enum verdict)0;
    buf_free(&data);
    return found || inner.code == STORE_NOT_FOUND || error_set(err, inner.code, "%s", inner.text);
}

bool outcome_of(struct association *association, struct span name, struct span activity,
                enum ipc_resume *answer, struct error *err) {
    enum verdict verdict = (enum verdict)0;
    if (activity.len &&
        !find(association->net->mta, name, activity, span_str(association->peer->name), &verdict, err))
        return false;
    *answer = verdict == ACCEPTED  ? IPC_RESUME_COMPLETED
              : verdict == REFUSED ? IPC_RESUME_REFUSED
                                   : IPC_RESUME_UNKNOWN_ACTIVITY;
    return true;
}

/* ---- names that are used again ---- */

/* An association of the same name was there before: some MTAs make it of the host's name and the time. */
static bool see_former(void *context, const struct store_outcome *outcome) {
    struct association *association = context;
    struct store_batch *batch = association->net->mta->batch.store;
    if (!span_eq(outcome->peer, span_str(association->peer->name)))
        return true;
    if (outcome->activity.len == 0) /* released; this one is not */
        store_remove_outcome(batch, outcome->association, outcome->activity, outcome->peer);
    association->outcomes = true;
    return true;
}

void outcome_look(struct association *association) {
    struct mta *mta = association->net->mta;
    struct span name = bytes_head(association->id);
    bool read = store_each_outcome(mta->view.store, name, see_former, association, NULL);
    if (association->outcomes)
        batch_arm_later(mta);
    bool named = batch_is_open(mta, mta->named_in); /* it may say something of the name */
    if (read && !named)
        return;
    association->outcomes = true;
    if (named)
        association->named_in = mta->batch.number;
    store_remove_outcome(mta->batch.store, name, SPAN_LIT(""), span_str(association->peer->name));
}

static void is_forgotten(struct mta *mta, const struct effect *effect) {
    (void)mta;
    (void)effect;
}

/* The association ends, so that its activity does not go on beside what is kept of the former one. */
static void is_not_forgotten(struct mta *mta, const struct effect *effect) {
    struct association *association = association_numbered(mta, effect->association);
    outcome_unforgotten(mta);
    if (association)
        association_end(association, IPC_CLOSE_ABORTED, batch_cause(mta));
}

static const struct effect_kind forgetting = {is_forgotten, is_not_forgotten};

void outcome_unforgotten(struct mta *mta) {
    mta->unforgotten = jump_steady(mta);
    mta->unforgotten_note = (struct note){.unsaved = true};
}

uint64_t outcome_awaits(const struct net_process *net, uint64_t ref, struct span payload) {
    const struct association *association = association_find(net, ref);
    uint64_t batch = association ? association->named_in : 0;
    (void)payload;
    return batch_is_open(net->mta, batch) && !batch_is_stuck(net->mta) ? batch : 0;
}

uint64_t outcome_awaits_any(const struct net_process *net, uint64_t ref, struct span payload) {
    uint64_t batch = net->mta->named_in;
    (void)ref, (void)payload;
    return batch_is_open(net->mta, batch) && !batch_is_stuck(net->mta) ? batch : 0;
}

bool outcome_is_unknown(const struct mta *mta) {
    return batch_is_open(mta, mta->named_in) && batch_is_stuck(mta);
}

static bool find_former(struct association *association, struct span activity,
                        struct store_activity_in *former, struct error *err) {
    struct mta *mta = association->net->mta;
    if (batch_is_open(mta, association->named_in))
        return error_set(err, STORE_IO, "%s", batch_cause(mta));
    return store_find_activity_in(mta->view.store, span_str(association->peer->name),
                                  bytes_head(association->id), activity, former, err);
}

static bool is_of_name(const struct association *other, const struct association *association,
                       struct span activity) {
    const struct bytes *names = other->inbound && !other->inbound->answered ? other->inbound->names : NULL;
    return other != association && other->peer == association->peer && names &&
           span_eq(bytes_head(names), bytes_head(association->id)) && span_eq(bytes_rest(names), activity);
}

/* An MTA may give two of its associations one identifier, and count the activities of each from 1. What is
 * stored of the one that is under way must not be taken for what is left of an earlier one. */
static bool is_under_way(const struct association *association, struct span activity) {
    for (struct net_process *net = association->net->mta->nets; net; net = net->next)
        for (size_t i = 0; i < net->associations.room; i++) {
            const struct association *other = net->associations.slots[i].value;
            if (other && is_of_name(other, association, activity))
                return true;
        }
    return false;
}

bool outcome_begins(struct association *association, struct span activity, struct error *err) {
    struct mta *mta = association->net->mta;
    struct store_activity_in stored;
    bool former = find_former(association, activity, &stored, err);
    if ((former || association->shares_id) && is_under_way(association, activity))
        return error_set(err, STORE_IN_USE,
                         "a transfer by the same identifiers is under way on another association");
    bool told = former || err->code == STORE_NOT_FOUND;
    if (told && (former || association->outcomes) && batch_is_full(mta)) /* and nobody waits any more */
        told = error_set(err, STORE_IO, "%s", batch_cause(mta));
    if (!told) {
        outcome_unforgotten(mta);
        return false;
    }
    if (association->outcomes)
        store_remove_outcome(mta->batch.store, bytes_head(association->id), activity,
                             span_str(association->peer->name));
    if (former)
        inbound_forget(mta, &stored);
    if (!former && !association->outcomes)
        return true;
    outcome_named(association);
    struct effect effect = {.kind = &forgetting, .association = association->number};
    if (!batch_effect_later(mta, effect))
        is_not_forgotten(mta, &effect);
    return true;
}

static const struct span record_name = SPAN_LIT("outcomes-void-until");

bool outcome_save(struct mta *mta) {
    uint8_t octets[8];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)((uint64_t)mta->unforgotten >> (56 - 8 * i));
    return store_put_record(mta->batch.store, STORE_SETTING, record_name, span_of(octets, sizeof octets));
}

bool outcome_load(struct mta *mta, struct error *err) {
    struct error inner = {0};
    struct buf record;
    buf_init(&record, 64);
    if (store_get_record(mta->view.store, STORE_SETTING, record_name, &record, &inner)) {
        struct reader r = reader_of(buf_span(&record));
        mta->unforgotten = (int64_t)reader_u64(&r);
    }
    buf_free(&record);
    return !inner.code || inner.code == STORE_NOT_FOUND || error_set(err, inner.code, "%s", inner.text);
}

/* ---- associations that ended in good order ---- */

static bool is_unfinished(void *context, const struct store_activity_in *activity) {
    struct association **unfinished = context;
    if (!span_eq(activity->peer, span_str((*unfinished)->peer->name)))
        return true;
    *unfinished = NULL;
    return false;
}

void outcome_released(struct association *association) {
    struct association *unfinished = association;
    struct span name = bytes_head(association->id);
    struct store *store = association->net->mta->view.store;
    bool read = store_each_activity_of(store, name, is_unfinished, &unfinished, NULL);
    if (!read || !unfinished)
        put(association, name, SPAN_LIT(""), RELEASED);
}

/* ---- recovery ---- */

bool outcome_is_released(struct mta *mta, struct span association, struct span peer, bool *released,
                         struct error *err) {
    struct error inner = {0};
    *released = store_get_outcome(mta->view.store, association, SPAN_LIT(""), peer, NULL, &inner);
    return *released || inner.code == STORE_NOT_FOUND || error_set(err, inner.code, "%s", inner.text);
}

struct span outcome_address(const struct store_outcome *outcome) {
    struct reader r = reader_of(outcome->data);
    reader_u8(&r);
    return payload_octets(&r);
}
