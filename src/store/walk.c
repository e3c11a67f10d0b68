#include "store/mailbox_rows_private.h"
#include "store/walk_private.h"

#define PIECE ((size_t)256 << 10)
/* A batch is committed above these. */
#define BATCH_OCTETS     ((uint64_t)4 << 20)
#define BATCH_OPERATIONS 2000
/* An envelope, a state. */
#define ONE_MEMORY ((size_t)256 << 20)

/* ---- what is summed up ---- */

static void put_span(struct walk *walk, struct span s) {
    buf_append_u32(&walk->item, (uint32_t)s.len);
    buf_append_span(&walk->item, s);
}

static void put_numbers(struct walk *walk, size_t count, const uint64_t *numbers) {
    for (size_t i = 0; i < count; i++)
        buf_append_u64(&walk->item, numbers[i]);
}

#define PUT(walk, ...)                                                                                       \
    put_numbers(walk, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})

static bool failed(struct walk *walk) {
    return walk->err.code != STORE_OK;
}

static bool no_memory(struct walk *walk) {
    return store_no_memory(walk->store, &walk->err);
}

/* The thing whose octets are in `item` has come. */
static bool count(struct walk *walk, enum section section) {
    struct span item = buf_span(&walk->item);
    struct tally *tally = &walk->tallies[section];
    uint64_t digest[STORE_DIGEST / 8];
    if (walk->item.failed || !store_digest(&item, 1, (uint8_t *)digest))
        return no_memory(walk);
    for (size_t i = 0; i < STORE_DIGEST / 8; i++)
        tally->sum[i] += digest[i];
    tally->count++;
    buf_clear(&walk->item);
    return !walk->one_is_enough;
}

static void add_octets(struct walk *walk, uint64_t octets) {
    walk->octets += octets;
    if (walk->progress)
        walk->progress(walk->context, walk->what, walk->octets, walk->total);
}

/* ---- what is written ---- */

static void forget_last(struct walk *walk) {
    store_content_release(walk->last);
    walk->last = NULL;
    walk->last_id = 0;
}

static bool commit(struct walk *walk) {
    walk->batched = 0;
    forget_last(walk);
    return store_commit(walk->batch, &walk->err);
}

/* The thing was added to the batch, with about so many octets. */
static bool added(struct walk *walk, bool done, uint64_t octets) {
    if (!done)
        return no_memory(walk);
    walk->batched += octets;
    return (walk->batched < BATCH_OCTETS && store_batch_mark(walk->batch) < BATCH_OPERATIONS) || commit(walk);
}

/* The new store's key of a name of the old one. */
static bool next_hop_of(struct walk *walk, struct span name, uint32_t *key) {
    return !name.data ||
           walk->batch->store->engine->next_hop(walk->batch->store, name, true, key, &walk->err);
}

/* ---- contents ---- */

/* Appends all of it to `copy`. */
static bool copy_octets(struct walk *walk, struct store_content *content, struct store_content *copy) {
    uint8_t *piece = arena_alloc(&walk->arena, PIECE);
    size_t got = 1;
    if (!piece)
        return no_memory(walk);
    for (uint64_t at = 0; got; at += got) {
        if (!store_content_read(content, at, piece, PIECE, &got, &walk->err) ||
            !store_content_append(copy, span_of(piece, got), &walk->err))
            return false;
        add_octets(walk, got);
    }
    return true;
}

static struct store_content *copy_of(struct walk *walk, struct store_content *content) {
    struct store_content *copy =
        store_content_create(walk->batch->store, store_content_length(content), &walk->err);
    if (copy && copy_octets(walk, content, copy))
        return copy;
    store_content_release(copy);
    return NULL;
}

/* Its digest becomes part of the thing: of the copy, so that all of its octets were seen on their way. */
static bool put_digest(struct walk *walk, struct store_content *content, const struct store_content *copy) {
    uint8_t digest[STORE_DIGEST];
    if (!store_content_digest(copy ? (struct store_content *)(uintptr_t)copy : content, digest, &walk->err))
        return false;
    if (!copy)
        add_octets(walk, store_content_length(content));
    PUT(walk, store_content_length(content));
    buf_append(&walk->item, digest, sizeof digest);
    return true;
}

/* One that an earlier message has, too: in the new store, which must have that on disk to give it. */
static struct store_content *shared(struct walk *walk, uint64_t id, uint64_t first) {
    if (walk->last_id == id)
        return store_content_ref(walk->last);
    return commit(walk) ? store_content_open(walk->batch->store, first, &walk->err) : NULL;
}

/* ---- messages ---- */

