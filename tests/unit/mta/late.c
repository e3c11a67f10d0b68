/*
 * With $CHASQUI_TEST_LATE every store that the switch opens for writing commits
 * late: a batch that is begun lies still, and lands from within store_proceed, when
 * the loop has gone round and a little time has passed. So whatever comes meanwhile
 * meets a batch in flight, as with an engine whose commits are somebody else's work.
 *
 * While the file is there that $CHASQUI_TEST_HOLD names, nothing lands at all; after a
 * second of that ($CHASQUI_TEST_PATIENCE: as many) the store says that it takes nothing. That of
 * $CHASQUI_TEST_ONE is taken away by one that lands all the same.
 *
 * While the file is there that $CHASQUI_TEST_UNREAD names, contents of activities, outcomes, records and the
 * entries of mailboxes can't be read. While the one of $CHASQUI_TEST_BEHIND is, filling is behind, and the
 * step that is next takes it away and lasts as long as that of $CHASQUI_TEST_STEP is there. While the one of
 * $CHASQUI_TEST_SATED is, the store takes no octets of contents, and those that come all the same can't be
 * written. While that of $CHASQUI_TEST_NAMELESS is, another node's work is given whose next hop has no name.
 * That of $CHASQUI_TEST_CROWDED is taken away by the record of a user that is next removed, for which the
 * batch has no room.
 *
 * While that of $CHASQUI_TEST_LOCKED is, events can't be read: somebody else at the server has locked them.
 *
 * While that of $CHASQUI_TEST_SLOW is, each message that is read takes a second of what a request may take.
 *
 * Those of $CHASQUI_TEST_FORGETFUL, $CHASQUI_TEST_EVENTLESS and $CHASQUI_TEST_ENDLESS are taken away by the
 * outcome, the event and the end of a copy that is next, for which the batch has no room.
 *
 * That of $CHASQUI_TEST_WORDLESS is taken away by the first fault of a user among many, for which there is no
 * memory.
 *
 * With $CHASQUI_TEST_BESIDE instead, a thread of the store's does each commit, however small.
 *
 * The linker gives these functions to all who call them (tests/unit/meson.build).
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "store/batch_private.h"
#include "store/sqlite/options.h"
#include "store/thread.h"

/* µs that a batch is in flight at least: some frames more come in that time. */
#define FLIGHT_US 1500

static struct store_engine late;
static const struct store_engine *prompt; /* the one behind it */
static struct store_batch *flying;
static bool commits; /* the one behind it does, and writes what it has to */
static int timer = -1;

static bool is_there(const char *variable) {
    const char *path = getenv(variable);
    return path && access(path, F_OK) == 0;
}

/* Once. */
static bool is_taken_away(const char *variable) {
    const char *path = getenv(variable);
    return path && unlink(path) == 0;
}

/* Not for ever: a test that fell takes nothing away. */
static void wait_for_end(const char *variable) {
    for (int ms = 0; ms < 20000 && is_there(variable); ms++)
        usleep(1000);
}

static void set_timer(long us) {
    const struct itimerspec when = {.it_value = {.tv_nsec = us * 1000}};
    if (timerfd_settime(timer, 0, &when, NULL) != 0)
        abort();
}

static void begin_late(struct store_batch *batch) {
    if (flying)
        abort(); /* the switch begins one at a time */
    flying = batch;
    set_timer(FLIGHT_US);
}

static void go_on(struct store *store, bool wait) {
    uint64_t ticks;
    struct store_batch *batch = flying;
    bool due = read(timer, &ticks, sizeof ticks) == (ssize_t)sizeof ticks;
    (void)store;
    if (!batch || (!due && !wait))
        return;
    if (is_there("CHASQUI_TEST_HOLD") && !is_taken_away("CHASQUI_TEST_ONE")) {
        set_timer(FLIGHT_US);
        return;
    }
    struct error err;
    flying = NULL;
    set_timer(0);
    if (is_taken_away("CHASQUI_TEST_FAIL")) { /* the one that ends next */
        error_set(&err, STORE_IO, "the test lets it fail");
        batch_done(batch, &err);
    } else {
        commits = true;
        prompt->commit_begin(batch);
        commits = false;
    }
}

