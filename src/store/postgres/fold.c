/*
 * Folding: a statement takes many rows, but each row once. Of the operations of
 * a batch on one row only what they come to is written: a copy that is added and
 * done in one batch is never there.
 */
#include "store/bits_private.h"
#include "store/postgres/postgres_private.h"

/* The columns of each statement: n bigint[], b bytea[]. */
static const char *const types[FOLD_END - FOLD_FIRST] = {
#define TYPES(query, text) [(query)-FOLD_FIRST] = (text)
    TYPES(Q_ADD_MESSAGES, "nnnnnnbb"), TYPES(Q_ADD_CONTENTS, "nnnb"),
    TYPES(Q_SET_CONTENTS, "nnb"),      TYPES(Q_PUT_CHUNKS, "nnb"),
    TYPES(Q_ADD_WORK, "nnnnnnnnnbn"),  TYPES(Q_SET_WORK, "nnnnnnnnnbn"),
    TYPES(Q_ADD_ENTRIES, "nnnnnbn"),   TYPES(Q_CLEAR_BITS, "nnnb"),
    TYPES(Q_SET_BITS, "nnnb"),         TYPES(Q_DROP_EMPTY, "nn"),
    TYPES(Q_COPY_ENTRIES, "nnnnnnbn"), TYPES(Q_NUMBER_ENTRIES, "nn"),
    TYPES(Q_COUNT, "nnnnnnnn"),        TYPES(Q_PUT_ACTIVITIES_IN, "nbbbnnnnnbbn"),
    TYPES(Q_DROP_ACTIVITIES_IN, "n"),  TYPES(Q_PUT_ACTIVITIES_OUT, "nbbnnnbn"),
    TYPES(Q_DROP_ACTIVITIES_OUT, "n"), TYPES(Q_PUT_OUTCOMES, "bbbnb"),
    TYPES(Q_DROP_OUTCOMES, "bbb"),     TYPES(Q_PUT_RECORDS, "nbb"),
    TYPES(Q_DROP_RECORDS, "nb"),       TYPES(Q_ADD_EVENTS, "nnnnbn"),
    TYPES(Q_ADD_REPEATS, "bn"),
#undef TYPES
};

/* The columns of Q_COUNT. */
enum {
    DONE_WORK,
    TAKEN_MAILBOX,
    TAKEN_SEQUENCE,
    MESSAGE,
    MESSAGE_CHANGE,
    WRITTEN_ACTIVITY,
    CONTENT,
    CONTENT_CHANGE
};

/* Events in a row: two such rows fill a page of the server. */
#define EVENTS_OCTETS 3600

/* What the operations on a piece of work come to. */
enum work_fate { WORK_IS_NOTHING, WORK_IS_ADDED, WORK_IS_SET, WORK_IS_DONE };

static struct pg_array *column(struct fold *fold, enum query query, int number) {
    return &fold->columns[query - FOLD_FIRST][number];
}

static void number(struct fold *fold, enum query query, int n, int64_t value) {
    pg_array_number(column(fold, query, n), value);
}

static void octets(struct fold *fold, enum query query, int n, struct span value) {
    pg_array_octets(column(fold, query, n), value);
}

void fold_init(struct fold *fold) {
    *fold = (struct fold){0};
    buf_init(&fold->events.packed, 0);
    for (int query = FOLD_FIRST; query < FOLD_END; query++)
        for (int n = 0; types[query - FOLD_FIRST][n]; n++)
            pg_array_init(column(fold, (enum query)query, n),
                          types[query - FOLD_FIRST][n] == 'n' ? PG_BIGINT : PG_BYTEA);
}

static struct map *const *maps(struct fold *fold, struct map *list[static 7]) {
    struct map *all[7] = {&fold->work,          &fold->messages,       &fold->contents, &fold->counts,
                          &fold->activities_in, &fold->activities_out, &fold->keys};
    memcpy(list, all, sizeof all);
    return list;
}

