/* Next hops: their associations, their back-off, and what they get to send. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mta/convert.h"

struct peer *peer_find(const struct mta *mta, struct span name) {
    for (size_t i = 0; i < mta->peer_count; i++)
        if (span_eq(span_str(mta->peers[i]->name), name))
            return mta->peers[i];
    return NULL;
}

static struct peer *add_peer(struct mta *mta, struct span name) {
    struct peer **grown = mem_resize(mta->peers, (mta->peer_count + 1) * sizeof(struct peer *));
    if (!grown)
        return NULL;
    mta->peers = grown;
    struct peer *peer = mem_alloc(sizeof *peer);
    char *copy = mem_alloc(name.len + 1);
    uint32_t key = store_next_hop(mta->store, name);
    if (!peer || !copy || !key || !schedule_grow(&mta->schedule, mta->peer_count + 1)) {
        mem_free(peer);
        mem_free(copy);
        return NULL;
    }
    memcpy(copy, name.data, name.len);
    *peer = (struct peer){.name = copy, .number = (uint32_t)mta->peer_count, .key = key, .hop = -1};
    mta->peers[mta->peer_count++] = peer;
    return peer;
}

struct peer *peer_named(struct mta *mta, struct span name) {
    struct peer *peer = peer_find(mta, name);
    return peer ? peer : add_peer(mta, name);
}

struct peer *peer_of_hop(struct mta *mta, int hop) {
    return hop >= 0 && (size_t)hop < mta->hop_count ? mta->peers[mta->hop_peers[hop]] : NULL;
}

static bool number_hops(struct mta *mta) {
    size_t count = mts_hop_count(mta->config->tables);
    uint32_t *numbers = mem_alloc((count + 1) * sizeof *numbers);
    bool *down = mem_alloc((count + 1) * sizeof *down);
    for (size_t i = 0; numbers && down && i < count; i++) {
        struct peer *peer = peer_named(mta, span_str(mts_hop_of(mta->config->tables, (int)i)->name));
        if (!peer) {
            mem_free(numbers);
            numbers = NULL;
            break;
        }
        numbers[i] = peer->number;
    }
    if (!numbers || !down) {
        mem_free(numbers);
        mem_free(down);
        return false;
    }
    mem_free(mta->hop_peers);
    mem_free(mta->hop_down);
    mta->hop_peers = numbers;
    mta->hop_down = down;
    mta->hop_count = count;
    return true;
}

void peer_tell_rules(struct mta *mta, const struct peer *peer) {
    if (peer->hop >= 0 && (size_t)peer->hop < mta->hop_count)
        mta->hop_down[peer->hop] = !peer_is_up(mta, peer);
}

bool peers_configure(struct mta *mta) {
    for (size_t i = 0; i < mta->config->peer_count; i++)
        if (!peer_named(mta, span_str(mta->config->peers[i].name)))
            return false;
    if (!number_hops(mta))
        return false;
    for (size_t i = 0; i < mta->peer_count; i++) {
        struct peer *peer = mta->peers[i];
        peer->config = NULL;
        peer->hop = mts_hop_number(mta->config->tables, peer->name);
        peer->next_try = peer->rest_until = 0;
        for (size_t k = 0; k < mta->config->peer_count; k++)
            if (strcmp(mta->config->peers[k].name, peer->name) == 0)
                peer->config = &mta->config->peers[k];
        peer_tell_rules(mta, peer);
        peer->reroute = peer->failures > 0 || peer->rests > 0; /* the new routes may know a better way */
    }
    return true;
}

void peers_free(struct mta *mta) {
    for (size_t i = 0; i < mta->peer_count; i++) {
        mem_free(mta->peers[i]->name);
        mem_free(mta->peers[i]);
    }
    mem_free(mta->peers);
    mem_free(mta->hop_peers);
    mem_free(mta->hop_down);
}

/* ---- back-off ---- */

bool peer_backs_off(const struct peer *peer) {
    return peer->disabled || peer->rests || (peer->failures && !peer->out);
}

int64_t peer_next_try(const struct peer *peer) {
    int64_t next = peer->rests ? peer->rest_until : peer->next_try;
    return peer->disabled || !peer_backs_off(peer) || !next ? 0
                                                            : clock_now_us() + next - clock_monotonic_us();
}

const char *peer_trouble(const struct peer *peer) {
    if (peer->disabled)
        return "an operator disabled the peer";
    return peer->last_error[0] ? peer->last_error : NULL;
}

bool peer_is_up(const struct mta *mta, const struct peer *peer) {
    (void)mta;
    return peer->config && !peer->disabled && !peer->rests && (peer->out > 0 || peer->failures == 0);
}

int64_t peer_back_off(const struct peer *peer, unsigned before) {
    if (!peer->config)
        return 0; /* it isn't called any more */
    int64_t wait = peer->config->retry_first, most = peer->config->retry_most;
    for (unsigned i = 0; i < before && wait < most; i++)
        wait *= 2;
    return wait < most ? wait : most;
}

