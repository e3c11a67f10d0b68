/*
 * Resumes of transfers in. The last states that were confirmed are on disk;
 * a sender goes on from its last confirmed serial, which may be behind ours by
 * the window. Its octets are the same again (I4), so what is stored already is
 * skipped.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "mta/inbound.h"
#include "mta/mta_private.h"
#include "mta/outcome.h"
#include "mta/receive.h"
#include "mta/recovery.h"

/* An envelope that is not complete is wanted back with the parser's state. */
static void answer(struct association *association, enum ipc_resume result,
                   const struct checkpoint *checkpoint) {
    struct buf *head = &association->net->mta->head;
    bool partial = checkpoint && checkpoint->kind == IPC_APDU_PARTIAL;
    buf_clear(head);
    buf_append_u32(head, association->transfer);
    buf_append_byte(head, (uint8_t)result);
    buf_append_u32(head, checkpoint ? checkpoint->serial : 0);
    buf_append_u64(head, checkpoint ? checkpoint->offset : 0);
    payload_put_octets(head, checkpoint ? bytes_head(checkpoint->parser) : SPAN_LIT(""));
    ipc_send(association->net->channel, IPC_RESUME_RESULT, association->ref, buf_span(head),
             partial ? buf_span(&association->inbound->envelope) : SPAN_LIT(""));
}

/* Goes back to the sender's checkpoint: later ones are forgotten, octets after it come again. */
static const struct checkpoint *go_back(struct inbound *inbound, uint32_t serial) {
    while (inbound->checkpoint_count && inbound->checkpoints[inbound->checkpoint_count - 1].serial > serial)
        bytes_drop(inbound->checkpoints[--inbound->checkpoint_count].parser);
    const struct checkpoint *last =
        inbound->checkpoint_count ? &inbound->checkpoints[inbound->checkpoint_count - 1] : NULL;
    if (!last || last->serial != serial)
        return NULL;
    uint64_t stored = inbound->content ? store_content_length(inbound->content) : 0;
    if (last->content_length > stored || last->envelope_length > inbound->envelope.len)
        return NULL;
    inbound->skip = stored - last->content_length;
    inbound->kind = last->kind;
    inbound->envelope.len = last->envelope_length;
    return last;
}

/* Reads an envelope that is not in the activity's state. */
static bool read_spooled(struct mta *mta, struct inbound *inbound, struct error *err) {
    inbound->spooled = store_content_resume(mta->view.store, inbound->spool, err);
    size_t length = inbound->spooled ? (size_t)store_content_length(inbound->spooled) : 0;
    if (!inbound->spooled)
        return false;
    if (!length)
        return error_set(err, STORE_CORRUPT, "its envelope is not there");
    return (buf_reserve(&inbound->envelope, length) || error_set(err, STORE_NO_MEMORY, "no memory")) &&
           store_content_read(inbound->spooled, 0, inbound->envelope.data, length, &inbound->envelope.len,
                              err);
}

static bool read_kept(struct mta *mta, struct inbound *inbound, const struct store_activity_in *activity,
                      struct error *err) {
    if (activity->content_length &&
        !(inbound->content = store_content_resume(mta->view.store, activity->id, err)))
        return false;
    return !inbound->spool || read_spooled(mta, inbound, err);
}

/* Is it there no more, or damaged? Else what failed may work in a moment. */
static bool is_gone(const struct error *err) {
    return err->code == STORE_NOT_FOUND || err->code == STORE_CORRUPT;
}

/* False: that can't be told now (`err`), and it stays what it is. Else `*from` is where it goes on, NULL when
 * it can't be resumed. */
