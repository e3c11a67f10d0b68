/* The switch's life: opening, the tick of each second, reload, stop. */
#include <stddef.h>
#include <stdio.h>

#include <event2/event.h>
#include <openssl/rand.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mta/clients.h"
#include "mta/convert.h"
#include "mta/copy.h"
#include "mta/decide.h"
#include "mta/deliver.h"
#include "mta/guesses.h"
#include "mta/hashing.h"
#include "mta/jump.h"
#include "mta/later.h"
#include "mta/leftovers.h"
#include "mta/lost.h"
#include "mta/mailbox.h"
#include "mta/mailbox_name.h"
#include "mta/mta_private.h"
#include "mta/net.h"
#include "mta/outbound.h"
#include "mta/outcome.h"
#include "mta/pace.h"
#include "mta/pump.h"
#include "mta/quota.h"
#include "mta/receive.h"
#include "mta/reroute.h"
#include "mta/send.h"
#include "mta/submit.h"
#include "mta/user_association.h"
#include "mta/user_port.h"
#include "mta/users.h"
#include "mta/users_many.h"

/* Units whose time has come that one tick works on, and µs for which it begins with more; the rest follows at
 * once. */
#define DUE_A_TURN  200
#define DUE_TURN_US 20000

/* A commit that takes longer is not about to end: a stop does not wait for what waits for it. */
#define LANDING_MOST (3 * SECOND)

/* How long a stop may take to write that copies are not in doubt. */
#define UNMARK_MOST (3 * SECOND)

/* How long a stop waits for the store, each time that it has to. */
#define SETTLE_MOST SECOND

/* How long another process may have the store at the start. */
#define LOCKED_MOST (3 * SECOND)

/* Who does not prolong it for so long is taken for gone where a store has several nodes; all that it had is
 * another's then. */
#define LEASE (60 * SECOND)

/* Lines in a minute about one thing that the store does not take. */
#define STOPS_TOLD 5

/* How long a stop waits for the peers' answers to its releases. */
#define RELEASE_MOST (2 * SECOND)

/* ---- opening ---- */

static enum work_state state_of(const struct store_work *row, int64_t due, bool lost) {
    if (row->status == STORE_HELD)
        return WORK_HELD;
    return !lost && due <= clock_now_us() ? WORK_READY : WORK_WAITING;
}

/* A retry's time in the row is of the clock as it was: one that was set back since would put it off for as
 * long. */
static int64_t due_of(const struct mta *mta, const struct store_work *row, uint8_t lane) {
    int64_t longest = clock_now_us() + send_schedule(mta, lane)->longest_retry * SECOND;
    return row->tries && row->due > longest ? longest : row->due;
}

/* Where a row's copy is to go. NULL without memory. */
static struct destination *destination_of_row(struct mta *mta, struct span name) {
    struct destination *destination = destination_find(mta, name);
    if (destination)
        return destination;
    struct peer *peer = peer_named(mta, name);
    return peer ? &peer->destination : NULL;
}

struct loading {
    struct mta *mta;
    struct error *err;
    bool failed;
};

/* A walk that ends here would leave the rest of the queue behind (store_claim takes it for no failure). */
static bool not_loaded(struct loading *loading, const struct store_work *row, const char *what) {
    loading->failed = true;
    return error_set(loading->err, STORE_IO, "the queue can't be read, work unit %llu: %s",
                     (unsigned long long)row->id, what);
}

static bool name_of_row(struct loading *loading, const struct store_work *row, struct span *name) {
    struct error err = {0};
    uint32_t key = row->doubt_peer ? row->doubt_peer : row->next_hop;
    *name = SPAN_LIT("");
    return !row->next_hop || store_next_hop_name(loading->mta->view.store, key, name, &err) ||
           not_loaded(loading, row,
                      err.code == STORE_NOT_FOUND ? "its next hop has no name; run 'mhs store check'"
                                                  : err.text);
}

