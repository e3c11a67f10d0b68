#include "mta/load.h"

#include "base/clock.h"
#include "base/log.h"
#include "mta/copy.h"
#include "mta/jump.h"
#include "mta/mta_private.h"
#include "mta/outbound.h"
#include "mta/reroute.h"
#include "mta/send.h"
#include "mta/user_agent.h"

/* Who does not prolong it for so long is taken for gone where a store has several nodes; all that it had is
 * another's then. */
#define LEASE (60 * SECOND)

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
    bool is_user;
    struct destination *destination = destination_find(mta, name);
    if (destination)
        return destination;
    destination = user_agent_named(mta, name, &is_user);
    if (is_user)
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

bool load_queue(struct mta *mta, struct error *err) {
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

bool load_keep_lease(struct mta *mta, struct error *err) {
    struct loading loading = {mta, err, false};
    if (!store_accepting(mta->view.store) || clock_monotonic_us() - mta->claimed_at < LEASE / 4)
        return true;
    if (!mta->stopping)
        return claim_work(&loading) || !loading.failed;
    store_renew(mta->view.store, LEASE, err);
    return true;
}