static bool take_up(struct association *association, const struct store_activity_in *activity,
                    uint32_t serial, const struct checkpoint **from, struct error *err) {
    struct mta *mta = association->net->mta;
    struct inbound *inbound = mem_alloc(sizeof *inbound);
    struct bytes *names = inbound ? bytes_new(activity->association, activity->activity) : NULL;
    *from = NULL;
    if (!names) {
        mem_free(inbound);
        return error_set(err, STORE_NO_MEMORY, "no memory");
    }
    association->inbound = inbound;
    inbound->stored = activity->id;
    inbound->late = link_stops(association->net);
    inbound->names = names;
    if (!inbound_read(inbound, activity->state))
        return true;
    if (read_kept(mta, inbound, activity, err))
        *from = go_back(inbound, serial);
    else if (!is_gone(err))
        return false;
    else
        log_caused_by(&association->peer->lines, LOG_LEVEL_ERROR, "peer=%s a transfer can't be resumed: %s",
                      association->peer->name, err->text);
    return true;
}

/* A transfer that is still under way elsewhere on a half-open
 * association holds the content: it ends there. */
static void end_elsewhere(struct mta *mta, const struct association *here, uint64_t stored) {
    struct association_walk walk = {mta->nets};
    for (struct association *other; (other = association_next(&walk));) {
        if (other->ended == stored)
            inbound_forget_ended(other);
        if (other == here || !other->inbound || other->inbound->stored != stored)
            continue;
        association_end(other, IPC_CLOSE_ABORTED, "its transfer was resumed on another association");
        inbound_free(other);
    }
}

/* It can't be resumed, and its sender hears that: nor is it a reason to recover an association any more
 * (I8), where the sender would begin anew and be turned away for that, again and again. */
static void forget(struct association *association, const struct store_activity_in *activity) {
    struct mta *mta = association->net->mta;
    inbound_free(association);
    outcome_lost(mta, association->peer, activity, bytes_rest(association->id));
    outcome_named(association);
    batch_arm(mta);
}

/* What it was can't be told now: the peer keeps it and tries again. */
static void resume_later(struct association *association, const struct error *err) {
    inbound_free(association);
    association_end(association, IPC_CLOSE_ABORTED, err->text);
}

/* ---- what can't be read again and again ---- */

/* A peer has no end of its tries: after so many a transfer whose octets can't be read, though the store is at
 * work, begins anew. Of more than so many transfers the tries are not counted at once. */
#define TRIES_MOST  5
#define UNREAD_MOST 1024

static uint64_t key_of(const struct association *association, struct span old, struct span name) {
    uint64_t peer = span_hash(span_str(association->peer->name));
    return ((peer * 31 + span_hash(old)) * 31 + span_hash(name)) | 1; /* a map's keys are not 0 */
}

/* True: it is not tried any more. */
static bool has_tried_enough(struct association *association, uint64_t key, const struct error *err) {
    struct mta *mta = association->net->mta;
    if (err->code != STORE_IO || !store_accepting(mta->view.store))
        return false;
    if (mta->unread.count >= UNREAD_MOST)
        map_free(&mta->unread);
    struct map_slot *tries = map_at(&mta->unread, key);
    if (!tries || ++tries->number < TRIES_MOST)
        return false;
    map_remove(&mta->unread, key);
    return true;
}

static void log_given_up(const struct association *association, const struct error *err) {
    log_caused_by(
        &association->peer->lines, LOG_LEVEL_ERROR,
        "peer=%s a transfer can't be resumed, and begins anew: it could not be read at %d tries, the last "
        "time for: %s",
        association->peer->name, TRIES_MOST, err->text);
}

/* `err`: why no activity that is not over was found. What was answered can't be read then: its sender begins
 * anew, and what was accepted is confirmed (I5); as does one that has heard of no checkpoint, for which none
 * is kept (serial 0). */
static void resume_over(struct association *association, struct span old, struct span name, uint32_t serial,
                        struct error *err) {
    enum ipc_resume outcome = IPC_RESUME_UNKNOWN_ACTIVITY;
    if (err->code != STORE_NOT_FOUND) {
        resume_later(association, err);
        return;
    }
    if (serial && !outcome_of(association, old, name, &outcome, err)) {
        if (!has_tried_enough(association, key_of(association, old, name), err)) {
            resume_later(association, err);
            return;
        }
        log_given_up(association, err);
    }
    answer(association, outcome, NULL);
}

