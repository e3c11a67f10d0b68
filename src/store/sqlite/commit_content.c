/* Contents in a commit: octets first (I3), then rows, and space back only when the rows are gone for good
 * (I4). */
#include "base/alloc.h"
#include "store/sqlite/commit_private.h"

static bool remember(struct commit *commit, struct content *content, uint64_t length, struct error *err) {
    struct map_slot *slot = map_at(&commit->contents, content->head.id);
    if (!slot)
        return store_no_memory(&commit->store->head, err);
    if (!slot->value)
        content->commit_length = content->saved_length;
    slot->value = content;
    if (length > content->commit_length)
        content->commit_length = length;
    return true;
}

bool contents_prepare(struct commit *commit, struct operation *operation, struct error *err) {
    struct content *content = content_of(operation->content);
    bool partial = operation->type == PUT_ACTIVITY_IN;
    if (content->head.failed) {
        const struct store *head = &commit->store->head;
        if (head->no_room.code)
            error_set(err, STORE_IO, "%s", head->no_room.text);
        else
            error_set(err, STORE_IO, "%s: an earlier write of this content failed", head->place);
        return commit_gives_verdict(commit, operation, err);
    }
    if (partial && !content_spill(&content->head, err))
        return store_lacks_room(&commit->store->head, err) && commit_gives_verdict(commit, operation, err);
    if (!content->head.id)
        return true;
    if (partial)
        operation->activity->content = content->head.id;
    return remember(commit, content,
                    partial ? operation->activity->public.content_length : content->head.length, err) &&
           bodies_list(commit, content, err);
}

bool contents_count(struct commit *commit, uint64_t id, int64_t change, struct error *err) {
    struct map_slot *slot = map_at(&commit->content_refs, id);
    if (!slot)
        return store_no_memory(&commit->store->head, err);
    slot->number += change;
    return true;
}

static bool put_extents(struct content *content, struct error *err) {
    struct sqlite *store = sqlite_of(content->head.store);
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
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)content->head.id);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)i);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)extent->segment->id);
        sqlite3_bind_int64(statement, 4, (sqlite3_int64)extent->offset);
        sqlite3_bind_int64(statement, 5, (sqlite3_int64)(extent->length < left ? extent->length : left));
        if (!sql_run(store, SQL_PUT_EXTENT, NULL, err))
            return false;
    }
    return true;
}

static bool put_content(struct content *content, enum statement which, int64_t refs, struct error *err) {
    struct sqlite *store = sqlite_of(content->head.store);
    uint8_t digest[STORE_DIGEST];
    if (content->head.sealed && !store_content_digest(&content->head, digest, err))
        return false;
    sqlite3_stmt *statement = sql(store, which);
    if (!statement)
        return db_error(store, "content", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)content->head.id);
    sqlite3_bind_int64(statement, 2, refs);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)content->commit_length);
    if (content->head.sealed)
        sqlite3_bind_blob(statement, 4, digest, sizeof digest, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, 4);
    return sql_run(store, which, NULL, err) &&
           (content->saved_length == content->commit_length || put_extents(content, err));
}

static bool drop_content(struct commit *commit, uint64_t id, uint64_t length, struct error *err) {
    struct sqlite *store = commit->store;
    static const enum statement drops[] = {SQL_DROP_CONTENT, SQL_DROP_EXTENTS};
    if (commit->freed_count == commit->freed_cap) {
        size_t cap = commit->freed_cap ? commit->freed_cap * 2 : 32;
        struct content **freed = mem_resize(commit->freed, cap * sizeof(struct content *));
        if (!freed)
            return store_no_memory(&commit->store->head, err);
        commit->freed = freed;
        commit->freed_cap = cap;
    }
    struct content *content = content_load(store, id, length, err);
    if (!content)
        return false;
    commit->freed[commit->freed_count++] = content;
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

static bool settle_old(struct commit *commit, uint64_t id, int64_t change, struct content *content,
                       struct error *err) {
    struct sqlite *store = commit->store;
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
        return change < 0 || error_set(err, STORE_CORRUPT, "%s: content %llu is not there", store->head.place,
                                       (unsigned long long)id);
    if (refs <= 0)
        return drop_content(commit, id, length, err);
    if (content && content->head.writer)
        return put_content(content, SQL_SET_CONTENT, refs, err);
    statement = sql(store, SQL_COUNT_CONTENT);
    if (!statement)
        return db_error(store, "content", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
    sqlite3_bind_int64(statement, 2, refs);
    return sql_run(store, SQL_COUNT_CONTENT, NULL, err);
}

bool contents_settle(struct commit *commit, struct error *err) {
    for (size_t i = 0; i < commit->content_refs.room; i++) {
        const struct map_slot *slot = &commit->content_refs.slots[i];
        if (!slot->key)
            continue;
        struct map_slot *named = map_find(&commit->contents, slot->key);
        struct content *content = named ? named->value : NULL;
        if (content && !content->has_row) {
            if (slot->number > 0 && !put_content(content, SQL_ADD_CONTENT, slot->number, err))
                return false;
        } else if ((content || slot->number) && !settle_old(commit, slot->key, slot->number, content, err))
            return false;
    }
    return true;
}

static void saved(struct content *content) {
    uint64_t before = 0;
    content->has_row = true;
    content->saved_length = content->commit_length;
    content->saved_extents = 0;
    while (content->saved_extents < content->extent_count && before < content->saved_length)
        before += content->extents[content->saved_extents++].length;
}

void contents_apply(struct commit *commit) {
    for (size_t i = 0; i < commit->contents.room; i++) {
        const struct map_slot *slot = &commit->contents.slots[i];
        struct map_slot *refs = slot->key ? map_find(&commit->content_refs, slot->key) : NULL;
        struct content *content = slot->value;
        if (refs && (content->has_row || refs->number > 0))
            saved(content);
    }
    while (commit->freed_count)
        content_free_space(commit->freed[--commit->freed_count]);
}
