/*
 * Group commit: all that arrives in one turn of the loop is one transaction
 * with one sync; then come the answers (I1, I6 of mta_private.h).
 */
#include <poll.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mta/mta_private.h"

/* A commit that takes longer, of a store that takes nothing, is not waited for. */
#define STUCK_US ((int64_t)5000000)

static struct batch_mark mark_of(const struct batch *batch) {
    return (struct batch_mark){store_batch_mark(batch->store), batch->count};
}

static void begin_request(struct batch *batch) {
    batch->request = store_batch_request(batch->store);
    batch->begun = mark_of(batch);
}

/* The store has something to tell of what flies. */
static void on_store(evutil_socket_t fd, short what, void *arg) {
    struct mta *mta = arg;
    (void)fd;
    (void)what;
    store_proceed(mta->view.store, false);
    links_release(mta);
}

static bool watch_store(struct mta *mta) {
    int descriptor = store_descriptor(mta->view.store);
    if (descriptor < 0)
        return true;
    mta->batches.landing = event_new(mta->loop, descriptor, EV_READ | EV_PERSIST, on_store, mta);
    return mta->batches.landing && event_add(mta->batches.landing, NULL) == 0;
}

bool batch_init(struct mta *mta, const struct batch_hooks *hooks) {
    mta->batches.hooks = hooks;
    mta->batch.number = 1;
    mta->batch.store = store_batch_new(mta->view.store);
    mta->batches.flight.store = store_batch_new(mta->view.store);
    if (!mta->batch.store || !mta->batches.flight.store || !watch_store(mta))
        return false;
    begin_request(&mta->batch);
    return true;
}

void batch_free(struct mta *mta) {
    store_batch_free(mta->batch.store);
    store_batch_free(mta->batches.flight.store);
    mem_free(mta->batch.effects);
    mem_free(mta->batches.flight.effects);
    if (mta->batches.landing)
        event_free(mta->batches.landing);
    mta->batch = (struct batch){0};
    mta->batches = (struct batches){0};
}

/* ---- what is added ---- */

/* One to which nothing was added goes on: most frames add nothing. */
void batch_request(struct mta *mta) {
    struct batch_mark now = mark_of(&mta->batch), begun = mta->batch.begun;
    if (now.store != begun.store || now.effects != begun.effects)
        begin_request(&mta->batch);
}

