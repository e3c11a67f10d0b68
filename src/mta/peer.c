#include "mta/peer.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mta/bind.h"
#include "mta/guesses.h"
#include "mta/mta_private.h"

struct peer *peer_of(struct destination *destination) {
    return destination && destination->kind == DESTINATION_MTA ? (struct peer *)destination : NULL;
}

struct peer *peer_at(const struct mta *mta, uint32_t number) {
    return peer_of(destination_at(mta, number));
}

struct peer *peer_find(const struct mta *mta, struct span name) {
    return peer_of(destination_find(mta, name));
}

static struct peer *add_peer(struct mta *mta, struct span name) {
    struct peer *peer = mem_alloc(sizeof *peer);
    if (!peer)
        return NULL;
    *peer = (struct peer){.destination = {.kind = DESTINATION_MTA}, .hop = -1};
    if (!destination_add(mta, &peer->destination, name)) {
        mem_free(peer);
        return NULL;
    }
    peer->name = peer->destination.name;
    log_causer_name(&peer->lines, "peer=", peer->name);
    return peer;
}

struct peer *peer_named(struct mta *mta, struct span name) {
    struct peer *peer = peer_find(mta, name);
    return peer ? peer : add_peer(mta, name);
}

struct peer *peer_of_hop(const struct mta *mta, int hop) {
    return hop >= 0 && (size_t)hop < mta->hop_count ? peer_at(mta, mta->hop_destinations[hop]) : NULL;
}

static bool number_hops(struct mta *mta) {
    size_t count = mts_hop_count(mta->view.config->tables);
    uint32_t *numbers = mem_alloc((count + 1) * sizeof *numbers);
    bool *down = mem_alloc((count + 1) * sizeof *down), *disabled = mem_alloc((count + 1) * sizeof *disabled);
    for (size_t i = 0; numbers && down && disabled && i < count; i++) {
        struct peer *peer = peer_named(mta, span_str(mts_hop_of(mta->view.config->tables, (int)i)->name));
        if (!peer) {
            mem_free(numbers);
            numbers = NULL;
            break;
        }
        numbers[i] = peer->destination.number;
    }
    if (!numbers || !down || !disabled) {
        mem_free(numbers);
        mem_free(down);
        mem_free(disabled);
        return false;
    }
    mem_free(mta->hop_destinations);
    mem_free(mta->hop_down);
    mem_free(mta->hop_disabled);
    mta->hop_destinations = numbers;
    mta->hop_down = down;
    mta->hop_disabled = disabled;
    mta->hop_count = count;
    return true;
}

void peer_tell_rules(struct mta *mta, const struct peer *peer) {
    if (peer->hop < 0 || (size_t)peer->hop >= mta->hop_count)
        return;
    mta->hop_down[peer->hop] = !peer_is_up(peer);
    mta->hop_disabled[peer->hop] = peer->disabled;
}

bool peer_end_wait(const struct mta *mta, const struct peer *peer) {
    bool may = mta->guesses && peer->config; /* not at the start, before anybody binds */
    return may && guesses_look_again(mta->guesses, &peer->config->bind);
}

int64_t peer_wait_end(const struct mta *mta, const struct peer *peer) {
    int64_t now = clock_monotonic_us();
    int64_t end = peer->config ? guesses_wait_end(mta->guesses, &peer->config->bind, now) : 0;
    return end ? clock_now_us() + end - now : 0;
}

static void note_bind(const struct mta *mta, struct peer *peer) {
    uint64_t mark = peer->config ? bind_mark(&peer->config->bind) : 0;
    if (mark != peer->bind_mark)
        peer_end_wait(mta, peer);
    peer->bind_mark = mark;
}

static void configure(struct mta *mta, struct peer *peer) {
    peer->config = NULL;
    peer->hop = mts_hop_number(mta->view.config->tables, peer->name);
    peer_end_back_off(peer);
    for (size_t i = 0; i < mta->view.config->peer_count; i++)
        if (strcmp(mta->view.config->peers[i].name, peer->name) == 0)
            peer->config = &mta->view.config->peers[i];
    note_bind(mta, peer);
    peer_tell_rules(mta, peer);
    /* The new routes may know another next hop. */
    peer->destination.reroute = peer->failures > 0 || peer->pauses > 0;
}

bool peers_configure(struct mta *mta) {
    for (size_t i = 0; i < mta->view.config->peer_count; i++)
        if (!peer_named(mta, span_str(mta->view.config->peers[i].name)))
            return false;
    if (!number_hops(mta))
        return false;
    for (uint32_t i = 0; i < mta->destination_count; i++)
        if (peer_at(mta, i))
            configure(mta, peer_at(mta, i));
    return true;
}

