#include "mta/user_delivery.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "mta/copy.h"
#include "mta/counters.h"
#include "mta/decide.h"
#include "mta/event.h"
#include "mta/jump.h"
#include "mta/mta_private.h"
#include "mta/send.h"
#include "mta/user_agent.h"
#include "mta/user_answer.h"
#include "mta/user_association.h"
#include "mta/user_controls.h"

/* Most octets before the content: more does not fit into the frame. */
#define PREFIX_MOST (IPC_PAYLOAD_MAX - IPC_CHUNK)

/* A copy whose association ended is given to the next one after this time at first; it doubles with each try.
 */
#define BROKEN_RETRY_FIRST SECOND
#define BROKEN_RETRY_MOST  (300 * SECOND)

/* ---- the beginning ---- */

static void begin_frame(struct user_association *association) {
    struct mta *mta = association->net->mta;
    const struct work *work = association->delivering;
    struct span content = bytes_rest(association->prefix);
    uint64_t length = association->content ? store_content_length(association->content) : content.len;
    if (work->in_doubt)
        mta->counters[COUNT_POSSIBLE_DUPLICATES]++;
    buf_clear(&mta->head);
    buf_append_byte(&mta->head, (uint8_t)association->what);
    buf_append_u64(&mta->head, length);
    payload_put_octets(&mta->head, bytes_head(association->prefix));
    association->committing = false;
    association->read = 0;
    association->heard = clock_monotonic_us();
    ipc_send(association->net->channel, IPC_USER_DELIVER, association->ref, buf_span(&mta->head), content);
}

static struct work *let_go(struct user_association *association) {
    struct work *work = association->delivering;
    association->delivering = NULL;
    association->committing = false;
    store_content_release(association->content);
    association->content = NULL;
    bytes_drop(association->prefix);
    association->prefix = NULL;
    return work;
}

/* The association that waits for the mark of the unit, or NULL. */
static struct user_association *waiting_for(const struct mta *mta, const struct effect *effect) {
    struct user_association *association = user_association_numbered(mta, effect->association);
    bool waits = association && association->committing && association->delivering &&
                 association->delivering->id == effect->work;
    return waits ? association : NULL;
}

/* Where the association is gone nobody has seen anything of it. */
static void marked_on_disk(struct mta *mta, const struct effect *effect) {
    struct user_association *association = waiting_for(mta, effect);
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (work)
        work->marked = true;
    if (association && association->state == USER_UP) {
        begin_frame(association);
        return;
    }
    if (association)
        let_go(association);
    if (work) {
        schedule_set(&mta->schedule, work, WORK_READY, 0, true);
        destination_mark(mta, destination_at(mta, work->destination));
    }
}

static void not_marked(struct mta *mta, const struct effect *effect) {
    struct user_association *association = waiting_for(mta, effect);
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (association)
        let_go(association);
    if (work)
        schedule_set(&mta->schedule, work, WORK_WAITING, jump_now(mta) + 5 * SECOND, false);
}

static const struct effect_kind mark_set = {marked_on_disk, not_marked};

/* The row says with whom it may be from now on, and since when he would have it. */
static bool mark_row(struct mta *mta, const struct work *work, const struct copy *copy, int64_t time) {
    struct store_work marked = copy->work;
    struct row row = copy->row;
    row.delivery = time;
    buf_clear(&mta->scratch);
    if (!row_write(&mta->scratch, &row))
        return false;
    marked.data = buf_span(&mta->scratch);
    marked.doubt_peer = marked.next_hop = destination_at(mta, work->destination)->key;
    marked.tries = work->tries;
    marked.status = STORE_READY;
    return store_update_work(mta->batch.store, &marked);
}

/* ---- what is given ---- */

enum step { GIVEN, NOT_NOW, ENDED };

