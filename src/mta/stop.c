#include "mta/stop.h"

#include <stdio.h>

#include "base/clock.h"
#include "mta/copy.h"
#include "mta/later.h"
#include "mta/mta_private.h"
#include "mta/pace.h"
#include "mta/user_association.h"
#include "mta/user_end.h"
#include "mta/users_many.h"

/* A commit that takes longer is not about to end: a stop does not wait for what waits for it. */
#define LANDING_MOST (3 * SECOND)

/* How long a stop may take to write that copies are not in doubt. */
#define UNMARK_MOST (3 * SECOND)

/* How long a stop waits for the peers' answers to its releases. */
#define RELEASE_MOST (2 * SECOND)

struct under_way {
    unsigned in, out;
};

static struct under_way under_way(const struct mta *mta) {
    struct under_way count = {0};
    struct association_walk walk = {mta->nets};
    for (const struct association *association; (association = association_next(&walk));) {
        count.in += association->inbound != NULL;
        count.out += association->sending != NULL;
    }
    count.in += user_submissions(mta);
    count.out += user_deliveries(mta);
    return count;
}

static bool nothing_under_way(const struct mta *mta) {
    struct under_way count = under_way(mta);
    return count.in + count.out == 0;
}

const char *stop_waits_for(const struct mta *mta, char text[static STOP_TEXT]) {
    struct under_way count = under_way(mta);
    int64_t most = mta->view.config->limits.stop_seconds * SECOND;
    int64_t left = most - (clock_monotonic_us() - mta->stop_begun);
    if (count.in + count.out == 0)
        snprintf(text, STOP_TEXT, "no transfer is under way");
    else
        snprintf(
            text, STOP_TEXT,
            "transfers under way end first (in: %u, out: %u), for %lld s more at most; a second SIGTERM to "
            "mhsd ends them now",
            count.in, count.out, left > 0 ? (long long)((left + SECOND - 1) / SECOND) : 0LL);
    return text;
}

struct unmarking {
    struct mta *mta;
    int64_t end; /* monotonic µs */
    unsigned count;
};

static bool unmark(void *context, struct work *work) {
    struct unmarking *unmarking = context;
    struct mta *mta = unmarking->mta;
    if (!work->marked || work->in_doubt || work->taken || !work->committed || work->state == WORK_SENDING)
        return true;
    batch_request(mta);
    if (!copy_save(mta, work))
        return false;
    if (++unmarking->count % 1000 == 0 && !batch_settle(mta, unmarking->end))
        return false;
    return clock_monotonic_us() < unmarking->end;
}

/* What was never sent, and not confirmed, is not in doubt after a clean stop: it may take another way, and an
 * operator may act on it. What time does not suffice for keeps its mark, which is true enough (I3). */
static void unmark_all(struct mta *mta) {
    struct unmarking unmarking = {.mta = mta, .end = clock_monotonic_us() + UNMARK_MOST};
    if (batch_age(mta))
        return;
    schedule_each(&mta->schedule, unmark, &unmarking);
    batch_settle(mta, unmarking.end + STOP_SETTLE_MOST);
}

/* Ours are released, those that a peer initiated aborted: it alone may release them. */
static bool all_associations_ended(struct mta *mta) {
    bool all = true;
    struct association_walk walk = {mta->nets};
    for (struct association *association; (association = association_next(&walk)); all = false)
        association_end(association, IPC_CLOSE_RELEASED, "the MTA is stopping");
    user_associations_look(mta);
    for (const struct net_process *net = mta->nets; net; net = net->next)
        all &= net->users.count == 0;
    return all;
}

/* Clients wait for the verdict of what flies and fills, and of what has no room yet, and hear it: the stop
 * gives that some time. What they still ask for meanwhile prolongs it no further. */
static bool all_is_said(struct mta *mta) {
    int64_t now = clock_monotonic_us(), until = now + STOP_SETTLE_MOST;
    if (!mta->say_until)
        mta->say_until = now + LANDING_MOST;
    while (batch_settle(mta, until)) {
        if (!later_waits(mta) || clock_monotonic_us() >= until)
            return !later_waits(mta) || now >= mta->say_until;
        later_go_on(mta);
    }
    return batch_age(mta) >= LANDING_MOST;
}

/* Net processes gather what is short, and tell of that only now. */
static bool is_told(struct mta *mta) {
    char waits[STOP_TEXT];
    for (struct net_process *net = mta->nets; net && !mta->stop_told; net = net->next)
        if (!link_stops(net))
            return false;
    if (!mta->stop_told)
        log_notice("stopping: %s", stop_waits_for(mta, waits));
    mta->stop_told = true;
    return true;
}

void stop_go_on(struct mta *mta) {
    pace_release(mta);
    if (!is_told(mta))
        return;
    if (!nothing_under_way(mta) && batch_age(mta) < LANDING_MOST)
        return;
    if (!all_is_said(mta))
        return;
    if (!nothing_under_way(mta) && batch_age(mta) < LANDING_MOST)
        return; /* one has begun that waited for a commit */
    users_many_stop(mta);
    if (!mta->release_until)
        mta->release_until = clock_monotonic_us() + RELEASE_MOST;
    if (!all_associations_ended(mta) && clock_monotonic_us() < mta->release_until)
        return;
    unmark_all(mta);
    process_stopped(&mta->process);
}
