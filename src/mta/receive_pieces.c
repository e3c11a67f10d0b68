/*
 * Transfers in, in pieces: the content goes to the store as it comes; a
 * checkpoint is confirmed when all before it is on disk. Many small
 * checkpoints share a commit.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "mta/inbound.h"
#include "mta/jump.h"
#include "mta/leftovers.h"
#include "mta/mta_private.h"
#include "mta/outcome.h"
#include "mta/receive.h"
#include "mta/recovery.h"

static void fail(struct inbound *inbound, const char *cause) {
    if (!inbound->failure.text[0])
        snprintf(inbound->failure.text, sizeof inbound->failure.text, "%s", cause[0] ? cause : "no memory");
    store_content_release(inbound->content);
    inbound->content = NULL;
}

bool receive_begin(struct association *association, struct span payload) {
    struct reader r = reader_of(payload);
    uint32_t transfer = reader_u32(&r);
    struct span activity = payload_octets(&r);
    inbound_forget_answered(association);
    association->transfer = transfer;
    if (recovery_brings_new(association))
        return true;
    struct error err = {0};
    bool begins = outcome_begins(association, activity, &err);
    struct inbound *inbound = mem_alloc(sizeof *inbound);
    struct bytes *names = bytes_new(bytes_head(association->id), activity);
    if (!inbound || !names) {
        mem_free(inbound);
        bytes_drop(names);
        association_end(association, IPC_CLOSE_ABORTED, "no memory");
        return true;
    }
    inbound->names = names;
    inbound->late = link_stops(association->net);
    association->inbound = inbound;
    if (!begins)
        fail(inbound, err.text);
    return true;
}

bool receive_envelope(struct association *association, struct span payload) {
    struct inbound *inbound = association->inbound;
    struct reader r = reader_of(payload);
    uint8_t kind = reader_u8(&r);
    struct span envelope = payload_rest(&r);
    inbound->kind = (enum ipc_apdu)kind;
    /* The net process has the limit of another configuration for a moment when one is read anew. */
    if (envelope.len + inbound->envelope.len > association->net->mta->view.config->limits.envelope_octets)
        fail(inbound, "the envelope is longer than the limit");
    else if (!inbound->failure.text[0] && !buf_append_span(&inbound->envelope, envelope))
        fail(inbound, "no memory");
    return true;
}

static bool too_long(const struct mta *mta, const struct inbound *inbound, size_t more) {
    uint64_t most = mta->view.config->limits.content_octets;
    uint64_t length = inbound->content ? store_content_length(inbound->content) : 0;
    return most && length + more > most;
}

/* What can't be stored is let go by; the answer to END says why. */
bool receive_content(struct association *association, struct span payload) {
    struct mta *mta = association->net->mta;
    struct inbound *inbound = association->inbound;
    struct error err = {0};
    if (inbound->failure.text[0])
        return true;
    struct span again =
        span_sub(payload, 0, (size_t)(inbound->skip < payload.len ? inbound->skip : payload.len));
    inbound->skip -= again.len;
    payload = span_sub(payload, again.len, payload.len);
    if (payload.len == 0)
        return true;
    if (too_long(mta, inbound, payload.len)) {
        fail(inbound, "the content is longer than the limit");
    } else if (!store_accepting(mta->view.store)) {
        fail(inbound, store_cause(mta->view.store)->text);
    } else {
        if (!inbound->content)
            inbound->content = store_content_create(mta->view.store, 0, &err);
        if (!inbound->content || !store_content_append(inbound->content, payload, &err))
            fail(inbound, err.text);
    }
    return true;
}

/* ---- checkpoints ---- */

static void checkpoint_is_safe(struct mta *mta, const struct effect *effect) {
    const struct association *association = association_numbered(mta, effect->association);
    if (!association)
        return;
    buf_clear(&mta->head);
    buf_append_u32(&mta->head, (uint32_t)effect->ref);
    buf_append_u32(&mta->head, effect->number);
    ipc_send(association->net->channel, IPC_TRANSFER_CHECKPOINT_DONE, association->ref, buf_span(&mta->head),
             (struct span){NULL, 0});
}

static void checkpoint_is_lost(struct mta *mta, const struct effect *effect) {
    struct association *association = association_numbered(mta, effect->association);
    if (association)
        association_end(association, IPC_CLOSE_ABORTED, batch_cause(mta));
}

static const struct effect_kind checkpoint_done = {checkpoint_is_safe, checkpoint_is_lost};

/* The envelope only grows, so that what is spooled of it is its beginning; after a resume it may be more. */
static void spool_envelope(struct mta *mta, struct inbound *inbound) {
    struct error err = {0};
    struct span envelope = buf_span(&inbound->envelope);
    if (inbound->failure.text[0] || (!inbound->spooled && envelope.len <= INBOUND_ENVELOPE_MAX))
        return;
    if (!store_accepting(mta->view.store)) {
        fail(inbound, store_cause(mta->view.store)->text);
        return;
    }
    if (!inbound->spooled)
        inbound->spooled = store_content_create(mta->view.store, 0, &err);
    uint64_t length = inbound->spooled ? store_content_length(inbound->spooled) : 0;
    struct span more = span_sub(envelope, length < envelope.len ? (size_t)length : envelope.len, SIZE_MAX);
    if (!inbound->spooled || (more.len && !store_content_append(inbound->spooled, more, &err)))
        fail(inbound, err.text);
}

