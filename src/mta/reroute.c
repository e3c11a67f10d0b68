#include "mta/reroute.h"

#include "base/log.h"
#include "mta/copy.h"
#include "mta/mta_private.h"

/* A turn of the tick looks at so many: each is read from the store. */
#define REROUTES_A_TURN 100

/* What stays loses its mark: it is not in doubt, and a restart shall know that (I3). */
static bool reroute_lane(struct mta *mta, struct lane *lane, unsigned *left) {
    for (struct work *work = lane->first, *next; work; work = next) {
        next = work->next;
        if (*left == 0)
            return false;
        if (work->in_doubt || work->no_alternative || !work->committed)
            continue;
        --*left;
        work->no_alternative = true;
        batch_request(mta);
        if (!copy_reroute(mta, work) && work->marked)
            copy_save(mta, work);
    }
    return true;
}

static size_t forget_alternatives(struct queue *queue) {
    size_t stay = 0;
    for (size_t i = 0; i < LANES; i++)
        for (struct work *work = queue->lanes[i].first; work; work = work->next) {
            stay += work->no_alternative;
            work->no_alternative = false;
        }
    return stay;
}

static bool reroute(struct mta *mta, struct destination *destination, unsigned *left) {
    struct queue *queue = &mta->schedule.queues[destination->number];
    for (size_t lane = 0; lane < LANES; lane++)
        if (!reroute_lane(mta, &queue->lanes[lane], left))
            return false;
    size_t stay = forget_alternatives(queue);
    if (stay && destination_is_gone(mta, destination))
        log_warning(
            "peer=%s %zu of its copies have no route without it: give them one, or see 'mhs queue list "
            "--peer %s'",
            destination->name, stay, destination->name);
    destination->reroute = false;
    return true;
}

bool destinations_reroute(struct mta *mta) {
    unsigned left = REROUTES_A_TURN;
    bool all = true;
    for (size_t i = 0; i < mta->destination_count && !mta->stopping; i++)
        if (mta->destinations[i]->reroute && !reroute(mta, mta->destinations[i], &left))
            all = false;
    return all;
}

/* ---- destinations that left the configuration ---- */

static bool wake_retried(void *context, struct work *work) {
    struct mta *mta = context;
    if (!work->in_doubt && work->state == WORK_WAITING && work->tries)
        schedule_set(&mta->schedule, work, WORK_READY, work->due, false);
    return true;
}

static void leave_behind(struct mta *mta, struct destination *destination) {
    const struct queue *queue = &mta->schedule.queues[destination->number];
    size_t copies = queue->count - queue->in_doubt;
    if (copies)
        log_notice("peer=%s is not in the configuration any more: its copies are rerouted (%zu)",
                   destination->name, copies);
    if (queue->in_doubt)
        log_warning("peer=%s is not in the configuration any more, but copies may have arrived there (%zu): "
                    "they stay frozen; put the peer back to have them tried again",
                    destination->name, queue->in_doubt);
    schedule_each_of(&mta->schedule, destination->number, wake_retried, mta);
    destination->reroute = destination->reroute || copies;
}

void destinations_left(struct mta *mta) {
    for (size_t i = 0; i < mta->destination_count; i++)
        if (destination_is_gone(mta, mta->destinations[i]))
            leave_behind(mta, mta->destinations[i]);
}