static bool put_content(struct walk *walk, const struct store_message *message, struct store_content *content,
                        struct store_content **copy) {
    bool is_long = store_content_length(content) > SMALL_CONTENT; /* others are held by each message */
    struct map_slot *slot = is_long ? map_at(&walk->contents, content->id) : NULL;
    if (is_long && !slot)
        return no_memory(walk);
    uint64_t first = slot ? (uint64_t)slot->number : 0;
    if (first) {
        PUT(walk, first);
        *copy = walk->batch ? shared(walk, content->id, first) : NULL;
        return *copy || !walk->batch;
    }
    if (slot)
        slot->number = (int64_t)message->id;
    *copy = walk->batch ? copy_of(walk, content) : NULL;
    if (slot && *copy) {
        forget_last(walk);
        walk->last = store_content_ref(*copy);
        walk->last_id = content->id;
    }
    return (*copy || !walk->batch) && put_digest(walk, content, *copy);
}

static bool take_message(struct walk *walk, uint64_t id) {
    struct store_message message;
    struct store_content *content = NULL, *copy = NULL;
    bool done = store_get_message(walk->store, id, &walk->arena, &message, &walk->err) &&
                (content = store_content_open(walk->store, id, &walk->err));
    PUT(walk, id, done ? (uint64_t)message.arrival : 0);
    done = done && put_content(walk, &message, content, &copy);
    if (done)
        put_span(walk, message.envelope);
    if (done && walk->batch)
        done =
            added(walk, batch_copy_message(walk->batch, &message, copy),
                  message.envelope.len + (message.content_length < PIECE ? message.content_length : PIECE));
    if (done)
        add_octets(walk, message.envelope.len);
    store_content_release(copy);
    store_content_release(content);
    return done && count(walk, MESSAGES);
}

static bool each_message(void *context, uint64_t id) {
    struct walk *walk = context;
    bool done = take_message(walk, id);
    arena_reset(&walk->arena);
    return done;
}

/* ---- copies, and what of them is under way ---- */

/* Names, as the keys are others in the other store. */
static bool hop_name(struct walk *walk, uint32_t key, struct span *name) {
    *name = (struct span){NULL, 0};
    return !key || store_next_hop_name(walk->store, key, name, &walk->err);
}

static bool put_copy(struct walk *walk, const struct store_work *work, struct span hop, struct span doubt) {
    struct store_work row = *work;
    return next_hop_of(walk, hop, &row.next_hop) && next_hop_of(walk, doubt, &row.doubt_peer) &&
           added(walk, batch_copy_work(walk->batch, &row), work->data.len);
}

/* A copy of it would pass for right. */
static bool is_whole(struct walk *walk, bool damaged, const char *what, uint64_t id) {
    return !damaged || error_set(&walk->err, STORE_CORRUPT,
                                 "%s: %s %llu is not what was stored: run `mhs store repair` before",
                                 walk->store->place, what, (unsigned long long)id);
}

static bool each_copy(void *context, const struct store_work *work) {
    struct walk *walk = context;
    struct span hop, doubt;
    if (!is_whole(walk, work->damaged, "work", work->id) || !hop_name(walk, work->next_hop, &hop) ||
        !hop_name(walk, work->doubt_peer, &doubt))
        return false;
    PUT(walk, work->id, work->message, (uint64_t)work->due, (uint64_t)work->expiry, work->tries,
        work->priority, work->status);
    put_span(walk, hop);
    put_span(walk, doubt);
    put_span(walk, work->data);
    return count(walk, COPIES) && (!walk->batch || put_copy(walk, work, hop, doubt));
}

static bool each_activity_out(void *context, const struct store_activity_out *out) {
    struct walk *walk = context;
    PUT(walk, out->work, (uint64_t)out->at, out->serial, out->offset);
    put_span(walk, out->association);
    put_span(walk, out->activity);
    put_span(walk, out->data);
    return count(walk, ACTIVITIES) &&
           (!walk->batch || added(walk, store_put_activity_out(walk->batch, out), out->data.len));
}

static bool take_activity_in(struct walk *walk, const struct store_activity_in *in) {
    struct store_content *content = NULL, *copy = NULL;
    PUT(walk, in->id, (uint64_t)in->at, in->serial, in->offset);
    put_span(walk, in->peer);
    put_span(walk, in->association);
    put_span(walk, in->activity);
    put_span(walk, in->state);
    bool done = !in->content_length ||
                ((content = store_content_resume(walk->store, in->id, &walk->err)) &&
                 (!walk->batch || (copy = copy_of(walk, content))) && put_digest(walk, content, copy));
    if (done && walk->batch)
        done = added(walk, store_put_activity_in(walk->batch, in, copy) != 0, PIECE);
    store_content_release(copy);
    store_content_release(content);
    return done && count(walk, ACTIVITIES);
}

static bool each_activity_in(void *context, const struct store_activity_in *in) {
    struct walk *walk = context;
    bool done = take_activity_in(walk, in);
    arena_reset(&walk->arena);
    return done;
}

/* ---- mailboxes ---- */

static bool each_entry(void *context, const struct store_entry *entry) {
    struct walk *walk = context;
    if (!is_whole(walk, entry->damaged, "entry", entry->sequence))
        return false;
    PUT(walk, entry->sequence, entry->message, (uint64_t)entry->at, (uint64_t)entry_head(entry),
        entry->octets);
    put_span(walk, walk->mailbox_name);
    put_span(walk, entry->data);
    return count(walk, ENTRIES) &&
           (!walk->batch ||
            added(walk, batch_copy_entry(walk->batch, walk->mailbox_into, entry), entry->data.len));
}