void fold_free(struct fold *fold) {
    struct map *list[7];
    for (int query = FOLD_FIRST; query < FOLD_END; query++)
        for (int n = 0; types[query - FOLD_FIRST][n]; n++)
            pg_array_free(column(fold, (enum query)query, n));
    maps(fold, list);
    for (size_t i = 0; i < 7; i++)
        map_free(list[i]);
    bits_free(&fold->bits);
    buf_free(&fold->events.packed);
}

static void clear(struct fold *fold) {
    struct map *list[7];
    for (int query = FOLD_FIRST; query < FOLD_END; query++)
        for (int n = 0; types[query - FOLD_FIRST][n]; n++)
            pg_array_clear(column(fold, (enum query)query, n));
    maps(fold, list);
    for (size_t i = 0; i < 7; i++)
        map_clear(list[i]);
    bits_free(&fold->bits);
    fold->content_octets = 0;
    buf_clear(&fold->events.packed);
}

/* ---- first: which operation counts for which row ---- */

static bool put(struct map *map, uint64_t id, int64_t value) {
    struct map_slot *slot = map_at(map, id);
    if (slot)
        slot->number = value;
    return slot != NULL;
}

static bool change(struct map *map, uint64_t id, int64_t by) {
    struct map_slot *slot = map_at(map, id);
    if (slot)
        slot->number += by;
    return slot != NULL;
}

static bool note_work(struct fold *fold, const struct operation *operation, size_t index) {
    uint64_t id = operation->type == DROP_WORK ? operation->ids.id : operation->work.id;
    struct map_slot *slot = id ? map_at(&fold->work, id) : NULL;
    enum work_fate before = slot ? (enum work_fate)(slot->number & 3) : WORK_IS_NOTHING,
                   fate = operation->type == ADD_WORK   ? WORK_IS_ADDED
                          : operation->type == SET_WORK ? WORK_IS_SET
                                                        : WORK_IS_DONE;
    bool known = slot && slot->number;
    if (!slot)
        return !id;
    if (known && (before == WORK_IS_DONE || before == WORK_IS_NOTHING))
        return true; /* it is gone */
    if (known && before == WORK_IS_ADDED)
        fate = fate == WORK_IS_DONE ? WORK_IS_NOTHING : WORK_IS_ADDED;
    slot->number = (int64_t)((index + 1) << 2 | fate);
    return true;
}

/* The slot of an outcome's or a record's key; two keys of one hash take two slots. */
typedef bool same_key(const struct operation *a, const struct operation *b);

static bool same_outcome(const struct operation *a, const struct operation *b) {
    return (b->type == PUT_OUTCOME || b->type == DROP_OUTCOME) &&
           span_eq(a->outcome.association, b->outcome.association) &&
           span_eq(a->outcome.activity, b->outcome.activity) && span_eq(a->outcome.peer, b->outcome.peer);
}

static bool same_record(const struct operation *a, const struct operation *b) {
    return (b->type == PUT_RECORD || b->type == DROP_RECORD) && a->number == b->number &&
           span_eq(a->record.name, b->record.name);
}

static bool note_key(struct fold *fold, const struct store_batch *batch, size_t index, uint64_t hash,
                     same_key *same) {
    for (;; hash++) {
        struct map_slot *slot = map_at(&fold->keys, hash ? hash : ++hash);
        if (!slot)
            return false;
        if (slot->number && !same(&batch->list[index], &batch->list[slot->number - 1]))
            continue;
        slot->number = (int64_t)index + 1;
        return true;
    }
}

static bool note_outcome(struct fold *fold, const struct store_batch *batch, size_t index) {
    const struct store_outcome *outcome = &batch->list[index].outcome;
    uint64_t hash =
        store_hash(batch->store, outcome->association) * 31 + store_hash(batch->store, outcome->activity);
    return note_key(fold, batch, index, hash * 31 + store_hash(batch->store, outcome->peer), same_outcome);
}

