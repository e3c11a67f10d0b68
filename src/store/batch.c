/* Building a batch. Nothing here touches the disk. */
#include "store/batch_private.h"

#include "base/alloc.h"

struct store_batch *store_batch_new(struct store *store) {
    struct store_batch *batch = mem_alloc(sizeof *batch);
    if (batch) {
        batch->store = store;
        arena_init(&batch->arena, SIZE_MAX);
        buf_init(&batch->verdicts, 0);
    }
    return batch;
}

static void drop_pending(struct store_batch *batch, uint64_t key) {
    struct map_slot *slot = map_find(&batch->pending, key);
    batch->repeats--;
    if (slot && --slot->number == 0)
        map_remove(&batch->pending, key);
}

static void drop_last(struct store_batch *batch) {
    struct operation *operation = &batch->list[--batch->count];
    batch->octets -= operation->octets;
    store_content_release(operation->content);
    activity_free(operation->activity);
    if (operation->type == ADD_REPEAT)
        drop_pending(batch, repeat_short(operation->repeat.digest));
}

void store_batch_undo(struct store_batch *batch, size_t mark) {
    while (batch->count > mark)
        drop_last(batch);
    while (batch->request_count && batch->requests[batch->request_count - 1].from > mark)
        batch->request_count--;
}

void store_batch_clear(struct store_batch *batch) {
    store_batch_undo(batch, 0);
    batch->results = false;
    batch->request_count = 0;
    buf_clear(&batch->verdicts);
    arena_reset(&batch->arena);
}

void store_batch_free(struct store_batch *batch) {
    if (!batch)
        return;
    store_batch_clear(batch);
    map_free(&batch->pending);
    buf_free(&batch->verdicts);
    mem_free(batch->requests);
    arena_free(&batch->arena);
    mem_free(batch->list);
    mem_free(batch);
}

bool store_batch_is_empty(const struct store_batch *batch) {
    return batch->count == 0;
}

/* Without memory it goes on with the request before: what would fail one fails both. */
unsigned store_batch_request(struct store_batch *batch) {
    if (batch->request_count == batch->request_cap) {
        size_t cap = batch->request_cap ? batch->request_cap * 2 : 64;
        struct request *requests = mem_resize(batch->requests, cap * sizeof *requests);
        if (!requests)
            return batch->request_count ? (unsigned)batch->request_count - 1 : 0;
        batch->requests = requests;
        batch->request_cap = cap;
    }
    batch->requests[batch->request_count] =
        (struct request){.from = batch->count, .shares = (uint32_t)batch->request_count};
    return (unsigned)batch->request_count++;
}

void batch_share(struct store_batch *batch, const struct operation *operation) {
    struct request *requests = batch->requests;
    size_t here = batch->request_count, other = here;
    while (other && requests[other - 1].from > (size_t)(operation - batch->list))
        other--;
    if (!other--) /* all need it */
        return;
    for (here--; requests[here].shares != here;)
        here = requests[here].shares;
    while (requests[other].shares != other)
        other = requests[other].shares;
    requests[here > other ? here : other].shares = (uint32_t)(here > other ? other : here);
}

size_t store_batch_mark(const struct store_batch *batch) {
    return batch->count;
}

/* ---- what it keeps in memory ---- */

/* One that is not complete may grow while the batch has it. */
static size_t content_memory(const struct store_content *content, bool grows) {
    size_t most = content->store->engine->content_memory;
    if (grows)
        return most > SMALL_CONTENT ? most : SMALL_CONTENT;
    return !content->id ? content->memory.len : content->length < most ? (size_t)content->length : most;
}

static void keeps(struct store_batch *batch, struct operation *operation, size_t octets) {
    batch->octets -= operation->octets;
    operation->octets = octets < UINT32_MAX ? (uint32_t)octets : UINT32_MAX;
    batch->octets += operation->octets;
}

uint64_t store_batch_octets(const struct store_batch *batch) {
    return batch->octets + batch->arena.used + batch->count * sizeof *batch->list;
}