/* ---- names ---- */

/* What is asked for, by the names under which it began. */
struct resume_request {
    struct span old, name;
    struct bytes
        *original; /* holds them when it was asked for by the name that a resume gave it; else NULL */
    bool known;    /* something is, or was, under them */
    bool shared;   /* it can't be told from another */
};

/* A sender that has heard of no checkpoint asks for nothing by a name that a resume gave. False: it can't be
 * told now. */
static bool find_original(struct association *association, uint32_t serial, struct resume_request *request,
                          struct error *err) {
    if (!outcome_is_shared(association, request->old, &request->shared, err))
        return false;
    if (!request->shared && serial &&
        !outcome_find_original(association, request->old, request->name, &request->original, err))
        return false;
    if (request->original) {
        request->old = bytes_head(request->original);
        request->name = bytes_rest(request->original);
        if (!outcome_is_shared(association, request->old, &request->shared, err))
            return false;
    }
    return outcome_knows(association, request->old, request->name, &request->known, err);
}

/* Has anything else been given the name? */
static bool name_has_other_owner(struct association *association, const struct store_outcome *name,
                                 const struct store_outcome *original, bool *taken, struct error *err) {
    struct bytes *former;
    if (!outcome_find_original(association, name->association, name->activity, &former, err))
        return false;
    if (!former)
        return outcome_knows(association, name->association, name->activity, taken, err);
    *taken = !original || !span_eq(bytes_head(former), original->association) ||
             !span_eq(bytes_rest(former), original->activity);
    bytes_drop(former);
    return true;
}

/* Its sender may ask by the name from now on. What else had it is not what is meant then, and goes; nor can
 * it be told then what is. `original`: the names under which it began, NULL where nothing is to be found by
 * this one. */
static bool point_name_at(struct association *association, struct store_outcome name,
                          const struct store_outcome *original, struct error *err) {
    struct mta *mta = association->net->mta;
    struct store_activity_in other;
    struct error inner = {0};
    bool taken = false;
    if (store_find_activity_in(mta->view.store, span_str(association->peer->name), name.association,
                               name.activity, &other, &inner)) {
        end_elsewhere(mta, association, other.id);
        if (!inbound_forget(mta, &other))
            return error_set(err, STORE_NO_MEMORY, "no memory");
        taken = true;
    } else if (inner.code != STORE_NOT_FOUND) {
        return error_set(err, inner.code, "%s", inner.text);
    }
    if (original && !taken && !name_has_other_owner(association, &name, original, &taken, err))
        return false;
    return outcome_put_alias(association, &name, taken ? NULL : original) ||
           error_set(err, STORE_NO_MEMORY, "no memory");
}

/* The resumed activity has this identifier from now on, in this association; some senders name it so with
 * the association on which it began. There that may be another's, which the next one is told by. */
static bool name_resumed_activity(struct association *association, const struct resume_request *request,
                                  struct span new, struct error *err) {
    struct span here = bytes_head(association->id);
    struct store_outcome original = {.association = request->old, .activity = request->name};
    struct store_outcome name = {.association = here, .activity = new};
    bool elsewhere = !span_eq(here, request->old), renamed = !span_eq(new, request->name);
    struct batch_mark mark = batch_mark(association->net->mta);
    if (!new.len || (!elsewhere && !renamed))
        return true;
    bool done = recovery_may_name(association, err);
    if (done && recovery_has_own_name(association)) {
        bool taken;
        done = name_has_other_owner(association, &name, &original, &taken, err) &&
               ((!taken && !outcome_is_called(association->net->mta, association->peer, here)) ||
                error_set(err, STORE_IN_USE, "a recovery gives a name that another has"));
    }
    if (done && !association->shares_id) /* or nothing is asked for by it */
        done = point_name_at(association, name, request->known && !request->shared ? &original : NULL, err);
    if (done && elsewhere && renamed)
        done = point_name_at(association,
                             (struct store_outcome){.association = request->old, .activity = new}, NULL, err);
    if (!done)
        batch_undo(association->net->mta, mark);
    return done;
}

