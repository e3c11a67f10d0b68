#include "mta/user_cancel.h"

#include "mta/copy.h"
#include "mta/event.h"
#include "mta/user_answer.h"
#include "mta/user_association.h"
#include "names/identifier.h"
#include "names/oraddress.h"
#include "schema/x411p3.h"
#include "schema/x419.h"

/* What the record says of the identifier. */
struct search {
    const struct user_association *association;
    struct arena *arena;
    bool submitted;   /* by this user */
    uint64_t message; /* the store's number; 0: none is known */
};

static bool is_his(const struct search *search, struct span name) {
    struct span given = oraddress_key_of(name, search->arena, NULL);
    struct span his = oraddress_key_of(user_association_address(search->association), search->arena, NULL);
    return given.data && his.data && span_eq(given, his);
}

static bool look_at(void *context, int64_t at, struct span data) {
    struct search *search = context;
    struct event_record record;
    struct reader r = reader_of(data);
    (void)at;
    while (event_read(&r, &record)) {
        if (record.kind == MTS_EVENT_SUBMITTED && is_his(search, record.name))
            search->submitted = true;
        if (record.kind == EVENT_MESSAGE)
            search->message = (uint64_t)record.number;
    }
    return true;
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
    buf_free(&text);
    return done;
}

static bool is_deferred(const struct work *work) {
    return work->state == WORK_WAITING && !work->tries && !work->in_doubt && !work->barred;
}

/* All of its copies still wait for the originator's time; a copy that an operator holds is not his to take.
 */
static bool may_cancel(const struct mta *mta, uint64_t message) {
    const struct work *work = schedule_of_message(&mta->schedule, message);
    bool may = work != NULL;
    for (; work && may; work = schedule_next_of_message(work))
        may = is_deferred(work);
    return may;
}

/* Each unit goes when its row's removal is on disk: the list stays as it is till then. */
static bool cancel_all(struct mta *mta, uint64_t message) {
    bool done = event_copy(mta, message, EVENT_DELETED, NULL, SPAN_LIT("cancelled by its originator"));
    struct work *next;
    for (struct work *work = schedule_of_message(&mta->schedule, message); work && done; work = next) {
        next = schedule_next_of_message(work);
        done = copy_finish(mta, work, COPY_STAYS);
    }
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
    else if (!search.message || !may_cancel(mta, search.message))
        user_error(association, invocation, USER_DEFERRED_DELIVERY_CANCELLATION_REJECTED);
    else if (batch_is_full(mta) || !cancel_all(mta, search.message) ||
             !user_result_after_commit(association, invocation, x419_op_cancel_deferred_delivery,
                                       SPAN_LIT("\5\0"))) {
        batch_undo(mta, mark);
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
    }
}