/* ---- operations ---- */

static struct operation *add(struct store_batch *batch, enum operation_type type) {
    if (batch->count == batch->cap) {
        size_t cap = batch->cap ? batch->cap * 2 : 64;
        struct operation *list = mem_resize(batch->list, cap * sizeof *list);
        if (!list)
            return NULL;
        batch->list = list;
        batch->cap = cap;
    }
    struct operation *operation = &batch->list[batch->count];
    *operation = (struct operation){.type = type};
    return operation;
}

/* Copies `*s` into the batch. */
static bool keep(struct store_batch *batch, struct span *s) {
    if (!s->len) {
        *s = span_of("", 0);
        return true;
    }
    *s = arena_dup(&batch->arena, *s);
    return s->data != NULL;
}

static bool add_ids(struct store_batch *batch, enum operation_type type, uint32_t number, uint64_t id,
                    uint64_t other) {
    struct operation *operation = add(batch, type);
    if (!operation)
        return false;
    operation->number = number;
    operation->ids.id = id;
    operation->ids.other = other;
    batch->count++;
    return true;
}

/* `id` 0: the next one. */
static struct operation *add_message(struct store_batch *batch, uint64_t id, int64_t arrival,
                                     struct span envelope, struct store_content *content) {
    struct operation *operation = add(batch, ADD_MESSAGE);
    if (!operation || !keep(batch, &envelope))
        return NULL;
    if (!id && !(id = store_take_id(batch->store)))
        return NULL;
    operation->message = (struct store_message){id, arrival, content ? content->length : 0, envelope};
    if (content) {
        if (!content->sealed)
            keeps(batch, operation, content_memory(content, false));
        operation->content = store_content_ref(content);
        content->sealed = true;
        if (content->id && batch->store->engine->content_end)
            batch->store->engine->content_end(content);
    }
    batch->count++;
    return operation;
}

uint64_t store_add_message(struct store_batch *batch, int64_t arrival, struct span envelope,
                           struct store_content *content) {
    const struct operation *operation = add_message(batch, 0, arrival, envelope, content);
    return operation ? operation->message.id : 0;
}

bool batch_copy_message(struct store_batch *batch, const struct store_message *message,
                        struct store_content *content) {
    struct operation *operation =
        add_message(batch, message->id, message->arrival, message->envelope, content);
    if (operation)
        operation->kept = true;
    return operation != NULL;
}

/* ADD_WORK with id 0: the next one. */
static uint64_t put_work(struct store_batch *batch, enum operation_type type, const struct store_work *work) {
    struct operation *operation = add(batch, type);
    if (!operation)
        return 0;
    operation->work = *work;
    if (!keep(batch, &operation->work.data))
        return 0;
    if (!work->id && !(operation->work.id = store_take_id(batch->store)))
        return 0;
    batch->count++;
    return operation->work.id;
}

uint64_t store_add_work(struct store_batch *batch, const struct store_work *work) {
    struct store_work fresh = *work;
    fresh.id = 0;
    return put_work(batch, ADD_WORK, &fresh);
}

bool batch_copy_work(struct store_batch *batch, const struct store_work *work) {
    return put_work(batch, ADD_WORK, work) != 0;
}

bool store_update_work(struct store_batch *batch, const struct store_work *work) {
    return work->id && put_work(batch, SET_WORK, work) != 0;
}

bool store_finish_work(struct store_batch *batch, uint64_t work, uint64_t message) {
    return add_ids(batch, DROP_WORK, 0, work, message);
}

bool store_add_event(struct store_batch *batch, struct span key, int64_t at, struct span data) {
    struct operation *operation = key.len <= KEY_LIMIT ? add(batch, ADD_EVENT) : NULL;
    if (!operation || !keep(batch, &key) || !keep(batch, &data))
        return false;
    operation->event.key = key;
    operation->event.data = data;
    operation->event.at = at;
    batch->count++;
    return true;
}

