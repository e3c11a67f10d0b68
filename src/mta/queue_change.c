#include "mta/queue_change.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "mta/client.h"
#include "mta/copy.h"
#include "mta/decide.h"
#include "mta/event.h"
#include "mta/jump.h"
#include "mta/telling.h"
#include "mta/waiting.h"
#include "mts/summary.h"

bool queue_change_is(const struct queue_change *change, const char *operation) {
    return strcmp(change->operation, operation) == 0;
}

#define TRY_NOW (1u << 16)

static enum work_state former_state(const struct effect *effect) {
    return (enum work_state)(effect->number >> 8 & 0xFF);
}

/* All that a change makes of the unit follows the row, when that is on disk: a change that fails leaves the
 * copy as it was. `number`: its new state, the one in which it was, and whether it is to be tried now;
 * `bytes`: why it is held now. Released, its history tells of its tries. */
static void change_state(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    enum work_state state = (enum work_state)(effect->number & 0xFF);
    if (work) {
        struct destination *destination = waiting_destination(mta, work);
        schedule_cause(work, effect->bytes ? (const char *)bytes_rest(effect->bytes).data : NULL);
        if (former_state(effect) == WORK_HELD)
            work->aborts = 0;
        schedule_set(&mta->schedule, work, state, state == WORK_READY ? jump_now(mta) : work->due, false);
        work->marked = work->in_doubt;
        if (effect->number & TRY_NOW)
            destination_try_now(mta, destination, work->id);
        destination_mark(mta, destination);
        destination->reroute = destination->reroute || destination_is_gone(mta, destination);
    }
    bytes_drop(effect->bytes);
}

static void keep_state(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (work)
        schedule_set(&mta->schedule, work, former_state(effect), work->due, work->in_doubt);
    bytes_drop(effect->bytes);
}

static const struct effect_kind state_change = {change_state, keep_state};

/* Who did it, and why: for the history, which also tells where the copy was to go, and why it is held. */
static struct span note_text(const struct queue_change *change, const struct work *work, char *out,
                             size_t size) {
    bool twice = work->in_doubt && change->may_arrive_twice;
    int length = snprintf(out, size, "uid %u: %s%s", change->client->uid, change->reason,
                          twice ? " (it may arrive twice)" : "");
    return span_of(out, (size_t)length);
}

/* With its 0; NULL without memory. */
static struct bytes *reason_of(const struct queue_change *change, const struct work *work) {
    char text[400];
    struct span note = note_text(change, work, text, sizeof text);
    return bytes_new((struct span){NULL, 0}, span_of(text, note.len + 1));
}

/* A deferred copy keeps its time, held or not; any other is due now when it is let go. */
static bool update_row(const struct queue_change *change, struct work *work, bool hold) {
    struct mta *mta = change->mta;
    struct store_work row;
    struct error err = {0};
    bool deferred = waiting_is_deferred(work);
    enum work_state state = hold ? WORK_HELD : deferred ? WORK_WAITING : WORK_READY;
    arena_reset(&mta->arena);
    if (!store_get_work(mta->view.store, work->id, &mta->arena, &row, &err))
        return false;
    row.status = hold ? STORE_HELD : deferred ? STORE_DEFERRED : STORE_READY;
    row.due = hold || deferred ? work->due : jump_now(mta);
    row.tries = work->tries;
    row.doubt_peer = work->in_doubt ? row.doubt_peer : 0;
    work_forget_bytes(mta, work);
    struct effect effect = {.kind = &state_change,
                            .work = work->id,
                            .number = (uint32_t)state | (uint32_t)work->state << 8 |
                                      (queue_change_is(change, "queue-retry") ? TRY_NOW : 0),
                            .bytes = hold ? reason_of(change, work) : NULL};
    if (!store_update_work(mta->batch.store, &row) || !batch_effect(mta, effect)) {
        bytes_drop(effect.bytes);
        return false;
    }
    schedule_set(&mta->schedule, work, WORK_SENDING, work->due,
                 false); /* nobody takes it before the commit */
    return true;
}

/* Of a copy in a longer envelope it is not told whose it is: an operator changes very many copies at once,
 * and each would be decoded anew. */
#define NAMED_MOST ((size_t)64 * 1024)

/* The user for whom a copy waits here. Absent: it waits for no user, or it is not known. */
static struct span user_of(struct mta *mta, const struct work *work) {
    struct mts_recipient *recipients = NULL;
    struct copy copy;
    struct error err = {0};
    size_t count = 0;
    enum destination_kind kind = waiting_destination(mta, work)->kind;
    bool named = (kind == DESTINATION_MAILBOX || kind == DESTINATION_USER) &&
                 copy_load_rows(mta, work, &copy, &err) && copy.stored.octets.len <= NAMED_MOST &&
                 mts_recipients(&copy.stored, &mta->arena, &recipients, &count) && count;
    return named ? recipients[0].name : (struct span){NULL, 0};
}

/* It reads the copy into mta->arena. */
static bool note(const struct queue_change *change, const struct work *work, enum event_own what) {
    char text[400];
    return event_copy_at(change->mta, work->message, what, waiting_destination(change->mta, work),
                         user_of(change->mta, work), note_text(change, work, text, sizeof text));
}

