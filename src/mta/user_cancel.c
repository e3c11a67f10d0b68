#include "mta/user_cancel.h"

#include "mta/copy.h"
#include "mta/event.h"
#include "mta/peer.h"
#include "mta/user_answer.h"
#include "mta/user_association.h"
#include "names/identifier.h"
#include "names/oraddress.h"
#include "schema/x411p3.h"
#include "schema/x419.h"

/* Of a submission that is stored in more parts than these nothing is cancelled; 64 recipients or so are one
 * (mts/split.c). */
#define PARTS_MOST 65536

/* What the record says of the identifier. */
struct search {
    const struct user_association *association;
    struct arena *arena;
    bool submitted;  /* by this user */
    bool strange;    /* something came in from elsewhere under the identifier, too */
    bool too_much;   /* there is no memory for it */
    uint64_t *parts; /* the store's numbers of what it was split into, and of what took the place of one */
    size_t count, room;
};

static bool is_his(const struct search *search, struct span name) {
    struct span given = oraddress_key_of(name, search->arena, NULL);
    struct span his = oraddress_key_of(user_association_address(search->association), search->arena, NULL);
    return given.data && his.data && span_eq(given, his);
}

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
        search->submitted = record.kind == MTS_EVENT_SUBMITTED && is_his(search, record.name);
    else if (record.kind == MTS_EVENT_ACCEPTED)
        search->strange = true;
    else if (record.kind == EVENT_MESSAGE)
        search->too_much = !add_part(search, (uint64_t)record.number);
    return search->submitted && !search->strange && !search->too_much;
}

/* False: the argument is none, or the record can't be read (then `err` has a code). */
static bool find(struct search *search, struct span argument, struct error *err) {
    struct mta *mta = search->association->net->mta;
    struct x411_MTSIdentifier identifier = {0};
    struct buf text;
    buf_init(&text, 0);
    bool done = ber_decode(&x411p3_CancelDeferredDeliveryArgument_type, argument, &mta->arena, NULL,
                           &identifier, NULL);
    done = done && mts_identifier_print(&identifier, &text);
    if (done && text.len <= EVENT_IDENTIFIER_MOST)
        done = store_track(mta->view.store, buf_span(&text), look_at, search, err);
    if (search->too_much)
        done = error_set(err, STORE_NO_MEMORY, "no memory");
    buf_free(&text);
    return done;
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
static bool cancel_part(struct mta *mta, uint64_t message) {
    const struct destination *told = NULL;
    struct work *next;
    bool done = true;
    for (struct work *work = schedule_of_message(&mta->schedule, message); work && done; work = next) {
        struct destination *destination = destination_at(mta, work->destination);
        next = schedule_next_of_message(work);
        if (destination != told) /* a copy for each mailbox */
            done = event_copy(mta, message, EVENT_DELETED, peer_of(destination),
                              SPAN_LIT("cancelled by its originator"));
        told = destination;
        done = done && copy_finish(mta, work, COPY_STAYS);
    }
    return done;
}

/* All or nothing (X.411 §8.2.1.3): the batch is undone when it fails. */
static bool cancel_all(struct mta *mta, const struct search *search) {
    bool done = true;
    for (size_t i = 0; i < search->count && done; i++)
        done = cancel_part(mta, search->parts[i]);
    return done;
}

void user_cancel(struct user_association *association, uint32_t invocation, struct span argument) {
    struct mta *mta = association->net->mta;
    struct search search = {.association = association, .arena = &mta->arena};
    struct error err = {0};
    arena_reset(&mta->arena);
    bool found = find(&search, argument, &err);
    struct batch_mark mark = batch_mark(mta);
    if (!found)
        user_reject(association, invocation, err.code ? USER_RESOURCE_LIMITATION : USER_MISTYPED_ARGUMENT);
    else if (!search.submitted)
        user_error(association, invocation, USER_MESSAGE_SUBMISSION_IDENTIFIER_INVALID);
    else if (!may_cancel(mta, &search))
        user_error(association, invocation, USER_DEFERRED_DELIVERY_CANCELLATION_REJECTED);
    else if (batch_is_full(mta) || !cancel_all(mta, &search) ||
             !user_result_after_commit(association, invocation, x419_op_cancel_deferred_delivery,
                                       SPAN_LIT("\5\0"))) {
        batch_undo(mta, mark);
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
    }
}