void peer_error(struct peer *peer, struct span cause) {
    char text[LOG_TEXT_SIZE];
    snprintf(peer->last_error, sizeof peer->last_error, "%s", log_text(cause, text));
    peer->last_error_at = clock_now_us();
}

void peer_failed(struct mta *mta, struct peer *peer, struct span cause) {
    int64_t wait = peer_back_off(peer, peer->failures);
    peer->failures++;
    peer->next_try = clock_monotonic_us() + wait * SECOND;
    peer_error(peer, cause);
    log_warning("peer=%s no association (try %u, the next in %lld s): %s", peer->name, peer->failures,
                (long long)wait, peer->last_error);
    peer_tell_rules(mta, peer);
    peer->reroute = peer->failures == 1;
}

void peer_worked(struct mta *mta, struct peer *peer) {
    if (peer->failures)
        log_notice("peer=%s is there again", peer->name);
    peer->failures = 0;
    peer->next_try = 0;
    peer->last_success = clock_now_us();
    peer->plain = false;
    peer_tell_rules(mta, peer);
}

void peer_is_there(struct mta *mta, struct peer *peer, const char *what) {
    int64_t now = clock_monotonic_us();
    peer->last_success = clock_now_us();
    if (!peer->failures || !peer->config ||
        (peer->back_off_ended && now - peer->back_off_ended < peer->config->retry_first * SECOND))
        return;
    log_notice("peer=%s %s: its back-off ends", peer->name, what);
    peer->back_off_ended = now;
    peer->failures = 0;
    peer->next_try = 0;
    peer->pump = true;
    peer_tell_rules(mta, peer);
    batch_arm(mta);
}

/* ---- associations out ---- */

/* How many associations with the peer this net process is opening. */
static void *count_of(uintptr_t count) {
    return (void *)count; // NOLINT: the map's values are pointers, a count is stored as one
}

static bool count_connecting(struct net *net, struct peer *peer, int change) {
    uint64_t key = (uint64_t)peer->number + 1;
    uintptr_t count = (uintptr_t)map_get(&net->connecting, key);
    if (change < 0 && count == 0)
        return false;
    count = change < 0 ? count - 1 : count + 1;
    if (!map_put(&net->connecting, key, count_of(count)))
        return false;
    peer->connecting = change < 0 ? peer->connecting - 1 : peer->connecting + 1;
    net->out = change < 0 ? net->out - 1 : net->out + 1;
    return true;
}

bool peer_connected(struct net *net, struct peer *peer) {
    return count_connecting(net, peer, -1);
}

void peers_net_gone(struct net *net) {
    struct mta *mta = net->mta;
    for (size_t i = 0; i < mta->peer_count; i++) {
        while (count_connecting(net, mta->peers[i], -1))
            mta->peers[i]->pump = true;
    }
    map_free(&net->connecting);
}

struct net *net_with_fewest(const struct mta *mta) {
    struct net *best = NULL;
    for (struct net *net = mta->nets; net; net = net->next)
        if (!net->for_clients && (!best || net->out < best->out))
            best = net;
    return best;
}

static void connect_one(struct mta *mta, struct peer *peer) {
    struct net *net = net_with_fewest(mta);
    if (!net)
        return;
    buf_clear(&mta->head);
    payload_put_octets(&mta->head, span_str(peer->name));
    payload_put_octets(&mta->head, send_recovery(mta, peer));
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
    const struct peer_lanes *lanes = &mta->schedule.peers[peer->number];
    if (lanes->lanes[LANE_URGENT].first)
        return true;
    return lanes->ready && peer->out + 1 < peer->config->max_out &&
           clock_monotonic_us() - peer->last_begun >= BUSY;
}

static unsigned wanted_associations(const struct mta *mta, const struct peer *peer) {
    unsigned most = peer->config->max_out, each = peer->config->queue_per_association;
    size_t ready = mta->schedule.peers[peer->number].ready;
    /* Those that are idle were used before this is asked; one that recovers another takes nothing new. */
    size_t busy = peer->out - peer->recovering;
    size_t wanted = busy + (ready + each - 1) / each;
    if (busy && ready < each)
        wanted = busy + waits_behind(mta, peer);
    if (peer->config->permanent && wanted == 0)
        wanted = 1;
    if ((peer->failures || peer->rests) && wanted > 1)
        wanted = 1; /* one association tries whether the peer is back, or takes in again */
    return wanted < most ? (unsigned)wanted : most;
}

static void connect_more(struct mta *mta, struct peer *peer) {
    if (!peer->config || peer->disabled || mta->stopping ||
        (peer->failures && clock_monotonic_us() < peer->next_try) || refusal_rests(peer))
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
        if (association->recovers && !send_unfinished(mta, association))
            association_end(association, IPC_CLOSE_RELEASED, "what was to be recovered is done");
    }
}

