/*
 * Transfers out. SEND_BEGIN follows the commit that marks the row (I3); what
 * becomes of the transfer decides whether the copy is done, is tried again, or
 * is in doubt (I4).
 */
#include "mta/send.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "mta/copy.h"
#include "mta/decide.h"
#include "mta/event.h"
#include "mta/jump.h"
#include "mta/mta_private.h"
#include "mta/outbound.h"

/* A copy whose association broke is tried again after this time at first; it doubles with each try. */
#define BROKEN_RETRY_FIRST SECOND
#define BROKEN_RETRY_MOST  (300 * SECOND)

/* A copy whose transfer was aborted so many times in a row, while the peer as a whole is not left alone for
 * that (refusal.c), is held when the copy is what is wrong: the peer has taken another since, or even the
 * longest of the agreed waits has changed nothing. Till then it waits as for a peer that is not there. */
#define ABORTS_MOST 5

/* A resume whose connection breaks so often before the peer confirmed anything is given up. */
#define RESUME_BREAKS_MOST 3

/* ---- SEND_BEGIN ---- */

/* Most octets before the content: more does not fit into the frame. */
#define PREFIX_MOST (IPC_PAYLOAD_MAX - IPC_CHUNK)

static void tell_of_doubt(struct association *association, const struct work *work) {
    if (!work->in_doubt)
        return;
    association->net->mta->counters[COUNT_POSSIBLE_DUPLICATES]++;
    if (work->tries <= 1)
        log_caused_by(&association->peer->lines, LOG_LEVEL_NOTICE,
                      "peer=%s work unit %llu is sent again: it may have arrived before",
                      association->peer->name, (unsigned long long)work->id);
}

static void begin_frame(struct association *association) {
    struct mta *mta = association->net->mta;
    struct bytes *bytes = association->prefix;
    struct outbound_activity *resume = outbound_find(mta, association->sending->id);
    struct span content = bytes_rest(bytes);
    uint64_t length = association->content ? store_content_length(association->content) : content.len;
    bool resuming = resume && resume->serial;
    tell_of_doubt(association, association->sending);
    buf_clear(&mta->head);
    buf_append_u64(&mta->head, length);
    buf_append_u64(&mta->head, resuming ? resume->offset : 0);
    buf_append_u32(&mta->head, resuming ? resume->serial : 0);
    payload_put_octets(&mta->head, resuming ? bytes_head(resume->names) : SPAN_LIT(""));
    payload_put_octets(&mta->head, resuming ? bytes_rest(resume->names) : SPAN_LIT(""));
    payload_put_octets(&mta->head, bytes_head(bytes));
    association->committing = false;
    association->sending->begun = true;
    association->length = length + bytes_head(bytes).len;
    association->read = resuming ? resume->offset : 0;
    ipc_send(association->net->channel, IPC_SEND_BEGIN, association->ref, buf_span(&mta->head), content);
}

static void let_go(struct association *association) {
    association->sending = NULL;
    association->committing = false;
    store_content_release(association->content);
    association->content = NULL;
    bytes_drop(association->prefix);
    association->prefix = NULL;
}

/* The association that waits for the mark of the unit, or NULL. */
static struct association *waiting_for(const struct mta *mta, const struct effect *effect) {
    struct association *association = association_numbered(mta, effect->association);
    bool waits = association && association->committing && association->sending &&
                 association->sending->id == effect->work;
    return waits ? association : NULL;
}

/* Nobody else had the unit meanwhile: where its association is gone it may be taken again only now (I3). */
static void marked_on_disk(struct mta *mta, const struct effect *effect) {
    struct association *association = waiting_for(mta, effect);
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (association) {
        begin_frame(association);
    } else if (work) {
        schedule_set(&mta->schedule, work, WORK_READY, 0, true);
        destination_mark(mta, destination_at(mta, work->destination));
    }
}

/* `number` says that the mark was to be set by this batch. */
static void not_marked(struct mta *mta, const struct effect *effect) {
    struct association *association = waiting_for(mta, effect);
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (!work)
        return;
    if (effect->number)
        work->marked = false;
    if (association) {
        let_go(association);
        association_idle(association, association->state == ASSOCIATION_UP);
    }
    schedule_set(&mta->schedule, work, WORK_WAITING, jump_now(mta) + 5 * SECOND, false);
}

static const struct effect_kind mark_set = {marked_on_disk, not_marked};

/* ---- reading what is not in memory any more ---- */

static bool mark_row(struct mta *mta, struct work *work, const struct store_work *row,
                     const struct peer *peer) {
    struct store_work marked = *row;
    if (work->marked)
        return true;
    marked.doubt_peer = peer->destination.key;
    marked.next_hop = peer->destination.key;
    marked.tries = work->tries;
    marked.status = STORE_READY;
    return store_update_work(mta->batch.store, &marked);
}

