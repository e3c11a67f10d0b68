/*
 * Back-pressure. Where messages come in faster than their next hop takes them,
 * a queue would grow: what lies in it must be read from the store again, and
 * all wait longer, while nothing gets there sooner. So the answer to a transfer
 * in (its commit is done, I1) is delayed while the queue to its next hop is
 * long, which makes its sender wait. Only for a next hop that takes many
 * messages a second, and only for a moment: a slow or silent one must not hold
 * up those who send to others too.
 */
#include "mta/pace.h"

#include "base/clock.h"
#include "mta/mta_private.h"

#define BRISK       100 /* transfers out in a second, from which on a queue is worth waiting for */
#define QUEUE_LEAST 32  /* ready copies, and two for each association, that are no queue */
#define DELAY_MOST  ((int64_t)100000)
#define LOOK_US     10000

static bool is_crowded(const struct mta *mta, const struct peer *peer) {
    return !mta->stopping && peer->out > 0 && peer->done + peer->done_before >= BRISK &&
           mta->schedule.queues[peer->destination.number].ready > QUEUE_LEAST + 2 * (size_t)peer->out;
}

void pace_work(struct mta *mta, const struct peer *peer) {
    if (is_crowded(mta, peer))
        mta->crowded = peer;
}

void pace_tick(struct mta *mta, int64_t now) {
    if (now >= mta->paced_at && now < mta->paced_at + SECOND)
        return;
    mta->paced_at = now;
    for (uint32_t i = 0; i < mta->destination_count; i++) {
        struct peer *peer = peer_at(mta, i);
        if (!peer)
            continue;
        peer->done_before = peer->done;
        peer->done = 0;
    }
}

static void look_soon(struct mta *mta) {
    static const struct timeval delay = {.tv_usec = LOOK_US};
    if (!event_pending(mta->pace, EV_TIMEOUT, NULL))
        event_add(mta->pace, &delay);
}

bool pace_delay(struct association *association, uint32_t transfer, uint32_t number) {
    struct mta *mta = association->net->mta;
    const struct peer *peer = number == DESTINATION_NONE ? NULL : peer_at(mta, number);
    if (!peer || !is_crowded(mta, peer))
        return false;
    pace_forget(association); /* of one that its sender gave up: nobody waits for that answer */
    association->delayed_transfer = transfer;
    association->delayed_for = peer;
    association->delayed_until = clock_monotonic_us() + DELAY_MOST;
    association->next_delayed = NULL;
    association->prev_delayed = mta->delayed_last;
    *(mta->delayed_last ? &mta->delayed_last->next_delayed : &mta->delayed_first) = association;
    mta->delayed_last = association;
    look_soon(mta);
    return true;
}

void pace_forget(struct association *association) {
    struct mta *mta = association->net->mta;
    if (!association->delayed_for)
        return;
    association->delayed_for = NULL;
    *(association->prev_delayed ? &association->prev_delayed->next_delayed : &mta->delayed_first) =
        association->next_delayed;
    *(association->next_delayed ? &association->next_delayed->prev_delayed : &mta->delayed_last) =
        association->prev_delayed;
}

void pace_release(struct mta *mta) {
    if (!mta->delayed_first)
        return;
    int64_t now = clock_monotonic_us();
    for (struct association *association = mta->delayed_first, *next; association; association = next) {
        next = association->next_delayed;
        if (now < association->delayed_until && is_crowded(mta, association->delayed_for))
            continue;
        pace_forget(association);
        association_answer(association, association->delayed_transfer, IPC_ACCEPTED, "");
        if (association->peer->disabled) /* it ends now that it is answered */
            destination_mark(mta, &association->peer->destination);
    }
    if (mta->delayed_first)
        look_soon(mta);
}

void pace_on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    pace_release(arg);
}