/* Nothing of it is believed but its id: not where it goes, nor which message it is of. */
static bool load_damaged(struct loading *loading, const struct store_work *row) {
    struct destination *nowhere = destination_of_row(loading->mta, SPAN_LIT(""));
    struct work unit = {.id = row->id, .expires = INT64_MAX, .state = WORK_HELD, .damaged = true};
    unit.destination = nowhere ? nowhere->number : 0;
    unit.committed = true;
    struct work *work = nowhere ? schedule_add(&loading->mta->schedule, &unit) : NULL;
    if (!work)
        return not_loaded(loading, row, "no memory");
    schedule_cause(work, "its row is not what was stored; run 'mhs store check'");
    log_error("work unit %llu is held: %s", (unsigned long long)row->id,
              work->cause ? work->cause : "damaged");
    return true;
}

/* A marked row may have been sent before the stop: it is in doubt (I4). */
static bool load_work(void *context, const struct store_work *row) {
    struct loading *loading = context;
    struct mta *mta = loading->mta;
    struct span name;
    if (row->damaged)
        return load_damaged(loading, row);
    if (!name_of_row(loading, row, &name))
        return false;
    bool lost = span_eq(name, SPAN_LIT(STORE_LOST_HOP));
    struct destination *destination = destination_of_row(mta, lost ? SPAN_LIT("") : name);
    if (!destination)
        return not_loaded(loading, row, "no memory");
    struct row form = {0};
    row_read(row->data, &form); /* of an unknown one nothing is known: copy_load says so */
    uint8_t lane = row->priority < LANES ? row->priority : LANE_NORMAL;
    int64_t due = due_of(mta, row, lane);
    struct work unit = {.id = row->id,
                        .message = row->message,
                        .due = due,
                        .expires = jump_expiry(mta, row->id, row->expiry ? row->expiry : INT64_MAX),
                        .latest = form.latest,
                        .destination = destination->number,
                        .tries = (uint16_t)(row->tries < UINT16_MAX ? row->tries : UINT16_MAX),
                        .lane = lane,
                        .state = (uint8_t)state_of(row, due, lost),
                        .in_doubt = row->doubt_peer != 0,
                        .marked = row->doubt_peer != 0,
                        .lost = lost,
                        .committed = true};
    return schedule_add(&mta->schedule, &unit) || not_loaded(loading, row, "no memory");
}

static bool claim_work(struct loading *loading) {
    loading->mta->claimed_at = clock_monotonic_us();
    return store_claim(loading->mta->view.store, LEASE, 0, load_work, loading, loading->err) &&
           !loading->failed;
}

static bool load_queue(struct mta *mta, struct error *err) {
    struct loading loading = {mta, err, false};
    jump_start(mta);
    if (!claim_work(&loading))
        return false;
    jump_started(mta);
    if (mta->jump_note.unsaved)
        batch_arm(mta);
    if (!outbound_load(mta))
        return error_set(err, STORE_IO, "the transfers to be resumed can't be read");
    destinations_left(mta);
    if (mta->schedule.count)
        log_notice("%zu %s in the queue, in doubt: %zu", mta->schedule.count,
                   mta->schedule.count == 1 ? "copy waits" : "copies wait", mta->schedule.in_doubt);
    return true;
}

/* Digits of the part that is drawn at each start: 36^11 is above 2^56. */
#define PART_DIGITS 11