static bool note(struct fold *fold, const struct store_batch *batch, size_t index) {
    const struct operation *operation = &batch->list[index];
    switch (operation->type) {
    case ADD_WORK:
    case SET_WORK:
    case DROP_WORK:
        return note_work(fold, operation, index);
    case PUT_ACTIVITY_IN:
        return put(&fold->activities_in, operation->activity->public.id, (int64_t)index + 1);
    case DROP_ACTIVITY_IN:
        return !operation->ids.id || put(&fold->activities_in, operation->ids.id, (int64_t)index + 1);
    case PUT_ACTIVITY_OUT:
        return put(&fold->activities_out, operation->activity_out.work, (int64_t)index + 1);
    case DROP_ACTIVITY_OUT:
        return !operation->ids.id || put(&fold->activities_out, operation->ids.id, (int64_t)index + 1);
    case PUT_OUTCOME:
    case DROP_OUTCOME:
        return note_outcome(fold, batch, index);
    case PUT_RECORD:
    case DROP_RECORD:
        return note_key(fold, batch, index,
                        store_hash(batch->store, operation->record.name) + operation->number, same_record);
    default:
        return true;
    }
}

/* ---- then: what is written ---- */

static bool is_last(const struct map *map, uint64_t id, size_t index) {
    struct map_slot *slot = id ? map_find(map, id) : NULL;
    return slot && slot->number == (int64_t)index + 1;
}

static bool write_work(struct fold *fold, const struct operation *operation, size_t index) {
    uint64_t id = operation->type == DROP_WORK ? operation->ids.id : operation->work.id;
    struct map_slot *slot = id ? map_find(&fold->work, id) : NULL;
    enum work_fate fate = slot ? (enum work_fate)(slot->number & 3) : WORK_IS_NOTHING;
    if (operation->type == ADD_WORK && fate == WORK_IS_ADDED &&
        !change(&fold->messages, operation->work.message, 1))
        return false;
    if (!slot || slot->number >> 2 != (int64_t)index + 1 || fate == WORK_IS_NOTHING)
        return true;
    if (fate == WORK_IS_DONE) {
        number(fold, Q_COUNT, DONE_WORK, (int64_t)id);
        return true;
    }
    const struct store_work *work = &operation->work;
    const int64_t values[] = {(int64_t)id,  (int64_t)work->message, work->next_hop, work->priority,
                              work->status, work->doubt_peer,       work->tries,    work->due,
                              work->expiry};
    enum query query = fate == WORK_IS_ADDED ? Q_ADD_WORK : Q_SET_WORK;
    for (int n = 0; n < 9; n++)
        number(fold, query, n, values[n]);
    octets(fold, query, 9, work->data);
    number(fold, query, 10, (int64_t)sum_of_work(work));
    return true;
}

static bool write_activity_in(struct fold *fold, const struct operation *operation, size_t index) {
    bool ends = operation->type == DROP_ACTIVITY_IN;
    const struct store_activity_in *in = ends ? NULL : &operation->activity->public;
    uint64_t id = ends ? operation->ids.id : in->id,
             content = operation->content ? operation->content->id : 0;
    if (!is_last(&fold->activities_in, id, index))
        return true;
    number(fold, Q_COUNT, WRITTEN_ACTIVITY, (int64_t)id); /* what it named before loses a reference */
    if (ends) {
        number(fold, Q_DROP_ACTIVITIES_IN, 0, (int64_t)id);
        return true;
    }
    const struct span spans[] = {in->peer, in->association, in->activity};
    const int64_t values[] = {in->at, in->serial, (int64_t)in->offset, (int64_t)content,
                              (int64_t)in->content_length};
    number(fold, Q_PUT_ACTIVITIES_IN, 0, (int64_t)id);
    for (int n = 0; n < 3; n++)
        octets(fold, Q_PUT_ACTIVITIES_IN, 1 + n, spans[n]);
    for (int n = 0; n < 5; n++)
        number(fold, Q_PUT_ACTIVITIES_IN, 4 + n, values[n]);
    struct span chain = span_of(operation->activity->chain, STORE_DIGEST);
    octets(fold, Q_PUT_ACTIVITIES_IN, 9, chain);
    octets(fold, Q_PUT_ACTIVITIES_IN, 10, in->state);
    number(fold, Q_PUT_ACTIVITIES_IN, 11, (int64_t)sum_of_activity_in(in, content, chain));
    return !content || change(&fold->counts, content, 1);
}