bool store_add_repeat(struct store_batch *batch, const uint8_t key[static STORE_DIGEST], int64_t expiry) {
    struct operation *operation = add(batch, ADD_REPEAT);
    if (!operation)
        return false;
    memcpy(operation->repeat.digest, key, STORE_DIGEST);
    struct map_slot *slot = map_at(&batch->pending, repeat_short(operation->repeat.digest));
    if (!slot)
        return false;
    slot->number++;
    operation->repeat.expiry = expiry;
    batch->repeats++;
    batch->count++;
    return true;
}

const struct operation *batch_repeat(const struct store_batch *batch, const uint8_t key[static STORE_DIGEST],
                                     size_t count) {
    if (!batch->repeats || !map_find(&batch->pending, repeat_short(key)))
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (batch->list[i].type == ADD_REPEAT && !batch->list[i].left_out &&
            !memcmp(batch->list[i].repeat.digest, key, STORE_DIGEST))
            return &batch->list[i];
    return NULL;
}

/* ---- activities ---- */

/* The earlier checkpoint of the same activity in this batch; the latest is near the end. */
static struct operation *earlier_checkpoint(struct store_batch *batch, uint64_t id) {
    for (size_t i = batch->count, seen = 0; id && i-- > 0 && seen < 64; seen++)
        if (batch->list[i].type == PUT_ACTIVITY_IN && batch->list[i].activity->public.id == id)
            return &batch->list[i];
    return NULL;
}

uint64_t store_put_activity_in(struct store_batch *batch, const struct store_activity_in *activity,
                               struct store_content *content) {
    if (activity->peer.len > KEY_LIMIT || activity->association.len > KEY_LIMIT ||
        activity->activity.len > KEY_LIMIT)
        return 0;
    struct activity *copy = activity_copy(activity);
    struct operation *operation = copy ? earlier_checkpoint(batch, activity->id) : NULL;
    bool fresh = !operation;
    if (!copy || (fresh && !(operation = add(batch, PUT_ACTIVITY_IN)))) {
        activity_free(copy);
        return 0;
    }
    if (!copy->public.id && !(copy->public.id = store_take_id(batch->store))) {
        activity_free(copy);
        return 0;
    }
    copy->public.content_length = content ? content->length : 0;
    if (content)
        memcpy(copy->chain, content->digest.chain, sizeof copy->chain);
    if (!fresh)
        batch_share(batch, operation);
    struct store_content *before = operation->content;
    operation->content = content ? store_content_ref(content) : NULL;
    store_content_release(before);
    activity_free(operation->activity);
    operation->activity = copy;
    keeps(batch, operation,
          sizeof *copy + activity->state.len + (content ? content_memory(content, true) : 0));
    batch->count += fresh;
    return copy->public.id;
}

bool store_remove_activity_in(struct store_batch *batch, uint64_t id) {
    return add_ids(batch, DROP_ACTIVITY_IN, 0, id, 0);
}

static bool keep_outcome(struct store_batch *batch, enum operation_type type,
                         const struct store_outcome *outcome) {
    struct operation *operation = outcome->association.len <= KEY_LIMIT &&
                                          outcome->activity.len <= KEY_LIMIT && outcome->peer.len <= KEY_LIMIT
                                      ? add(batch, type)
                                      : NULL;
    if (!operation)
        return false;
    operation->outcome = *outcome;
    if (!keep(batch, &operation->outcome.association) || !keep(batch, &operation->outcome.activity) ||
        !keep(batch, &operation->outcome.peer) || !keep(batch, &operation->outcome.data))
        return false;
    batch->count++;
    return true;
}

bool store_put_outcome(struct store_batch *batch, const struct store_outcome *outcome) {
    return keep_outcome(batch, PUT_OUTCOME, outcome);
}

bool store_remove_outcome(struct store_batch *batch, struct span association, struct span activity,
                          struct span peer) {
    return keep_outcome(
        batch, DROP_OUTCOME,
        &(struct store_outcome){.association = association, .activity = activity, .peer = peer});
}

