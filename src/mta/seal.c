#include "mta/seal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "ipc/frames.h"
#include "ipc/payload.h"
#include "ms/sealed.h"
#include "mta/batch.h"
#include "mta/delivered.h"
#include "mta/mta_private.h"

#define A_JOB      16                   /* entries */
#define JOB_OCTETS ((size_t)512 * 1024) /* and not many more octets */
#define FIRST      2048                 /* octets of a content's beginning */
#define ITEMS_MOST ((size_t)64 * 1024)  /* of a row */
#define TRIES      2

struct sealer {
    struct store_chunk chunk; /* mailbox 0: none is under way */
    uint64_t next;            /* the first number that was in no job */
    uint64_t numbers[A_JOB];  /* of the entries of the job */
    size_t count;             /* 0: no job is under way */
    uint64_t alone;           /* those below that number are each a job of its own */
    unsigned tries;           /* of an entry that is alone */
    bool longer;              /* its content's beginning is as long as it may be */
    bool waits;               /* the columns are in a batch */
    bool damaged;             /* a row is: the chunk gets no columns */
    struct arena arena, scratch;
    struct span facts[STORE_CHUNK]; /* as ms_facts_write has them; absent: there is no such entry */
};

struct sealer *sealer_new(void) {
    struct sealer *sealer = mem_alloc(sizeof *sealer);
    if (!sealer)
        return NULL;
    *sealer = (struct sealer){.waits = false};
    arena_init(&sealer->arena, (size_t)16 << 20);
    arena_init(&sealer->scratch, (size_t)4 << 20);
    return sealer;
}

void sealer_free(struct sealer *sealer) {
    if (!sealer)
        return;
    arena_free(&sealer->arena);
    arena_free(&sealer->scratch);
    mem_free(sealer);
}

bool seal_is_due(const struct mta *mta) {
    return store_may_have_chunks(mta->view.store) && !mta->sealer->waits;
}

static uint64_t end_of(const struct sealer *sealer) {
    return (sealer->chunk.number + 1) * STORE_CHUNK;
}

/* Begins the chunk anew when it is its turn again. */
static void forget(struct sealer *sealer) {
    sealer->chunk = (struct store_chunk){0, 0};
    sealer->count = 0;
    sealer->waits = false;
}

/* ---- facts ---- */

static bool keep(struct sealer *sealer, uint64_t number, struct span facts) {
    struct span *slot = &sealer->facts[number % STORE_CHUNK];
    *slot = arena_dup(&sealer->arena, facts);
    return slot->data;
}

/* Of an entry whose content is not opened. */
static bool keep_unread(struct sealer *sealer, const struct store_entry *entry) {
    struct span items = delivered_items(entry);
    struct ms_facts facts;
    struct buf octets;
    buf_init(&octets, 0);
    arena_reset(&sealer->scratch);
    bool done = ms_seal_unread(entry, items.len > ITEMS_MOST ? (struct span){NULL, 0} : items,
                               &sealer->scratch, &facts) &&
                ms_facts_write(&octets, &facts) && keep(sealer, entry->sequence, buf_span(&octets));
    buf_free(&octets);
    return done;
}

static bool keep_unread_number(struct mta *mta, uint64_t number) {
    struct sealer *sealer = mta->sealer;
    struct store_entry entry;
    struct error err = {0};
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    bool done = store_get_entry(mta->view.store, sealer->chunk.mailbox, number, &arena, &entry, &err)
                    ? keep_unread(sealer, &entry)
                    : err.code == STORE_NOT_FOUND;
    arena_free(&arena);
    return done;
}

/* ---- jobs ---- */

struct gathering {
    struct mta *mta;
    struct buf *arguments;
    size_t most;
    bool failed;
};