void peer_pump(struct mta *mta, struct peer *peer) {
    if (peer == convert_peer(mta)) {
        convert_pump(mta);
        return;
    }
    release_recoveries(mta, peer);
    while (peer->idle && !mta->stopping && !peer->disabled && !refusal_rests(peer)) {
        struct association *association = peer->idle;
        struct work *work = association->recovers ? send_unfinished(mta, association)
                                                  : schedule_first(&mta->schedule, peer->number);
        /* A new one without its mark, or whose octets are in the batch only, waits for its commit, which
         * pumps again (I3). */
        if (!work || (!work->committed && !(work->marked && work->bytes)) || !send_start(association, work))
            break;
        if (association->sending) {
            peer->last_begun = clock_monotonic_us();
            refusal_probe(peer);
        }
    }
    if (!peer->idle)
        connect_more(mta, peer);
}

static void release_idle(struct mta *mta, struct peer *peer, int64_t now) {
    int64_t limit = peer->config ? peer->config->idle_seconds * SECOND : 0;
    for (struct association *association = peer->idle, *next; association; association = next) {
        next = association->next_idle;
        bool keep =
            peer->config && peer->config->permanent && peer->out == 1 && !mta->stopping && !peer->disabled;
        if (!keep && (mta->stopping || peer->disabled || now - association->idle_since >= limit))
            association_end(association, IPC_CLOSE_RELEASED, mta->stopping ? "the MTA is stopping" : "idle");
    }
}

void peers_tick(struct mta *mta) {
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < mta->peer_count; i++) {
        struct peer *peer = mta->peers[i];
        release_idle(mta, peer, now);
        if (mta->schedule.peers[i].ready || (peer->config && peer->config->permanent))
            peer_pump(mta, peer);
    }
}

/* ---- other next hops ---- */

bool peer_gone(const struct mta *mta, const struct peer *peer) {
    return !peer->config && peer != convert_peer(mta);
}

/* A turn of the tick looks at so many: each is read from the store. */
#define REROUTES_A_TURN 100

/* What stays loses its mark: it is not in doubt, and a restart shall know that (I3). */
static bool reroute_lane(struct mta *mta, struct lane *lane, unsigned *left) {
    for (struct work *work = lane->first, *next; work; work = next) {
        next = work->next;
        if (*left == 0)
            return false;
        if (work->in_doubt || work->looked || !work->committed)
            continue;
        --*left;
        work->looked = true;
        if (!copy_reroute(mta, work, NULL) && work->marked)
            copy_save(mta, work);
    }
    return true;
}

static size_t forget_looks(struct peer_lanes *lanes) {
    size_t looked = 0;
    for (size_t i = 0; i < LANES; i++)
        for (struct work *work = lanes->lanes[i].first; work; work = work->next) {
            looked += work->looked;
            work->looked = false;
        }
    return looked;
}

static bool reroute_peer(struct mta *mta, struct peer *peer, unsigned *left) {
    struct peer_lanes *lanes = &mta->schedule.peers[peer->number];
    for (size_t lane = 0; lane < LANES; lane++)
        if (!reroute_lane(mta, &lanes->lanes[lane], left))
            return false;
    size_t stay = forget_looks(lanes);
    if (stay && peer_gone(mta, peer))
        log_warning(
            "peer=%s %zu of its copies have no route without it: give them one, or see 'mhs queue list "
            "--next-hop %s'",
            peer->name, stay, peer->name);
    peer->reroute = false;
    return true;
}

bool peers_reroute(struct mta *mta) {
    unsigned left = REROUTES_A_TURN;
    bool all = true;
    for (size_t i = 0; i < mta->peer_count && !mta->stopping; i++)
        if (mta->peers[i]->reroute && !reroute_peer(mta, mta->peers[i], &left))
            all = false;
    return all;
}

/* ---- peers that left the configuration ---- */

struct left_behind {
    struct mta *mta;
    struct {
        size_t copies, in_doubt;
    } * counts; /* by the peer's number */
};

static bool see_left_behind(void *context, struct work *work) {
    struct left_behind *left = context;
    struct mta *mta = left->mta;
    if (work->peer == PEER_NONE || !peer_gone(mta, mta->peers[work->peer]))
        return true;
    if (work->in_doubt)
        left->counts[work->peer].in_doubt++;
    else
        left->counts[work->peer].copies++;
    if (!work->in_doubt && work->state == WORK_WAITING && work->tries)
        schedule_set(&mta->schedule, work, WORK_READY, work->due, false);
    return true;
}

void peers_left(struct mta *mta) {
    struct left_behind left = {.mta = mta};
    left.counts = mem_alloc((mta->peer_count + 1) * sizeof *left.counts);
    if (!left.counts)
        return; /* they wait until the next reload */
    schedule_each(&mta->schedule, see_left_behind, &left);
    for (size_t i = 0; i < mta->peer_count; i++) {
        struct peer *peer = mta->peers[i];
        if (left.counts[i].copies)
            log_notice("peer=%s is not in the configuration any more: its %zu copies are routed anew",
                       peer->name, left.counts[i].copies);
        if (left.counts[i].in_doubt)
            log_warning(
                "peer=%s is not in the configuration any more, but %zu copies may have arrived there: "
                "they stay frozen; put the peer back to have them tried again",
                peer->name, left.counts[i].in_doubt);
        peer->reroute = peer->reroute || left.counts[i].copies;
    }
    mem_free(left.counts);
}
