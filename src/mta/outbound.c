#include "mta/outbound.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "mta/event.h"
#include "mta/mta_private.h"

struct outbound_activity *outbound_find(const struct mta *mta, uint64_t work) {
    return map_get(&mta->resumable, work);
}

static struct outbound_activity *add(struct mta *mta, uint64_t work, struct span association,
                                     struct span activity) {
    struct outbound_activity *outbound = mem_alloc(sizeof *outbound);
    if (!outbound)
        return NULL;
    *outbound = (struct outbound_activity){.names = bytes_new(association, activity), .work = work};
    if (outbound->names && map_put(&mta->resumable, work, outbound))
        return outbound;
    bytes_drop(outbound->names);
    mem_free(outbound);
    return NULL;
}

static bool load_one(void *context, const struct store_activity_out *activity) {
    struct mta *mta = context;
    struct work *work = schedule_find(&mta->schedule, activity->work);
    if (!work)
        return true;
    struct outbound_activity *outbound = add(mta, activity->work, activity->association, activity->activity);
    if (!outbound)
        return false;
    outbound->serial = activity->serial;
    outbound->offset = activity->offset;
    outbound->destination = work->destination;
    return true;
}

bool outbound_load(struct mta *mta) {
    struct error err = {0};
    if (store_each_activity_out(mta->view.store, load_one, mta, &err))
        return true;
    log_error("transfers to be resumed can't be read: %s", err.text);
    return false;
}

void outbound_forget(struct mta *mta, uint64_t work) {
    struct outbound_activity *outbound = outbound_find(mta, work);
    if (!outbound)
        return;
    map_remove(&mta->resumable, work);
    bytes_drop(outbound->names);
    mem_free(outbound);
}

void outbound_drop(struct mta *mta, uint64_t work) {
    if (!outbound_find(mta, work))
        return;
    outbound_forget(mta, work);
    store_remove_activity_out(mta->batch.store, work);
    batch_arm(mta);
}

void outbound_free(struct mta *mta) {
    for (size_t i = 0; i < mta->resumable.room; i++) {
        struct outbound_activity *outbound = mta->resumable.slots[i].value;
        if (!outbound)
            continue;
        bytes_drop(outbound->names);
        mem_free(outbound);
    }
    map_free(&mta->resumable);
    mem_free(mta->unsaved);
    mta->unsaved = NULL;
}

/* Where the record can't be had the transfer goes on all the same: a break then means to begin anew.
 *
 * A resumed one keeps the names under which it began, however often it breaks: by those the peer has
 * confirmed a checkpoint, so that it knows them. The name that a resume gives it may never have reached the
 * peer, and not all receivers keep it: our own did not before 2026-12. What begins anew was dropped before
 * (send.c). */
void outbound_checkpoint(struct association *association, struct span activity, uint32_t serial,
                         uint64_t offset) {
    struct mta *mta = association->net->mta;
    struct work *work = association->sending;
    struct outbound_activity *outbound = outbound_find(mta, work->id);
    if (!outbound)
        outbound = add(mta, work->id, bytes_head(association->id), activity);
    if (!outbound)
        return;
    outbound->breaks = 0;
    outbound->serial = serial;
    outbound->offset = offset;
    outbound->destination = work->destination;
    store_put_activity_out(mta->batch.store,
                           &(struct store_activity_out){.work = work->id,
                                                        .association = bytes_head(outbound->names),
                                                        .activity = bytes_rest(outbound->names),
                                                        .at = clock_now_us(),
                                                        .serial = serial,
                                                        .offset = offset});
    batch_arm(mta);
}

/* A copy of the peer that is ready, and is to be resumed;
 * `association`: of what broke there, absent: of any. */