enum loading { LOADED, NOT_NOW, ENDED };

static enum loading unsendable(struct mta *mta, struct work *work) {
    log_caused_by(
        &mta->lines, LOG_LEVEL_ERROR,
        "work unit %llu: its envelope can't be rebuilt, or is too long; it is reported as not delivered",
        (unsigned long long)work->id);
    struct mts_failure failure = {.reason = x411_NonDeliveryReasonCode_unable_to_transfer,
                                  .diagnostic = x411_NonDeliveryDiagnosticCode_content_syntax_error,
                                  .final = true};
    copy_fail(mta, work, &failure, COPY_PUT_OFF);
    return ENDED;
}

static enum loading load_cold(struct association *association, struct work *work) {
    struct mta *mta = association->net->mta;
    struct copy copy;
    struct error err = {0};
    if (!copy_load(mta, work, &copy, &err)) {
        copy_put_off(mta, work, "read", &err);
        return ENDED;
    }
    buf_clear(&mta->prefix);
    if (!mts_outbound(&copy.stored, &mta->arena, &mta->prefix) || mta->prefix.len > PREFIX_MOST) {
        copy_release(&copy);
        return unsendable(mta, work);
    }
    bool whole = copy.memory.data || copy.stored.content_length == 0;
    association->prefix = bytes_new(buf_span(&mta->prefix), whole ? copy.memory : SPAN_LIT(""));
    if (!whole) {
        association->content = copy.content;
        copy.content = NULL;
    }
    copy_release(&copy);
    if (association->prefix && mark_row(mta, work, &copy.work, association->peer))
        return LOADED;
    let_go(association);
    return NOT_NOW;
}

bool send_start(struct association *association, struct work *work) {
    struct mta *mta = association->net->mta;
    bool durable = work->committed && work->marked;
    if (work->bytes && work->marked) {
        if (bytes_head(work->bytes).len > PREFIX_MOST)
            return unsendable(mta, work) == ENDED;
        association->prefix = bytes_keep(work->bytes);
    } else {
        enum loading loading = load_cold(association, work);
        if (loading != LOADED)
            return loading == ENDED;
    }
    struct effect effect = {
        .kind = &mark_set, .work = work->id, .association = association->number, .number = !work->marked};
    if (!durable && !batch_effect(mta, effect)) {
        let_go(association);
        return false;
    }
    work->marked = true;
    association->sending = work;
    association->committing = true;
    association_idle(association, false);
    schedule_set(&mta->schedule, work, WORK_SENDING, 0, false);
    if (durable)
        begin_frame(association);
    return true;
}

/* ---- frames while it goes ---- */

bool send_piece(struct mta *mta, const struct send_piece *piece, struct error *err) {
    size_t got = 0;
    buf_clear(&mta->scratch);
    if (!buf_reserve(&mta->scratch, piece->length) ||
        !store_content_read(piece->content, piece->offset, mta->scratch.data, piece->length, &got, err) ||
        got != piece->length)
        return false;
    buf_clear(&mta->head);
    buf_append_u64(&mta->head, piece->offset);
    return ipc_send(piece->channel, piece->type, piece->ref, buf_span(&mta->head),
                    span_of(mta->scratch.data, got));
}

static bool read_piece(struct association *association, uint64_t offset, uint32_t length) {
    struct error err = {0};
    struct send_piece piece = {association->net->channel, IPC_SEND_DATA, association->ref,
                               association->content,      offset,        length};
    if (send_piece(association->net->mta, &piece, &err))
        return true;
    log_caused_by(&association->peer->lines, LOG_LEVEL_ERROR, "peer=%s a content can't be read: %s",
                  association->peer->name, err.text);
    return false;
}

bool send_read(struct association *association, struct span payload) {
    struct reader r = reader_of(payload);
    uint64_t offset = reader_u64(&r);
    uint32_t length = reader_u32(&r);
    uint64_t total = association->content ? store_content_length(association->content) : 0;
    if (association->state == ASSOCIATION_CLOSING)
        return true;
    if (offset > total || length > total - offset)
        return false;
    association->read = offset + length;
    if (!read_piece(association, offset, length))
        association_end(association, IPC_CLOSE_ABORTED, "the store can't read the content");
    return true;
}

bool send_checkpoint(struct association *association, struct span payload) {
    struct reader r = reader_of(payload);
    uint32_t serial = reader_u32(&r);
    uint64_t offset = reader_u64(&r);
    struct span activity = payload_octets(&r);
    outbound_checkpoint(association, activity, serial, offset);
    return true;
}

/* ---- what became of it ---- */

static int64_t broken_delay(const struct work *work) {
    int64_t delay = BROKEN_RETRY_FIRST;
    for (unsigned i = 1; i < work->tries && delay < BROKEN_RETRY_MOST; i++)
        delay *= 2;
    return delay < BROKEN_RETRY_MOST ? delay : BROKEN_RETRY_MOST;
}