static int descriptor(const struct store *store) {
    (void)store;
    return timer;
}

static bool probe_late(struct store *store, struct error *err) {
    const char *patience = getenv("CHASQUI_TEST_PATIENCE");
    int64_t most = (patience ? atoi(patience) : 1) * INT64_C(1000000);
    if (flying && clock_monotonic_us() - flying->begun > most)
        return error_set(err, STORE_IO, "the commit does not end");
    return prompt->probe(store, err);
}

static void give_up(struct store *store) {
    struct store_batch *batch = flying;
    struct error err;
    (void)store;
    error_set(&err, STORE_IO, "given up");
    flying = NULL;
    batch_done(batch, &err);
}

static bool is_unread(struct error *err) {
    return is_there("CHASQUI_TEST_UNREAD") && !error_set(err, STORE_IO, "it can't be read now");
}

static struct store_content *resume_late(struct store *store, uint64_t activity, struct error *err) {
    return is_unread(err) ? NULL : prompt->content_resume(store, activity, err);
}

static bool get_outcome_late(struct store *store, struct span association, struct span activity,
                             struct span peer, struct buf *data, struct error *err) {
    return !is_unread(err) && prompt->get_outcome(store, association, activity, peer, data, err);
}

static bool each_entry_late(struct store *store, uint32_t mailbox, uint64_t after, size_t limit,
                            store_entry_cb *cb, void *context, struct error *err) {
    return !is_unread(err) && prompt->each_entry(store, mailbox, after, limit, cb, context, err);
}

static bool get_entry_late(struct store *store, uint32_t mailbox, uint64_t sequence, struct arena *arena,
                           struct store_entry *entry, struct error *err) {
    return !is_unread(err) && prompt->get_entry(store, mailbox, sequence, arena, entry, err);
}

static bool get_message_late(struct store *store, uint64_t id, struct arena *arena,
                             struct store_message *message, struct error *err) {
    if (store->read_until && is_there("CHASQUI_TEST_SLOW"))
        store->read_until -= 1000000;
    return prompt->get_message(store, id, arena, message, err);
}

static bool track_late(struct store *store, struct span key, store_event_cb *cb, void *context,
                       struct error *err) {
    if (is_there("CHASQUI_TEST_LOCKED"))
        return error_set(err, STORE_LOCKED, "canceling statement due to lock timeout");
    return prompt->track(store, key, cb, context, err);
}

static bool takes_octets_late(const struct store *store) {
    return !is_there("CHASQUI_TEST_SATED") && (!prompt->takes_octets || prompt->takes_octets(store));
}

static bool write_late(struct store_content *content, struct span octets, struct error *err) {
    if (!commits && is_there("CHASQUI_TEST_SATED"))
        return error_set(err, STORE_IO, "nobody asked whether it takes more");
    return prompt->content_write(content, octets, err);
}

static bool get_record_late(struct store *store, uint32_t kind, struct span name, struct buf *out,
                            struct error *err) {
    return !is_unread(err) && prompt->get_record(store, kind, name, out, err);
}

static bool behind_late(const struct store *store) {
    return is_there("CHASQUI_TEST_BEHIND") || (prompt->behind && prompt->behind(store));
}

static void catch_up_late(struct store *store) {
    if (is_taken_away("CHASQUI_TEST_BEHIND"))
        wait_for_end("CHASQUI_TEST_STEP");
    else
        prompt->catch_up(store);
}

static bool take_over_late(struct store *store, size_t limit, store_work_cb *cb, void *context,
                           struct error *err) {
    const struct store_work row = {.id = 77, .message = 76, .next_hop = 75};
    (void)store, (void)limit, (void)err;
    if (is_there("CHASQUI_TEST_NAMELESS"))
        cb(context, &row);
    return true;
}