static void write_activity_out(struct fold *fold, const struct operation *operation, size_t index) {
    const struct store_activity_out *out = &operation->activity_out;
    if (operation->type == DROP_ACTIVITY_OUT) {
        if (is_last(&fold->activities_out, operation->ids.id, index))
            number(fold, Q_DROP_ACTIVITIES_OUT, 0, (int64_t)operation->ids.id);
        return;
    }
    struct map_slot *work = map_find(&fold->work, out->work);
    enum work_fate fate = work ? (enum work_fate)(work->number & 3) : WORK_IS_SET;
    if (!is_last(&fold->activities_out, out->work, index) || fate == WORK_IS_DONE || fate == WORK_IS_NOTHING)
        return; /* it goes with its work */
    number(fold, Q_PUT_ACTIVITIES_OUT, 0, (int64_t)out->work);
    octets(fold, Q_PUT_ACTIVITIES_OUT, 1, out->association);
    octets(fold, Q_PUT_ACTIVITIES_OUT, 2, out->activity);
    number(fold, Q_PUT_ACTIVITIES_OUT, 3, out->at);
    number(fold, Q_PUT_ACTIVITIES_OUT, 4, out->serial);
    number(fold, Q_PUT_ACTIVITIES_OUT, 5, (int64_t)out->offset);
    octets(fold, Q_PUT_ACTIVITIES_OUT, 6, out->data);
    number(fold, Q_PUT_ACTIVITIES_OUT, 7, (int64_t)sum_of_activity_out(out));
}

static void write_keyed(struct fold *fold, const struct store_batch *batch) {
    for (size_t i = 0; i < fold->keys.room; i++) {
        const struct map_slot *slot = &fold->keys.slots[i];
        const struct operation *operation = slot->key ? &batch->list[slot->number - 1] : NULL;
        if (!operation)
            continue;
        bool gives = operation->type == PUT_OUTCOME || operation->type == PUT_RECORD;
        if (operation->type == PUT_RECORD || operation->type == DROP_RECORD) {
            enum query query = gives ? Q_PUT_RECORDS : Q_DROP_RECORDS;
            number(fold, query, 0, operation->number);
            octets(fold, query, 1, operation->record.name);
            if (gives)
                octets(fold, query, 2, operation->record.data);
            continue;
        }
        enum query query = gives ? Q_PUT_OUTCOMES : Q_DROP_OUTCOMES;
        octets(fold, query, 0, operation->outcome.association);
        octets(fold, query, 1, operation->outcome.activity);
        octets(fold, query, 2, operation->outcome.peer);
        if (gives) {
            number(fold, query, 3, operation->outcome.expiry);
            octets(fold, query, 4, operation->outcome.data);
        }
    }
}

static bool write_entry(struct fold *fold, const struct operation *operation) {
    const struct store_entry *entry = &operation->entry;
    const int64_t values[] = {operation->number, (int64_t)entry->message, entry->at, entry_head(entry),
                              (int64_t)entry->octets};
    for (int n = 0; n < 5; n++)
        number(fold, Q_ADD_ENTRIES, n, values[n]);
    octets(fold, Q_ADD_ENTRIES, 5, entry->data);
    number(fold, Q_ADD_ENTRIES, 6, (int64_t)sum_of_entry(entry));
    return change(&fold->messages, entry->message, 1);
}

static bool copy_entry(struct fold *fold, const struct operation *operation) {
    const struct store_entry *entry = &operation->entry;
    const int64_t values[] = {operation->number, (int64_t)entry->sequence, (int64_t)entry->message,
                              entry->at,         entry_head(entry),        (int64_t)entry->octets};
    for (int n = 0; n < 6; n++)
        number(fold, Q_COPY_ENTRIES, n, values[n]);
    octets(fold, Q_COPY_ENTRIES, 6, entry->data);
    number(fold, Q_COPY_ENTRIES, 7, (int64_t)sum_of_entry(entry));
    return change(&fold->messages, entry->message, 1);
}