/* ---- back-off ---- */

bool peer_backs_off(const struct peer *peer) {
    return peer->disabled || !peer->config || peer->pauses || (peer->failures && !peer->out);
}

int64_t peer_next_try(const struct peer *peer) {
    if (peer->disabled || !peer->config)
        return INT64_MAX;
    int64_t next = peer->pauses ? peer->paused_until : peer->next_try;
    return !peer_backs_off(peer) || !next ? 0 : clock_now_us() + next - clock_monotonic_us();
}

void peer_end_back_off(struct peer *peer) {
    peer->tried_by_hand = peer->failures > 0;
    peer->probe_by_hand = peer->pauses > 0;
    peer->next_try = peer->paused_until = 0;
}

bool peer_is_up(const struct peer *peer) {
    return peer->config && !peer->disabled && !peer->pauses && (peer->out > 0 || peer->failures == 0);
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
    peer->by_hand += peer->tried_by_hand && peer->failures > peer->by_hand;
    peer->tried_by_hand = false;
    int64_t wait = peer_back_off(peer, peer->failures - peer->by_hand);
    peer->failures++;
    peer->next_try = clock_monotonic_us() + wait * SECOND;
    peer_error(peer, cause);
    log_caused_by(&peer->lines, LOG_LEVEL_WARNING, "peer=%s no association (try %u, the next in %lld s): %s",
                  peer->name, peer->failures, (long long)wait, peer->last_error);
    peer_tell_rules(mta, peer);
    peer->destination.reroute = peer->failures == 1;
}

void peer_worked(struct mta *mta, struct peer *peer) {
    if (peer->failures)
        log_caused_by(&peer->lines, LOG_LEVEL_NOTICE, "peer=%s is there again", peer->name);
    peer->failures = peer->by_hand = 0;
    peer->tried_by_hand = false;
    peer->next_try = 0;
    peer->last_success = clock_now_us();
    peer->without_recovery = false;
    peer_tell_rules(mta, peer);
}

void peer_is_there(struct mta *mta, struct peer *peer, const char *what) {
    int64_t now = clock_monotonic_us();
    peer->last_success = clock_now_us();
    if (!peer->failures || !peer->config || peer->disabled ||
        (peer->back_off_ended && now - peer->back_off_ended < peer->config->retry_first * SECOND))
        return;
    log_caused_by(&peer->lines, LOG_LEVEL_NOTICE, "peer=%s %s: its back-off ends", peer->name, what);
    peer->back_off_ended = now;
    peer->failures = peer->by_hand = 0;
    peer->tried_by_hand = false;
    peer->next_try = 0;
    destination_mark(mta, &peer->destination);
    peer_tell_rules(mta, peer);
}

/* ---- as a destination ---- */

static const struct peer *as_peer(const struct destination *destination) {
    return (const struct peer *)destination;
}

bool peer_waits(const struct destination *destination) {
    return peer_backs_off(as_peer(destination));
}

int64_t peer_retries_at(const struct destination *destination) {
    return peer_next_try(as_peer(destination));
}

const char *peer_blocked(const struct destination *destination) {
    const struct peer *peer = as_peer(destination);
    return !peer->config ? "peer-removed" : peer->disabled ? "peer-disabled" : NULL;
}

const char *peer_trouble(const struct destination *destination) {
    const struct peer *peer = as_peer(destination);
    if (!peer->config)
        return "the peer is not in the configuration any more";
    if (peer->disabled)
        return "an operator disabled the peer";
    return peer->last_error[0] ? peer->last_error : NULL;
}

bool peer_is_gone(const struct destination *destination) {
    return !as_peer(destination)->config;
}

void peer_try_now(struct mta *mta, struct destination *destination, uint64_t work) {
    struct peer *peer = (struct peer *)destination;
    (void)mta;
    peer->wanted = work;
    peer_end_back_off(peer);
}

struct work *peer_next_copy(const struct mta *mta, struct peer *peer) {
    uint32_t number = peer->destination.number;
    struct work *wanted = peer->wanted ? schedule_find(&mta->schedule, peer->wanted) : NULL;
    peer->wanted = 0;
    return wanted && wanted->state == WORK_READY && wanted->destination == number
               ? wanted
               : schedule_first(&mta->schedule, number);
}

void peer_release(struct mta *mta, struct destination *destination) {
    (void)mta;
    log_causer_forget(&((struct peer *)destination)->lines);
    mem_free(destination);
}