static enum step unsendable(struct mta *mta, struct work *work) {
    static const struct mts_failure failure = {.reason = x411_NonDeliveryReasonCode_unable_to_transfer,
                                               .diagnostic =
                                                   x411_NonDeliveryDiagnosticCode_content_syntax_error,
                                               .final = true};
    log_caused_by(
        &mta->lines, LOG_LEVEL_ERROR,
        "work unit %llu: its delivery envelope can't be made, or is too long; it is reported as not "
        "delivered",
        (unsigned long long)work->id);
    copy_fail(mta, work, &failure, COPY_PUT_OFF);
    return ENDED;
}

/* What the rules say now: he may have gone, have assigned a redirection, or not take it any more. */
static enum step look_ahead(struct mta *mta, struct work *work, struct copy *copy) {
    struct mts_delivery delivery;
    struct mts_run run = run_begin(mta, &mta->arena);
    do
        mts_delivery_ahead(&run, &copy->stored, &delivery);
    while (run_again(mta, &run, &delivery.more));
    if (delivery.delivered)
        return GIVEN;
    copy_replace(mta, work, copy, &run, &delivery.more, COPY_PUT_OFF);
    return ENDED;
}

static bool take_octets(struct user_association *association, struct copy *copy) {
    struct mta *mta = association->net->mta;
    bool whole = copy->memory.data || copy->stored.content_length == 0;
    association->what = copy->row.kind == MTS_REPORT ? IPC_USER_REPORT : IPC_USER_MESSAGE;
    association->prefix = bytes_new(buf_span(&mta->prefix), whole ? copy->memory : SPAN_LIT(""));
    if (!whole && association->prefix) {
        association->content = copy->content;
        copy->content = NULL;
    }
    return association->prefix != NULL;
}

/* `*durable`: the row has its mark already, from a try that left the copy in doubt. */
static enum step give(struct user_association *association, struct work *work, struct copy *copy,
                      bool *durable) {
    struct mta *mta = association->net->mta;
    *durable = work->in_doubt && copy->row.delivery;
    int64_t time = *durable ? copy->row.delivery : jump_now(mta) / SECOND;
    enum step step = work->in_doubt ? GIVEN : look_ahead(mta, work, copy);
    if (step != GIVEN)
        return step;
    buf_clear(&mta->prefix);
    if (!mts_delivery_argument(&copy->stored, time, &mta->arena, &mta->prefix) ||
        mta->prefix.len > PREFIX_MOST)
        return unsendable(mta, work);
    if (!take_octets(association, copy))
        return NOT_NOW;
    if (*durable || mark_row(mta, work, copy, time))
        return GIVEN;
    let_go(association);
    return NOT_NOW;
}

static bool begin_marked(struct user_association *association, struct work *work, bool durable) {
    struct mta *mta = association->net->mta;
    struct effect effect = {.kind = &mark_set, .work = work->id, .association = association->number};
    if (!durable && !batch_effect(mta, effect)) {
        let_go(association);
        return false;
    }
    association->delivering = work;
    association->committing = true;
    schedule_set(&mta->schedule, work, WORK_SENDING, 0, false);
    if (durable)
        begin_frame(association);
    return true;
}

/* Whose controls nobody lifts has it till it expires; one that never does is looked at again. */
#define BARRED_MOST (24 * 3600 * SECOND)

static void bar(struct mta *mta, struct work *work) {
    int64_t expiry = schedule_expiry(work), longest = jump_now(mta) + BARRED_MOST;
    schedule_bar(&mta->schedule, work, expiry < longest ? expiry : longest);
}

bool user_delivery_begin(struct mta *mta, struct user_agent *agent, struct work *work) {
    struct copy copy;
    struct error err = {0};
    bool durable = false, later;
    if (!copy_load(mta, work, &copy, &err)) {
        copy_put_off(mta, work, "read", &err);
        return true;
    }
    struct user_association *association = user_controls_choose(mta, agent, &copy, &later);
    enum step step = association ? give(association, work, &copy, &durable) : later ? NOT_NOW : ENDED;
    copy_release(&copy);
    if (!association && !later)
        bar(mta, work);
    return step == ENDED || (step == GIVEN && begin_marked(association, work, durable));
}