static void write_bits_of(struct fold *fold, enum query query, uint64_t row, const uint8_t *bits) {
    static const uint8_t none[BITS_OCTETS];
    if (!memcmp(bits, none, BITS_OCTETS))
        return;
    number(fold, query, 0, bits_mailbox(row));
    number(fold, query, 1, (int64_t)bits_block(row));
    number(fold, query, 2, (int64_t)bits_plane(row));
    octets(fold, query, 3, span_of(bits, BITS_OCTETS));
}

static void write_bits(struct fold *fold) {
    for (size_t i = 0; i < fold->bits.room; i++) {
        const struct bits_change *change = fold->bits.slots[i].value;
        if (!fold->bits.slots[i].key)
            continue;
        write_bits_of(fold, Q_CLEAR_BITS, fold->bits.slots[i].key, change->clear);
        write_bits_of(fold, Q_SET_BITS, fold->bits.slots[i].key, change->set);
    }
}

static void drop_entry(struct fold *fold, const struct operation *operation) {
    number(fold, Q_COUNT, TAKEN_MAILBOX, operation->number);
    number(fold, Q_COUNT, TAKEN_SEQUENCE, (int64_t)operation->ids.id);
    number(fold, Q_DROP_EMPTY, 0, operation->number);
    number(fold, Q_DROP_EMPTY, 1, (int64_t)(operation->ids.id / BITS_ENTRIES));
}

/* A row of events is full. */
static bool end_events(struct fold *fold, struct store *store) {
    struct events *events = &fold->events;
    uint64_t id = events->packed.len ? store_take_id(store) : 0;
    if (!events->packed.len)
        return true;
    number(fold, Q_ADD_EVENTS, 0, (int64_t)id);
    number(fold, Q_ADD_EVENTS, 1, events->at);
    number(fold, Q_ADD_EVENTS, 2, events->first + 1);
    number(fold, Q_ADD_EVENTS, 3, column(fold, Q_ADD_EVENTS, 5)->count);
    octets(fold, Q_ADD_EVENTS, 4, buf_span(&events->packed));
    buf_clear(&events->packed);
    return id != 0;
}

static bool write_event(struct fold *fold, const struct store_batch *batch,
                        const struct operation *operation) {
    struct events *events = &fold->events;
    struct span key = operation->event.key, data = operation->event.data;
    if (events->packed.len + key.len + data.len > EVENTS_OCTETS && !end_events(fold, batch->store))
        return false;
    if (!events->packed.len) {
        events->first = column(fold, Q_ADD_EVENTS, 5)->count;
        events->at = INT64_MIN;
    }
    if (operation->event.at > events->at)
        events->at = operation->event.at;
    number(fold, Q_ADD_EVENTS, 5, (int64_t)store_hash(batch->store, key));
    return events_pack(&events->packed, key, operation->event.at, data);
}

static bool write(struct fold *fold, const struct store_batch *batch, size_t index) {
    const struct operation *operation = &batch->list[index];
    switch (operation->type) {
    case ADD_WORK:
    case SET_WORK:
    case DROP_WORK:
        return write_work(fold, operation, index);
    case PUT_ACTIVITY_IN:
    case DROP_ACTIVITY_IN:
        return write_activity_in(fold, operation, index);
    case PUT_ACTIVITY_OUT:
    case DROP_ACTIVITY_OUT:
        write_activity_out(fold, operation, index);
        return true;
    case ADD_ENTRY:
        return write_entry(fold, operation);
    case COPY_ENTRY:
        return copy_entry(fold, operation);
    case NUMBER_ENTRY:
        number(fold, Q_NUMBER_ENTRIES, 0, operation->number);
        number(fold, Q_NUMBER_ENTRIES, 1, (int64_t)operation->ids.id);
        return true;
    case SET_ENTRY:
    case RAISE_ENTRIES:
        return bits_note(&fold->bits, operation);
    case DROP_ENTRY:
        drop_entry(fold, operation);
        return true;
    case ADD_EVENT:
        return write_event(fold, batch, operation);
    case ADD_REPEAT:
        octets(fold, Q_ADD_REPEATS, 0, span_of(operation->repeat.digest, STORE_DIGEST));
        number(fold, Q_ADD_REPEATS, 1, operation->repeat.expiry);
        return true;
    default: /* messages come last, when their references are counted; what has a key is written by it */
        return true;
    }
}

