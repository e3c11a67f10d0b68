#include "mta/leftovers.h"

#include "base/clock.h"
#include "base/log.h"
#include "mta/inbound.h"
#include "mta/mta_private.h"
#include "mta/outcome.h"

static bool is_under_way(const struct mta *mta, uint64_t stored) {
    struct association_walk walk = {mta->nets};
    for (struct association *association; (association = association_next(&walk));) {
        const struct inbound *inbound = association->inbound;
        if (inbound && (inbound->stored == stored || inbound->spool == stored))
            return true;
    }
    return false;
}

/* It has ended, and is there until that is on disk. */
static bool is_leaving(const struct mta *mta, const struct store_activity_in *activity) {
    return map_get(&mta->leaving_in, activity->id) != NULL;
}

/* ---- how long ---- */

/* So many go in one commit; the next minute takes the next. */
#define EXPIRES_AT_ONCE 1000

struct expiry {
    struct mta *mta;
    int64_t before;
    unsigned left;
};

/* The oldest come first. */
static bool expire_activity(void *context, const struct store_activity_in *activity) {
    struct expiry *expiry = context;
    if (activity->at >= expiry->before || expiry->left-- == 0)
        return false;
    if (!is_leaving(expiry->mta, activity) && !is_under_way(expiry->mta, activity->id))
        inbound_remove(expiry->mta, &(struct inbound){.stored = activity->id}); /* each row by its own age */
    return true;
}

void leftovers_expire(struct mta *mta, int64_t now) {
    int64_t keep = mta->view.config->limits.resume_seconds;
    batch_request(mta);
    struct expiry expiry = {mta, now - keep * SECOND, EXPIRES_AT_ONCE};
    store_each_activity_in(mta->view.store, expire_activity, &expiry, NULL); /* what is left now goes later */
    if (!store_batch_is_empty(mta->batch.store))
        batch_arm(mta);
}

/* ---- how much ---- */

struct clearing {
    struct mta *mta;
    struct peer *peer;
    struct leftovers left;
    struct leftovers most;
    unsigned dropped;
};

/* A spooled envelope is a row without an activity's name, and goes with the one that has it. */
static bool is_left(const struct clearing *clearing, const struct store_activity_in *activity) {
    return activity->activity.len && span_eq(activity->peer, span_str(clearing->peer->destination.name)) &&
           !is_leaving(clearing->mta, activity) && !is_under_way(clearing->mta, activity->id);
}

static bool count(void *context, const struct store_activity_in *activity) {
    struct clearing *clearing = context;
    if (is_left(clearing, activity)) {
        clearing->left.count++;
        clearing->left.octets += activity->content_length;
    }
    return true;
}

/* The oldest come first. */
static bool drop(void *context, const struct store_activity_in *activity) {
    struct clearing *clearing = context;
    struct leftovers *left = &clearing->left;
    if (left->count <= clearing->most.count && left->octets <= clearing->most.octets)
        return false;
    if (!is_left(clearing, activity))
        return true;
    if (!outcome_lost(clearing->mta, clearing->peer, activity, inbound_address(activity->state)))
        return false; /* when there is memory again */
    left->count--;
    left->octets -= activity->content_length;
    clearing->dropped++;
    return true;
}

static bool is_over(const struct leftovers *left, const struct mta_limits *limits) {
    return (limits->leftovers && left->count > limits->leftovers) ||
           (limits->leftover_octets && left->octets > limits->leftover_octets);
}

/* The peer's numbers rise with each that ends and never fall, so that they are never too small; when they are
 * over the limit what is there is counted. So that this does not come with each transfer, a quarter is made
 * free. */
void leftovers_limit(struct mta *mta, struct peer *peer) {
    const struct mta_limits *limits = &mta->view.config->limits;
    unsigned untold;
    if (!is_over(&peer->left, limits) && peer->left.counted)
        return;
    struct clearing clearing = {.mta = mta, .peer = peer, .left.counted = true};
    if (!store_each_activity_in(mta->view.store, count, &clearing, NULL))
        return;
    if (is_over(&clearing.left, limits)) {
        clearing.most.count = limits->leftovers ? limits->leftovers / 4 * 3 : UINT32_MAX;
        clearing.most.octets = limits->leftover_octets ? limits->leftover_octets / 4 * 3 : UINT64_MAX;
        store_each_activity_in(mta->view.store, drop, &clearing, NULL);
    }
    peer->left = clearing.left;
    if (!clearing.dropped)
        return;
    batch_arm(mta);
    if (burst_line(&peer->left_lines, BURST_MINUTE, clock_monotonic_us(), &untold))
        log_warning(
            "peer=%s has more interrupted transfers than 'resumable' or 'resumable-octets' lets it: the "
            "oldest %u can't be resumed any more, and begin anew",
            peer->destination.name, clearing.dropped);
}