struct batch_mark batch_mark(const struct mta *mta) {
    return mark_of(&mta->batch);
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
    batch->effects[batch->count] = *effect;
    batch->effects[batch->count++].request = batch->request;
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

const char *batch_cause(const struct mta *mta) {
    const struct error *cause = mta->batches.cause;
    if (!cause || !cause->code)
        cause = store_cause(mta->view.store);
    return cause->code ? cause->text : "the store can't write now";
}

bool batch_was_repeated(const struct mta *mta) {
    return mta->batches.cause && mta->batches.cause->code == STORE_REPEATED;
}

/* A request that the store refused, alone: another has done meanwhile what it was for, say. */
static bool is_refused(struct mta *mta, const struct batch *flight, const struct effect *effect) {
    mta->batches.cause = store_batch_verdict(flight->store, effect->request);
    return mta->batches.cause->code != STORE_OK;
}

/* What was added while another one flew may rest on that, so it goes first when anything of that failed (I6):
 * a repeat that waits for its message, say. */
static void undo_filling(struct mta *mta) {
    run_undos(mta, &mta->batch, 0);
    store_batch_clear(mta->batch.store);
    mta->batch.number++; /* whoever waits for what it said waits no more */
    begin_request(&mta->batch);
}

/* What was refused is undone afterwards, the latest first. */
static void run_effects(struct mta *mta, struct batch *flight) {
    static const struct error rests = {.code = STORE_BAD_REQUEST,
                                       .text = "what it may rest on was not written: try again"};
    size_t refused = 0;
    mta->batches.cause = &rests;
    if (store_batch_is_refused(flight->store))
        undo_filling(mta);
    for (size_t i = 0; i < flight->count; i++) {
        struct effect effect = flight->effects[i];
        if (is_refused(mta, flight, &effect))
            flight->effects[refused++] = effect;
        else
            effect.kind->commit(mta, &effect);
    }
    while (refused > 0) {
        struct effect effect = flight->effects[--refused];
        is_refused(mta, flight, &effect);
        effect.kind->undo(mta, &effect);
    }
    flight->count = 0;
    store_batch_clear(flight->store); /* it holds contents, which frames that were put aside go on with now */
}

static void undo_all(struct mta *mta, struct batch *flight, const struct error *err) {
    mta->batches.cause = err;
    undo_filling(mta);
    run_undos(mta, flight, 0);
    store_batch_clear(flight->store);
}

static bool is_empty(const struct batch *batch) {
    return batch->count == 0 && store_batch_is_empty(batch->store);
}

/* Whoever asked for it may have given up by then. */
#define SLOW_US ((int64_t)10000000)

static void tell_if_slow(const struct mta *mta) {
    int64_t age = batch_age(mta);
    if (age >= SLOW_US)
        log_warning("a commit took %lld s: the disk is slow, or the server of the store",
                    (long long)(age / 1000000));
}

/* Effects add to the batch that fills, which is next. What nobody asked for (confirmations that are written
 * again each second, say) is not told of each time while the store takes nothing, which the log says. */
static void on_landed(void *context, bool done, const struct error *err) {
    struct mta *mta = context;
    struct batch *flight = &mta->batches.flight;
    if (!done && !flight->requests && store_accepting(mta->view.store))
        log_caused_by(&mta->lines, LOG_LEVEL_ERROR, "the store refused what nobody waits for: %s", err->text);
    else if (!done && flight->requests)
        log_caused_by(&mta->lines, LOG_LEVEL_ERROR, "the store refused a batch of %u requests: %s",
                      flight->requests, err->text);
    tell_if_slow(mta);
    flight->number = 0;
    if (done)
        run_effects(mta, flight);
    else
        undo_all(mta, flight, err);
    mta->batches.cause = NULL;
    if (mta->batches.hooks)
        mta->batches.hooks->after(mta, done);
    if (mta->batch.urgent)
        event_active(mta->commit, EV_TIMEOUT, 0);
    else if (!is_empty(&mta->batch))
        batch_arm_later(mta);
}

/* The batch that fills becomes the one that flies; none does. */
static void launch(struct mta *mta) {
    static const struct error nothing;
    struct batch *batch = &mta->batch, *flight = &mta->batches.flight;
    batch->urgent = false;
    batch_request(mta); /* what the hook adds is refused with no other request */
    if (mta->batches.hooks)
        mta->batches.hooks->before(mta);
    if (is_empty(batch)) { /* what it had was given up */
        batch->requests = batch->seen = 0;
        batch->number++;
        if (mta->asides && mta->batches.hooks)
            mta->batches.hooks->after(mta, true);
        return;
    }
    struct batch empty = {.number = batch->number + 1,
                          .store = flight->store,
                          .effects = flight->effects,
                          .room = flight->room};
    *flight = *batch;
    flight->launched = clock_monotonic_us();
    *batch = empty;
    begin_request(batch);
    if (store_batch_is_empty(flight->store))
        on_landed(mta, true, &nothing);
    else
        store_commit_begin(flight->store, on_landed, mta);
}

int64_t batch_age(const struct mta *mta) {
    const struct batch *flight = &mta->batches.flight;
    return flight->number ? clock_monotonic_us() - flight->launched : 0;
}

bool batch_is_stuck(const struct mta *mta) {
    return !store_accepting(mta->view.store) && batch_age(mta) > STUCK_US;
}

static bool has_enough(const struct mta *mta) {
    const struct mta_limits *limits = &mta->view.config->limits;
    const struct batch *batch = &mta->batch;
    return batch->requests >= limits->requests ||
           store_batch_octets(batch->store) + batch->count * sizeof *batch->effects >= limits->batch_octets;
}

bool batch_is_full(const struct mta *mta) {
    return mta->batches.flight.number && has_enough(mta);
}

uint64_t batch_awaited(const struct mta *mta, bool landed) {
    uint64_t flight = mta->batches.flight.number;
    if (!(flight || landed) || !has_enough(mta) || batch_is_stuck(mta))
        return 0;
    return flight ? flight : mta->batch.number;
}

/* Waits for what flies. */
static bool await(struct mta *mta, int64_t until) {
    struct pollfd landing = {.fd = store_descriptor(mta->view.store), .events = POLLIN};
    while (mta->batches.flight.number) {
        store_proceed(mta->view.store, false);
        int64_t left = until - clock_monotonic_us();
        if (!mta->batches.flight.number)
            break;
        if (left <= 0)
            return false;
        poll(&landing, 1, (int)(left / 1000) + 1);
    }
    return true;
}

bool batch_settle(struct mta *mta, int64_t until) {
    if (!await(mta, until))
        return false;
    launch(mta);
    return await(mta, until);
}

void batch_end(struct mta *mta, int64_t until) {
    if (batch_settle(mta, until))
        return;
    log_warning("the store does not answer: what became of a batch of %u requests shows at the next start",
                mta->batches.flight.requests);
    store_give_up(mta->view.store);
}

enum store_repeat batch_find_repeat(const struct mta *mta, const uint8_t key[static STORE_DIGEST],
                                    struct error *err) {
    const struct batch *flight = &mta->batches.flight;
    if (flight->number && store_batch_adds_repeat(flight->store, key))
        return STORE_REPEAT_PENDING;
    return store_find_repeat(mta->view.store, mta->batch.store, key, err);
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
    if (mta->batches.flight.number)
        return; /* its end calls again */
    int64_t wait = 0;
    bool look = false;
    if (limits->gather_us && batch->requests > 0 && batch->requests < limits->requests) {
        wait = store_gather_us(mta->view.store, batch->requests, mta->associations_in, batch->since,
                               clock_monotonic_us());
        look = mta->associations_in > 1 && more_comes(batch);
    }
    if (wait > 0 || look) {
        struct timeval delay = {.tv_usec = wait < limits->gather_us ? wait : limits->gather_us};
        event_add(mta->commit, &delay);
        return;
    }
    launch(mta);
}
