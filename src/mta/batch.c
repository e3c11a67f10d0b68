/*
 * Group commit: all that arrives in one turn of the loop is one transaction
 * with one sync; then come the answers (I1, I6 of mta_private.h).
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mta/mta_private.h"

bool batch_init(struct mta *mta, const struct batch_hooks *hooks) {
    mta->batch.hooks = hooks;
    mta->batch.number = 1;
    mta->batch.store = store_batch_new(mta->store);
    return mta->batch.store != NULL;
}

void batch_free(struct mta *mta) {
    store_batch_free(mta->batch.store);
    mem_free(mta->batch.effects);
    mta->batch = (struct batch){0};
}

struct batch_mark batch_mark(const struct mta *mta) {
    return (struct batch_mark){store_batch_mark(mta->batch.store), mta->batch.count};
}

void batch_undo(struct mta *mta, struct batch_mark mark) {
    while (mta->batch.count > mark.effects) {
        struct effect effect = mta->batch.effects[--mta->batch.count];
        effect.undo(mta, &effect);
    }
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

static void arm_later(struct mta *mta) {
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
    arm_later(mta);
    return true;
}

static void run_commits(struct mta *mta, struct effect *effects, size_t count) {
    for (size_t i = 0; i < count; i++)
        effects[i].commit(mta, &effects[i]);
}

static void run_undos(struct mta *mta, struct effect *effects, size_t count) {
    while (count-- > 0)
        effects[count].undo(mta, &effects[count]);
}

/* Effects may add to the next batch, so this one is taken out first. */
void batch_commit(struct mta *mta) {
    struct batch *batch = &mta->batch;
    batch->urgent = false;
    if (batch->hooks)
        batch->hooks->before(mta);
    if (batch->count == 0 && store_batch_is_empty(batch->store))
        return;
    batch->number++;
    struct error err = {0};
    bool done = store_batch_is_empty(batch->store) || store_commit(batch->store, &err);
    if (!done) {
        log_error("the store refused a batch of %u requests: %s", batch->requests, err.text);
        store_batch_clear(batch->store);
    }
    struct effect *effects = batch->effects;
    size_t count = batch->count;
    batch->effects = NULL;
    batch->count = batch->room = 0;
    batch->requests = batch->seen = 0;
    (done ? run_commits : run_undos)(mta, effects, count);
    if (batch->effects)
        mem_free(effects);
    else
        *batch = (struct batch){.number = batch->number,
                                .store = batch->store,
                                .effects = effects,
                                .room = count,
                                .hooks = batch->hooks};
    if (batch->hooks)
        batch->hooks->after(mta, done);
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
    const struct mta_limits *limits = &mta->config->limits;
    int64_t wait = 0;
    bool look = false;
    if (limits->gather_us && batch->requests > 0 && batch->requests < limits->requests) {
        wait = store_gather_us(mta->store, batch->requests, mta->associations_in, batch->since,
                               clock_monotonic_us());
        look = more_comes(batch);
    }
    if (wait > 0 || look) {
        struct timeval delay = {.tv_usec = wait < limits->gather_us ? wait : limits->gather_us};
        event_add(mta->commit, &delay);
        return;
    }
    batch_commit(mta);
}

void batch_forget_association(struct mta *mta, const struct association *association) {
    for (size_t i = 0; i < mta->batch.count; i++)
        if (mta->batch.effects[i].association == association)
            mta->batch.effects[i].association = NULL;
}

void batch_forget_net(struct mta *mta, const struct net *net) {
    for (size_t i = 0; i < mta->batch.count; i++)
        if (mta->batch.effects[i].net == net)
            mta->batch.effects[i].net = NULL;
}
