/* Mailboxes that get other names, when their users' names are written in one form instead of many. */
#include "base/alloc.h"
#include "store/name_table_private.h"
#include "store/store_private.h"

struct renaming {
    struct store *store;
    store_key_cb *key_of;
    void *context;
    struct names names; /* as they will be */
    struct buf changes; /* struct mailbox_change */
    struct store_rename counts;
};

static bool add_change(struct renaming *renaming, uint32_t mailbox, uint32_t into, struct span name) {
    struct mailbox_change change = {mailbox, into, name};
    return buf_append(&renaming->changes, &change, sizeof change);
}

static struct span kept_name(const struct renaming *renaming, uint32_t mailbox) {
    return names_get(&renaming->names, mailbox)->text;
}

static bool look_at(void *context, uint32_t mailbox, struct span name, uint64_t next) {
    struct renaming *renaming = context;
    struct span key = renaming->key_of(renaming->context, name);
    if (!key.data)
        key = name;
    uint64_t hash = store_hash(renaming->store, key);
    uint32_t other = names_find(&renaming->names, hash, key);
    bool same = span_eq(key, name);
    if (other) {
        renaming->counts.joined++;
        return add_change(renaming, mailbox, other, kept_name(renaming, other));
    }
    if (!names_add(&renaming->names, hash, key, mailbox, next))
        renaming->changes.failed = true;
    else if (!same && add_change(renaming, mailbox, 0, kept_name(renaming, mailbox)))
        renaming->counts.renamed++;
    return !renaming->changes.failed;
}

bool store_rename_mailboxes(struct store *store, store_key_cb *key_of, void *context,
                            struct store_rename *changed, struct error *err) {
    struct renaming renaming = {.store = store, .key_of = key_of, .context = context};
    const struct buf *changes = &renaming.changes;
    *changed = (struct store_rename){0};
    names_init(&renaming.names);
    buf_init(&renaming.changes, 0);
    bool done = store->engine->each_mailbox(store, look_at, &renaming, err) &&
                (!changes->failed || store_no_memory(store, err));
    if (done && changes->len)
        done =
            !refuse_read_only(store, err) &&
            store->engine->change_mailboxes(store, (const struct mailbox_change *)(const void *)changes->data,
                                            changes->len / sizeof(struct mailbox_change), err);
    if (done)
        *changed = renaming.counts;
    names_free(&renaming.names);
    buf_free(&renaming.changes);
    return done;
}
