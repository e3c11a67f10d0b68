#include "mta/cancel.h"

#include <string.h>

#include "mta/copy.h"
#include "mta/event.h"
#include "mta/peer.h"

/* Of a submission that is stored in more parts than these nothing is cancelled; 64 recipients or so are one
 * (mts/split.c). */
#define PARTS_MOST 65536

/* What the record says of the identifier. */
struct search {
    const struct cancel_asker *asker;
    struct arena *arena;
    bool submitted;  /* by an originator of who asks */
    bool strange;    /* something came in from elsewhere under the identifier, too */
    bool too_much;   /* there is no memory for it */
    uint64_t *parts; /* the store's numbers of what it was split into, and of what took the place of one */
    size_t count, room;
};

static bool add_part(struct search *search, uint64_t number) {
    if (search->count == search->room) {
        size_t room = search->room ? 2 * search->room : 64;
        uint64_t *parts = room <= PARTS_MOST ? arena_array(search->arena, room, sizeof *parts) : NULL;
        if (!parts)
            return false;
        if (search->count)
            memcpy(parts, search->parts, search->count * sizeof *parts);
        search->parts = parts;
        search->room = room;
    }
    search->parts[search->count++] = number;
    return true;
}

/* The record of a submission begins with that, so whose it is shows at once. What the rules decided of one
 * stands together, beginning with how it came, and each part alone (event.h): the rest need not be read, of
 * which there is much where there are many recipients. */
static bool look_at(void *context, int64_t at, struct span data) {
    struct search *search = context;
    struct event_record record;
    struct reader r = reader_of(data);
    (void)at;
    if (!event_read(&r, &record))
        return true;
    if (!search->submitted)
        search->submitted =
            record.kind == MTS_EVENT_SUBMITTED && search->asker->owns(search->asker->context, record.name);
    else if (record.kind == MTS_EVENT_ACCEPTED)
        search->strange = true;
    else if (record.kind == EVENT_MESSAGE)
        search->too_much = !add_part(search, (uint64_t)record.number);
    return search->submitted && !search->strange && !search->too_much;
}

/* False: the record can't be read, or there is no memory for it. */
static bool find(struct mta *mta, struct search *search, struct span identifier, struct error *err) {
    bool known = identifier.len <= EVENT_IDENTIFIER_MOST;
    return (!known || store_track(mta->view.store, identifier, look_at, search, err)) &&
           (!search->too_much || error_set(err, STORE_NO_MEMORY, "no memory"));
}

static bool is_deferred(const struct work *work) {
    return work->state == WORK_WAITING && !work->tries && !work->in_doubt && !work->barred && !work->taken;
}

/* All copies of all parts still wait for the originator's time; a copy that an operator holds is not his to
 * take. */
static bool may_cancel(const struct mta *mta, const struct search *search) {
    bool may = search->count > 0 && !search->strange;
    for (size_t i = 0; i < search->count && may; i++) {
        const struct work *work = schedule_of_message(&mta->schedule, search->parts[i]);
        may = work != NULL;
        for (; work && may; work = schedule_next_of_message(work))
            may = is_deferred(work);
    }
    return may;
}

/* Each unit goes when its row's removal is on disk: the list stays as it is till then. */
static bool cancel_part(struct mta *mta, uint64_t message, struct span note) {
    const struct destination *told = NULL;
    struct work *next;
    bool done = true;
    for (struct work *work = schedule_of_message(&mta->schedule, message); work && done; work = next) {
        struct destination *destination = destination_at(mta, work->destination);
        next = schedule_next_of_message(work);
        if (destination != told) /* a copy for each mailbox */
            done = event_copy(mta, message, EVENT_CANCELLED, peer_of(destination), note);
        told = destination;
        done = done && copy_finish(mta, work, COPY_STAYS);
    }
    return done;
}

/* All or nothing (X.411 §8.2.1.3): the batch is undone when it fails. */
static bool cancel_all(struct mta *mta, const struct search *search) {
    bool done = true;
    for (size_t i = 0; i < search->count && done; i++)
        done = cancel_part(mta, search->parts[i], span_str(search->asker->note));
    return done;
}

enum cancelled cancel_deferred(struct mta *mta, struct span identifier, const struct cancel_asker *asker,
                               struct error *err) {
    struct search search = {.asker = asker, .arena = &mta->arena};
    arena_reset(&mta->arena);
    if (!find(mta, &search, identifier, err))
        return CANCEL_NO_ROOM;
    if (!search.submitted)
        return CANCEL_UNKNOWN;
    if (!may_cancel(mta, &search))
        return CANCEL_REJECTED;
    struct batch_mark mark = batch_mark(mta);
    if (!batch_is_full(mta) && cancel_all(mta, &search))
        return CANCEL_DONE;
    batch_undo(mta, mark);
    error_set(err, STORE_NO_MEMORY, "%s", batch_cause(mta));
    return CANCEL_NO_ROOM;
}
