/* A copy as the store has it, read again for what must be decided on it anew; and the ways in which copies
 * end. */
#include "mta/copy.h"

#include "base/clock.h"
#include "base/log.h"
#include "mta/decide.h"
#include "mta/event.h"
#include "mta/jump.h"
#include "mta/mta_private.h"
#include "mta/outbound.h"

/* When the store fails, what had to be decided is decided again after this time. */
#define STORE_RETRY (5 * SECOND)

/* A burst of what can't be decided on gets one line. */
#define PUT_OFF_LOGGED_EVERY (10 * SECOND)

static bool load_content(struct mta *mta, struct arena *arena, struct copy *copy, struct error *err) {
    if (!copy->row.has_content)
        return true;
    copy->content = store_content_open(mta->view.store, copy->work.message, err);
    if (!copy->content)
        return false;
    uint64_t length = store_content_length(copy->content);
    copy->stored.content_length = length;
    copy->memory = store_content_memory(copy->content);
    if (copy->memory.data || length > IPC_WHOLE_MAX)
        return true;
    uint8_t *octets = arena_alloc(arena, (size_t)length + 1);
    size_t got = 0;
    if (!octets)
        return error_set(err, STORE_NO_MEMORY, "no memory for a content of %llu octets",
                         (unsigned long long)length);
    if (!store_content_read(copy->content, 0, octets, (size_t)length, &got, err))
        return false;
    copy->memory = span_of(octets, got);
    return got == length || error_set(err, STORE_CORRUPT, "a content is shorter than its row says");
}

bool copy_load_row(struct mta *mta, struct arena *arena, const struct work *work, struct copy *copy,
                   struct error *err) {
    if (!store_get_work(mta->view.store, work->id, arena, &copy->work, err))
        return false;
    if (!row_read(copy->work.data, &copy->row))
        return error_set(err, STORE_CORRUPT, "work unit %llu has a row of an unknown form",
                         (unsigned long long)work->id);
    copy->stored.kind = copy->row.kind;
    copy->stored.plan = copy->row.plan;
    copy->stored.has_content = copy->row.has_content;
    return true;
}

static bool load_rows(struct mta *mta, struct arena *arena, const struct work *work, struct copy *copy,
                      struct error *err) {
    *copy = (struct copy){0};
    arena_reset(arena);
    if (!copy_load_row(mta, arena, work, copy, err) ||
        !store_get_message(mta->view.store, work->message, arena, &copy->message, err))
        return false;
    copy->stored.octets = copy->message.envelope;
    return true;
}

bool copy_load_rows(struct mta *mta, const struct work *work, struct copy *copy, struct error *err) {
    return load_rows(mta, &mta->arena, work, copy, err);
}

bool copy_load_into(struct mta *mta, struct arena *arena, const struct work *work, struct copy *copy,
                    struct error *err) {
    if (load_rows(mta, arena, work, copy, err) && load_content(mta, arena, copy, err))
        return true;
    copy_release(copy);
    return false;
}

bool copy_load(struct mta *mta, const struct work *work, struct copy *copy, struct error *err) {
    return copy_load_into(mta, &mta->arena, work, copy, err);
}

void copy_release(struct copy *copy) {
    store_content_release(copy->content);
    copy->content = NULL;
}

/* ---- ends ---- */

static void work_is_gone(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (!work)
        return;
    work_forget_bytes(mta, work);
    outbound_forget(mta, work->id);
    schedule_remove(&mta->schedule, work);
}

/* It could not be ended now, and is left alone for a while; its expiry is put off for as long, or it would
 * come due again at once. */
static void leave_for_a_while(struct mta *mta, struct work *work) {
    int64_t later = jump_now(mta) + STORE_RETRY;
    if (work->expires < later)
        work->expires = later;
    if (work->latest && work->latest < later)
        work->latest = later;
    schedule_set(&mta->schedule, work, WORK_WAITING, later, false);
}

/* `number`: enum copy_otherwise, and the state in which it was. It kept its time. */
static void work_is_still_there(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (work && (effect->number & 0xFF) == COPY_STAYS)
        schedule_set(&mta->schedule, work, (enum work_state)(effect->number >> 8), work->due, work->in_doubt);
    else if (work)
        leave_for_a_while(mta, work);
}

