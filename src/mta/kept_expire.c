/* The end of submissions that are kept. */
#include "mta/batch.h"
#include "mta/jump.h"
#include "mta/kept.h"
#include "mta/looking.h"
#include "mta/mailbox.h"
#include "mta/mta_private.h"
#include "mta/quota.h"
#include "schema/x413.h"

#define A_TURN 200 /* entries that are removed */

struct expiring {
    struct mta *mta;
    uint32_t mailbox;
    bool some;
};

static bool remove_entry(void *context, const struct store_entry *entry) {
    struct expiring *expiring = context;
    struct mta *mta = expiring->mta;
    batch_request(mta);
    struct batch_mark mark = batch_mark(mta);
    bool done = store_remove_entry(mta->batch.store, expiring->mailbox, entry->sequence, entry->message) &&
                quota_remove(mta, expiring->mailbox, entry->sequence, entry->octets);
    if (!done)
        batch_undo(mta, mark);
    expiring->some |= done;
    return done;
}

static void expire_in(struct mta *mta, uint32_t mailbox, int64_t before) {
    struct ms_selection selection = {.classes = 1u << x413_EntryClass_submission,
                                     .by_time = true,
                                     .from = INT64_MIN,
                                     .to = before,
                                     .children = true,
                                     .limit = A_TURN};
    struct expiring expiring = {mta, mailbox, false};
    struct looking looking;
    struct error err = {0};
    uint64_t next, undecided;
    if (looking_begin(&looking, &mta->view, mailbox))
        ms_select(&looking.mailbox, &selection, remove_entry, &expiring, &next, &undecided, &err);
    looking_end(&looking);
    if (expiring.some)
        batch_arm_later(mta);
}

void kept_expire(struct mta *mta) {
    struct view *view = &mta->view;
    int64_t kept = view->config->limits.kept_seconds;
    if (!kept || !view->users.count || mta->stopping || batch_is_full(mta) || !store_accepting(view->store))
        return;
    mta->kept_next = (mta->kept_next + 1) % view->users.count;
    uint32_t mailbox = mailbox_at(view, view->users.all[mta->kept_next].address, &(struct error){0});
    if (mailbox)
        expire_in(mta, mailbox, jump_drop_before(mta) - kept * SECOND);
}