/* ---- resumes ---- */

/* It was tried for long enough to tell what is asked for. */
static void let_begin_anew(struct association *association, const struct resume_request *request,
                           const struct error *err) {
    struct store_activity_in activity;
    log_given_up(association, err);
    if (store_find_activity_in(association->net->mta->view.store, span_str(association->peer->name),
                               request->old, request->name, &activity, NULL)) {
        end_elsewhere(association->net->mta, association, activity.id);
        forget(association, &activity);
    }
    answer(association, IPC_RESUME_UNKNOWN_ACTIVITY, NULL);
}

/* A sender's activity that is not over is never taken for one that is, whatever serial it wants to go on
 * from. */
static void go_on(struct association *association, const struct resume_request *request, uint32_t serial,
                  uint64_t key) {
    struct mta *mta = association->net->mta;
    struct store_activity_in activity;
    struct error err = {0};
    if (!store_find_activity_in(mta->view.store, span_str(association->peer->name), request->old,
                                request->name, &activity, &err)) {
        resume_over(association, request->old, request->name, serial, &err);
        return;
    }
    end_elsewhere(mta, association, activity.id);
    const struct checkpoint *from;
    if (!take_up(association, &activity, serial, &from, &err)) {
        if (!has_tried_enough(association, key, &err)) {
            resume_later(association, &err);
            return;
        }
        log_given_up(association, &err);
        from = NULL;
    } else if (mta->unread.count) {
        map_remove(&mta->unread, key);
    }
    if (from)
        log_caused_by(&association->peer->lines, LOG_LEVEL_INFO, "peer=%s resumes a transfer at octet %llu",
                      association->peer->name, (unsigned long long)from->offset);
    else
        forget(association, &activity);
    answer(association, from ? IPC_RESUME_FROM : IPC_RESUME_UNKNOWN_ACTIVITY, from);
}

/* Who has bound gives names by whatever it resumes; a recovery without a bind by what is known (I8). */
static void resume(struct association *association, struct resume_request *request, uint32_t serial,
                   struct span new) {
    struct error err = {0}, why = {0};
    uint64_t key = key_of(association, request->old, request->name);
    bool told = outcome_resumes(association, &why) && find_original(association, serial, request, &why);
    if (!told && !has_tried_enough(association, key, &why)) {
        resume_later(association, &why);
        return;
    }
    request->known = told && request->known;
    if (serial && (!association->recovers || request->known) &&
        ((told && !request->known && !outcome_is_not_there(association, &err)) ||
         !name_resumed_activity(association, request, new, &err))) {
        resume_later(association, &err);
        return;
    }
    if (!told)
        let_begin_anew(association, request, &why);
    else if (request->shared)
        answer(association, IPC_RESUME_UNKNOWN_ACTIVITY, NULL);
    else
        go_on(association, request, serial, key);
}

bool receive_resume(struct association *association, struct span payload) {
    struct reader r = reader_of(payload);
    uint32_t transfer = reader_u32(&r);
    struct span old = payload_octets(&r), name = payload_octets(&r);
    uint32_t serial = reader_u32(&r);
    struct span new = payload_octets(&r);
    struct mta *mta = association->net->mta;
    inbound_forget_answered(association);
    association->transfer = transfer;
    if (old.len == 0)
        old = bytes_head(association->id);
    struct resume_request request = {.old = old, .name = name};
    if (!name.len || !recovery_is_for(association, old))
        answer(association, IPC_RESUME_UNKNOWN_ACTIVITY, NULL);
    else if (outcome_is_unknown(mta))
        association_end(association, IPC_CLOSE_ABORTED, batch_cause(mta));
    else
        resume(association, &request, serial, new);
    bytes_drop(request.original);
    return true;
}