static const struct effect_kind finished = {work_is_gone, work_is_still_there};

/* What the peer reports of it later is believed by that (record.c). That the copy may have arrived was seen
 * at the start alone, or could not be written. */
static bool record_doubt(struct mta *mta, const struct work *work) {
    const struct peer *peer = peer_at(mta, work->destination);
    return !work->in_doubt || work->doubt_recorded || !peer ||
           event_copy(mta, work->message, EVENT_IN_DOUBT, peer, SPAN_LIT("it may have arrived there"));
}

bool copy_finish(struct mta *mta, struct work *work, enum copy_otherwise otherwise) {
    struct effect effect = {
        .kind = &finished, .work = work->id, .number = (uint32_t)otherwise | (uint32_t)work->state << 8};
    if (!record_doubt(mta, work) || !store_finish_work(mta->batch.store, work->id, work->message) ||
        !batch_effect(mta, effect))
        return false;
    schedule_set(&mta->schedule, work, WORK_SENDING, work->due, false);
    return true;
}

static void not_ended(struct mta *mta, struct work *work, const char *what, const struct error *err,
                      enum copy_otherwise otherwise) {
    if (otherwise == COPY_PUT_OFF)
        copy_put_off(mta, work, what, err);
    else
        log_caused_by(&mta->lines, LOG_LEVEL_ERROR, "work unit %llu can't be %s, and stays as it was: %s",
                      (unsigned long long)work->id, what, err->text);
}

void copy_put_off(struct mta *mta, struct work *work, const char *what, const struct error *err) {
    unsigned untold;
    schedule_cause(work, err->text);
    leave_for_a_while(mta, work);
    if (burst_line(&mta->put_off, PUT_OFF_LOGGED_EVERY, clock_monotonic_us(), &untold))
        log_error("work unit %llu can't be %s: %s; %u units were put off since the last such line",
                  (unsigned long long)work->id, what, err->text, untold + 1);
}

const struct error copy_no_memory = {.code = STORE_NO_MEMORY, .text = "no memory"};

/* Why it is held, for what takes its place. Its own cause is not in memory where there was no room for it,
 * and before an operator has looked at the copy (waiting_recall_cause). */
static const char *held_cause(const struct work *work) {
    return work->cause ? work->cause : "it was held where it waited before";
}

bool copy_replace(struct mta *mta, struct work *work, struct copy *copy, struct mts_run *run,
                  const struct mts_decisions *decisions, enum copy_otherwise otherwise) {
    struct content content = {.stored = copy->content,
                              .length = copy->stored.content_length,
                              .memory = copy->memory,
                              .successor_of = copy->row.kind,
                              .arrival = copy->message.arrival,
                              .held = work->state == WORK_HELD ? held_cause(work) : NULL};
    struct batch_mark mark = batch_mark(mta);
    if (decisions->result == MTS_DECIDED && decide_apply(mta, run, decisions, &content) &&
        copy_finish(mta, work, otherwise))
        return true;
    batch_undo(mta, mark);
    not_ended(mta, work, "decided on", &copy_no_memory, otherwise);
    return false;
}

bool copy_fail(struct mta *mta, struct work *work, const struct mts_failure *failure,
               enum copy_otherwise otherwise) {
    struct copy copy;
    struct error err = {0};
    struct mts_decisions decisions = {0};
    if (!copy_load(mta, work, &copy, &err)) {
        not_ended(mta, work, "reported on", &err, otherwise);
        return false;
    }
    struct mts_run run = run_begin(mta, &mta->arena);
    do
        mts_work_failed(&run, &copy.stored, failure, &decisions);
    while (run_again(mta, &run, &decisions));
    bool done = copy_replace(mta, work, &copy, &run, &decisions, otherwise);
    copy_release(&copy);
    return done;
}