static void close_late(struct store *store) {
    close(timer);
    timer = -1;
    prompt->close(store);
}

/* One for all stores of a process. */
static struct store_thread *the_thread(void) {
    static struct store_thread *thread;
    static pid_t process;
    if (process != getpid() && !(thread = store_thread_start(NULL)))
        abort();
    process = getpid();
    return thread;
}

struct store *__real_store_open(const char *place, const struct store_options *options, struct error *err);
struct store *__wrap_store_open(const char *place, const struct store_options *options, struct error *err);

struct store *__wrap_store_open(const char *place, const struct store_options *options, struct error *err) {
    static const struct sqlite_options always = {.beside = true};
    struct store_options beside = options ? *options : (struct store_options){0};
    if (getenv("CHASQUI_TEST_BESIDE") && !beside.read_only) {
        beside.thread = the_thread();
        beside.engine = &always;
    }
    struct store *store = __real_store_open(place, &beside, err);
    if (!store || store->read_only || !getenv("CHASQUI_TEST_LATE") || store_descriptor(store) >= 0)
        return store;
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer < 0)
        abort();
    prompt = store->engine;
    late = *prompt;
    late.commit_begin = begin_late;
    late.proceed = go_on;
    late.descriptor = descriptor;
    late.probe = probe_late;
    late.give_up = give_up;
    late.content_resume = resume_late;
    late.get_outcome = get_outcome_late;
    late.each_entry = each_entry_late;
    late.get_entry = get_entry_late;
    late.get_message = get_message_late;
    late.track = track_late;
    late.takes_octets = takes_octets_late;
    late.content_write = write_late;
    late.get_record = get_record_late;
    late.behind = behind_late;
    late.catch_up = catch_up_late;
    late.take_over = take_over_late;
    late.close = close_late;
    store->engine = &late;
    return store;
}

bool __real_store_remove_record(struct store_batch *batch, uint32_t kind, struct span name);
bool __wrap_store_remove_record(struct store_batch *batch, uint32_t kind, struct span name);

bool __wrap_store_remove_record(struct store_batch *batch, uint32_t kind, struct span name) {
    return !(kind == STORE_USER && is_taken_away("CHASQUI_TEST_CROWDED")) &&
           __real_store_remove_record(batch, kind, name);
}

bool __real_store_put_outcome(struct store_batch *batch, const struct store_outcome *outcome);
bool __wrap_store_put_outcome(struct store_batch *batch, const struct store_outcome *outcome);

bool __wrap_store_put_outcome(struct store_batch *batch, const struct store_outcome *outcome) {
    return !is_taken_away("CHASQUI_TEST_FORGETFUL") && __real_store_put_outcome(batch, outcome);
}

bool __real_store_add_event(struct store_batch *batch, struct span key, int64_t at, struct span data);
bool __wrap_store_add_event(struct store_batch *batch, struct span key, int64_t at, struct span data);

bool __wrap_store_add_event(struct store_batch *batch, struct span key, int64_t at, struct span data) {
    return !is_taken_away("CHASQUI_TEST_EVENTLESS") && __real_store_add_event(batch, key, at, data);
}

bool __real_store_finish_work(struct store_batch *batch, uint64_t work, uint64_t message);
bool __wrap_store_finish_work(struct store_batch *batch, uint64_t work, uint64_t message);

bool __wrap_store_finish_work(struct store_batch *batch, uint64_t work, uint64_t message) {
    return !is_taken_away("CHASQUI_TEST_ENDLESS") && __real_store_finish_work(batch, work, message);
}

int __real_json_array_append_new(json_t *array, json_t *value);
int __wrap_json_array_append_new(json_t *array, json_t *value);

int __wrap_json_array_append_new(json_t *array, json_t *value) {
    if (!json_object_get(value, "user") || !is_taken_away("CHASQUI_TEST_WORDLESS"))
        return __real_json_array_append_new(array, value);
    json_decref(value);
    return -1;
}
