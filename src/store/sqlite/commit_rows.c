/* What each operation writes. Called inside the transaction, in the order of the operations. */
#include "store/bits_private.h"
#include "store/sqlite/commit_private.h"

static bool count(struct commit *commit, uint64_t message, int64_t change, struct error *err) {
    struct map_slot *slot = message ? map_at(&commit->message_refs, message) : NULL;
    if (!slot)
        return message ? store_no_memory(&commit->store->head, err)
                       : error_set(err, STORE_BAD_REQUEST, "message 0 does not exist");
    slot->number += change;
    return true;
}

/* Binds integers to parameters 1, 2, 3 … */
static sqlite3_stmt *bind(struct sqlite *store, enum statement which, size_t n, const int64_t *values,
                          struct error *err) {
    sqlite3_stmt *statement = sql(store, which);
    if (!statement) {
        db_error(store, "prepare", err);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        sqlite3_bind_int64(statement, (int)i + 1, values[i]);
    return statement;
}

#define BIND(store, which, err, ...)                                                                         \
    bind(store, which, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__}, err)

/* A row that is gone already is no failure: what should not be there is not there. Its reference was given
 * back then. */
static bool drop(struct commit *commit, enum statement which, uint64_t id, uint64_t message,
                 struct error *err) {
    int64_t changed = 0;
    return BIND(commit->store, which, err, (int64_t)id) && sql_run(commit->store, which, &changed, err) &&
           (!changed || !message || count(commit, message, -1, err));
}

static bool write_work(struct commit *commit, const struct operation *operation, struct error *err) {
    const struct store_work *work = &operation->work;
    enum statement which = operation->type == ADD_WORK ? SQL_ADD_WORK : SQL_SET_WORK;
    sqlite3_stmt *statement =
        BIND(commit->store, which, err, (int64_t)work->id, (int64_t)work->message, work->next_hop,
             work->priority, work->status, work->doubt_peer, work->tries, work->due, work->expiry);
    if (!statement)
        return false;
    sql_bind_span(statement, 10, work->data);
    sqlite3_bind_int64(statement, 11, (sqlite3_int64)sum_of_work(work));
    return sql_run(commit->store, which, NULL, err) &&
           (which == SQL_SET_WORK || count(commit, work->message, 1, err));
}

static bool finish_work(struct commit *commit, const struct operation *operation, struct error *err) {
    if (!drop(commit, SQL_DROP_WORK, operation->ids.id, operation->ids.other, err))
        return false;
    return !map_find(&commit->store->activities_out, operation->ids.id) ||
           drop(commit, SQL_DROP_ACTIVITY_OUT, operation->ids.id, 0, err);
}

static bool put_activity_in(struct commit *commit, const struct operation *operation, struct error *err) {
    struct activity *activity = operation->activity;
    const struct store_activity_in *in = &activity->public;
    const struct activity *before = activity_find(&commit->store->activities, in->id);
    struct map_slot *slot = map_find(&commit->activity_contents, in->id);
    uint64_t old = slot ? (uint64_t)slot->number : before ? before->content : 0;
    if (!slot && !(slot = map_at(&commit->activity_contents, in->id)))
        return store_no_memory(&commit->store->head, err);
    slot->number = (int64_t)activity->content;
    sqlite3_stmt *statement =
        BIND(commit->store, SQL_PUT_ACTIVITY_IN, err, (int64_t)in->id, 0, 0, 0, in->at, in->serial,
             (int64_t)in->offset, (int64_t)activity->content, (int64_t)in->content_length);
    if (!statement)
        return false;
    sql_bind_span(statement, 2, in->peer);
    sql_bind_span(statement, 3, in->association);
    sql_bind_span(statement, 4, in->activity);
    struct span chain = span_of(activity->chain, sizeof activity->chain);
    sql_bind_span(statement, 10, chain);
    sql_bind_span(statement, 11, in->state);
    sqlite3_bind_int64(statement, 12, (sqlite3_int64)sum_of_activity_in(in, activity->content, chain));
    return sql_run(commit->store, SQL_PUT_ACTIVITY_IN, NULL, err) &&
           (!old || contents_count(commit, old, -1, err)) &&
           (!activity->content || contents_count(commit, activity->content, 1, err));
}

static bool drop_activity_in(struct commit *commit, const struct operation *operation, struct error *err) {
    uint64_t id = operation->ids.id;
    const struct activity *before = activity_find(&commit->store->activities, id);
    struct map_slot *slot = map_find(&commit->activity_contents, id);
    uint64_t old = slot ? (uint64_t)slot->number : before ? before->content : 0;
    if (!slot && !(slot = map_at(&commit->activity_contents, id)))
        return store_no_memory(&commit->store->head, err);
    slot->number = 0;
    return drop(commit, SQL_DROP_ACTIVITY_IN, id, 0, err) && (!old || contents_count(commit, old, -1, err));
}

