/* Copies whose peer is down, or left the configuration, go by other next hops. */
#include "base/alloc.h"
#include "base/log.h"
#include "mta/copy.h"
#include "mta/mta_private.h"
#include "mta/pump.h"

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
