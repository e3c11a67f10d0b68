#include "mta/pump.h"

#include "base/clock.h"
#include "mta/aside.h"
#include "mta/mta_private.h"
#include "mta/outbound.h"
#include "mta/peer_show.h"
#include "mta/send.h"

/* How many associations with the peer this net process is opening. */
static bool count_connecting(struct net_process *net, struct peer *peer, int change) {
    uint64_t key = (uint64_t)peer->destination.number + 1;
    struct map_slot *count = change < 0 ? map_find(&net->connecting, key) : map_at(&net->connecting, key);
    if (!count || (change < 0 && count->number == 0))
        return false;
    count->number += change;
    peer->connecting = change < 0 ? peer->connecting - 1 : peer->connecting + 1;
    net->out = change < 0 ? net->out - 1 : net->out + 1;
    return true;
}

bool pump_connected(struct net_process *net, struct peer *peer) {
    return count_connecting(net, peer, -1);
}

void pump_net_gone(struct net_process *net) {
    struct mta *mta = net->mta;
    for (uint32_t i = 0; i < mta->destination_count; i++)
        while (peer_at(mta, i) && count_connecting(net, peer_at(mta, i), -1))
            destination_mark(mta, destination_at(mta, i));
    map_free(&net->connecting);
}

static void connect_one(struct mta *mta, struct peer *peer) {
    struct net_process *net = net_with_fewest(mta);
    if (!net)
        return;
    buf_clear(&mta->head);
    payload_put_octets(&mta->head, span_str(peer->name));
    payload_put_octets(&mta->head, outbound_recovery(mta, peer));
    ipc_credentials_write(&peer->config->bind.ours, &mta->head);
    if (count_connecting(net, peer, 1) &&
        !ipc_send(net->channel, IPC_CONNECT, 0, buf_span(&mta->head), (struct span){NULL, 0}))
        count_connecting(net, peer, -1);
}

/* A transfer that lasts longer than this makes its association a busy one. */
#define BUSY (2 * SECOND)

/* True when what is ready is not to wait for one of the associations under way: an urgent copy never does,
 * others not when each of them has been at one transfer for long. Those leave the last association to urgent
 * copies. */
static bool waits_behind(const struct mta *mta, const struct peer *peer) {
    const struct queue *queue = &mta->schedule.queues[peer->destination.number];
    if (queue->lanes[LANE_URGENT].first)
        return true;
    return queue->ready && peer->out + 1 < peer->config->max_out &&
           clock_monotonic_us() - peer->last_begun >= BUSY;
}

static unsigned wanted_associations(const struct mta *mta, const struct peer *peer) {
    unsigned most = peer->config->max_out, each = peer->config->queue_per_association;
    size_t ready = mta->schedule.queues[peer->destination.number].ready;
    /* Those that are idle were used before this is asked; one that recovers another takes nothing new. */
    size_t busy = peer->out - peer->recovering;
    size_t wanted = busy + (ready + each - 1) / each;
    if (busy && ready < each)
        wanted = busy + waits_behind(mta, peer);
    if (peer->config->permanent && wanted == 0)
        wanted = 1;
    if ((peer->failures || peer->pauses) && wanted > 1)
        wanted = 1; /* one association tries whether the peer is back, or takes in again */
    return wanted < most ? (unsigned)wanted : most;
}

static void connect_more(struct mta *mta, struct peer *peer) {
    if (!peer->config || peer->disabled || mta->stopping ||
        (peer->failures && clock_monotonic_us() < peer->next_try) || refusal_pauses(peer))
        return;
    unsigned wanted = wanted_associations(mta, peer);
    while (peer->out - peer->recovering + peer->connecting < wanted &&
           peer->out + peer->connecting < peer->config->max_out) {
        unsigned before = peer->connecting;
        connect_one(mta, peer);
        if (peer->connecting == before)
            return;
    }
}

/* What came up by RT-RECOVER has ended what was unfinished: all else goes where the peer has bound (I8). */
static void release_recoveries(struct mta *mta, struct peer *peer) {
    for (struct association *association = peer->idle, *next; association; association = next) {
        next = association->next_idle;
        if (association->recovers && !outbound_unfinished(mta, association))
            association_end(association, IPC_CLOSE_RELEASED, "what was to be recovered is done");
    }
}

/* What the peer gave us on it is not answered yet: the answer waits for a commit, is delayed, or frames that
 * came are put aside. */
static bool owes_answer(const struct association *association) {
    return association->unanswered || association->delayed_for ||
           aside_find(association->net, association->ref);
}

/* What was handed over as a whole is about to end, and would be in doubt when it is cut. */
static bool has_more_to_send(const struct association *association) {
    return association->sending && !association->committing && association->content &&
           association->read < store_content_length(association->content);
}

/* Idle ones of ours are released. Nothing is lost: what was taken is answered before, and what is under way,
 * either way, is resumed, or comes again, when the peer is enabled (I5, I7). */
static void end_if_disabled(struct mta *mta, struct peer *peer) {
    struct association_walk walk = {mta->nets};
    if (!peer->disabled || (!peer->in && !peer->out))
        return;
    for (struct association *association; (association = association_next(&walk));)
        if (association->peer == peer &&
            (association->out ? has_more_to_send(association) : !owes_answer(association)))
            association_end(association, IPC_CLOSE_ABORTED, "an operator disabled the peer");
}

static bool pump(struct mta *mta, struct destination *destination) {
    struct peer *peer = peer_of(destination);
    end_if_disabled(mta, peer);
    release_recoveries(mta, peer);
    while (peer->idle && !mta->stopping && !peer->disabled && !refusal_pauses(peer)) {
        struct association *association = peer->idle;
        struct work *work =
            association->recovers ? outbound_unfinished(mta, association) : peer_next_copy(mta, peer);
        batch_request(mta);
        /* A new one waits for its commit, which marks the peer again (I3). */
        if (!work || !work->committed || !send_start(association, work))
            break;
        if (association->sending) {
            peer->last_begun = clock_monotonic_us();
            refusal_probe(peer);
        }
    }
    if (!peer->idle)
        connect_more(mta, peer);
    return false;
}

static void release_idle(struct mta *mta, struct peer *peer, int64_t now) {
    int64_t limit = peer->config ? peer->config->idle_seconds * SECOND : 0;
    for (struct association *association = peer->idle, *next; association; association = next) {
        next = association->next_idle;
        bool keep =
            peer->config && peer->config->permanent && peer->out == 1 && !mta->stopping && !peer->disabled;
        if (!keep && (mta->stopping || peer->disabled || now - association->idle_since >= limit))
            association_end(association, IPC_CLOSE_RELEASED,
                            mta->stopping    ? "the MTA is stopping"
                            : peer->disabled ? "an operator disabled the peer"
                                             : "idle");
    }
}

static void tick(struct mta *mta, struct destination *destination, int64_t now) {
    struct peer *peer = peer_of(destination);
    end_if_disabled(mta, peer);
    release_idle(mta, peer, now);
    if (peer->config && peer->config->permanent)
        destination_mark(mta, destination);
}

const struct destination_operations peer_operations = {.pump = pump,
                                                       .tick = tick,
                                                       .waits = peer_waits,
                                                       .next_try = peer_retries_at,
                                                       .blocked = peer_blocked,
                                                       .trouble = peer_trouble,
                                                       .is_gone = peer_is_gone,
                                                       .try_now = peer_try_now,
                                                       .show = peer_show,
                                                       .release = peer_release};