static bool put_activity_out(struct commit *commit, const struct operation *operation, struct error *err) {
    const struct store_activity_out *out = &operation->activity_out;
    /* That the set knows a work too many if this fails costs one idle DELETE. */
    if (!out->work || !map_at(&commit->store->activities_out, out->work))
        return store_no_memory(&commit->store->head, err);
    sqlite3_stmt *statement = BIND(commit->store, SQL_PUT_ACTIVITY_OUT, err, (int64_t)out->work, 0, 0,
                                   out->at, out->serial, (int64_t)out->offset);
    if (!statement)
        return false;
    sql_bind_span(statement, 2, out->association);
    sql_bind_span(statement, 3, out->activity);
    sql_bind_span(statement, 7, out->data);
    sqlite3_bind_int64(statement, 8, (sqlite3_int64)sum_of_activity_out(out));
    return sql_run(commit->store, SQL_PUT_ACTIVITY_OUT, NULL, err);
}

static int64_t entry_id(uint32_t mailbox, uint64_t sequence) {
    return (int64_t)((uint64_t)mailbox << 32 | (sequence & UINT32_MAX));
}

/* Numbers that a failed commit gave are not given again: they need only rise. */
static bool take_sequence(struct commit *commit, struct operation *operation, struct error *err) {
    struct name *name = names_get(&commit->store->mailboxes, operation->number);
    if (!name || name->next >= UINT32_MAX)
        return error_set(err, STORE_BAD_REQUEST, "mailbox %u %s", operation->number,
                         name ? "has no sequence-numbers any more" : "does not exist");
    if (!names_mark(&commit->store->mailboxes, operation->number))
        return store_no_memory(&commit->store->head, err);
    operation->entry.sequence = name->next++;
    return true;
}

static bool add_entry(struct commit *commit, struct operation *operation, struct error *err) {
    const struct store_entry *entry = &operation->entry;
    if (operation->type == ADD_ENTRY && !take_sequence(commit, operation, err))
        return false;
    sqlite3_stmt *statement =
        BIND(commit->store, SQL_ADD_ENTRY, err, entry_id(operation->number, entry->sequence),
             (int64_t)entry->message, entry->at, 0, (int64_t)entry->octets, (int64_t)sum_of_entry(entry),
             entry_head(entry));
    if (!statement)
        return false;
    sql_bind_span(statement, 4, entry->data);
    return sql_run(commit->store, SQL_ADD_ENTRY, NULL, err) && count(commit, entry->message, 1, err);
}

static bool drop_entry(struct commit *commit, const struct operation *operation, struct error *err) {
    uint64_t id = (uint64_t)entry_id(operation->number, operation->ids.id);
    return (map_at(&commit->emptied, id & ~UINT64_C(255)) || store_no_memory(&commit->store->head, err)) &&
           drop(commit, SQL_DROP_ENTRY, id, operation->ids.other, err);
}

static bool number_entry(struct commit *commit, const struct operation *operation, struct error *err) {
    struct names *mailboxes = &commit->store->mailboxes;
    struct name *name = names_get(mailboxes, operation->number);
    if (!name)
        return error_set(err, STORE_BAD_REQUEST, "mailbox %u does not exist", operation->number);
    if (name->next < operation->ids.id)
        name->next = operation->ids.id;
    return names_mark(mailboxes, operation->number) || store_no_memory(&commit->store->head, err);
}

static bool write_record(struct commit *commit, const struct operation *operation, struct error *err) {
    enum statement which = operation->type == PUT_RECORD ? SQL_PUT_RECORD : SQL_DROP_RECORD;
    sqlite3_stmt *statement = BIND(commit->store, which, err, operation->number);
    if (!statement)
        return false;
    sql_bind_span(statement, 2, operation->record.name);
    if (which == SQL_PUT_RECORD)
        sql_bind_span(statement, 3, operation->record.data);
    return sql_run(commit->store, which, NULL, err);
}

static bool write_outcome(struct commit *commit, const struct operation *operation, struct error *err) {
    const struct store_outcome *outcome = &operation->outcome;
    enum statement which = operation->type == PUT_OUTCOME ? SQL_PUT_OUTCOME : SQL_DROP_OUTCOME;
    sqlite3_stmt *statement = sql(commit->store, which);
    if (!statement)
        return db_error(commit->store, "prepare", err);
    sql_bind_span(statement, 1, outcome->association);
    sql_bind_span(statement, 2, outcome->activity);
    sql_bind_span(statement, 3, outcome->peer);
    if (which == SQL_PUT_OUTCOME) {
        sqlite3_bind_int64(statement, 4, outcome->expiry);
        sql_bind_span(statement, 5, outcome->data);
    }
    return sql_run(commit->store, which, NULL, err);
}

