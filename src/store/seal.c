/* Sealing: columns of chunks whose numbers were all given out; and whether they say what the rows say. */
#include <stdio.h>

#include "store/columns_private.h"

/* ---- which chunks ---- */

static uint64_t chunks_below(uint64_t next) {
    return (next < COLUMNS_NUMBERS ? next : COLUMNS_NUMBERS) / STORE_CHUNK;
}

bool columns_note_complete(struct store *store, uint32_t mailbox, uint64_t next) {
    struct map_slot *slot = map_at(&store->complete, mailbox);
    int64_t chunks = (int64_t)chunks_below(next);
    if (slot && slot->number < chunks)
        slot->number = chunks;
    return slot != NULL;
}

/* Those of which a chunk may be complete; how far each was sealed is asked when it is its turn. */
static bool note_mailbox(void *context, uint32_t mailbox, struct span name, uint64_t next) {
    struct store *store = context;
    (void)name;
    store->complete_known =
        store->complete_known && (!chunks_below(next) || columns_note_complete(store, mailbox, next));
    return store->complete_known;
}

static bool know_complete(struct store *store, struct error *err) {
    if (store->complete_known)
        return true;
    store->complete_known = true;
    bool read = store->engine->each_mailbox(store, note_mailbox, store, err);
    if (read && !store->complete_known)
        return store_no_memory(store, err);
    store->complete_known &= read;
    return read;
}

/* The first chunk of the mailbox that was not looked at, in its slot. */
static struct map_slot *sealed_to(struct store *store, uint32_t mailbox, struct error *err) {
    struct map_slot *slot = map_find(&store->sealed, mailbox);
    uint64_t chunks = 0;
    if (slot)
        return slot;
    if (!store->engine->count_chunks(store, mailbox, &chunks, err))
        return NULL;
    if (!(slot = map_at(&store->sealed, mailbox)))
        store_no_memory(store, err);
    else
        slot->number = (int64_t)chunks;
    return slot;
}

static struct map_slot *any_mailbox(const struct map *map, size_t *at) {
    for (; *at < map->room; ++*at)
        if (map->slots[*at].key)
            return &map->slots[*at];
    return NULL;
}

bool store_next_chunk(struct store *store, struct store_chunk *chunk, bool *more, struct error *err) {
    struct map_slot *slot, *sealed;
    *chunk = (struct store_chunk){0, 0};
    *more = false;
    if (!know_complete(store, err))
        return false;
    if (!(slot = any_mailbox(&store->complete, &store->complete_at)))
        store->complete_at = 0; /* what was moved to before that when another was taken out */
    if (!slot && !(slot = any_mailbox(&store->complete, &store->complete_at)))
        return true;
    uint32_t mailbox = (uint32_t)slot->key;
    int64_t end = slot->number;
    if (!(sealed = sealed_to(store, mailbox, err)))
        return false;
    *more = true;
    if (sealed->number < end)
        *chunk = (struct store_chunk){mailbox, (uint64_t)sealed->number};
    else
        map_remove(&store->complete, mailbox);
    return true;
}

bool store_may_have_chunks(const struct store *store) {
    return !store->complete_known || store->complete.count;
}

void store_chunk_done(struct store *store, const struct store_chunk *chunk) {
    struct map_slot *slot = map_find(&store->sealed, chunk->mailbox);
    if (slot && slot->number == (int64_t)chunk->number)
        slot->number++;
}

/* ---- sealing ---- */

struct sealing {
    store_derive_cb *derive;
    void *context;
    struct columns columns;
    uint64_t end; /* of the chunk's numbers */
    bool some, damaged, failed;
};

static bool add_entry(void *context, const struct store_entry *entry) {
    struct sealing *sealing = context;
    struct store_columns values = {{0}, {{NULL, 0}}};
    if (entry->sequence >= sealing->end)
        return false;
    sealing->some = true;
    sealing->damaged = entry->damaged;
    sealing->failed = !sealing->damaged && !sealing->derive(sealing->context, entry, &values);
    if (sealing->damaged || sealing->failed)
        return false;
    columns_add(&sealing->columns, entry, &values);
    return true;
}

/* A damaged row is not made columns of: its chunk has none, and is gone through. */
bool store_seal_chunk(struct store_batch *batch, const struct store_chunk *chunk, store_derive_cb *derive,
                      void *context, struct error *err) {
    struct store *store = batch->store;
    uint64_t first = chunk->number * STORE_CHUNK;
    struct sealing sealing = {.derive = derive, .context = context, .end = first + STORE_CHUNK};
    columns_begin(&sealing.columns);
    bool done = store->engine->each_entry(store, chunk->mailbox, first ? first - 1 : 0, STORE_CHUNK,
                                          add_entry, &sealing, err);
    if (done && sealing.failed)
        done = store_no_memory(store, err);
    if (done && sealing.some && !sealing.damaged &&
        !columns_end(&sealing.columns, batch, chunk->mailbox, chunk->number))
        done = store_no_memory(store, err);
    columns_free(&sealing.columns);
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
    uint64_t chunks;  /* that are complete */
    struct buf heads; /* uint64_t: those with a head */
    size_t at;        /* how many of these have the column */
    uint64_t end;     /* what is from there on is not looked at: it is wrong already */
    uint64_t bad;     /* a chunk that is wrong */
    const char *why;  /* NULL: none is */
    struct store_column_view view;
};

