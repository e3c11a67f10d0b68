#include "mta/deliver.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "mta/copy.h"
#include "mta/decide.h"
#include "mta/jump.h"
#include "mta/mta_private.h"

/* Deliveries of one turn of the loop, and µs for which it begins with more. */
#define A_TURN  200
#define TURN_US 20000

struct mailboxes {
    struct destination destination;
    struct arena arena;              /* for the message */
    struct copy copy;                /* of the message whose deliveries are under way */
    uint64_t message;                /* which that is; 0: none */
    const struct mts_tables *tables; /* by which it was opened */
};

static void forget(struct mailboxes *mailboxes) {
    copy_release(&mailboxes->copy);
    arena_reset(&mailboxes->arena);
    mailboxes->message = 0;
}

/* Deliveries of one message come one after the other: it is read and decoded for the first of them. */
static bool load(struct mta *mta, struct mailboxes *mailboxes, const struct work *work, struct error *err) {
    struct copy *copy = &mailboxes->copy;
    const struct mts_tables *tables = mta->view.config->tables;
    arena_reset(&mta->arena);
    if (work->message == mailboxes->message && tables == mailboxes->tables)
        return copy_load_row(mta, &mta->arena, work, copy, err);
    forget(mailboxes);
    if (!copy_load_into(mta, &mailboxes->arena, work, copy, err))
        return false;
    struct mts_run run = run_begin(mta, &mailboxes->arena);
    copy->stored.opened = mts_open(&run, &copy->stored);
    mailboxes->message = work->message;
    mailboxes->tables = tables;
    return true;
}

static void wait_for_removal(struct mta *mta, struct work *work) {
    schedule_cause(work, "its recipient is being removed");
    schedule_set(&mta->schedule, work, WORK_WAITING, jump_now(mta) + SECOND, false);
}

/* Whatever comes of it, the unit leaves its lane. */
static void deliver(struct mta *mta, struct mailboxes *mailboxes, struct work *work) {
    struct error err = {0};
    struct mts_decisions more = {0};
    batch_request(mta);
    if (!load(mta, mailboxes, work, &err)) {
        copy_put_off(mta, work, "delivered", &err);
        return;
    }
    struct mts_run run = run_begin(mta, &mta->arena);
    struct batch_mark mark = batch_mark(mta);
    struct delivery_waits waits;
    bool decided = decide_delivery(mta, &run, &mailboxes->copy.stored, work->message, &more, &waits);
    if (decided && (waits.removal || waits.instead)) {
        batch_undo(mta, mark);
        if (waits.removal)
            wait_for_removal(mta, work);
        else
            copy_move(mta, work, waits.instead);
        return;
    }
    if (more.result == 0)
        more.result = MTS_DECIDED;
    if (decided && copy_replace(mta, work, &mailboxes->copy, &run, &more, COPY_PUT_OFF))
        return;
    batch_undo(mta, mark);
    if (!decided)
        copy_put_off(mta, work, "delivered", &copy_no_memory);
}

static bool pump(struct mta *mta, struct destination *destination) {
    struct mailboxes *mailboxes = (struct mailboxes *)destination;
    int64_t end = clock_monotonic_us() + TURN_US;
    for (unsigned i = 0; i < A_TURN && !mta->stopping; i++) {
        struct work *work = schedule_first(&mta->schedule, destination->number);
        if (!work || !work->committed) {
            forget(mailboxes);
            return false;
        }
        deliver(mta, mailboxes, work);
        if (clock_monotonic_us() >= end)
            break;
    }
    return !mta->stopping;
}

static void release(struct mta *mta, struct destination *destination) {
    struct mailboxes *mailboxes = (struct mailboxes *)destination;
    (void)mta;
    copy_release(&mailboxes->copy);
    arena_free(&mailboxes->arena);
    mem_free(mailboxes);
}

const struct destination_operations mailbox_operations = {
    .pump = pump,
    .release = release,
    .fixed = "the copy is for a mailbox here, not for a peer: redirect it to an address"};

bool deliver_init(struct mta *mta) {
    struct mailboxes *mailboxes = mem_alloc(sizeof *mailboxes);
    if (!mailboxes)
        return false;
    *mailboxes = (struct mailboxes){.destination = {.kind = DESTINATION_MAILBOX}};
    arena_init(&mailboxes->arena, mta->view.config->limits.envelope_memory);
    if (destination_add(mta, &mailboxes->destination, SPAN_LIT("")))
        return true;
    arena_free(&mailboxes->arena);
    mem_free(mailboxes);
    return false;
}