static bool each_row(void *context, const struct store_row *row) {
    struct walk *walk = context;
    struct store_row copy = *row;
    if (!is_whole(walk, row->damaged, "row", row->number))
        return false;
    PUT(walk, (uint64_t)row->kind, row->number);
    put_span(walk, walk->mailbox_name);
    put_span(walk, row->name);
    put_span(walk, row->data);
    copy.mailbox = walk->mailbox_into;
    return count(walk, RECORDS) &&
           (!walk->batch || added(walk, store_put_row(walk->batch, &copy), row->data.len));
}

static bool each_row_of(struct walk *walk, uint32_t mailbox) {
    for (unsigned kind = 1; kind < STORE_ROW_KINDS; kind++)
        if (!store_each_row(walk->store, (enum store_row_kind)kind, mailbox, 0, UINT64_MAX, each_row, walk,
                            &walk->err) ||
            failed(walk))
            return false;
    return true;
}

static bool each_mailbox(void *context, uint32_t mailbox, struct span name, uint64_t next) {
    struct walk *walk = context;
    walk->mailbox_name = name;
    PUT(walk, next);
    put_span(walk, name);
    if (!count(walk, MAILBOXES) ||
        (walk->batch && !(walk->batch->store->engine->mailbox(walk->batch->store, name, true,
                                                              &walk->mailbox_into, &walk->err) &&
                          added(walk, batch_number_entry(walk->batch, walk->mailbox_into, next), 0))))
        return false;
    return store_each_entry(walk->store, mailbox, 0, 0, each_entry, walk, &walk->err) && !failed(walk) &&
           each_row_of(walk, mailbox);
}

/* ---- the rest ---- */

static bool each_record(void *context, uint32_t kind, struct span name, struct span data) {
    struct walk *walk = context;
    if (kind == STORE_MOVE || rows_is_kind(kind)) /* these come with their mailboxes, whose keys are others */
        return true;
    PUT(walk, kind);
    put_span(walk, name);
    put_span(walk, data);
    return count(walk, RECORDS) &&
           (!walk->batch || added(walk, store_put_record(walk->batch, kind, name, data), data.len));
}

static bool each_outcome(void *context, const struct store_outcome *outcome) {
    struct walk *walk = context;
    PUT(walk, (uint64_t)outcome->expiry);
    put_span(walk, outcome->association);
    put_span(walk, outcome->activity);
    put_span(walk, outcome->peer);
    put_span(walk, outcome->data);
    return count(walk, OUTCOMES) &&
           (!walk->batch || added(walk, store_put_outcome(walk->batch, outcome), outcome->data.len));
}

/* Its expiry is no part of it: an engine may keep keys somewhat longer, with others. */
static bool each_repeat(void *context, const uint8_t key[static STORE_DIGEST], int64_t expiry) {
    struct walk *walk = context;
    buf_append(&walk->item, key, STORE_DIGEST);
    return count(walk, REPEATS) &&
           (!walk->batch || added(walk, store_add_repeat(walk->batch, key, expiry), STORE_DIGEST));
}

static bool each_event(void *context, struct span key, int64_t at, struct span data) {
    struct walk *walk = context;
    PUT(walk, walk->tallies[EVENTS].count, (uint64_t)at);
    put_span(walk, key);
    put_span(walk, data);
    return count(walk, EVENTS) &&
           (!walk->batch || added(walk, store_add_event(walk->batch, key, at, data), key.len + data.len));
}

/* What is referred to comes first. */
static bool walk_all(struct walk *walk) {
    const struct store_scan first = {.context = walk, .message = each_message, .record = each_record},
                            last = {.context = walk,
                                    .event = each_event,
                                    .repeat = each_repeat,
                                    .outcome = each_outcome};
    const struct store_engine *engine = walk->store->engine;
    struct error *err = &walk->err;
    return engine->scan(walk->store, &first, err) && !failed(walk) &&
           engine->each_work(walk->store, 0, 0, 0, -1, each_copy, walk, err) && !failed(walk) &&
           engine->each_activity_out(walk->store, each_activity_out, walk, err) && !failed(walk) &&
           engine->each_mailbox(walk->store, each_mailbox, walk, err) && !failed(walk) &&
           engine->each_activity_in(walk->store, each_activity_in, walk, err) && !failed(walk) &&
           engine->scan(walk->store, &last, err) && !failed(walk) && (!walk->batch || commit(walk));
}

bool walk_store(struct walk *walk, struct error *err) {
    arena_init(&walk->arena, ONE_MEMORY);
    buf_init(&walk->item, 0);
    bool done = walk_all(walk);
    forget_last(walk);
    map_free(&walk->contents);
    arena_free(&walk->arena);
    buf_free(&walk->item);
    return done || error_set(err, walk->err.code, "%s", walk->err.text);
}