bool copy_lost(struct mta *mta, struct work *work) {
    static const struct mts_failure failure = {.reason = x411_NonDeliveryReasonCode_unable_to_transfer,
                                               .diagnostic = -1,
                                               .supplementary = "the content was damaged where it waited",
                                               .final = true};
    struct copy copy;
    struct error err = {0};
    struct mts_decisions decisions = {0};
    struct batch_mark mark = batch_mark(mta);
    if (!copy_load_rows(mta, work, &copy, &err)) {
        copy_put_off(mta, work, "reported on", &err);
        return false;
    }
    struct mts_run run = run_begin(mta, &mta->arena);
    copy.stored.has_content = false;
    if (copy.row.kind == MTS_REPORT)
        do
            mts_reroute(&run, &copy.stored, &(struct mts_rerouting){-1, -1}, &decisions);
        while (run_again(mta, &run, &decisions));
    else
        do
            mts_work_failed(&run, &copy.stored, &failure, &decisions);
        while (run_again(mta, &run, &decisions));
    log_error("work unit %llu: its content is lost: %s", (unsigned long long)work->id,
              copy.row.kind != MTS_REPORT ? "non-delivered"
              : decisions.event_count     ? "the report goes on without what it returned"
                                          : "the report has no route, and is dropped");
    bool noted = event_copy(mta, work->message, EVENT_CONTENT_LOST, NULL, (struct span){NULL, 0});
    if (noted && copy_replace(mta, work, &copy, &run, &decisions, COPY_PUT_OFF))
        return true;
    batch_undo(mta, mark);
    if (!noted)
        copy_put_off(mta, work, "reported on", &copy_no_memory);
    return false;
}

/* A segment is away, say, and did not come back in time. No alternate could have the content either. */
static const struct mts_failure unreadable = {.reason = x411_NonDeliveryReasonCode_unable_to_transfer,
                                              .diagnostic =
                                                  x411_NonDeliveryDiagnosticCode_maximum_time_expired,
                                              .supplementary = "the content can't be read where it waited",
                                              .final = true};

/* Why its last try failed, or its peer could not be called; NULL: it is not known, or there was none. */
static const char *last_trouble(const struct mta *mta, const struct work *work) {
    const struct destination *destination = destination_at(mta, work->destination);
    return work->cause                           ? work->cause
           : destination_waits(mta, destination) ? destination_trouble(mta, destination)
                                                 : NULL;
}

bool copy_expire(struct mta *mta, struct work *work) {
    const char *last = last_trouble(mta, work);
    struct copy copy;
    struct error err = {0};
    struct mts_decisions decisions = {0};
    bool whole = copy_load(mta, work, &copy, &err);
    if (!whole && (err.code != STORE_CORRUPT || !copy_load_rows(mta, work, &copy, &err))) {
        copy_put_off(mta, work, "expired", &err);
        return false;
    }
    copy.stored.has_content = whole && copy.stored.has_content;
    struct batch_mark mark = batch_mark(mta);
    struct mts_run run = run_begin(mta, &mta->arena);
    if (whole || copy.row.kind == MTS_REPORT)
        do
            mts_work_expired(&run, &copy.stored, last, &decisions);
        while (run_again(mta, &run, &decisions));
    else
        do
            mts_work_failed(&run, &copy.stored, &unreadable, &decisions);
        while (run_again(mta, &run, &decisions));
    bool noted = event_copy(mta, work->message, EVENT_EXPIRED, NULL, span_str(last));
    bool done = noted && copy_replace(mta, work, &copy, &run, &decisions, COPY_PUT_OFF);
    if (!done)
        batch_undo(mta, mark); /* it expires later, and is said to then */
    if (!noted)
        copy_put_off(mta, work, "expired", &copy_no_memory);
    copy_release(&copy);
    return done;
}

void copy_keep_expiry(const struct work *work, const struct copy *copy, struct mts_decisions *decisions) {
    enum mts_kind kind = copy->row.kind;
    for (size_t i = 0; i < decisions->object_count; i++) {
        struct mts_object *object = &decisions->objects[i];
        for (size_t k = 0; object->kind == kind && k < object->copy_count; k++)
            if (object->copies[k].expires > work->expires / SECOND)
                object->copies[k].expires = work->expires / SECOND;
    }
}

