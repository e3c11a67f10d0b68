#include "mta/peer.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mta/mta_private.h"

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
    uint32_t key = store_next_hop(mta->store, name, NULL);
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
    return peer->disabled || !peer_backs_off(peer) ? 0 : peer->rests ? peer->rest_until : peer->next_try;
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
    peer->next_try = clock_now_us() + wait * SECOND;
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
    peer_mark(mta, peer);
    peer_tell_rules(mta, peer);
}

bool peer_gone(const struct mta *mta, const struct peer *peer) {
    return !peer->config && peer != mta->conversion;
}

void peer_mark(struct mta *mta, struct peer *peer) {
    if (peer->marked)
        return;
    peer->marked = true;
    event_active(mta->pump, EV_TIMEOUT, 0);
}