static void transferred(struct association *association, struct work *work) {
    struct mta *mta = association->net->mta;
    association->peer->done++;
    association->peer->last_taken = clock_monotonic_us();
    if (association->peer->refusals)
        refusal_over(mta, association->peer);
    schedule_doubt(&mta->schedule, work, false);
    work_forget_bytes(mta, work);
    outbound_done(mta, work, association->length);
}

static void refused(struct association *association, struct work *work, struct span cause) {
    struct mta *mta = association->net->mta;
    char text[LOG_TEXT_SIZE];
    struct mts_failure failure = {.reason = x411_NonDeliveryReasonCode_transfer_failure,
                                  .diagnostic = -1,
                                  .supplementary = log_text(cause, text)};
    schedule_doubt(&mta->schedule, work, false);
    outbound_forget(mta, work->id);
    if (event_try(mta, work->message, EVENT_TRANSFER_REFUSED, association->peer, work->tries + 1u, 0, cause))
        copy_fail(mta, work, &failure, COPY_PUT_OFF);
    else
        copy_put_off(mta, work, "reported on", &copy_no_memory);
}

const struct mts_schedule *send_schedule(const struct mta *mta, uint8_t lane) {
    static const enum mts_priority priorities[LANES] = {MTS_URGENT, MTS_NORMAL, MTS_NON_URGENT};
    return mts_schedule_of(mta->view.config->tables, priorities[lane]);
}

static int64_t deferral(const struct mta *mta, const struct work *work) {
    return mts_retry_delay(send_schedule(mta, work->lane), work->tries + 1u) * SECOND;
}

static void doubt_is_recorded(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (work)
        work->doubt_recorded = true;
}

/* The next try says it again, or copy_finish. */
static void doubt_is_not_recorded(struct mta *mta, const struct effect *effect) {
    (void)mta;
    (void)effect;
}

static const struct effect_kind doubted = {doubt_is_recorded, doubt_is_not_recorded};

/*
 * Off the hot path, so that the row may be written: tries and time survive a
 * restart, and the mark goes from a copy that is not in doubt. An earlier try's
 * doubt stays (I4).
 */
static void again(struct association *association, struct work *work, enum event_own what, int64_t delay,
                  struct span cause) {
    struct mta *mta = association->net->mta;
    char text[LOG_TEXT_SIZE];
    enum work_state state = delay ? WORK_WAITING : WORK_READY;
    if (work->tries < UINT16_MAX)
        work->tries++;
    schedule_doubt(&mta->schedule, work, work->in_doubt || what == EVENT_IN_DOUBT);
    work->begun = false; /* in doubt says the same */
    schedule_cause(work, log_text(cause, text));
    peer_error(association->peer, cause);
    if (event_try(mta, work->message, what, association->peer, work->tries, jump_now(mta) + delay, cause) &&
        what == EVENT_IN_DOUBT)
        batch_effect(mta, (struct effect){.kind = &doubted, .work = work->id});
    schedule_set(&mta->schedule, work, state, jump_now(mta) + delay, true);
    copy_save(mta, work);
    batch_arm(mta);
}

static enum event_own event_of(const struct work *work, enum ipc_sent result) {
    return result == IPC_SENT_IN_DOUBT || work->in_doubt ? EVENT_IN_DOUBT
           : result == IPC_SENT_DEFERRED                 ? EVENT_TRANSFER_DEFERRED
                                                         : EVENT_TRANSFER_BROKEN;
}

/* The peer can't resume, or knows nothing of what we wanted to resume: the transfer is forgotten, and begins
 * anew at once, on this association when it still stands. Whether the copy may have arrived is not changed by
 * that. */
static void resume_failed(struct association *association, struct work *work, enum ipc_sent result,
                          struct span cause) {
    struct mta *mta = association->net->mta;
    char text[LOG_TEXT_SIZE];
    log_caused_by(&association->peer->lines, LOG_LEVEL_NOTICE,
                  "peer=%s work unit %llu can't be resumed there, and is sent from its beginning: %s",
                  association->peer->name, (unsigned long long)work->id, log_text(cause, text));
    outbound_drop(mta, work->id);
    again(association, work, event_of(work, result), 0, cause);
}

/* The copy is at fault, or the peer is with this one alone: an operator has to see to it. `flags` tell who
 * ended its last transfer. */