static bool pack_event(struct commit *commit, const struct operation *operation, struct error *err) {
    if (operation->event.at > commit->events_at)
        commit->events_at = operation->event.at;
    return events_pack(&commit->events, operation->event.key, operation->event.at, operation->event.data) ||
           store_no_memory(&commit->store->head, err);
}

/* Of the same key twice in a batch, only the first may be. */
static bool is_twice(const struct commit *commit, const struct operation *operation) {
    const struct map_slot *slot = map_find(&commit->batch->pending, repeat_short(operation->repeat.digest));
    return slot && slot->number > 1 &&
           batch_repeat(commit->batch, operation->repeat.digest, (size_t)(operation - commit->batch->list));
}

/* I10: one process writes, so what its runs don't know is not there. */
static bool is_new(struct commit *commit, const struct operation *operation, struct error *err) {
    bool found = is_twice(commit, operation);
    return (found || sqlite_find_repeat(&commit->store->head, operation->repeat.digest, &found, err)) &&
           (!found || error_set(err, STORE_REPEATED, "this was taken in before"));
}

static bool pack_repeat(struct commit *commit, const struct operation *operation, struct error *err) {
    if (!is_new(commit, operation, err))
        return false;
    if (operation->repeat.expiry > commit->repeats_expiry)
        commit->repeats_expiry = operation->repeat.expiry;
    return buf_append(&commit->repeat_keys, operation->repeat.digest, STORE_DIGEST) ||
           store_no_memory(&commit->store->head, err);
}

/* ---- one operation ---- */

bool rows_write(struct commit *commit, struct operation *operation, struct error *err) {
    switch (operation->type) {
    case ADD_MESSAGE: /* at the end, when its references are counted */
        return true;
    case ADD_WORK:
    case SET_WORK:
        return write_work(commit, operation, err);
    case DROP_WORK:
        return finish_work(commit, operation, err);
    case ADD_EVENT:
        return pack_event(commit, operation, err);
    case ADD_REPEAT:
        return pack_repeat(commit, operation, err);
    case PUT_ACTIVITY_IN:
        return put_activity_in(commit, operation, err);
    case DROP_ACTIVITY_IN:
        return drop_activity_in(commit, operation, err);
    case PUT_ACTIVITY_OUT:
        return put_activity_out(commit, operation, err);
    case DROP_ACTIVITY_OUT:
        return drop(commit, SQL_DROP_ACTIVITY_OUT, operation->ids.id, 0, err);
    case ADD_ENTRY:
    case COPY_ENTRY:
        return add_entry(commit, operation, err);
    case NUMBER_ENTRY:
        return number_entry(commit, operation, err);
    case SET_ENTRY:
    case RAISE_ENTRIES:
        return bits_note(&commit->bits, operation) || store_no_memory(&commit->store->head, err);
    case DROP_ENTRY:
        return drop_entry(commit, operation, err);
    case PUT_RECORD:
    case DROP_RECORD:
        return write_record(commit, operation, err);
    case PUT_OUTCOME:
    case DROP_OUTCOME:
        return write_outcome(commit, operation, err);
    }
    return error_set(err, STORE_BAD_REQUEST, "unknown operation");
}

/* ---- messages ---- */

static bool insert_message(struct commit *commit, struct operation *operation, struct error *err) {
    struct map_slot *slot = map_find(&commit->message_refs, operation->message.id);
    struct store_content *content = operation->content;
    int64_t refs = slot ? slot->number : 0;
    uint64_t place = content ? content->id : 0;
    if (slot)
        slot->number = 0; /* what is left over belongs to stored messages */
    if (refs <= 0 && !operation->kept)
        return true;
    sqlite3_stmt *statement = BIND(commit->store, SQL_ADD_MESSAGE, err, (int64_t)operation->message.id, refs,
                                   (int64_t)place, operation->message.arrival);
    if (!statement)
        return false;
    sql_bind_span(statement, 5, operation->message.envelope);
    sqlite3_bind_int64(statement, 7, (sqlite3_int64)store_checksum(operation->message.envelope));
    if (content && !place) {
        struct span body = store_content_memory(content);
        sql_bind_span(statement, 6, body);
        sqlite3_bind_int64(statement, 8, (sqlite3_int64)store_checksum(body));
    } else {
        sqlite3_bind_null(statement, 6);
        sqlite3_bind_null(statement, 8);
    }
    return sql_run(commit->store, SQL_ADD_MESSAGE, NULL, err) &&
           (!place || contents_count(commit, place, 1, err));
}

static bool refers_to(const struct operation *operation, uint64_t message) {
    return !operation->left_out && ((operation->type == ADD_WORK && operation->work.message == message) ||
                                    (operation->type == ADD_ENTRY && operation->entry.message == message));
}