/* The peer's number in the rules' tables, not that of the plan: a reload numbers anew. */
static struct mts_rerouting rerouting_of(const struct mta *mta, const struct work *work,
                                         const struct peer *wanted) {
    const struct peer *peer = peer_at(mta, work->destination);
    bool attempted = peer && peer->config && (!wanted || work->tries || peer->failures);
    return (struct mts_rerouting){.attempted = attempted ? peer->hop : -1,
                                  .wanted = wanted ? wanted->hop : -1};
}

/* The only copy that was decided on goes to the peer for which it waits already. */
static bool stays(struct mta *mta, const struct work *work, const struct mts_decisions *decisions) {
    if (decisions->object_count != 1 || decisions->objects[0].copy_count != 1)
        return false;
    const struct mts_copy *copy = decisions->objects[0].copies;
    const struct peer *peer = copy->kind == MTS_COPY_TRANSFER ? peer_of_hop(mta, copy->hop) : NULL;
    return peer && peer->destination.number == work->destination;
}

static bool decide_hop(struct mta *mta, const struct work *work, const struct copy *copy,
                       const struct mts_rerouting *rerouting, struct mts_run *run,
                       struct mts_decisions *decisions) {
    *run = run_begin(mta, &mta->arena);
    do
        mts_reroute(run, &copy->stored, rerouting, decisions);
    while (run_again(mta, run, decisions));
    copy_keep_expiry(work, copy, decisions);
    return decisions->result == MTS_DECIDED && decisions->event_count > 0;
}

bool copy_decide_hop(struct mta *mta, const struct work *work, const struct copy *copy,
                     const struct peer *wanted, struct mts_run *run, struct mts_decisions *decisions) {
    static const struct mts_rerouting as_if_new = {-1, -1};
    struct mts_rerouting rerouting = wanted ? rerouting_of(mta, work, wanted) : as_if_new;
    return decide_hop(mta, work, copy, &rerouting, run, decisions) &&
           (wanted || !stays(mta, work, decisions));
}

bool copy_reroute(struct mta *mta, struct work *work) {
    struct copy copy;
    struct error err = {0};
    struct mts_decisions decisions = {0};
    struct mts_rerouting rerouting = rerouting_of(mta, work, NULL);
    struct mts_run run;
    if (!copy_load(mta, work, &copy, &err))
        return false;
    bool done = decide_hop(mta, work, &copy, &rerouting, &run, &decisions) &&
                copy_replace(mta, work, &copy, &run, &decisions, COPY_PUT_OFF);
    copy_release(&copy);
    return done;
}

/* ---- its row ---- */

/* In memory at once: a row that says the former one is moved again after a restart. The unit's place is free
 * for it again, so that there is always one. */
void copy_move(struct mta *mta, struct work *work, const struct destination *destination) {
    struct store_work row;
    struct error err = copy_no_memory;
    arena_reset(&mta->arena);
    bool read = store_get_work(mta->view.store, work->id, &mta->arena, &row, &err);
    row.next_hop = destination->key;
    row.doubt_peer = 0;
    if (!read || !store_update_work(mta->batch.store, &row)) {
        copy_put_off(mta, work, "moved", &err);
        return;
    }
    struct work unit = *work;
    unit.destination = destination->number;
    unit.cause = NULL;
    unit.marked = false;
    schedule_remove(&mta->schedule, work);
    schedule_add(&mta->schedule, &unit);
    destination_mark(mta, destination_at(mta, destination->number));
    batch_arm(mta);
}

bool copy_save(struct mta *mta, struct work *work) {
    struct store_work row;
    struct error err = {0};
    arena_reset(&mta->arena);
    if (!store_get_work(mta->view.store, work->id, &mta->arena, &row, &err)) {
        log_caused_by(&mta->lines, LOG_LEVEL_ERROR, "work unit %llu: its tries can't be saved: %s",
                      (unsigned long long)work->id, err.text);
        return false;
    }
    row.tries = work->tries;
    row.due = work->due;
    if (work->state == WORK_HELD)
        row.status = STORE_HELD;
    if (!work->in_doubt)
        row.doubt_peer = 0;
    if (!store_update_work(mta->batch.store, &row))
        return false;
    batch_arm(mta);
    if (work->in_doubt)
        return true;
    /* At once: whoever takes it before this commit marks it anew, in the same batch or a later one. */
    work->marked = false;
    work_forget_bytes(mta, work);
    return true;
}
