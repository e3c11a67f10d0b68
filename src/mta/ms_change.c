/*
 * Statuses and deletions of a user of a message store. Who answered the
 * operation has said which entries are meant; here they are those of the
 * association's own user, whatever the frame says, and no entry is a breach: one
 * that is gone meanwhile is passed over.
 */
#include "mta/ms_change.h"

#include "base/log.h"
#include "ms/available.h"
#include "ms/operation.h"
#include "mta/later.h"
#include "mta/mailbox.h"
#include "mta/ms_answer.h"
#include "mta/ms_seal.h"
#include "mta/mta_private.h"
#include "mta/quota.h"
#include "mta/user_answer.h"
#include "mta/user_association.h"

bool ms_open(const struct user_association *association) {
    struct mta *mta = association->net->mta;
    struct buf *head = &mta->head;
    struct buf later;
    uint8_t seal[MS_SEAL];
    buf_clear(head);
    buf_clear(&mta->prefix);
    buf_init(&later, 0);
    bool done = ms_seal(&mta->view, user_association_address(association), seal) &&
                ms_available(MS_1988, &mta->prefix) && ms_available(MS_1994, &later);
    payload_put_octets(head, span_of(seal, sizeof seal));
    payload_put_octets(head, buf_span(&mta->prefix));
    if (done)
        ipc_send(association->net->channel, IPC_MS_OPEN, association->ref, buf_span(head), buf_span(&later));
    buf_free(&later);
    return done;
}

/* ---- without a reader: rows are read here ---- */

bool ms_ask(struct user_association *association, struct span payload) {
    return ms_answer_ask(&association->net->mta->view, association->net->channel, association->ref, payload);
}

bool ms_read(struct user_association *association, struct span payload) {
    return ms_answer_read(&association->net->mta->view, association->net->channel, association->ref, payload);
}

/* ---- changes ---- */

/* Most entries that one change deletes; who answers asks for no more (ms/operation_delete.c). */
#define DELETED_MOST 10000

/* Most whose status it raises: more are not in a list, where each takes some octets. */
#define RAISED_MOST MS_LIST_MOST

struct change {
    struct mta *mta;
    uint32_t mailbox;
    uint64_t last; /* the highest number of its entries */
    uint64_t raised;
    unsigned deleted;
};

typedef bool run_cb(struct change *change, uint32_t first, uint32_t last);

/* Pairs of numbers, by rising numbers. */
static bool each_run(struct change *change, struct span runs, run_cb *cb) {
    struct reader r = reader_of(runs);
    uint64_t next = 0;
    while (reader_left(&r)) {
        uint32_t first = reader_u32(&r), last = reader_u32(&r);
        if (r.failed || first < next || first > last || !cb(change, first, last))
            return false;
        next = (uint64_t)last + 1;
    }
    return true;
}

/* A commit goes through each number of a run: those that no entry has are left out. */
static bool raise(struct change *change, uint32_t first, uint32_t last, enum store_entry_status status) {
    if (first > change->last)
        return true;
    last = last > change->last ? (uint32_t)change->last : last;
    change->raised += (uint64_t)last - first + 1;
    return change->raised <= RAISED_MOST &&
           store_raise_status(change->mta->batch.store, change->mailbox, first, last, status);
}

static bool list(struct change *change, uint32_t first, uint32_t last) {
    return raise(change, first, last, STORE_LISTED);
}

static bool process(struct change *change, uint32_t first, uint32_t last) {
    return raise(change, first, last, STORE_PROCESSED);
}

static bool remove_one(const struct change *change, uint32_t number) {
    struct mta *mta = change->mta;
    struct store_entry entry;
    struct error err = {0};
    arena_reset(&mta->arena);
    if (!store_get_entry(mta->view.store, change->mailbox, number, &mta->arena, &entry, &err))
        return err.code == STORE_NOT_FOUND;
    return store_remove_entry(mta->batch.store, change->mailbox, number, entry.message) &&
           quota_remove(mta, change->mailbox, number, entry.octets);
}

static bool remove_run(struct change *change, uint32_t first, uint32_t last) {
    for (uint64_t number = first; number <= last; number++)
        if (++change->deleted > DELETED_MOST || !remove_one(change, (uint32_t)number))
            return false;
    return true;
}

static bool apply(struct user_association *association, uint32_t invocation, struct reader *r) {
    struct change change = {.mta = association->net->mta};
    struct span address = user_association_address(association);
    const struct local_user *user = user_find(&change.mta->view, address);
    struct error err = {0};
    uint16_t code = reader_u16(r);
    struct span listed = payload_octets(r), processed = payload_octets(r), deleted = payload_octets(r);
    struct span registered = payload_octets(r);
    bool of_entries = listed.len || processed.len || deleted.len;
    change.mailbox = user ? mailbox_at(&change.mta->view, user->address, &err) : 0;
    return user && !user->leaving && !err.code && (change.mailbox || !of_entries) &&
           (!(listed.len || processed.len) ||
            store_last_entry(change.mta->view.store, change.mailbox, &change.last, &err)) &&
           (!registered.len ||
            store_put_record(change.mta->batch.store, MS_REGISTERED, buf_span(&user->key), registered)) &&
           each_run(&change, listed, list) && each_run(&change, processed, process) &&
           each_run(&change, deleted, remove_run) &&
           user_result_after_commit(association, invocation, code, payload_rest(r));
}

static void run_change(void *owner, uint64_t ref, struct span payload, void *object) {
    struct user_association *association = owner;
    struct mta *mta = association->net->mta;
    struct reader r = reader_of(payload);
    struct batch_mark mark = batch_mark(mta);
    (void)object;
    if (!batch_is_full(mta) && apply(association, (uint32_t)ref, &r))
        return;
    batch_undo(mta, mark);
    user_reject(association, (uint32_t)ref, USER_RESOURCE_LIMITATION);
}

static void refuse_change(void *owner, uint64_t ref) {
    user_reject(owner, (uint32_t)ref, USER_RELEASE_IN_PROGRESS);
}

static const struct later_kind late_change = {.run = run_change, .refuse = refuse_change};

bool ms_change(struct user_association *association, struct span payload) {
    struct reader r = reader_of(payload);
    struct later_asked asked = {.owner = association, .kind = &late_change};
    uint32_t invocation = reader_u32(&r);
    asked.ref = invocation;
    asked.payload = payload_rest(&r);
    if (!later_do(association->net->mta, user_association_payer(association), &asked))
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
    return true;
}