/* ---- messages and contents ---- */

static bool write_message(struct fold *fold, const struct operation *operation) {
    const struct store_message *message = &operation->message;
    struct map_slot *slot = map_find(&fold->messages, message->id);
    struct store_content *content = operation->content;
    int64_t refs = slot ? slot->number : 0, place = content ? (int64_t)content->id : 0;
    if (slot)
        slot->number = 0; /* what is left over belongs to messages of before */
    if (refs <= 0 && !operation->kept)
        return true;
    const int64_t values[] = {(int64_t)message->id, refs, place, message->arrival,
                              (int64_t)store_checksum(message->envelope)};
    for (int n = 0; n < 5; n++)
        number(fold, Q_ADD_MESSAGES, n, values[n]);
    octets(fold, Q_ADD_MESSAGES, 6, message->envelope);
    if (content && !place) {
        struct span body = store_content_memory(content);
        number(fold, Q_ADD_MESSAGES, 5, (int64_t)store_checksum(body));
        octets(fold, Q_ADD_MESSAGES, 7, body);
    } else {
        pg_array_null(column(fold, Q_ADD_MESSAGES, 5));
        pg_array_null(column(fold, Q_ADD_MESSAGES, 7));
    }
    return !place || change(&fold->counts, content->id, 1);
}

static bool write_messages(struct fold *fold, const struct store_batch *batch) {
    for (size_t i = 0; i < batch->count; i++)
        if (batch->list[i].type == ADD_MESSAGE && !batch->list[i].left_out &&
            !write_message(fold, &batch->list[i]))
            return false;
    for (size_t i = 0; i < fold->messages.room; i++) {
        const struct map_slot *slot = &fold->messages.slots[i];
        if (!slot->key || !slot->number)
            continue;
        number(fold, Q_COUNT, MESSAGE, (int64_t)slot->key);
        number(fold, Q_COUNT, MESSAGE_CHANGE, slot->number);
    }
    return true;
}

/* A content of which octets are missing is no request's to name. */
static bool refuse_failed(struct store_batch *batch, const struct operation *operation, struct error *err) {
    struct error inner;
    if (!operation->content || !operation->content->failed)
        return true;
    error_set(&inner, STORE_IO, "%s: an earlier write of this content failed", batch->store->place);
    return batch_fail(batch, operation, &inner) || error_set(err, inner.code, "%s", inner.text);
}

static bool prepare_contents(struct store_batch *batch, struct error *err) {
    for (size_t i = 0; i < batch->count; i++) {
        const struct operation *operation = &batch->list[i];
        if (operation->left_out || !operation->content)
            continue;
        /* A resume goes on from rows, be they ever so few. */
        if (operation->type == PUT_ACTIVITY_IN && !operation->content->failed &&
            !content_spill(operation->content, err))
            return false;
        if (!refuse_failed(batch, operation, err))
            return false;
    }
    return true;
}

/* The contents that operations name, each with the octets that its rows are to have. */
static bool note_content(struct fold *fold, const struct operation *operation) {
    struct store_content *content = operation->content;
    if (!content || !content->id)
        return true;
    struct pg_content *part = pg_content_of(content);
    struct map_slot *slot = map_at(&fold->contents, content->id);
    uint64_t length =
        operation->type == PUT_ACTIVITY_IN ? operation->activity->public.content_length : content->length;
    if (!slot)
        return false;
    if (!slot->value)
        part->commit_length = part->saved;
    slot->value = content;
    if (length > part->commit_length)
        part->commit_length = length;
    return true;
}