static bool draw_part(char part[static PART_DIGITS + 1], struct error *err) {
    uint8_t octets[PART_DIGITS];
    if (RAND_bytes(octets, sizeof octets) != 1)
        return error_set(err, STORE_IO, "no random octets to be had");
    for (size_t i = 0; i < PART_DIGITS; i++)
        part[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[octets[i] % 36];
    part[PART_DIGITS] = '\0';
    return true;
}

/* Durable when it returns. */
static bool write_setting(const struct mta *mta, struct span name, struct span value, struct error *err) {
    struct store_batch *batch = store_batch_new(mta->view.store);
    bool done = (batch && store_put_record(batch, STORE_SETTING, name, value)) ||
                error_set(err, STORE_NO_MEMORY, "no memory");
    done = done && store_commit(batch, err);
    store_batch_free(batch);
    return done;
}

/*
 * Local identifiers are NODE.PART.NUMBER. The part is drawn anew at each start
 * and on disk before the first identifier is made: neither a counter nor a clock
 * can say what was used, as both go back when a backup is restored or the clock is
 * set. That the last one was drawn again is the one case that can be seen.
 */
static bool begin_identifiers(struct mta *mta, struct error *err) {
    const struct span name = SPAN_LIT("identifier-part");
    char part[PART_DIGITS + 1];
    struct buf last;
    struct error none = {0};
    buf_init(&last, 256);
    bool done = store_get_record(mta->view.store, STORE_SETTING, name, &last, &none) ||
                none.code == STORE_NOT_FOUND || error_set(err, none.code, "%s", none.text);
    do
        done = done && draw_part(part, err);
    while (done && span_eq(buf_span(&last), span_str(part)));
    buf_free(&last);
    snprintf(mta->id_prefix, sizeof mta->id_prefix, "%.10s.%s", mta->view.config->node, done ? part : "");
    mta->id_next = 1;
    return done && write_setting(mta, name, span_str(part), err);
}

static void on_tick(evutil_socket_t fd, short what, void *arg);
static void on_more(evutil_socket_t fd, short what, void *arg);
static void on_fill(evutil_socket_t fd, short what, void *arg);
static void on_release(evutil_socket_t fd, short what, void *arg);

static bool open_events(struct mta *mta) {
    mta->commit = event_new(mta->loop, -1, 0, batch_on_commit, mta);
    mta->tick = event_new(mta->loop, -1, EV_PERSIST, on_tick, mta);
    mta->more = event_new(mta->loop, -1, 0, on_more, mta);
    mta->fill = event_new(mta->loop, -1, 0, on_fill, mta);
    mta->release = event_new(mta->loop, -1, 0, on_release, mta);
    struct timeval second = {.tv_sec = 1};
    mta->pace = event_new(mta->loop, -1, 0, pace_on_timer, mta);
    mta->pump = event_new(mta->loop, -1, 0, destinations_on_mark, mta);
    mta->add_users = event_new(mta->loop, -1, 0, users_on_adding, mta);
    mta->lost = event_new(mta->loop, -1, 0, lost_on_moment, mta);
    return mta->commit && mta->pump && mta->tick && mta->more && mta->fill && mta->release && mta->pace &&
           mta->add_users && mta->lost && event_add(mta->tick, &second) == 0;
}

static void before_commit(struct mta *mta) {
    if (mta->jump_note.unsaved)
        mta->jump_note.in_batch = jump_save(mta);
    if (mta->unforgotten_note.unsaved)
        mta->unforgotten_note.in_batch = outcome_save(mta);
}

static void note_landed(struct note *note, bool done) {
    note->unsaved = note->unsaved && !(note->in_batch && done);
    note->in_batch = false;
}

static void end_at_once(struct mta *mta, const char *cause) {
    if (!mta->taken_over)
        log_error("this process ends at once: %s", cause);
    mta->taken_over = true;
    event_base_loopbreak(mta->loop);
}

/* Whoever has the store sends, expires and reports what is in memory here: nothing of it may go on. The next
 * start, by the parent, loads what is there, or finds that another has the store. */
static bool end_if_taken_over(struct mta *mta) {
    const struct store *store = mta->view.store;
    if (store_accepting(store) || store_cause(store)->code != STORE_FENCED)
        return mta->taken_over;
    end_at_once(mta, store_cause(store)->text);
    return true;
}

/* Peers and clients in turns: what waits of one may fill the batch. */
static void go_on_with_what_waited(struct mta *mta) {
    mta->peers_first = !mta->peers_first;
    if (!mta->peers_first)
        later_go_on(mta);
    net_landed(mta);
    later_go_on(mta);
}

static void after_commit(struct mta *mta, bool done) {
    /* By a timer: the loop writes the answers first. */
    static const struct timeval after_answers = {.tv_usec = 1000};
    note_landed(&mta->jump_note, done);
    note_landed(&mta->unforgotten_note, done);
    if (end_if_taken_over(mta))
        return;
    go_on_with_what_waited(mta);
    destinations_pump(mta);
    pace_release(mta);
    if (store_behind(mta->view.store))
        event_add(mta->fill, &after_answers);
}

/* By enum destination_kind. */
static const struct destination_operations *const kinds[DESTINATION_KINDS] = {
    [DESTINATION_MTA] = &peer_operations,
    [DESTINATION_MAILBOX] = &mailbox_operations,
    [DESTINATION_CONVERSION] = &conversion_operations};

static const struct batch_hooks hooks = {before_commit, after_commit};

/* A daemon that is ending yet may have the store for a moment; whoever keeps it is named. */
static bool open_store(struct mta *mta, struct error *err) {
    static const struct timespec moment = {.tv_nsec = 50000000};
    struct store_options options = {.create = true, .thread = mta->view.config->store_thread};
    int64_t end = clock_monotonic_us() + LOCKED_MOST;
    do {
        *err = (struct error){0};
        mta->view.store = store_open(mta->view.config->store_place, &options, err);
    } while (!mta->view.store && err->code == STORE_LOCKED && clock_monotonic_us() < end &&
             nanosleep(&moment, NULL) == 0);
    return mta->view.store != NULL;
}

static bool load_disabled(struct mta *mta, struct error *err) {
    struct buf names;
    buf_init(&names, 0);
    bool read = peers_read_disabled(mta, &names, err);
    peers_disable(mta, buf_span(&names));
    buf_free(&names);
    return read;
}

static bool open_all(struct mta *mta, struct error *err) {
    if (!open_store(mta, err))
        return false;
    mta->kinds = kinds;
    if (!schedule_init(&mta->schedule, 0) || !batch_init(mta, &hooks) || !open_events(mta) ||
        !peers_configure(mta) || !deliver_init(mta) || !convert_init(mta) ||
        !(mta->guesses = guesses_new()) ||
        !(mta->hashing = hashing_new(mta, mta->view.config->hashing_thread)))
        return error_set(err, STORE_NO_MEMORY, "no memory");
    if (!begin_identifiers(mta, err) || !mailboxes_rename(mta->view.store, &mta->arena, err) ||
        !load_disabled(mta, err) || !users_load(&mta->view, err) || !outcome_load(mta, err) ||
        !load_queue(mta, err))
        return false;
    mailboxes_tell_full(mta);
    mailboxes_remark_unowned(&mta->view);
    users_log_remarks(&mta->view.users);
    return true;
}

static const struct process_operations process_operations;

struct mta *mta_new(struct event_base *loop, const struct mta_config *config, const struct mta_reload *reload,
                    struct error *err) {
    struct mta *mta = mem_alloc(sizeof *mta);
    if (!mta) {
        error_set(err, STORE_NO_MEMORY, "no memory");
        return NULL;
    }
    mta->loop = loop;
    log_causer_name(&mta->lines, "the switch itself", NULL);
    view_init(&mta->view, config);
    process_init(&mta->process, IPC_STORE, &process_operations, loop, &mta->view, reload);
    mta->started = clock_now_us();
    ber_utctime_set_now(mta->started / SECOND);
    arena_init(&mta->arena, config->limits.envelope_memory);
    buf_init(&mta->head, 0);
    buf_init(&mta->scratch, 0);
    buf_init(&mta->lost_lines, LOST_LINES);
    buf_init(&mta->prefix, 0);
    if (open_all(mta, err))
        return mta;
    mta_free(mta);
    return NULL;
}

static void free_work_bytes(struct mta *mta) {
    for (size_t i = 0; i < mta->schedule.buckets; i++)
        for (struct work *work = mta->schedule.table[i]; work; work = work->same)
            work_forget_bytes(mta, work);
}

static void free_events(struct mta *mta) {
    struct event *events[] = {mta->commit, mta->tick, mta->more,      mta->fill, mta->release,
                              mta->pace,   mta->pump, mta->add_users, mta->lost};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i])
            event_free(events[i]);
}

