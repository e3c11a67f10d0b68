/* Sealing: columns of chunks whose numbers were all given out; and whether they say what the rows say. */
#include <stdio.h>

#include "store/columns_private.h"

/* ---- sealing ---- */

struct sealing {
    struct store_batch *batch;
    struct store *store;
    store_derive_cb *derive;
    void *context;
    size_t left; /* chunks */
    bool more;
    struct error err;
    struct columns columns;
    uint64_t end; /* of the chunk's numbers */
    bool some, failed;
};

static bool add_entry(void *context, const struct store_entry *entry) {
    struct sealing *sealing = context;
    struct store_columns values = {{0}, {{NULL, 0}}};
    if (entry->sequence >= sealing->end)
        return false;
    sealing->some = true;
    sealing->failed = entry->damaged || !sealing->derive(sealing->context, entry, &values);
    if (!sealing->failed)
        columns_add(&sealing->columns, entry, &values);
    return !sealing->failed;
}

/* A damaged row is not made columns of: its chunk has none, and is gone through. */
static bool seal_chunk(struct sealing *sealing, uint32_t mailbox, uint64_t chunk) {
    uint64_t first = chunk * STORE_CHUNK;
    sealing->some = sealing->failed = false;
    sealing->end = first + STORE_CHUNK;
    columns_begin(&sealing->columns);
    bool done = sealing->store->engine->each_entry(sealing->store, mailbox, first ? first - 1 : 0,
                                                   STORE_CHUNK, add_entry, sealing, &sealing->err);
    if (done && sealing->some && !sealing->failed &&
        !columns_end(&sealing->columns, sealing->batch, mailbox, chunk))
        done = store_no_memory(sealing->store, &sealing->err);
    columns_free(&sealing->columns);
    return done;
}

/* The first chunk of the mailbox that was not looked at, in its slot. */
static struct map_slot *sealed_to(struct sealing *sealing, uint32_t mailbox) {
    struct map_slot *slot = map_find(&sealing->store->sealed, mailbox);
    uint64_t chunks = 0;
    if (slot)
        return slot;
    if (!sealing->store->engine->count_chunks(sealing->store, mailbox, &chunks, &sealing->err))
        return NULL;
    if (!(slot = map_at(&sealing->store->sealed, mailbox)))
        store_no_memory(sealing->store, &sealing->err);
    else
        slot->number = (int64_t)chunks;
    return slot;
}

static bool seal_mailbox(void *context, uint32_t mailbox, struct span name, uint64_t next) {
    struct sealing *sealing = context;
    uint64_t end = (next < COLUMNS_NUMBERS ? next : COLUMNS_NUMBERS) / STORE_CHUNK;
    struct map_slot *slot = end ? sealed_to(sealing, mailbox) : NULL;
    (void)name;
    while (slot && (uint64_t)slot->number < end) {
        if (!sealing->left) {
            sealing->more = true;
            return false;
        }
        sealing->left--;
        if (!seal_chunk(sealing, mailbox, (uint64_t)slot->number))
            return false;
        slot->number++;
    }
    return sealing->err.code == STORE_OK;
}

bool store_seal(struct store_batch *batch, size_t most, store_derive_cb *derive, void *context, bool *more,
                struct error *err) {
    struct store *store = batch->store;
    struct sealing sealing = {
        .batch = batch, .store = store, .derive = derive, .context = context, .left = most};
    *more = false;
    if (!store->seal_due)
        return true;
    bool done =
        store->engine->each_mailbox(store, seal_mailbox, &sealing, err) && store_passed(&sealing.err, err);
    *more = store->seal_due = !done || sealing.more;
    return done;
}

/* ---- the check (I18) ---- */

struct columns_look {
    struct store *store;
    struct check_report *report;
    columns_drop *drop;
    void *context;
    struct error err;
    uint32_t mailbox;
    enum store_column column;
    uint64_t chunks; /* that are complete */
    uint64_t bad;    /* the first of the mailbox that is wrong; UINT64_MAX: none */
    const char *why;
    struct store_column_view view;
};

static bool is_as_row(void *context, const struct store_entry *entry) {
    struct columns_look *look = context;
    uint64_t number = look->view.numbers[entry->sequence % STORE_CHUNK];
    if (entry->sequence / STORE_CHUNK != look->bad)
        return false;
    uint64_t want = look->column == STORE_COLUMN_AT ? store_column_number(entry->at)
                                                    : (UINT64_C(1) << 63 | (uint64_t)entry_head(entry));
    if (number != want && !entry->damaged)
        look->why = "is not what the entries say";
    return !look->why;
}

static bool look_at_column(void *context, uint64_t chunk, struct span octets) {
    struct columns_look *look = context;
    look->bad = chunk;
    look->why = chunk >= look->chunks ? "is of entries that are still to come"
                : !store_column_open(octets, look->column, &look->view) ? "is not what was stored"
                                                                        : NULL;
    if (!look->why && look->column <= STORE_COLUMN_AT)
        look->store->engine->each_entry(look->store, look->mailbox, chunk ? chunk * STORE_CHUNK - 1 : 0,
                                        STORE_CHUNK, is_as_row, look, &look->err);
    return !look->why && !look->err.code;
}

static bool look_at_mailbox(void *context, uint32_t mailbox, struct span name, uint64_t next) {
    struct columns_look *look = context;
    char text[120];
    (void)name;
    look->mailbox = mailbox;
    look->chunks = next / STORE_CHUNK;
    for (look->column = 0; look->column < STORE_COLUMNS; look->column++) {
        look->why = NULL;
        if (!look->store->engine->each_column(look->store, mailbox, look->column, 0, look_at_column, look,
                                              &look->err) ||
            look->err.code)
            return false;
        if (!look->why)
            continue;
        snprintf(text, sizeof text, "mailbox %u: column %u.%llu %s", (unsigned)mailbox,
                 (unsigned)look->column, (unsigned long long)look->bad, look->why);
        check_report(look->report, 18,
                     look->report->repair
                         ? "it was removed with those behind it; the next start makes them anew"
                         : NULL,
                     text);
        if (look->report->repair && !look->drop(look->context, mailbox, look->bad, &look->err))
            return false;
    }
    return true;
}

bool columns_check(struct store *store, struct check_report *report, columns_drop *drop, void *context,
                   struct error *err) {
    struct columns_look look = {.store = store, .report = report, .drop = drop, .context = context};
    return store->engine->each_mailbox(store, look_at_mailbox, &look, err) && store_passed(&look.err, err);
}
