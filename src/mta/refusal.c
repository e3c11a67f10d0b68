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

bool refusal_pauses(const struct peer *peer) {
    return peer->pauses && clock_monotonic_us() < peer->paused_until;
}

/* Times are set when a copy goes out, not when it is refused: a refusal that never comes (the association
 * breaks, the transfer is long) then delays no more than one that does. */
static void begin_pause(struct peer *peer) {
    peer->pauses_by_hand += peer->probe_by_hand && peer->pauses > peer->pauses_by_hand;
    peer->probe_by_hand = false;
    int64_t wait = peer_back_off(peer, peer->pauses - peer->pauses_by_hand);
    peer->paused_until = clock_monotonic_us() + wait * SECOND;
    peer->pauses++;
}

void refusal_probe(struct peer *peer) {
    if (peer->pauses)
        begin_pause(peer);
}

/* Once for each time that the peer is left alone, whatever else was under way. When the first probe was
 * refused too, the queue is looked through for other ways: each look costs a read, and a disk that is full
 * for a moment is not worth that. */
static void note_pause(struct peer *peer) {
    if (peer->pause_noted == peer->pauses)
        return;
    int64_t left = (peer->paused_until - clock_monotonic_us() + SECOND - 1) / SECOND;
    log_caused_by(&peer->lines, LOG_LEVEL_WARNING,
                  "peer=%s refuses temporarily (%u copies in a row); one copy tries again in %lld s: %s",
                  peer->name, peer->refusals, (long long)(left < 0 ? 0 : left), peer->last_error);
    if (peer->pause_noted == 1)
        peer->destination.reroute = true;
    peer->pause_noted = peer->pauses;
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
        log_caused_by(&peer->lines, LOG_LEVEL_WARNING, "peer=%s %s the transfer of work unit %llu: %s",
                      peer->name, what, (unsigned long long)work->id, peer->last_error);
        return;
    }
    if (!peer->pauses) {
        begin_pause(peer);
        peer_tell_rules(mta, peer);
    }
    note_pause(peer);
}

void refusal_over(struct mta *mta, struct peer *peer) {
    if (peer->pauses) {
        log_caused_by(&peer->lines, LOG_LEVEL_NOTICE,
                      "peer=%s takes in again: it had refused %u copies in a row", peer->name,
                      peer->refusals);
    }
    peer->refusals = peer->pauses = peer->pauses_by_hand = peer->pause_noted = 0;
    peer->probe_by_hand = false;
    peer->refused = 0;
    peer->paused_until = 0;
    peer_tell_rules(mta, peer);
}

void refusal_log_in(struct peer *peer, const char *cause) {
    unsigned untold;
    if (burst_line(&peer->turned_away, LOG_GAP, clock_monotonic_us(), &untold))
        log_warning("peer=%s transfer refused temporarily (%u since the last such line): %s", peer->name,
                    untold + 1, cause);
}