/* ---- while it goes ---- */

static bool read_piece(struct user_association *association, uint64_t offset, uint32_t length) {
    struct mta *mta = association->net->mta;
    struct error err = {0};
    struct send_piece piece = {association->net->channel,
                               IPC_USER_DELIVER_DATA,
                               association->ref,
                               association->content,
                               offset,
                               length};
    if (send_piece(mta, &piece, &err))
        return true;
    log_caused_by(&mta->lines, LOG_LEVEL_ERROR, "a content can't be read for its delivery: %s", err.text);
    return false;
}

bool user_delivery_read(struct user_association *association, struct span payload) {
    struct reader r = reader_of(payload);
    uint64_t offset = reader_u64(&r);
    uint32_t length = reader_u32(&r);
    uint64_t total = association->content ? store_content_length(association->content) : 0;
    if (association->state == USER_CLOSING)
        return true;
    if (offset > total || length > total - offset)
        return false;
    association->read = offset + length;
    association->heard = clock_monotonic_us();
    if (!read_piece(association, offset, length))
        user_association_end(association, "the store can't read the content of a delivery");
    return true;
}

/* ---- what became of it ---- */

static bool note(struct mta *mta, struct work *work, struct copy *copy) {
    const struct user_agent *agent = user_agent_at(mta, work->destination);
    int64_t time = copy->row.delivery ? copy->row.delivery : jump_now(mta) / SECOND;
    struct mts_delivery delivery;
    struct mts_run run = run_begin(mta, &mta->arena);
    do
        mts_delivered(&run, &copy->stored, agent->address, time, &delivery);
    while (run_again(mta, &run, &delivery.more));
    if (delivery.more.result == 0)
        delivery.more.result = MTS_DECIDED;
    return (copy->row.kind != MTS_MESSAGE || counter_with_batch(mta, COUNT_DELIVERED)) &&
           copy_replace(mta, work, copy, &run, &delivery.more, COPY_PUT_OFF);
}

/* Until that is on disk the unit stays, and is noted again (I6); a restart in between finds it in doubt. */
void user_delivery_note(struct mta *mta, struct work *work) {
    struct copy copy;
    struct error err = {0};
    struct batch_mark mark = batch_mark(mta);
    work->taken = true;
    schedule_doubt(&mta->schedule, work, false);
    if (!copy_load(mta, work, &copy, &err)) {
        copy_put_off(mta, work, "noted as delivered", &err);
        return;
    }
    if (!note(mta, work, &copy)) {
        batch_undo(mta, mark);
        if (work->state == WORK_READY || work->state == WORK_SENDING)
            copy_put_off(mta, work, "noted as delivered", &copy_no_memory);
    }
    copy_release(&copy);
}

static int64_t broken_delay(const struct work *work) {
    int64_t delay = BROKEN_RETRY_FIRST;
    for (unsigned i = 1; i < work->tries && delay < BROKEN_RETRY_MOST; i++)
        delay *= 2;
    return delay < BROKEN_RETRY_MOST ? delay : BROKEN_RETRY_MOST;
}

static void again(struct mta *mta, struct work *work, enum event_own what, int64_t delay, const char *cause) {
    struct user_agent *agent = user_agent_at(mta, work->destination);
    if (work->tries < UINT16_MAX)
        work->tries++;
    schedule_doubt(&mta->schedule, work, work->in_doubt || what == EVENT_IN_DOUBT);
    schedule_cause(work, cause);
    user_agent_error(agent, cause);
    event_delivery(mta, work->message, what, agent->address, work->tries, jump_now(mta) + delay, cause);
    schedule_set(&mta->schedule, work, WORK_WAITING, jump_now(mta) + delay, true);
    copy_save(mta, work);
    batch_arm(mta);
}