void mta_free(struct mta *mta) {
    if (!mta)
        return;
    mta->stopping = true;
    if (mta->batch.store)
        batch_settle(mta, clock_monotonic_us() + SETTLE_MOST);
    later_refuse(mta);
    users_many_stop(mta);
    net_free_all(mta);
    clients_close(&mta->view);
    convert_close(mta);
    if (mta->batch.store)
        batch_end(mta, clock_monotonic_us() + SETTLE_MOST);
    batch_free(mta);
    process_close(&mta->process);
    users_many_free(mta);
    free_events(mta);
    buf_free(&mta->lost_lines);
    outbound_free(mta);
    free_work_bytes(mta);
    schedule_free(&mta->schedule);
    quota_free(mta);
    destinations_free(mta);
    log_causer_forget(&mta->lines);
    map_free(&mta->associations);
    map_free(&mta->user_associations);
    map_free(&mta->leaving_in);
    map_free(&mta->notified);
    map_free(&mta->unread);
    mem_free(mta->hop_destinations);
    mem_free(mta->hop_down);
    mem_free(mta->hop_disabled);
    guesses_free(mta->guesses);
    hashing_free(mta->hashing);
    view_free(&mta->view);
    arena_free(&mta->arena);
    buf_free(&mta->head);
    buf_free(&mta->scratch);
    buf_free(&mta->prefix);
    mem_free(mta);
}