static struct work *ready_to_resume(const struct mta *mta, const struct peer *peer, struct span association,
                                    struct span *name) {
    for (size_t i = 0; i < mta->resumable.room; i++) {
        struct outbound_activity *outbound = mta->resumable.slots[i].value;
        if (!outbound || outbound->destination != peer->destination.number ||
            (association.data && !span_eq(bytes_head(outbound->names), association)))
            continue;
        struct work *work = schedule_find(&mta->schedule, outbound->work);
        if (!work || work->state != WORK_READY || work->destination != peer->destination.number ||
            !outbound->serial)
            continue;
        *name = bytes_head(outbound->names);
        return work;
    }
    return NULL;
}

/* RT-RECOVER is for the association that broke. */
struct span outbound_recovery(struct mta *mta, const struct peer *peer) {
    struct span name = SPAN_LIT("");
    if (!peer->without_recovery && !peer->failures && peer->config &&
        peer->config->recovery != MTA_RECOVERY_OFF)
        ready_to_resume(mta, peer, (struct span){NULL, 0}, &name);
    return name;
}

struct work *outbound_unfinished(struct mta *mta, const struct association *association) {
    struct span name;
    return ready_to_resume(mta, association->peer, bytes_head(association->recovers), &name);
}

/* ---- confirmed by the peer ---- */

static void count(struct mta *mta, struct peer *peer, uint64_t octets) {
    mta->counters[COUNT_TRANSFERRED]++;
    if (!peer)
        return;
    peer->sent.messages++;
    peer->sent.octets += octets;
    peer->last_success = clock_now_us();
}

static void is_gone(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    outbound_forget(mta, effect->work);
    if (!work)
        return;
    count(mta, peer_at(mta, work->destination), effect->octets);
    schedule_remove(&mta->schedule, work);
}

/* Without room in the list the unit stays as it is, under way with nobody: the restart finds it in doubt. */
static void keep_unsaved(struct mta *mta, struct work *work, uint64_t octets, int64_t at) {
    if (mta->unsaved_count == mta->unsaved_room) {
        size_t room = mta->unsaved_room ? mta->unsaved_room * 2 : 64;
        struct unsaved *grown = mem_resize(mta->unsaved, room * sizeof *grown);
        if (!grown) {
            log_error("no memory to note that work unit %llu was transferred", (unsigned long long)work->id);
            return;
        }
        mta->unsaved = grown;
        mta->unsaved_room = room;
    }
    mta->unsaved[mta->unsaved_count++] = (struct unsaved){work, octets, at};
}

static void is_unsaved(struct mta *mta, const struct effect *effect) {
    struct work *work = schedule_find(&mta->schedule, effect->work);
    if (work)
        keep_unsaved(mta, work, effect->octets, (int64_t)effect->ref);
}

static const struct effect_kind transferred = {is_gone, is_unsaved};

/* That it was sent goes with the removal of its row, whichever try writes that: without it what the peer
 * reports of the copy would not be believed (record.c). A unit's tries stay as they are meanwhile. */
static bool save(struct mta *mta, struct work *work, uint64_t octets, int64_t at) {
    struct effect effect = {.kind = &transferred, .work = work->id, .octets = octets, .ref = (uint64_t)at};
    struct batch_mark mark = batch_mark(mta);
    if (event_try(mta, work->message, EVENT_TRANSFERRED, peer_at(mta, work->destination), work->tries + 1u,
                  at, (struct span){NULL, 0}) &&
        store_finish_work(mta->batch.store, work->id, work->message) && batch_effect_later(mta, effect))
        return true;
    batch_undo(mta, mark);
    keep_unsaved(mta, work, octets, at);
    return false;
}

void outbound_done(struct mta *mta, struct work *work, uint64_t octets) {
    save(mta, work, octets, clock_now_us());
}

void outbound_save_again(struct mta *mta) {
    size_t count = mta->unsaved_count;
    mta->unsaved_count = 0;
    for (size_t i = 0; i < count; i++) {
        batch_request(mta);
        struct unsaved unsaved = mta->unsaved[i];
        save(mta, unsaved.work, unsaved.octets, unsaved.at);
    }
}