/* Who refers to a message that is not there? */
static bool blame(struct commit *commit, uint64_t message, struct error *err) {
    for (size_t i = 0; i < commit->batch->count; i++) {
        const struct operation *operation = &commit->batch->list[i];
        struct error cause;
        error_set(&cause, STORE_BAD_REQUEST, "message %llu is not there", (unsigned long long)message);
        if (refers_to(operation, message) && !commit_gives_verdict(commit, operation, &cause))
            return error_set(err, cause.code, "%s", cause.text);
    }
    return true;
}

static bool settle(struct commit *commit, uint64_t id, int64_t change, struct error *err) {
    struct sqlite *store = commit->store;
    struct error inner = {0};
    int64_t changed = 0;
    /* The usual case: the last reference to a message with a short content. One statement, no look before. */
    if (change < 0 && (!BIND(store, SQL_DROP_LAST, err, (int64_t)id, -change) ||
                       !sql_run(store, SQL_DROP_LAST, &changed, err)))
        return false;
    sqlite3_stmt *statement = changed ? NULL : BIND(store, SQL_GET_REFS, &inner, (int64_t)id);
    if (changed)
        return true;
    bool there = statement && sql_next(store, statement, &inner);
    int64_t refs = there ? sqlite3_column_int64(statement, 0) + change : 0;
    uint64_t content = there ? (uint64_t)sqlite3_column_int64(statement, 1) : 0;
    sqlite3_reset(statement);
    if (inner.code)
        return error_set(err, inner.code, "%s", inner.text);
    if (!there)
        return change < 0 || blame(commit, id, err);
    if (refs > 0)
        return BIND(store, SQL_SET_REFS, err, (int64_t)id, refs) && sql_run(store, SQL_SET_REFS, NULL, err);
    return BIND(store, SQL_DROP_MESSAGE, err, (int64_t)id) && sql_run(store, SQL_DROP_MESSAGE, NULL, err) &&
           (!content || contents_count(commit, content, -1, err));
}

bool rows_settle_messages(struct commit *commit, struct error *err) {
    for (size_t i = 0; i < commit->batch->count; i++)
        if (commit->batch->list[i].type == ADD_MESSAGE && !commit->batch->list[i].left_out &&
            !insert_message(commit, &commit->batch->list[i], err))
            return false;
    for (size_t i = 0; i < commit->message_refs.room; i++) {
        const struct map_slot *slot = &commit->message_refs.slots[i];
        if (slot->key && slot->number && !settle(commit, slot->key, slot->number, err))
            return false;
    }
    return true;
}

/* ---- packed rows, names, the id counter ---- */

static bool write_packed(struct commit *commit, enum statement which, uint64_t id, int64_t at,
                         const struct buf *packed, struct error *err) {
    sqlite3_stmt *statement = BIND(commit->store, which, err, (int64_t)id, at);
    if (!statement)
        return false;
    sql_bind_span(statement, 3, buf_span(packed));
    return sql_run(commit->store, which, NULL, err);
}

bool rows_write_packed(struct commit *commit, struct error *err) {
    struct sqlite *store = commit->store;
    commit->event_row = commit->events.len ? store_take_id(&store->head) : 0;
    commit->repeat_row = commit->repeat_keys.len ? store_take_id(&store->head) : 0;
    if (commit->event_row &&
        !write_packed(commit, SQL_ADD_EVENTS, commit->event_row, commit->events_at, &commit->events, err))
        return false;
    return !commit->repeat_row || write_packed(commit, SQL_ADD_REPEATS, commit->repeat_row,
                                               commit->repeats_expiry, &commit->repeat_keys, err);
}

bool rows_write_names(struct commit *commit, struct error *err) {
    struct sqlite *store = commit->store;
    commit->next_hops_written = store->next_hops.changed_count;
    commit->mailboxes_written = store->mailboxes.changed_count;
    for (size_t i = 0; i < store->next_hops.changed_count; i++) {
        uint32_t key = store->next_hops.changed[i];
        sqlite3_stmt *statement = BIND(store, SQL_ADD_NEXT_HOP, err, key);
        if (!statement)
            return false;
        sql_bind_span(statement, 2, names_get(&store->next_hops, key)->text);
        if (!sql_run(store, SQL_ADD_NEXT_HOP, NULL, err))
            return false;
    }
    for (size_t i = 0; i < store->mailboxes.changed_count; i++) {
        uint32_t key = store->mailboxes.changed[i];
        const struct name *name = names_get(&store->mailboxes, key);
        sqlite3_stmt *statement = BIND(store, SQL_PUT_MAILBOX, err, key, (int64_t)name->next);
        if (!statement)
            return false;
        sql_bind_span(statement, 3, name->text);
        if (!sql_run(store, SQL_PUT_MAILBOX, NULL, err))
            return false;
    }
    return true;
}
