#include "mta/deliver.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "mta/copy.h"
#include "mta/mta_private.h"

/* Deliveries of one turn of the loop, and µs for which it begins with more. */
#define A_TURN  200
#define TURN_US 20000

/* Each leaves its lane, delivered or put off. */
static bool pump(struct mta *mta, struct destination *destination) {
    int64_t end = clock_monotonic_us() + TURN_US;
    for (unsigned i = 0; i < A_TURN && !mta->stopping; i++) {
        struct work *work = schedule_first(&mta->schedule, destination->number);
        if (!work || !work->committed)
            return false;
        copy_deliver(mta, work);
        if (clock_monotonic_us() >= end)
            break;
    }
    return !mta->stopping;
}

static void release(struct mta *mta, struct destination *destination) {
    (void)mta;
    mem_free(destination);
}

const struct destination_operations mailbox_operations = {
    .pump = pump,
    .release = release,
    .fixed = "the copy is for a mailbox here, not for a peer: redirect it to an address"};

bool deliver_init(struct mta *mta) {
    struct destination *mailboxes = mem_alloc(sizeof *mailboxes);
    if (!mailboxes)
        return false;
    *mailboxes = (struct destination){.kind = DESTINATION_MAILBOX};
    if (destination_add(mta, mailboxes, SPAN_LIT("")))
        return true;
    mem_free(mailboxes);
    return false;
}