/* False: it can't be read, as far as it is asked for. */
static bool read_beginning(struct mta *mta, const struct store_entry *entry, uint64_t *length,
                           struct span *beginning) {
    struct sealer *sealer = mta->sealer;
    struct delivered delivered;
    size_t got = 0, most = sealer->longer ? MS_BEGINNING : FIRST;
    *length = 0;
    *beginning = (struct span){NULL, 0};
    if (!delivered_read(entry->data, &delivered))
        return false;
    if (!delivered.has_content || delivered.kind == MTS_REPORT)
        return true;
    struct store_content *content = store_content_open(mta->view.store, entry->message, NULL);
    if (!content)
        return false;
    *length = store_content_length(content);
    size_t len = *length < most ? (size_t)*length : most;
    uint8_t *octets = arena_alloc(&sealer->scratch, len + 1);
    bool read = octets && store_content_read(content, 0, octets, len, &got, NULL) && got == len;
    *beginning = span_of(octets, got);
    store_content_release(content);
    return read;
}

static bool put_entry(struct gathering *gathering, const struct store_entry *entry) {
    struct sealer *sealer = gathering->mta->sealer;
    struct span items = delivered_items(entry), beginning;
    uint64_t length;
    arena_reset(&sealer->scratch);
    if (items.len > ITEMS_MOST || !read_beginning(gathering->mta, entry, &length, &beginning))
        return keep_unread(sealer, entry);
    sealer->numbers[sealer->count++] = entry->sequence;
    return buf_append_byte(gathering->arguments, entry->type) &&
           buf_append_byte(gathering->arguments, entry->known) &&
           payload_put_octets(gathering->arguments, items) && buf_append_u64(gathering->arguments, length) &&
           payload_put_octets(gathering->arguments, beginning);
}

static bool gather(void *context, const struct store_entry *entry) {
    struct gathering *gathering = context;
    struct sealer *sealer = gathering->mta->sealer;
    if (entry->sequence >= end_of(sealer))
        return false;
    sealer->damaged = entry->damaged;
    gathering->failed = sealer->damaged || !put_entry(gathering, entry);
    sealer->next = entry->sequence + 1;
    return !gathering->failed && sealer->count < gathering->most &&
           buf_span(gathering->arguments).len < JOB_OCTETS;
}

/* The entries of the next job; none are left where its count is 0. */
static bool gather_job(struct mta *mta, struct buf *arguments) {
    struct sealer *sealer = mta->sealer;
    struct error err = {0};
    struct gathering gathering = {mta, arguments, sealer->next < sealer->alone ? 1 : A_JOB, false};
    uint64_t from = sealer->next;
    if (from >= end_of(sealer))
        return true;
    bool read = store_each_entry(mta->view.store, sealer->chunk.mailbox, from ? from - 1 : 0, STORE_CHUNK,
                                 gather, &gathering, &err);
    if (read && !sealer->count && !gathering.failed)
        sealer->next = end_of(sealer);
    return read && !gathering.failed && !arguments->failed;
}

/* ---- the chunk is whole ---- */

static void on_disk(struct mta *mta, const struct effect *effect) {
    const struct store_chunk chunk = {effect->number, effect->ref};
    store_chunk_done(mta->view.store, &chunk);
    forget(mta->sealer);
}

static void not_on_disk(struct mta *mta, const struct effect *effect) {
    (void)effect;
    forget(mta->sealer);
}

static const struct effect_kind sealed = {on_disk, not_on_disk};

static bool derive(void *context, const struct store_entry *entry, struct store_columns *columns) {
    struct mta *mta = context;
    struct span octets = mta->sealer->facts[entry->sequence % STORE_CHUNK];
    struct ms_facts facts;
    if (!octets.data || !ms_facts_read(&octets, &facts))
        return false;
    ms_facts_columns(mta->view.store, &facts, columns);
    return true;
}

static void finish(struct mta *mta) {
    struct sealer *sealer = mta->sealer;
    struct error err = {0};
    batch_request(mta);
    struct batch_mark mark = batch_mark(mta);
    struct effect effect = {.kind = &sealed, .number = sealer->chunk.mailbox, .ref = sealer->chunk.number};
    sealer->waits = true;
    if (store_seal_chunk(mta->batch.store, &sealer->chunk, derive, mta, &err) &&
        batch_effect_later(mta, effect))
        return;
    batch_undo(mta, mark);
    forget(sealer);
}

