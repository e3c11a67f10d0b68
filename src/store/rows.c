/* Reading rows: what the engine does is its own, what a caller may ask is looked at here. */
#include "store/bits_private.h"

/* ---- contents ---- */

struct store_content *store_content_open(struct store *store, uint64_t message, struct error *err) {
    return store_in_time(store, err) ? store->engine->content_open(store, message, err) : NULL;
}

struct store_content *store_content_resume(struct store *store, uint64_t activity, struct error *err) {
    return refuse_read_only(store, err) ? NULL : store->engine->content_resume(store, activity, err);
}

/* ---- messages, work ---- */

bool store_get_message(struct store *store, uint64_t id, struct arena *arena, struct store_message *message,
                       struct error *err) {
    return store_in_time(store, err) && store->engine->get_message(store, id, arena, message, err);
}

bool store_get_work(struct store *store, uint64_t id, struct arena *arena, struct store_work *work,
                    struct error *err) {
    return store->engine->get_work(store, id, arena, work, err);
}

bool store_each_work(struct store *store, uint64_t after, size_t limit, uint32_t next_hop, int status,
                     store_work_cb *cb, void *context, struct error *err) {
    return store->engine->each_work(store, after, limit, next_hop, status, cb, context, err);
}

struct claim {
    struct store *store;
    store_work_cb *cb;
    void *context;
    size_t given;
    bool goes_on;
};

/* What a node had when it opened the store has an id below its first one. */
static bool give_own(void *context, const struct store_work *work) {
    struct claim *claim = context;
    if (work->id >= claim->store->own_from)
        return false;
    claim->store->claimed_to = work->id;
    claim->given++;
    claim->goes_on = claim->cb(claim->context, work);
    return claim->goes_on;
}

/* Once all of it was given it is not looked for again. */
static bool claim_own(struct claim *claim, size_t limit, struct error *err) {
    struct store *store = claim->store;
    if (store->claimed_all)
        return true;
    bool walked =
        store->engine->each_own_work
            ? store->engine->each_own_work(store, store->claimed_to, limit, give_own, claim, err)
            : store->engine->each_work(store, store->claimed_to, limit, 0, -1, give_own, claim, err);
    store->claimed_all = walked && claim->goes_on && (!limit || claim->given < limit);
    return walked;
}

bool store_claim(struct store *store, int64_t lease, size_t limit, store_work_cb *cb, void *context,
                 struct error *err) {
    struct claim claim = {.store = store, .cb = cb, .context = context, .goes_on = true};
    if (!store_renew(store, lease, err) || !claim_own(&claim, limit, err))
        return false;
    return !store->claimed_all || !store->engine->take_over ||
           store->engine->take_over(store, limit ? limit - claim.given : 0, cb, context, err);
}

bool store_renew(struct store *store, int64_t lease, struct error *err) {
    if (refuse_read_only(store, err))
        return false;
    if (store->fenced)
        return error_set(err, store->cause.code, "%s", store->cause.text);
    return !store->engine->renew || store->engine->renew(store, lease, err);
}

/* ---- events ---- */

bool store_track(struct store *store, struct span key, store_event_cb *cb, void *context, struct error *err) {
    return store_in_time(store, err) && store->engine->track(store, key, cb, context, err);
}

bool store_each_event(struct store *store, uint64_t before, store_past_cb *cb, void *context,
                      struct error *err) {
    return store_in_time(store, err) && store->engine->each_event(store, before, cb, context, err);
}

/* ---- activities, outcomes ---- */

bool store_find_activity_in(struct store *store, struct span peer, struct span association,
                            struct span activity, struct store_activity_in *found, struct error *err) {
    return store->engine->find_activity_in(store, peer, association, activity, found, err);
}

bool store_each_activity_of(struct store *store, struct span association, store_activity_in_cb *cb,
                            void *context, struct error *err) {
    return store->engine->each_activity_of(store, association, cb, context, err);
}

bool store_each_activity_in(struct store *store, store_activity_in_cb *cb, void *context, struct error *err) {
    return store->engine->each_activity_in(store, cb, context, err);
}

bool store_each_activity_out(struct store *store, store_activity_out_cb *cb, void *context,
                             struct error *err) {
    return store->engine->each_activity_out(store, cb, context, err);
}

bool store_get_outcome(struct store *store, struct span association, struct span activity, struct span peer,
                       struct buf *data, struct error *err) {
    return store->engine->get_outcome(store, association, activity, peer, data, err);
}