/* ---- each second ---- */

static void work_is_due(struct mta *mta, struct work *work, int64_t now) {
    if (work->lost) {
        copy_lost(mta, work);
        return;
    }
    if (schedule_expiry(work) <= now) {
        copy_expire(mta, work);
        return;
    }
    struct destination *destination = destination_at(mta, work->destination);
    schedule_set(&mta->schedule, work, WORK_READY, work->due, work->in_doubt);
    destination_mark(mta, destination);
    destination->reroute = destination->reroute || destination_is_gone(mta, destination);
}

/* False when there is more. */
static bool do_due_work(struct mta *mta, int64_t now) {
    int64_t end = clock_monotonic_us() + DUE_TURN_US;
    for (unsigned i = 0; i < DUE_A_TURN && (i == 0 || clock_monotonic_us() < end); i++) {
        struct work *work = schedule_due(&mta->schedule, now);
        if (!work)
            return true;
        batch_request(mta);
        work_is_due(mta, work, now);
    }
    return false;
}

/* By a timer and not at once: the peers' frames come in between. What a full batch has no room for waits for
 * a later tick. */
static void do_work(struct mta *mta, int64_t now) {
    static const struct timeval soon = {.tv_usec = 1000};
    if (mta->stopping || batch_is_full(mta))
        return;
    bool all = do_due_work(mta, now);
    if (!destinations_reroute(mta) || !all)
        event_add(mta->more, &soon);
}

static void on_more(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    do_work(arg, jump_now(arg));
    destinations_pump(arg);
}

static void on_fill(evutil_socket_t fd, short what, void *arg) {
    struct mta *mta = arg;
    (void)fd;
    (void)what;
    store_catch_up(mta->view.store);
}

static void on_release(evutil_socket_t fd, short what, void *arg) {
    struct mta *mta = arg;
    (void)fd;
    (void)what;
    if (mta->held)
        links_look(mta);
    else
        net_landed(mta);
}

static bool nothing_under_way(const struct mta *mta) {
    for (struct net_process *net = mta->nets; net; net = net->next)
        for (size_t i = 0; i < net->associations.room; i++) {
            struct association *association = net->associations.slots[i].value;
            if (association && (association->sending || association->inbound))
                return false;
        }
    return true;
}

struct unmarking {
    struct mta *mta;
    int64_t end; /* monotonic µs */
    unsigned count;
};

static bool unmark(void *context, struct work *work) {
    struct unmarking *unmarking = context;
    struct mta *mta = unmarking->mta;
    if (!work->marked || work->in_doubt || !work->committed || work->state == WORK_SENDING)
        return true;
    batch_request(mta);
    if (!copy_save(mta, work))
        return false;
    if (++unmarking->count % 1000 == 0 && !batch_settle(mta, unmarking->end))
        return false;
    return clock_monotonic_us() < unmarking->end;
}

