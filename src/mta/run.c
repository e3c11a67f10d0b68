/* The switch's life: opening, the tick of each second, reload, stop. */
#include <stddef.h>
#include <stdio.h>

#include <event2/event.h>

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
#include "mta/identifiers.h"
#include "mta/jump.h"
#include "mta/kept.h"
#include "mta/later.h"
#include "mta/leftovers.h"
#include "mta/load.h"
#include "mta/lost.h"
#include "mta/mailbox.h"
#include "mta/mailbox_name.h"
#include "mta/ms_seal.h"
#include "mta/mta_private.h"
#include "mta/net.h"
#include "mta/outbound.h"
#include "mta/outcome.h"
#include "mta/pace.h"
#include "mta/pump.h"
#include "mta/quota.h"
#include "mta/receive.h"
#include "mta/reroute.h"
#include "mta/seal.h"
#include "mta/stop.h"
#include "mta/submit.h"
#include "mta/user_agent.h"
#include "mta/user_delivery.h"
#include "mta/user_end.h"
#include "mta/user_port.h"
#include "mta/user_pump.h"
#include "mta/users.h"
#include "mta/users_many.h"
#include "mta/watch.h"

/* Units whose time has come that one tick works on, and µs for which it begins with more; the rest follows at
 * once. */
#define DUE_A_TURN  200
#define DUE_TURN_US 20000

/* How long another process may have the store at the start. */
#define LOCKED_MOST (3 * SECOND)

/* ---- opening ---- */

static void on_tick(evutil_socket_t fd, short what, void *arg);
static void on_more(evutil_socket_t fd, short what, void *arg);
static void on_fill(evutil_socket_t fd, short what, void *arg);
static void on_release(evutil_socket_t fd, short what, void *arg);

static void on_later(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    later_turn(arg);
}

static bool open_events(struct mta *mta) {
    mta->commit = event_new(mta->loop, -1, 0, batch_on_commit, mta);
    mta->tick = event_new(mta->loop, -1, EV_PERSIST, on_tick, mta);
    mta->more = event_new(mta->loop, -1, 0, on_more, mta);
    mta->later_next = event_new(mta->loop, -1, 0, on_later, mta);
    mta->fill = event_new(mta->loop, -1, 0, on_fill, mta);
    mta->release = event_new(mta->loop, -1, 0, on_release, mta);
    struct timeval second = {.tv_sec = 1};
    mta->pace = event_new(mta->loop, -1, 0, pace_on_timer, mta);
    mta->pump = event_new(mta->loop, -1, 0, destinations_on_mark, mta);
    mta->add_users = event_new(mta->loop, -1, 0, users_on_adding, mta);
    mta->lost = event_new(mta->loop, -1, 0, lost_on_moment, mta);
    return mta->commit && mta->pump && mta->tick && mta->more && mta->later_next && mta->fill &&
           mta->release && mta->pace && mta->add_users && mta->lost && event_add(mta->tick, &second) == 0;
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
    convert_look(mta);
    destinations_pump(mta);
    pace_release(mta);
    if (store_behind(mta->view.store))
        event_add(mta->fill, &after_answers);
}

/* By enum destination_kind. */
static const struct destination_operations *const kinds[DESTINATION_KINDS] = {
    [DESTINATION_MTA] = &peer_operations,
    [DESTINATION_MAILBOX] = &mailbox_operations,
    [DESTINATION_CONVERSION] = &conversion_operations,
    [DESTINATION_USER] = &user_agent_operations};

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
        !(mta->guesses = guesses_new()) || !(mta->sealer = sealer_new()) ||
        !(mta->hashing = hashing_new(mta, mta->view.config->hashing_thread)))
        return error_set(err, STORE_NO_MEMORY, "no memory");
    if (!identifiers_begin(mta, err) || !mailboxes_rename(mta->view.store, &mta->arena, err) ||
        !ms_seal_begin(mta->view.store, err) || !load_disabled(mta, err) || !users_load(&mta->view, err) ||
        !outcome_load(mta, err) || !load_queue(mta, err))
        return false;
    mailboxes_tell_full(mta);
    mailboxes_remark_unowned(&mta->view);
    user_agents_remark_gone(mta);
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
    view_init_beside(&mta->view, config);
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
                              mta->pace,   mta->pump, mta->add_users, mta->lost, mta->later_next};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i])
            event_free(events[i]);
}

void mta_free(struct mta *mta) {
    if (!mta)
        return;
    mta->stopping = true;
    if (mta->batch.store)
        batch_settle(mta, clock_monotonic_us() + STOP_SETTLE_MOST);
    later_refuse(mta);
    users_many_stop(mta);
    net_free_all(mta);
    clients_close(&mta->view);
    convert_close(mta);
    if (mta->batch.store)
        batch_end(mta, clock_monotonic_us() + STOP_SETTLE_MOST);
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
    map_free(&mta->user_agents);
    map_free(&mta->leaving_in);
    map_free(&mta->notified);
    map_free(&mta->unread);
    mem_free(mta->hop_destinations);
    mem_free(mta->hop_down);
    mem_free(mta->hop_disabled);
    guesses_free(mta->guesses);
    sealer_free(mta->sealer);
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
    if (work->taken) { /* whether or not its user is bound */
        schedule_set(&mta->schedule, work, WORK_READY, 0, true);
        user_delivery_note(mta, work);
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

static void keep_store(struct mta *mta, int64_t now) {
    struct error err = {0};
    watch_store(mta);
    if (!load_keep_lease(mta, &err))
        end_at_once(mta, err.text);
    if (mta->unsaved_count)
        outbound_save_again(mta);
    int64_t track = mta->view.config->limits.track_seconds;
    store_maintain(mta->view.store, jump_drop_before(mta), jump_events_before(mta, track * SECOND), 2000);
    kept_expire(mta);
    if (now / SECOND % 60 == 0)
        leftovers_expire(mta, jump_drop_before(mta));
}

/* What was changed of users holds for those who are bound. */
static void look_at_users(struct mta *mta) {
    uint64_t version = mta->view.users.version + mta->view.users.loads;
    user_ports_tick(mta, clock_monotonic_us());
    if (version != mta->users_looked && !mta->stopping) /* a stop sees to them when nothing is under way */
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
        stop_go_on(mta);
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
    mta->stop_begun = clock_monotonic_us();
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
    user_agents_remark_gone(mta_of(process));
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
    int status = process_serve(mta ? &mta->process : NULL, config->store_place, descriptors, &err);
    mta_free(mta);
    if (loop)
        event_base_free(loop);
    return status;
}