bool store_has_outcome(struct store *store, struct span association, struct span peer, bool *has,
                       struct error *err) {
    return store->engine->has_outcome(store, association, peer, has, err);
}

bool store_each_outcome(struct store *store, struct span association, unsigned most, store_outcome_cb *cb,
                        void *context, struct error *err) {
    return store->engine->each_outcome(store, association, most, cb, context, err);
}

/* ---- next hops, mailboxes ---- */

uint32_t store_next_hop(struct store *store, struct span name, struct error *err) {
    uint32_t key = 0;
    return store->engine->next_hop(store, name, !store->read_only, &key, err) ? key : 0;
}

bool store_next_hop_name(struct store *store, uint32_t next_hop, struct span *name, struct error *err) {
    return store->engine->next_hop_name(store, next_hop, name, err);
}

uint32_t store_mailbox(struct store *store, struct span name, struct error *err) {
    uint32_t key = 0;
    return store->engine->mailbox(store, name, !store->read_only, &key, err) ? key : 0;
}

uint32_t store_find_mailbox(struct store *store, struct span name, struct error *err) {
    uint32_t key = 0;
    return store_in_time(store, err) && store->engine->mailbox(store, name, false, &key, err) ? key : 0;
}

bool store_each_mailbox(struct store *store, store_mailbox_cb *cb, void *context, struct error *err) {
    return store_in_time(store, err) && store->engine->each_mailbox(store, cb, context, err);
}

/* What stands beside the rows of entries, 4,096 of which share it. */
struct beside {
    struct store *store;
    uint32_t mailbox;
    bool read;
    uint64_t block;
    uint8_t bits[BITS_PLANES][BITS_OCTETS];
    store_entry_cb *cb;
    void *context;
    struct error err;
};

static bool put_beside(struct beside *beside, struct store_entry *entry, struct error *err) {
    uint64_t block = entry->sequence / BITS_ENTRIES;
    if (!beside->read || block != beside->block) {
        memset(beside->bits, 0, sizeof beside->bits);
        if (!beside->store->engine->get_bits(beside->store, beside->mailbox, block, beside->bits, err))
            return false;
        beside->read = true;
        beside->block = block;
    }
    entry->status |= (uint8_t)bits_get(beside->bits[BITS_STATUS], entry->sequence);
    entry->flags |= (uint8_t)bits_get(beside->bits[BITS_FLAGS], entry->sequence);
    return true;
}

static bool give_entry(void *context, const struct store_entry *row) {
    struct beside *beside = context;
    struct store_entry entry = *row;
    return store_in_time(beside->store, &beside->err) && put_beside(beside, &entry, &beside->err) &&
           beside->cb(beside->context, &entry);
}

bool store_get_entry(struct store *store, uint32_t mailbox, uint64_t sequence, struct arena *arena,
                     struct store_entry *entry, struct error *err) {
    struct beside beside = {.store = store, .mailbox = mailbox};
    return store_in_time(store, err) &&
           store->engine->get_entry(store, mailbox, sequence, arena, entry, err) &&
           put_beside(&beside, entry, err);
}

bool store_each_entry(struct store *store, uint32_t mailbox, uint64_t after, size_t limit, store_entry_cb *cb,
                      void *context, struct error *err) {
    struct beside beside = {.store = store, .mailbox = mailbox, .cb = cb, .context = context};
    return store_in_time(store, err) &&
           store->engine->each_entry(store, mailbox, after, limit, give_entry, &beside, err) &&
           store_passed(&beside.err, err);
}

bool store_last_entry(struct store *store, uint32_t mailbox, uint64_t *sequence, struct error *err) {
    *sequence = 0;
    return store_in_time(store, err) && store->engine->last_entry(store, mailbox, sequence, err);
}

bool store_get_bits(struct store *store, uint32_t mailbox, uint64_t block,
                    uint8_t bits[static BITS_PLANES][BITS_OCTETS], struct error *err) {
    memset(bits, 0, (size_t)BITS_PLANES * BITS_OCTETS);
    return store_in_time(store, err) && store->engine->get_bits(store, mailbox, block, bits, err);
}

/* ---- records ---- */

bool store_get_record(struct store *store, uint32_t kind, struct span name, struct buf *out,
                      struct error *err) {
    return store_in_time(store, err) && store->engine->get_record(store, kind, name, out, err);
}

bool store_each_record(struct store *store, uint32_t kind, store_record_cb *cb, void *context,
                       struct error *err) {
    return store_in_time(store, err) && store->engine->each_record(store, kind, cb, context, err);
}