static bool put_activity(struct association *association, uint32_t serial, uint64_t offset) {
    struct mta *mta = association->net->mta;
    struct inbound *inbound = association->inbound;
    struct span address = bytes_rest(association->id);
    struct store_activity_in activity = {.id = inbound->spool,
                                         .peer = span_str(association->peer->name),
                                         .association = bytes_head(inbound->names),
                                         .at = jump_steady(mta),
                                         .serial = serial,
                                         .offset = offset,
                                         .state = address};
    uint64_t id = inbound->spool;
    if (!inbound->stored)
        leftovers_limit(mta, association->peer);
    if (inbound->spooled && !(id = store_put_activity_in(mta->batch.store, &activity, inbound->spooled)))
        return false;
    inbound->spool = id;
    buf_clear(&mta->scratch);
    if (!inbound_write(inbound, address, &mta->scratch))
        return false;
    activity.id = inbound->stored;
    activity.activity = bytes_rest(inbound->names);
    activity.state = buf_span(&mta->scratch);
    id = store_put_activity_in(mta->batch.store, &activity, inbound->content);
    if (id)
        inbound->stored = id;
    outcome_named(association);
    return id != 0;
}

bool receive_checkpoint(struct association *association, struct span payload) {
    struct mta *mta = association->net->mta;
    struct inbound *inbound = association->inbound;
    struct reader r = reader_of(payload);
    uint32_t serial = reader_u32(&r);
    uint64_t offset = reader_u64(&r);
    struct span parser = payload_rest(&r);
    /* Of what is not kept a checkpoint is confirmed as well, or a sender whose window is full would wait for
     * ever: should it ask to go on from there, it hears that it has to begin anew. */
    bool kept = inbound->stored, known = kept || outcome_is_kept(association, &kept);
    if (kept)
        spool_envelope(mta, inbound);
    struct effect effect = {.kind = &checkpoint_done,
                            .association = association->number,
                            .ref = association->transfer,
                            .number = serial};
    if (inbound->failure.text[0]) {
        /* A sender whose window is full waits for this
         * confirmation and never comes to the end: refuse now. */
        if (!inbound->answered)
            receive_answer(association, ARRIVAL_LATER, inbound->failure.text);
        inbound->answered = true;
        return true;
    }
    bool done = !kept || (inbound_checkpoint(inbound, serial, offset, parser) &&
                          put_activity(association, serial, offset));
    if (known && done && batch_effect(mta, effect))
        return true;
    association_end(association, IPC_CLOSE_ABORTED, "no memory");
    return true;
}

/* ---- ends ---- */

static void add_content(struct arrival *arrival, struct store_content *content) {
    arrival->content = content;
    arrival->content_length = store_content_length(content);
    arrival->memory = store_content_memory(content);
}

/* Without memory for that it stays, and goes by its age. */
static void drop_activity(struct association *association, struct inbound *inbound) {
    if (inbound->stored && outcome_discarded(association, inbound))
        inbound->stored = inbound->spool = 0;
}

bool receive_end(struct association *association, struct span payload) {
    struct mta *mta = association->net->mta;
    struct inbound *inbound = association->inbound;
    (void)payload;
    inbound_note_ended(association);
    if (inbound->answered) {
        inbound_free(association);
        return true;
    }
    struct arrival arrival = {.peer = association->peer,
                              .kind = inbound->kind,
                              .envelope = buf_span(&inbound->envelope),
                              .late = inbound->late};
    char cause[RECEIVE_CAUSE];
    enum arrival_result result = ARRIVAL_LATER;
    struct batch_mark mark = batch_mark(mta);
    snprintf(cause, sizeof cause, "%s", inbound->failure.text);
    if (!inbound->failure.text[0] && !inbound->content)
        inbound->content = store_content_create(mta->view.store, 0, NULL);
    if (!inbound->failure.text[0] && inbound->content) {
        add_content(&arrival, inbound->content);
        result = receive_apdu(mta, &arrival, cause);
    }
    /* The activity's row goes with the commit that takes the message, and the outcome comes (I7). */
    if (result != ARRIVAL_LATER && inbound->stored && !outcome_note(association, result != ARRIVAL_REFUSED)) {
        batch_undo(mta, mark);
        result = ARRIVAL_LATER;
        snprintf(cause, sizeof cause, "no memory");
    }
    association->ended_well = result != ARRIVAL_LATER;
    inbound_free(association);
    receive_answer(association, result, cause);
    return true;
}

bool receive_stop(struct association *association, struct span payload) {
    struct reader r = reader_of(payload);
    uint8_t keep = reader_u8(&r);
    struct inbound ended = {
        .stored = association->ended, .spool = association->ended_spool, .names = association->ended_names};
    /* A sender that discards what was answered for good has not seen the answer, and that stays (I7). */
    if (!keep && (association->inbound || !association->ended_well))
        drop_activity(association, association->inbound ? association->inbound : &ended);
    inbound_free(association);
    inbound_forget_ended(association);
    return true;
}