static void try_later(struct mta *mta, struct work *work, const char *cause) {
    int64_t delay = mts_retry_delay(send_schedule(mta, work->lane), work->tries + 1u) * SECOND;
    again(mta, work, work->in_doubt ? EVENT_IN_DOUBT : EVENT_DELIVERY_DEFERRED, delay, cause);
}

/* X.411 §8.3.2: a control that was violated may be lifted; what else the user's program says is of the
 * message, and stays so. */
static const struct mts_failure *failure_of(uint16_t code) {
    static const struct mts_failure security = {.reason = x411_NonDeliveryReasonCode_unable_to_transfer,
                                                .diagnostic =
                                                    x411_NonDeliveryDiagnosticCode_secure_messaging_error,
                                                .supplementary = "the recipient's system: security-error"};
    static const struct mts_failure critical = {
        .reason = x411_NonDeliveryReasonCode_unable_to_transfer,
        .diagnostic = x411_NonDeliveryDiagnosticCode_unsupported_critical_function,
        .supplementary = "the recipient's system: unsupported-critical-function"};
    return code == USER_SECURITY_ERROR                  ? &security
           : code == USER_UNSUPPORTED_CRITICAL_FUNCTION ? &critical
                                                        : NULL;
}

/* Refused for good: the user does not have it, whatever was in doubt before. */
static void refused(struct mta *mta, struct work *work, uint16_t code, const char *cause) {
    const struct user_agent *agent = user_agent_at(mta, work->destination);
    const struct mts_failure *failure = failure_of(code);
    if (!failure) {
        try_later(mta, work, cause);
        return;
    }
    schedule_doubt(&mta->schedule, work, false);
    if (event_delivery(mta, work->message, EVENT_DELIVERY_REFUSED, agent->address, work->tries + 1u, 0,
                       cause))
        copy_fail(mta, work, failure, COPY_PUT_OFF);
    else
        copy_put_off(mta, work, "reported on", &copy_no_memory);
}

static void apply(struct mta *mta, struct work *work, enum ipc_user_delivered what, uint16_t code,
                  const char *cause) {
    switch (what) {
    case IPC_USER_TAKEN:
        user_delivery_note(mta, work);
        break;
    case IPC_USER_REFUSED:
        refused(mta, work, code, cause);
        break;
    case IPC_USER_REJECTED:
        try_later(mta, work, cause);
        break;
    case IPC_USER_BROKEN:
        again(mta, work, work->in_doubt ? EVENT_IN_DOUBT : EVENT_DELIVERY_BROKEN, broken_delay(work), cause);
        break;
    case IPC_USER_IN_DOUBT:
        again(mta, work, EVENT_IN_DOUBT, broken_delay(work), cause);
        break;
    }
}

bool user_delivery_ended(struct user_association *association, struct span payload) {
    struct mta *mta = association->net->mta;
    struct reader r = reader_of(payload);
    uint8_t what = reader_u8(&r);
    uint16_t code = reader_u16(&r);
    struct span cause = payload_octets(&r);
    char text[LOG_TEXT_SIZE];
    if (association->committing)
        return association->state == USER_CLOSING;
    if (!association->delivering) /* it is closing, and what it had has ended before */
        return true;
    struct work *work = let_go(association);
    apply(mta, work, (enum ipc_user_delivered)what, code, log_text(cause, text));
    if (association->agent)
        destination_mark(mta, &association->agent->destination);
    return true;
}

/* A unit that waits for its mark goes on waiting for it, with nobody. */
void user_delivery_lost(struct user_association *association) {
    bool begun = association->delivering && !association->committing;
    struct work *work = let_go(association);
    if (begun)
        again(association->net->mta, work, EVENT_IN_DOUBT, broken_delay(work), "the association is gone");
}