/* What was never sent is not in doubt after a clean stop: it may take another way, and an operator may act on
 * it. What time does not suffice for keeps its mark, which is true enough (I3). */
static void unmark_all(struct mta *mta) {
    struct unmarking unmarking = {.mta = mta, .end = clock_monotonic_us() + UNMARK_MOST};
    if (batch_age(mta))
        return;
    schedule_each(&mta->schedule, unmark, &unmarking);
    batch_settle(mta, unmarking.end + SETTLE_MOST);
}

/* Ours are released, those that a peer initiated aborted: it alone may release them. */
static bool all_associations_ended(struct mta *mta) {
    bool all = true;
    user_associations_look(mta);
    for (struct net_process *net = mta->nets; net; net = net->next) {
        all &= net->associations.count == 0 && net->users.count == 0;
        for (size_t i = 0; i < net->associations.room; i++)
            if (net->associations.slots[i].value)
                association_end(net->associations.slots[i].value, IPC_CLOSE_RELEASED, "the MTA is stopping");
    }
    return all;
}

/* Clients wait for the verdict of what flies and fills, and of what has no room yet, and hear it: the stop
 * gives that some time. What they still ask for meanwhile prolongs it no further. */
static bool all_is_said(struct mta *mta) {
    int64_t now = clock_monotonic_us(), until = now + SETTLE_MOST;
    if (!mta->say_until)
        mta->say_until = now + LANDING_MOST;
    while (batch_settle(mta, until)) {
        if (!mta->later_first || clock_monotonic_us() >= until)
            return !mta->later_first || now >= mta->say_until;
        later_go_on(mta);
    }
    return batch_age(mta) >= LANDING_MOST;
}

static void finish_stop(struct mta *mta) {
    pace_release(mta);
    if (!nothing_under_way(mta) && batch_age(mta) < LANDING_MOST)
        return;
    if (!all_is_said(mta))
        return;
    users_many_stop(mta);
    if (!mta->release_until)
        mta->release_until = clock_monotonic_us() + RELEASE_MOST;
    if (!all_associations_ended(mta) && clock_monotonic_us() < mta->release_until)
        return;
    unmark_all(mta);
    process_stopped(&mta->process);
}

/* Is the log to say that it has begun? A store that fails and recovers by turns is told of a few times in a
 * minute, and then again if it still fails when that is over. */
static bool begins(struct telling_store *telling) {
    unsigned untold;
    if (!telling->told)
        telling->told = burst_take(&telling->told_of, STOPS_TOLD, BURST_MINUTE, clock_monotonic_us(),
                                   &untold) != BURST_NONE;
    else
        return false;
    return telling->told;
}

/* And that it is over? */
static bool is_over(struct telling_store *telling) {
    bool told = telling->told;
    telling->told = false;
    return told;
}

static void watch_room(struct mta *mta) {
    const struct error *cause = store_content_cause(mta->view.store);
    if (cause->code && begins(&mta->refusing_long))
        log_error("no content of more than 8 kB is taken any more, shorter ones are: %s", cause->text);
    if (!cause->code && is_over(&mta->refusing_long))
        log_notice("the store takes contents of more than 8 kB again");
}

static void watch_store(struct mta *mta) {
    struct store *store = mta->view.store;
    bool accepting = store_accepting(store) && store_probe(store);
    if (!accepting && begins(&mta->refusing))
        log_error("no message is taken any more: %s", store_cause(store)->text);
    if (!accepting && store_probe(store) && is_over(&mta->refusing))
        log_notice("the store takes messages again");
    watch_room(mta);
    links_release(mta);
    if (batch_is_stuck(mta))
        net_landed(mta); /* as far as it ever will */
    later_go_on(mta);
}

/* The work of nodes that are gone becomes ours, unless we go as well. That the store can't say is told by
 * watch_store. */
static void keep_lease(struct mta *mta) {
    struct error err = {0};
    struct loading loading = {mta, &err, false};
    if (!store_accepting(mta->view.store) || clock_monotonic_us() - mta->claimed_at < LEASE / 4)
        return;
    if (mta->stopping)
        store_renew(mta->view.store, LEASE, &err);
    else if (!claim_work(&loading) && loading.failed)
        end_at_once(mta, err.text); /* what it was given is nobody's in memory: the next start loads all */
}