static void hold(struct association *association, struct work *work, unsigned flags, struct span cause) {
    struct mta *mta = association->net->mta;
    char text[LOG_TEXT_SIZE], reason[LOG_TEXT_SIZE + 80];
    const char *who = flags & IPC_SENT_ABORTED ? "the peer ended it" : "it was given up here";
    int length = snprintf(reason, sizeof reason, "its transfer was aborted %u times in a row; last, %s: %s",
                          work->aborts, who, log_text(cause, text));
    log_caused_by(&association->peer->lines, LOG_LEVEL_WARNING,
                  "peer=%s work unit %llu is held: %s; see 'mhs queue show %llu'", association->peer->name,
                  (unsigned long long)work->id, reason, (unsigned long long)work->id);
    outbound_drop(mta, work->id);
    schedule_cause(work, reason);
    event_copy(mta, work->message, EVENT_HELD, association->peer, span_of(reason, (size_t)length));
    schedule_set(&mta->schedule, work, WORK_HELD, work->due, false);
    copy_save(mta, work);
}

/* A connection that breaks says nothing of what the peer knows: but not for ever. */
static void broke(struct association *association, struct work *work) {
    struct mta *mta = association->net->mta;
    struct outbound_activity *outbound = outbound_find(mta, work->id);
    if (outbound && ++outbound->breaks >= RESUME_BREAKS_MOST)
        outbound_drop(mta, work->id);
}

static void apply_result(struct association *association, struct work *work, enum ipc_sent result,
                         struct span cause) {
    struct mta *mta = association->net->mta;
    switch (result) {
    case IPC_SENT:
        transferred(association, work);
        break;
    case IPC_SENT_REFUSED:
        refused(association, work, cause);
        break;
    case IPC_SENT_DEFERRED:
        outbound_drop(mta, work->id);
        again(association, work, event_of(work, result), deferral(mta, work), cause);
        break;
    case IPC_SENT_BROKEN:
    case IPC_SENT_IN_DOUBT:
        broke(association, work);
        again(association, work, event_of(work, result), broken_delay(work), cause);
        break;
    }
}

static bool is_at_fault(const struct association *association, const struct work *work, int64_t now) {
    int64_t longest = send_schedule(association->net->mta, work->lane)->longest_retry * SECOND;
    return association->peer->last_taken > work->first_abort || now - work->first_abort >= longest;
}

static void aborted(struct association *association, struct work *work, unsigned flags, struct span cause) {
    struct mta *mta = association->net->mta;
    int64_t now = clock_monotonic_us();
    if (work->aborts == 0)
        work->first_abort = now;
    if (work->aborts < UINT8_MAX)
        work->aborts++;
    if (work->aborts < ABORTS_MOST || association->peer->pauses)
        return;
    if (is_at_fault(association, work, now)) {
        hold(association, work, flags, cause);
        return;
    }
    int64_t wait = peer_back_off(association->peer, work->aborts - ABORTS_MOST) * SECOND;
    schedule_set(&mta->schedule, work, WORK_WAITING, jump_now(mta) + wait, true);
    copy_save(mta, work);
}

/* What the peer did besides: `flags` of enum ipc_sent_flag. */
static void apply_flags(struct association *association, struct work *work, unsigned flags,
                        struct span cause) {
    unsigned aborts = flags & (IPC_SENT_ABORTED | IPC_SENT_GIVEN_UP);
    const char *what = flags & IPC_SENT_FOR_NOW   ? "refused"
                       : flags & IPC_SENT_ABORTED ? "ended"
                                                  : "failed in";
    if (aborts || flags & IPC_SENT_FOR_NOW)
        refusal_came(association->net->mta, association->peer, work, what, cause);
    if (aborts)
        aborted(association, work, flags, cause);
    else
        work->aborts = 0;
}

static bool is_over(enum ipc_sent result) {
    return result == IPC_SENT || result == IPC_SENT_REFUSED;
}

bool send_ended(struct association *association, struct span payload) {
    struct reader r = reader_of(payload);
    uint8_t result = reader_u8(&r);
    struct span cause = payload_octets(&r);
    uint8_t flags = reader_u8(&r);
    struct work *work = association->sending;
    if (association->committing)
        return false;
    if (!work) /* it is closing, and what it sent has ended before */
        return true;
    association->carried = association->carried || !(flags & IPC_SENT_NOT_BEGUN);
    let_go(association);
    if (flags & IPC_SENT_RESUME_FAILED && !is_over(result)) {
        resume_failed(association, work, result, cause);
    } else {
        apply_result(association, work, (enum ipc_sent)result, cause);
        if (!is_over(result))
            apply_flags(association, work, flags, cause);
    }
    if (association->state == ASSOCIATION_UP && !(flags & IPC_SENT_CLOSING)) {
        association_idle(association, true);
        destination_mark(association->net->mta, &association->peer->destination);
    }
    return true;
}

/* A unit that waits for its mark goes on waiting for it, with nobody. */
void send_lost(struct association *association) {
    struct work *work = association->sending;
    bool begun = !association->committing;
    let_go(association);
    if (begun)
        again(association, work, EVENT_IN_DOUBT, broken_delay(work), SPAN_LIT("the association is gone"));
}