static void write_chunk(struct fold *fold, const struct pg_content *part, uint64_t at, struct span data) {
    number(fold, Q_PUT_CHUNKS, 0, (int64_t)part->head.id);
    number(fold, Q_PUT_CHUNKS, 1, (int64_t)(at / CHUNK));
    octets(fold, Q_PUT_CHUNKS, 2, data);
}

/* Of the chunks that were not sent when the commit began the batch names one at most: what lies above the
 * last whole one, which may be whole itself by now and is held then. */
static void write_tail(struct fold *fold, const struct pg_content *part) {
    bool holds = part->held.len != 0;
    uint64_t at = holds ? part->held_at : part->chunked;
    if (part->commit_length > part->saved && part->commit_length > at)
        write_chunk(fold, part, at, buf_span(holds ? &part->held : &part->tail));
}

static bool write_content(struct fold *fold, struct store_content *content, int64_t by, struct error *err) {
    struct pg_content *part = pg_content_of(content);
    uint8_t digest[STORE_DIGEST];
    enum query query = part->has_row ? Q_SET_CONTENTS : Q_ADD_CONTENTS;
    int last = part->has_row ? 2 : 3;
    if (content->sealed && !store_content_digest(content, digest, err))
        return false;
    number(fold, query, 0, (int64_t)content->id);
    if (!part->has_row)
        number(fold, query, 1, by);
    number(fold, query, last - 1, (int64_t)part->commit_length);
    if (content->sealed)
        octets(fold, query, last, span_of(digest, sizeof digest));
    else
        pg_array_null(column(fold, query, last));
    fold->content_octets += part->commit_length - part->saved;
    write_tail(fold, part);
    return true;
}

static bool write_contents(struct fold *fold, struct error *err) {
    for (size_t i = 0; i < fold->counts.room; i++) {
        const struct map_slot *slot = &fold->counts.slots[i];
        struct map_slot *named = slot->key ? map_find(&fold->contents, slot->key) : NULL;
        struct store_content *content = named ? named->value : NULL;
        bool fresh = content && !pg_content_of(content)->has_row;
        if (slot->key && !fresh) {
            number(fold, Q_COUNT, CONTENT, (int64_t)slot->key);
            number(fold, Q_COUNT, CONTENT_CHANGE, slot->number);
        }
        if (content && (fresh || content->writer) && !write_content(fold, content, slot->number, err))
            return false;
    }
    return true;
}

static bool whole(const struct fold *fold) {
    for (size_t query = 0; query < FOLD_END - FOLD_FIRST; query++)
        for (int n = 0; types[query][n]; n++)
            if (fold->columns[query][n].octets.failed)
                return false;
    return true;
}

bool fold_batch(struct fold *fold, struct store_batch *batch, struct error *err) {
    bool ok = true;
    clear(fold);
    if (!prepare_contents(batch, err))
        return false;
    for (size_t i = 0; i < batch->count && ok; i++)
        if (!batch->list[i].left_out)
            ok = note_content(fold, &batch->list[i]) && note(fold, batch, i);
    for (size_t i = 0; i < batch->count && ok; i++)
        if (!batch->list[i].left_out)
            ok = write(fold, batch, i);
    ok = ok && end_events(fold, batch->store) && write_messages(fold, batch);
    if (ok && !write_contents(fold, err))
        return false;
    write_keyed(fold, batch);
    write_bits(fold);
    return (ok && whole(fold)) || store_no_memory(batch->store, err);
}

size_t fold_columns(enum query query) {
    return strlen(types[query - FOLD_FIRST]);
}

bool fold_is_empty(const struct fold *fold, enum query query) {
    for (int n = 0; types[query - FOLD_FIRST][n]; n++)
        if (fold->columns[query - FOLD_FIRST][n].count)
            return false;
    return true;
}