/* ---- one step after the other ---- */

static bool open_chunk(struct mta *mta) {
    struct sealer *sealer = mta->sealer;
    struct error err = {0};
    bool more = true;
    while (!sealer->chunk.mailbox && more)
        if (!store_next_chunk(mta->view.store, &sealer->chunk, &more, &err))
            return false;
    arena_reset(&sealer->arena);
    memset(sealer->facts, 0, sizeof sealer->facts);
    sealer->next = sealer->chunk.number * STORE_CHUNK;
    sealer->alone = 0;
    sealer->damaged = sealer->longer = false;
    sealer->tries = 0;
    return sealer->chunk.mailbox;
}

/* A damaged row is named where it is looked at. */
static void pass_over(struct mta *mta) {
    store_chunk_done(mta->view.store, &mta->sealer->chunk);
    forget(mta->sealer);
}

bool seal_begin(struct mta *mta, struct buf *arguments) {
    struct sealer *sealer = mta->sealer;
    if (sealer->waits || sealer->count || !store_accepting(mta->view.store) || batch_is_full(mta) ||
        (!sealer->chunk.mailbox && !open_chunk(mta)))
        return false;
    buf_clear(arguments);
    bool gathered = gather_job(mta, arguments);
    if (gathered && sealer->count)
        return true;
    if (gathered)
        finish(mta);
    else if (sealer->damaged)
        pass_over(mta);
    else
        forget(sealer);
    return false;
}

/* The entries from the first of the job on are each a job of its own. */
static void begin_alone(struct sealer *sealer) {
    sealer->alone = sealer->next;
    sealer->next = sealer->numbers[0];
    sealer->count = 0;
}

static void end_job(struct sealer *sealer) {
    sealer->count = 0;
    sealer->tries = 0;
    sealer->longer = false;
}

void seal_failed(struct mta *mta) {
    struct sealer *sealer = mta->sealer;
    if (!sealer->count)
        return;
    uint64_t number = sealer->numbers[0];
    bool last = sealer->count == 1 && ++sealer->tries >= TRIES;
    begin_alone(sealer);
    if (!last)
        return;
    log_warning("the content of entry %llu of mailbox %u can't be opened: it is not looked into for lists",
                (unsigned long long)number, (unsigned)sealer->chunk.mailbox);
    end_job(sealer);
    sealer->next = number + 1;
    if (!keep_unread_number(mta, number))
        forget(sealer);
}

/* Its content is asked for at greater length, alone. */
static void ask_longer(struct sealer *sealer) {
    begin_alone(sealer);
    sealer->longer = true;
}

static bool take_entry(struct sealer *sealer, struct span *rest, size_t at, bool *more) {
    struct span whole;
    struct ms_facts facts;
    uint8_t kind = rest->len ? rest->data[0] : UINT8_MAX;
    if (kind > IPC_WORK_FACTS)
        return false;
    *rest = span_sub(*rest, 1, rest->len - 1);
    *more = kind == IPC_WORK_MORE;
    if (*more)
        return !sealer->longer;
    whole = *rest;
    return ms_facts_read(rest, &facts) &&
           keep(sealer, sealer->numbers[at], span_sub(whole, 0, whole.len - rest->len));
}

/* Where an entry wants more the job ends with those before it; it and those behind it follow one by one. */
bool seal_results(struct mta *mta, struct span results) {
    struct sealer *sealer = mta->sealer;
    bool more = false;
    size_t at = 0;
    for (; at < sealer->count && !more; at += !more)
        if (!take_entry(sealer, &results, at, &more))
            return false;
    if (!more && results.len)
        return false;
    sealer->numbers[0] = more ? sealer->numbers[at] : 0;
    if (more)
        ask_longer(sealer);
    else
        end_job(sealer);
    return true;
}