static void keep_store(struct mta *mta, int64_t now) {
    watch_store(mta);
    keep_lease(mta);
    if (mta->unsaved_count)
        outbound_save_again(mta);
    int64_t track = mta->view.config->limits.track_seconds;
    store_maintain(mta->view.store, jump_drop_before(mta), jump_events_before(mta, track * SECOND), 2000);
    if (now / SECOND % 60 == 0)
        leftovers_expire(mta, jump_drop_before(mta));
}

/* What was changed of users holds for those who are bound. */
static void look_at_users(struct mta *mta) {
    uint64_t version = mta->view.users.version + mta->view.users.loads;
    user_ports_tick(mta, clock_monotonic_us());
    if (version != mta->users_looked)
        user_associations_look(mta);
    mta->users_looked = version;
}

static void tick(struct mta *mta) {
    int64_t now = jump_now(mta);
    keep_store(mta, now);
    if (end_if_taken_over(mta))
        return;
    if ((mta->jump_note.unsaved || mta->unforgotten_note.unsaved) && store_accepting(mta->view.store))
        batch_arm(mta);
    do_work(mta, now);
    destinations_tick(mta);
    pace_tick(mta, now);
    guesses_tick(mta->guesses, clock_monotonic_us());
    log_tell_left_out();
    submissions_tick(mta, clock_monotonic_us());
    look_at_users(mta);
    if (mta->stopping)
        finish_stop(mta);
}

static void on_tick(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    tick(arg);
}

/* ---- as a process ---- */

static struct mta *mta_of(struct process *process) {
    return (struct mta *)((char *)process - offsetof(struct mta, process));
}

void mta_stop(struct mta *mta) {
    if (mta->stopping)
        return;
    log_notice("stopping: transfers under way end first");
    mta->stopping = true;
    event_active(mta->tick, EV_TIMEOUT, 0);
}

static void stop(struct process *process) {
    mta_stop(mta_of(process));
}

static bool follow(struct process *process, struct error *err) {
    struct mta *mta = mta_of(process);
    struct buf disabled;
    buf_init(&disabled, 0);
    bool read = peers_read_disabled(mta, &disabled, err) && users_load(&mta->view, err);
    if (read && peers_configure(mta))
        peers_disable(mta, buf_span(&disabled));
    else if (read)
        mta_stop(mta); /* neither the new nor the old one: there is no memory to go on with */
    buf_free(&disabled);
    return read;
}

/* The parent logs the remarks, with file and line. */
static void reloaded(struct process *process, struct buf *remarks) {
    log_notice("the configuration was reread");
    mailboxes_remark_unowned(&mta_of(process)->view);
    buf_append_span(remarks, buf_span(&mta_of(process)->view.users.remarks));
    destinations_left(mta_of(process));
    tick(mta_of(process));
}

static bool attach(struct process *process, int fd, const struct ipc_holder *holder) {
    struct mta *mta = mta_of(process);
    return holder->end == IPC_END_CLIENTS ? mta_attach_clients(mta, fd, holder)
           : holder->end == IPC_END_WORK  ? mta_attach_work(mta, fd, holder)
           : holder->end == IPC_END_NET   ? mta_attach_net(mta, fd, holder)
                                          : false;
}

static const struct process_operations process_operations = {follow, reloaded, stop, attach};

bool mta_attach_parent(struct mta *mta, int fd) {
    return process_attach_parent(&mta->process, fd);
}

int mta_run(const struct mta_config *config, const struct mta_reload *reload,
            const struct mta_descriptors *descriptors) {
    struct error err = {.text = "no memory"};
    struct event_base *loop = event_base_new();
    struct mta *mta = loop ? mta_new(loop, config, reload, &err) : NULL;
    int status = process_serve(mta ? &mta->process : NULL, descriptors, &err);
    mta_free(mta);
    if (loop)
        event_base_free(loop);
    return status;
}
