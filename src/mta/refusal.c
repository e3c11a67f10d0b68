/*
 * Temporary refusals. A peer whose disk is full, say, refuses whatever it is sent, or aborts it, so that each
 * copy in its queue would be tried, refused and tried again by itself: hundreds of refusals a second, for
 * nothing. So when it has refused several copies and taken none in between, the peer as a whole is left
 * alone: after a time one copy tries whether it takes in again, after twice that time the next, up to the
 * peer's longest retry time. The first copy that it takes ends that. A single copy that it refuses again and
 * again, while it takes others, holds up nobody.
 */
#include "base/clock.h"
#include "base/log.h"
#include "mta/mta_private.h"

/* Different copies refused in a row, from which on the trouble is the peer's and not theirs. */
#define REFUSALS_FIRST 3

/* Least time between two lines about transfers in that were refused temporarily, for each peer. */
#define LOG_GAP (10 * SECOND)

bool refusal_rests(const struct peer *peer) {
    return peer->rests && clock_monotonic_us() < peer->rest_until;
}

/* Times are set when a copy goes out, not when it is refused: a refusal that never comes (the association
 * breaks, the transfer is long) then delays no more than one that does. */
static void rest(struct peer *peer) {
    peer->rest_until = clock_monotonic_us() + peer_back_off(peer, peer->rests) * SECOND;
    peer->rests++;
}

void refusal_probe(struct peer *peer) {
    if (peer->rests)
        rest(peer);
}

/* Once for each time that the peer is left alone, whatever else was under way. When the first probe was
 * refused too, the queue is looked through for other ways: each look costs a read, and a disk that is full
 * for a moment is not worth that. */
static void note_rest(struct peer *peer) {
    if (peer->rest_noted == peer->rests)
        return;
    int64_t left = (peer->rest_until - clock_monotonic_us() + SECOND - 1) / SECOND;
    log_warning("peer=%s refuses temporarily (%u copies in a row); one copy tries again in %lld s: %s",
                peer->name, peer->refusals, (long long)(left < 0 ? 0 : left), peer->last_error);
    if (peer->rest_noted == 1)
        peer->destination.reroute = true;
    peer->rest_noted = peer->rests;
}

void refusal_came(struct mta *mta, struct peer *peer, const struct work *work, const char *what,
                  struct span cause) {
    peer_error(peer, cause);
    bool again = peer->refused == work->id;
    if (!again)
        peer->refusals++;
    peer->refused = work->id;
    if (peer->refusals < REFUSALS_FIRST) {
        if (again)
            return;
        log_warning("peer=%s %s the transfer of work unit %llu: %s", peer->name, what,
                    (unsigned long long)work->id, peer->last_error);
        return;
    }
    if (!peer->rests) {
        rest(peer);
        peer_tell_rules(mta, peer);
    }
    note_rest(peer);
}

void refusal_over(struct mta *mta, struct peer *peer) {
    if (peer->rests) {
        log_notice("peer=%s takes in again: it had refused %u copies in a row", peer->name, peer->refusals);
    }
    peer->refusals = peer->rests = peer->rest_noted = 0;
    peer->refused = 0;
    peer->rest_until = 0;
    peer_tell_rules(mta, peer);
}

void refusal_log_in(struct peer *peer, const char *cause) {
    unsigned untold;
    if (burst_line(&peer->turned_away, LOG_GAP, clock_monotonic_us(), &untold))
        log_warning("peer=%s transfer refused temporarily (%u since the last such line): %s", peer->name,
                    untold + 1, cause);
}