bool store_put_activity_out(struct store_batch *batch, const struct store_activity_out *activity) {
    struct operation *operation = add(batch, PUT_ACTIVITY_OUT);
    if (!operation)
        return false;
    operation->activity_out = *activity;
    if (!keep(batch, &operation->activity_out.association) ||
        !keep(batch, &operation->activity_out.activity) || !keep(batch, &operation->activity_out.data))
        return false;
    batch->count++;
    return true;
}

bool store_remove_activity_out(struct store_batch *batch, uint64_t work) {
    return add_ids(batch, DROP_ACTIVITY_OUT, 0, work, 0);
}

/* ---- mailboxes and records ---- */

static bool put_entry(struct store_batch *batch, enum operation_type type, uint32_t mailbox,
                      const struct store_entry *entry, uint64_t *sequence) {
    struct operation *operation = mailbox ? add(batch, type) : NULL;
    if (!operation)
        return false;
    operation->number = mailbox;
    operation->entry = *entry;
    operation->sequence = sequence;
    batch->results |= sequence != NULL;
    if (!keep(batch, &operation->entry.data))
        return false;
    batch->count++;
    return true;
}

static bool is_status(unsigned status) {
    return status == STORE_NEW || status == STORE_LISTED || status == STORE_PROCESSED;
}

bool store_add_entry(struct store_batch *batch, uint32_t mailbox, const struct store_entry *entry,
                     uint64_t *sequence) {
    return entry->entry_class < 16 && entry->type < 16 && entry->priority < 16 && entry->known < 16 &&
           entry->parent <= INT32_MAX && is_status(entry->status) && !entry->flags &&
           put_entry(batch, ADD_ENTRY, mailbox, entry, sequence);
}

/* What may change further stands beside the row. */
bool batch_copy_entry(struct store_batch *batch, uint32_t mailbox, const struct store_entry *entry) {
    struct store_entry row = *entry;
    row.flags = 0;
    return put_entry(batch, COPY_ENTRY, mailbox, &row, NULL) &&
           (!entry->flags || store_change_entry_flags(batch, mailbox, entry->sequence, entry->flags, 0));
}

bool batch_number_entry(struct store_batch *batch, uint32_t mailbox, uint64_t next) {
    return add_ids(batch, NUMBER_ENTRY, mailbox, next, 0);
}

bool store_change_entry_flags(struct store_batch *batch, uint32_t mailbox, uint64_t sequence, uint32_t set,
                              uint32_t clear) {
    return mailbox && set < 4 && clear < 4 &&
           add_ids(batch, SET_ENTRY, mailbox, sequence, (uint64_t)clear << 32 | set);
}

bool store_raise_status(struct store_batch *batch, uint32_t mailbox, uint64_t first, uint64_t last,
                        enum store_entry_status status) {
    return mailbox && first <= last && last <= UINT32_MAX && is_status(status) &&
           add_ids(batch, RAISE_ENTRIES, mailbox, first, (uint64_t)status << 32 | last);
}

bool store_remove_entry(struct store_batch *batch, uint32_t mailbox, uint64_t sequence, uint64_t message) {
    return add_ids(batch, DROP_ENTRY, mailbox, sequence, message);
}

static bool put_record(struct store_batch *batch, enum operation_type type, uint32_t kind, struct span name,
                       struct span data) {
    struct operation *operation = add(batch, type);
    if (!operation || !keep(batch, &name) || !keep(batch, &data))
        return false;
    operation->number = kind;
    operation->record.name = name;
    operation->record.data = data;
    batch->count++;
    return true;
}

bool store_put_record(struct store_batch *batch, uint32_t kind, struct span name, struct span data) {
    return put_record(batch, PUT_RECORD, kind, name, data);
}

bool store_remove_record(struct store_batch *batch, uint32_t kind, struct span name) {
    return put_record(batch, DROP_RECORD, kind, name, span_of("", 0));
}