static uint64_t head_at(const struct columns_look *look, size_t i) {
    return ((const uint64_t *)(const void *)look->heads.data)[i];
}

static size_t head_count(const struct columns_look *look) {
    return look->heads.len / sizeof(uint64_t);
}

static void is_wrong(struct columns_look *look, uint64_t chunk, const char *why) {
    look->bad = chunk;
    look->why = why;
}

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

struct chunk_look {
    uint64_t chunk;
    bool some, damaged;
};

static bool note_entry(void *context, const struct store_entry *entry) {
    struct chunk_look *found = context;
    if (entry->sequence / STORE_CHUNK != found->chunk)
        return false;
    found->some = true;
    found->damaged |= entry->damaged;
    return true;
}

static uint64_t before(uint64_t chunk) {
    return chunk ? chunk * STORE_CHUNK - 1 : 0;
}

/* Those before it were sealed before it, unless an entry is damaged or all have gone. */
static bool look_for_gap(struct columns_look *look, uint64_t chunk) {
    size_t count = head_count(look);
    for (uint64_t i = count ? head_at(look, count - 1) + 1 : 0; i < chunk && !look->why; i++) {
        struct chunk_look found = {.chunk = i};
        if (!look->store->engine->each_entry(look->store, look->mailbox, before(i), STORE_CHUNK, note_entry,
                                             &found, &look->err))
            return false;
        if (found.some && !found.damaged)
            is_wrong(look, i, "is missing");
    }
    return !look->why;
}

/* Each chunk with a head has all columns. */
static bool look_at_place(struct columns_look *look, uint64_t chunk) {
    if (look->column == STORE_COLUMN_HEAD)
        return look_for_gap(look, chunk) &&
               (buf_append(&look->heads, &chunk, sizeof chunk) || store_no_memory(look->store, &look->err));
    uint64_t next = look->at < head_count(look) ? head_at(look, look->at) : UINT64_MAX;
    if (next != chunk)
        is_wrong(look, next < chunk ? next : chunk,
                 next < chunk ? "is missing" : "is of a chunk without head");
    look->at++;
    return !look->why;
}

static bool look_at_column(void *context, uint64_t chunk, struct span octets) {
    struct columns_look *look = context;
    if (chunk >= look->end || !look_at_place(look, chunk))
        return false;
    look->bad = chunk;
    look->why = chunk >= look->chunks ? "is of entries that are still to come"
                : !store_column_open(octets, look->column, &look->view) ? "is not what was stored"
                                                                        : NULL;
    if (!look->why && look->column <= STORE_COLUMN_AT)
        look->store->engine->each_entry(look->store, look->mailbox, before(chunk), STORE_CHUNK, is_as_row,
                                        look, &look->err);
    return !look->why && !look->err.code;
}

static bool tell_column(struct columns_look *look) {
    char text[120];
    snprintf(text, sizeof text, "mailbox %u: column %u.%llu %s", (unsigned)look->mailbox,
             (unsigned)look->column, (unsigned long long)look->bad, look->why);
    check_report(look->report, 18,
                 look->report->repair ? "it was removed with those behind it; the next start makes them anew"
                                      : NULL,
                 text);
    look->end = look->bad;
    return !look->report->repair || look->drop(look->context, look->mailbox, look->bad, &look->err);
}

static bool look_at_columns(struct columns_look *look) {
    for (look->column = 0; look->column < STORE_COLUMNS; look->column++) {
        look->why = NULL;
        look->at = 0;
        if (!look->store->engine->each_column(look->store, look->mailbox, look->column, 0, look_at_column,
                                              look, &look->err) ||
            look->err.code)
            return false;
        if (!look->why && look->column && look->at < head_count(look) && head_at(look, look->at) < look->end)
            is_wrong(look, head_at(look, look->at), "is missing");
        if (look->why && !tell_column(look))
            return false;
    }
    return true;
}

static bool look_at_mailbox(void *context, uint32_t mailbox, struct span name, uint64_t next) {
    struct columns_look *look = context;
    (void)name;
    look->mailbox = mailbox;
    look->chunks = next / STORE_CHUNK;
    look->end = UINT64_MAX;
    buf_clear(&look->heads);
    return look_at_columns(look);
}

bool columns_check(struct store *store, struct check_report *report, columns_drop *drop, void *context,
                   struct error *err) {
    struct columns_look look = {.store = store, .report = report, .drop = drop, .context = context};
    buf_init(&look.heads, 0);
    bool done =
        store->engine->each_mailbox(store, look_at_mailbox, &look, err) && store_passed(&look.err, err);
    buf_free(&look.heads);
    return done;
}