static enum redirect_result redirect(const struct queue_change *change, struct work *work) {
    char text[400];
    if (work->state == WORK_HELD && !work->cause && !work->recalled)
        waiting_recall_cause(change->mta, work); /* what takes its place is held for that too */
    return redirect_copy(change->mta, &change->to, work, note_text(change, work, text, sizeof text));
}

static bool nondeliver(const struct queue_change *change, struct work *work) {
    struct mts_failure failure = {.reason = x411_NonDeliveryReasonCode_unable_to_transfer,
                                  .diagnostic = -1,
                                  .supplementary = change->reason,
                                  .final = true};
    return note(change, work, EVENT_NON_DELIVERED_BY_OPERATOR) &&
           copy_fail(change->mta, work, &failure, COPY_STAYS);
}

/* Nobody hears of it but who reads the log, or its history. */
static bool delete (const struct queue_change *change, struct work *work) {
    struct mta *mta = change->mta;
    struct summary summary = {0};
    struct copy copy;
    struct error err = {0};
    char identifier[LOG_TEXT_SIZE], originator[LOG_TEXT_SIZE], reason[LOG_TEXT_SIZE];
    const char *hop = waiting_destination(mta, work)->name;
    bool noted = note(change, work, EVENT_DELETED);
    if (noted && copy_load_rows(mta, work, &copy, &err))
        summary_of(copy.row.kind, copy.stored.octets, &mta->arena, &summary);
    return noted && copy_finish(mta, work, COPY_STAYS) &&
           telling_line(mta,
                        "copy %llu for %s of %s from %s is deleted by uid %u, and nobody gets a report: %s%s",
                        (unsigned long long)work->id, hop[0] ? hop : "users here",
                        summary.identifier.len ? log_text(summary.identifier, identifier) : "a message",
                        summary.originator.len ? log_text(summary.originator, originator) : "nobody known",
                        change->client->uid, log_text(span_str(change->reason), reason),
                        work->in_doubt ? " (it may have arrived)" : "");
}

static bool apply_change(const struct queue_change *change, struct work *work) {
    if (queue_change_is(change, "queue-hold"))
        return note(change, work, EVENT_HELD) && update_row(change, work, true);
    if (queue_change_is(change, "queue-release"))
        return note(change, work, EVENT_RELEASED) && update_row(change, work, false);
    if (queue_change_is(change, "queue-retry"))
        return note(change, work, EVENT_RETRIED) && update_row(change, work, false);
    if (queue_change_is(change, "queue-delete"))
        return delete (change, work);
    return nondeliver(change, work);
}

/* Ids that are told of one copy at most, so that an answer on many fits into a frame whatever the rules
 * split. */
#define TOLD_MOST 20

/* {"id": n, "now": [n], "non-delivered": [{"address", "cause"}]}: what takes a redirected copy's place has
 * ids of its own; none of either: it was delivered here. */
static void tell_redirected(const struct queue_change *change, uint64_t id, struct batch_mark since,
                            enum mts_kind kind, json_t *failures) {
    json_t *now = decide_added(change->mta, since, kind);
    while (json_array_size(now) > TOLD_MOST)
        json_array_remove(now, json_array_size(now) - 1);
    json_array_append_new(change->redirected, json_pack("{s:I, s:o, s:o}", "id", (json_int_t)id, "now", now,
                                                        "non-delivered", failures ? failures : json_array()));
}

static enum redirect_result redirect_one(const struct queue_change *change, struct work *work,
                                         struct batch_mark since) {
    enum redirect_result result = REDIRECT_NOT_NOW;
    struct copy copy = {0};
    struct error err = {0};
    uint64_t id = work->id;
    /* Without --force nothing fails: queue_refuse. */
    json_t *failures = change->force ? redirect_failures(change->mta, &change->to, work) : NULL;
    arena_reset(&change->mta->arena);
    if (copy_load_row(change->mta, &change->mta->arena, work, &copy, &err))
        result = redirect(change, work);
    if (result == REDIRECT_DONE)
        tell_redirected(change, id, since, copy.row.kind, failures);
    else
        json_decref(failures);
    return result;
}

enum redirect_result queue_change_make(const struct queue_change *change, struct work *work) {
    batch_request(change->mta);
    struct batch_mark mark = batch_mark(change->mta);
    enum redirect_result result = change->redirected           ? redirect_one(change, work, mark)
                                  : apply_change(change, work) ? REDIRECT_DONE
                                                               : REDIRECT_NOT_NOW;
    if (result != REDIRECT_DONE)
        batch_undo(change->mta, mark);
    return result;
}

json_t *queue_change_undone(const struct queue_change *change, enum redirect_result result) {
    if (result == REDIRECT_NO_WAY)
        return client_error(
            "wrong-state", "the copy can't go that way: %s",
            change->by_peer
                ? "the peer does not take it, or has it already; 'mhs route' tells who would take it"
            : change->to.address
                ? "a report is not redirected by hand, but it may go by another PEER"
                : "the rules know no better way now; 'mhs queue redirect ID PEER' sends it by "
                  "a peer of your choice");
    return client_error("unavailable",
                        "the copy can't be read, or the change not written, now: it stays as it "
                        "was; the log says why");
}
