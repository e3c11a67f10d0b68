/* Contents in a commit: octets first (I3), then rows, and space back only when the rows are gone for good
 * (I4). */
#include "base/alloc.h"
#include "store/batch_private.h"

static bool remember(struct store_batch *batch, struct store_content *content, uint64_t length,
                     struct error *err) {
    struct idmap_slot *slot = idmap_put(&batch->contents, content->id);
    if (!slot)
        return batch_no_memory(batch, err);
    if (!slot->value.pointer)
        content->commit_length = content->saved_length;
    slot->value.pointer = content;
    if (length > content->commit_length)
        content->commit_length = length;
    return true;
}

bool contents_prepare(struct store_batch *batch, struct operation *operation, struct error *err) {
    struct store_content *content = operation->content;
    bool partial = operation->type == PUT_ACTIVITY_IN;
    if (!content)
        return true;
    if (content->failed)
        return error_set(err, STORE_IO, "%s: an earlier write of this content failed", batch->store->path);
    if (partial && !content_spill(content, err))
        return false;
    if (!content->id)
        return true;
    if (partial)
        operation->activity->content = content->id;
    return remember(batch, content, partial ? operation->activity->public.content_length : content->length,
                    err) &&
           content_sync(content, err);
}

bool contents_count(struct store_batch *batch, uint64_t id, int64_t change, struct error *err) {
    struct idmap_slot *slot = idmap_put(&batch->content_refs, id);
    if (!slot)
        return batch_no_memory(batch, err);
    slot->value.number += change;
    return true;
}

static bool put_extents(struct store_content *content, struct error *err) {
    struct store *store = content->store;
    uint64_t before = 0;
    for (size_t i = 0; i < content->extent_count && before < content->commit_length; i++) {
        const struct extent *extent = &content->extents[i];
        uint64_t left = content->commit_length - before;
        before += extent->length;
        if (i + 1 < content->saved_extents)
            continue;
        sqlite3_stmt *statement = sql(store, SQL_PUT_EXTENT);
        if (!statement)
            return db_error(store, "extent", err);
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)content->id);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)i);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)extent->segment->id);
        sqlite3_bind_int64(statement, 4, (sqlite3_int64)extent->offset);
        sqlite3_bind_int64(statement, 5, (sqlite3_int64)(extent->length < left ? extent->length : left));
        if (!sql_run(store, SQL_PUT_EXTENT, NULL, err))
            return false;
    }
    return true;
}

static bool put_content(struct store_content *content, enum statement which, int64_t refs,
                        struct error *err) {
    struct store *store = content->store;
    uint8_t digest[STORE_DIGEST];
    if (content->sealed && !store_content_digest(content, digest, err))
        return false;
    sqlite3_stmt *statement = sql(store, which);
    if (!statement)
        return db_error(store, "content", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)content->id);
    sqlite3_bind_int64(statement, 2, refs);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)content->commit_length);
    if (content->sealed)
        sqlite3_bind_blob(statement, 4, digest, sizeof digest, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, 4);
    return sql_run(store, which, NULL, err) &&
           (content->saved_length == content->commit_length || put_extents(content, err));
}

static bool drop_content(struct store_batch *batch, uint64_t id, uint64_t length, struct error *err) {
    struct store *store = batch->store;
    static const enum statement drops[] = {SQL_DROP_CONTENT, SQL_DROP_EXTENTS};
    if (batch->freed_count == batch->freed_cap) {
        size_t cap = batch->freed_cap ? batch->freed_cap * 2 : 32;
        struct store_content **freed = mem_resize(batch->freed, cap * sizeof(struct store_content *));
        if (!freed)
            return batch_no_memory(batch, err);
        batch->freed = freed;
        batch->freed_cap = cap;
    }
    struct store_content *content = content_load(store, id, length, err);
    if (!content)
        return false;
    batch->freed[batch->freed_count++] = content;
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *statement = sql(store, drops[i]);
        if (!statement)
            return db_error(store, "content", err);
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
        if (!sql_run(store, drops[i], NULL, err))
            return false;
    }
    return true;
}

static bool settle_old(struct store_batch *batch, uint64_t id, int64_t change, struct store_content *content,
                       struct error *err) {
    struct store *store = batch->store;
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_GET_CONTENT);
    if (!statement)
        return db_error(store, "content", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    bool there = sql_next(store, statement, &inner);
    int64_t refs = there ? sqlite3_column_int64(statement, 0) + change : 0;
    uint64_t length = there ? (uint64_t)sqlite3_column_int64(statement, 1) : 0;
    sqlite3_reset(statement);
    if (inner.code)
        return error_set(err, inner.code, "%s", inner.text);
    if (!there)
        return change < 0 || error_set(err, STORE_CORRUPT, "%s: content %llu is not there", store->path,
                                       (unsigned long long)id);
    if (refs <= 0)
        return drop_content(batch, id, length, err);
    if (content && content->writer)
        return put_content(content, SQL_SET_CONTENT, refs, err);
    statement = sql(store, SQL_COUNT_CONTENT);
    if (!statement)
        return db_error(store, "content", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    sqlite3_bind_int64(statement, 2, refs);
    return sql_run(store, SQL_COUNT_CONTENT, NULL, err);
}

bool contents_settle(struct store_batch *batch, struct error *err) {
    for (size_t i = 0; i < batch->content_refs.cap; i++) {
        const struct idmap_slot *slot = &batch->content_refs.slots[i];
        if (!slot->id)
            continue;
        struct idmap_slot *named = idmap_find(&batch->contents, slot->id);
        struct store_content *content = named ? named->value.pointer : NULL;
        if (content && !content->has_row) {
            if (slot->value.number > 0 && !put_content(content, SQL_ADD_CONTENT, slot->value.number, err))
                return false;
        } else if ((content || slot->value.number) &&
                   !settle_old(batch, slot->id, slot->value.number, content, err))
            return false;
    }
    return true;
}

static void saved(struct store_content *content) {
    uint64_t before = 0;
    content->has_row = true;
    content->saved_length = content->commit_length;
    content->saved_extents = 0;
    while (content->saved_extents < content->extent_count && before < content->saved_length)
        before += content->extents[content->saved_extents++].length;
}

void contents_apply(struct store_batch *batch) {
    for (size_t i = 0; i < batch->contents.cap; i++) {
        const struct idmap_slot *slot = &batch->contents.slots[i];
        struct idmap_slot *refs = slot->id ? idmap_find(&batch->content_refs, slot->id) : NULL;
        struct store_content *content = slot->value.pointer;
        if (refs && (content->has_row || refs->value.number > 0))
            saved(content);
    }
    while (batch->freed_count)
        content_free_space(batch->freed[--batch->freed_count]);
}
