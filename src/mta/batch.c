/*
 * Group commit: all that arrives in one turn of the loop is one transaction
 * with one sync; then come the answers (I1, I6 of mta_private.h).
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mta/mta_private.h"

bool batch_init(struct mta *mta, const struct batch_hooks *hooks) {
    mta->batches.hooks = hooks;
    mta->batch.number = 1;
    mta->batch.store = store_batch_new(mta->view.store);
    mta->batches.flight.store = store_batch_new(mta->view.store);
    return mta->batch.store && mta->batches.flight.store;
}

void batch_free(struct mta *mta) {
    store_batch_free(mta->batch.store);
    store_batch_free(mta->batches.flight.store);
    mem_free(mta->batch.effects);
    mem_free(mta->batches.flight.effects);
    mta->batch = (struct batch){0};
    mta->batches = (struct batches){0};
}

struct batch_mark batch_mark(const struct mta *mta) {
    return (struct batch_mark){store_batch_mark(mta->batch.store), mta->batch.count};
}

static void run_undos(struct mta *mta, struct batch *batch, size_t left) {
    while (batch->count > left) {
        struct effect effect = batch->effects[--batch->count];
        effect.kind->undo(mta, &effect);
    }
}

void batch_undo(struct mta *mta, struct batch_mark mark) {
    run_undos(mta, &mta->batch, mark.effects);
    store_batch_undo(mta->batch.store, mark.store);
}

/* Alone, a commit that nobody waits for would double the syncs where one message is under way at a time. */
#define LATER_US       2000
#define GATHER_MOST_US 10000

void batch_arm(struct mta *mta) {
    struct batch *batch = &mta->batch;
    if (batch->requests++ == 0)
        batch->since = clock_monotonic_us();
    if (!batch->urgent || !event_pending(mta->commit, EV_TIMEOUT, NULL))
        event_active(mta->commit, EV_TIMEOUT, 0);
    batch->urgent = true;
}

void batch_arm_later(struct mta *mta) {
    static const struct timeval delay = {.tv_usec = LATER_US};
    if (!event_pending(mta->commit, EV_TIMEOUT, NULL))
        event_add(mta->commit, &delay);
}

static bool add_effect(struct mta *mta, const struct effect *effect) {
    struct batch *batch = &mta->batch;
    if (batch->count == batch->room) {
        size_t room = batch->room ? batch->room * 2 : 256;
        struct effect *grown = mem_resize(batch->effects, room * sizeof *grown);
        if (!grown)
            return false;
        batch->effects = grown;
        batch->room = room;
    }
    batch->effects[batch->count++] = *effect;
    return true;
}

bool batch_effect(struct mta *mta, struct effect effect) {
    if (!add_effect(mta, &effect))
        return false;
    batch_arm(mta);
    return true;
}

bool batch_effect_later(struct mta *mta, struct effect effect) {
    if (!add_effect(mta, &effect))
        return false;
    batch_arm_later(mta);
    return true;
}

/* ---- commits ---- */

bool batch_is_open(const struct mta *mta, uint64_t number) {
    return number == mta->batch.number || (number && number == mta->batches.flight.number);
}

static void run_commits(struct mta *mta, struct batch *flight) {
    for (size_t i = 0; i < flight->count; i++)
        flight->effects[i].kind->commit(mta, &flight->effects[i]);
    flight->count = 0;
}

/* What was added while it flew may rest on it, so that goes first (I6). */
static void undo_all(struct mta *mta, struct batch *flight) {
    run_undos(mta, &mta->batch, 0);
    store_batch_clear(mta->batch.store);
    run_undos(mta, flight, 0);
    store_batch_clear(flight->store);
}

/* Effects add to the batch that fills. */
static void landed(struct mta *mta, bool done, const struct error *err) {
    struct batch *flight = &mta->batches.flight;
    if (!done)
        log_error("the store refused a batch of %u requests: %s", flight->requests, err->text);
    flight->number = 0;
    (done ? run_commits : undo_all)(mta, flight);
    if (mta->batches.hooks)
        mta->batches.hooks->after(mta, done);
}

/* The batch that fills becomes the one that flies; none does. */
static void launch(struct mta *mta) {
    struct batch *batch = &mta->batch, *flight = &mta->batches.flight;
    struct error err = {0};
    batch->urgent = false;
    if (mta->batches.hooks)
        mta->batches.hooks->before(mta);
    if (batch->count == 0 && store_batch_is_empty(batch->store)) {
        batch->requests = batch->seen = 0;
        return;
    }
    struct batch empty = {.number = batch->number + 1,
                          .store = flight->store,
                          .effects = flight->effects,
                          .room = flight->room};
    *flight = *batch;
    *batch = empty;
    bool done = store_batch_is_empty(flight->store) || store_commit(flight->store, &err);
    landed(mta, done, &err);
}

void batch_settle(struct mta *mta) {
    launch(mta);
}

/*
 * A socket between two processes holds two contents of 100 kB, so one turn of the loop sees no more of them,
 * however many wait behind. While each turn brings some, the sync waits for the next: nobody is kept by it
 * who would not wait for the work on those anyway.
 */
static bool more_comes(struct batch *batch) {
    bool more = batch->requests != batch->seen && clock_monotonic_us() - batch->since < GATHER_MOST_US;
    batch->seen = batch->requests;
    return more;
}

void batch_on_commit(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct mta *mta = arg;
    struct batch *batch = &mta->batch;
    const struct mta_limits *limits = &mta->view.config->limits;
    int64_t wait = 0;
    bool look = false;
    if (limits->gather_us && batch->requests > 0 && batch->requests < limits->requests) {
        wait = store_gather_us(mta->view.store, batch->requests, mta->associations_in, batch->since,
                               clock_monotonic_us());
        look = more_comes(batch);
    }
    if (wait > 0 || look) {
        struct timeval delay = {.tv_usec = wait < limits->gather_us ? wait : limits->gather_us};
        event_add(mta->commit, &delay);
        return;
    }
    launch(mta);
}
