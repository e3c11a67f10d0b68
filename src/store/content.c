/* Contents: short ones in memory, others in segments; opened, read and appended in pieces. */
#include "store/store_private.h"

#include "base/alloc.h"

#define FIRST_RESERVE (UINT64_C(64) << 10)
#define MOST_RESERVE  (UINT64_C(4) << 20)

static bool no_memory(const struct store *store, struct error *err) {
    return error_set(err, STORE_NO_MEMORY, "%s: out of memory", store->path);
}

static struct store_content *content_new(struct store *store, struct error *err) {
    struct store_content *content = mem_alloc(sizeof *content);
    if (!content) {
        no_memory(store, err);
        return NULL;
    }
    content->store = store;
    content->references = 1;
    buf_init(&content->memory, 0);
    return content;
}

struct store_content *store_content_create(struct store *store, uint64_t expected, struct error *err) {
    if (refuse_read_only(store, err))
        return NULL;
    struct store_content *content = content_new(store, err);
    if (content) {
        content->expected = expected;
        content->writer = true;
    }
    return content;
}

struct store_content *store_content_ref(struct store_content *content) {
    content->references++;
    return content;
}

/* Gives back all space above the first `length` octets. Rows may point below, never above. */
void content_trim(struct store_content *content, uint64_t length) {
    uint64_t before = 0;
    for (size_t i = 0; i < content->extent_count; i++) {
        struct extent *extent = &content->extents[i];
        uint64_t keep = length > before ? length - before : 0;
        before += extent->length;
        if (extent->length > keep)
            extent->length = keep;
    }
    while (content->extent_count && !content->extents[content->extent_count - 1].length)
        segment_give_back(&content->extents[--content->extent_count], 0);
    if (content->extent_count)
        segment_give_back(&content->extents[content->extent_count - 1],
                          content->extents[content->extent_count - 1].length);
}

void store_content_release(struct store_content *content) {
    if (!content || --content->references)
        return;
    if (content->doomed || !content->has_row)
        content_trim(content, 0);
    else if (content->writer)
        content_trim(content, content->saved_length);
    if (content->id)
        idmap_remove(&content->store->open_contents, content->id);
    digest_free(&content->digest);
    buf_free(&content->memory);
    mem_free(content->extents);
    mem_free(content);
}

void content_free_space(struct store_content *content) {
    content->doomed = true;
    store_content_release(content);
}

uint64_t store_content_length(const struct store_content *content) {
    return content->length;
}

struct span store_content_memory(const struct store_content *content) {
    if (content->id)
        return (struct span){NULL, 0};
    return content->memory.len ? buf_span(&content->memory) : span_of("", 0);
}

/* ---- appending ---- */

/* Joins what was just taken to the last extent when it follows it at once: fewer rows. */
static bool join_extent(struct store_content *content, const struct extent *extent) {
    struct extent *last = content->extent_count ? &content->extents[content->extent_count - 1] : NULL;
    if (!last || last->segment != extent->segment || last->offset + last->reserved != extent->offset ||
        last->length != last->reserved)
        return false;
    last->reserved += extent->reserved;
    return true;
}

static bool add_extent(struct store_content *content, const struct extent *extent) {
    if (content->extent_count == content->extent_cap) {
        size_t cap = content->extent_cap ? content->extent_cap * 2 : 4;
        struct extent *extents = mem_resize(content->extents, cap * sizeof *extents);
        if (!extents)
            return false;
        content->extents = extents;
        content->extent_cap = cap;
    }
    content->extents[content->extent_count++] = *extent;
    return true;
}

/* How much to reserve: what is expected, else more as the content grows, so that a long one has few extents.
 */
static uint64_t reserve_size(const struct store_content *content, size_t len) {
    uint64_t there = 0;
    for (size_t i = content->extent_count > 2 ? content->extent_count - 2 : 0; i < content->extent_count; i++)
        there += content->extents[i].length;
    uint64_t want = content->expected > content->length ? content->expected - there : content->length;
    want = want < FIRST_RESERVE && content->expected <= content->length ? FIRST_RESERVE : want;
    want = want < MOST_RESERVE ? want : MOST_RESERVE;
    return want > len ? want : len;
}

static bool more_room(struct store_content *content, size_t len, struct error *err) {
    struct extent extent;
    if (!segment_take(content->store, reserve_size(content, len), &extent, err))
        return false;
    if (join_extent(content, &extent) || add_extent(content, &extent))
        return true;
    segment_give_back(&extent, 0);
    return no_memory(content->store, err);
}

static bool write_out(struct store_content *content, struct span octets, struct error *err) {
    while (octets.len) {
        struct extent *last = content->extent_count ? &content->extents[content->extent_count - 1] : NULL;
        if (!last || last->length == last->reserved || last->segment->broken) {
            if (!more_room(content, octets.len, err))
                return false;
            last = &content->extents[content->extent_count - 1];
        }
        struct span part = span_sub(octets, 0, (size_t)(last->reserved - last->length));
        if (!segment_write(content->store, last->segment, last->offset + last->length, part, err))
            return false;
        last->length += part.len;
        octets = span_sub(octets, part.len, octets.len);
    }
    return true;
}

bool content_spill(struct store_content *content, struct error *err) {
    if (content->id)
        return true;
    uint64_t id = store_take_id(content->store);
    struct idmap_slot *slot = idmap_put(&content->store->open_contents, id);
    if (!slot)
        return no_memory(content->store, err);
    slot->value.pointer = content;
    content->id = id;
    content->digest.hashed = 0;
    bool ok = digest_add(&content->digest, buf_span(&content->memory))
                  ? write_out(content, buf_span(&content->memory), err)
                  : no_memory(content->store, err);
    content->failed |= !ok;
    buf_free(&content->memory);
    return ok;
}

static bool append(struct store_content *content, struct span octets, struct error *err) {
    if (!content->id && octets.len <= SMALL_CONTENT && content->length + octets.len <= SMALL_CONTENT)
        return buf_append_span(&content->memory, octets) || no_memory(content->store, err);
    return content_spill(content, err) && write_out(content, octets, err) &&
           (digest_add(&content->digest, octets) || no_memory(content->store, err));
}

bool store_content_append(struct store_content *content, struct span octets, struct error *err) {
    if (content->failed || content->sealed || !content->writer)
        return error_set(err, STORE_BAD_REQUEST, "this content can't be appended to%s",
                         content->failed ? ": an earlier write failed" : "");
    struct error inner = {0};
    if (!append(content, octets, &inner)) {
        content->failed = true;
        error_set(err, inner.code, "%s", inner.text);
        return inner.code == STORE_NO_MEMORY ? false : store_failed(content->store, &inner);
    }
    content->length += octets.len;
    return true;
}

bool content_sync(struct store_content *content, struct error *err) {
    if (content->failed)
        return error_set(err, STORE_IO, "%s: an earlier write of this content failed", content->store->path);
    for (size_t i = content->saved_extents ? content->saved_extents - 1 : 0; i < content->extent_count; i++)
        if (!segment_sync(content->store, content->extents[i].segment, err))
            return false;
    return true;
}

/* ---- reading ---- */

static bool read_extents(struct store_content *content, uint64_t offset, uint8_t *out, size_t len,
                         struct error *err) {
    for (size_t i = 0; i < content->extent_count && len; i++) {
        const struct extent *extent = &content->extents[i];
        if (offset >= extent->length) {
            offset -= extent->length;
            continue;
        }
        size_t part = extent->length - offset < len ? (size_t)(extent->length - offset) : len;
        if (!segment_read(content->store, extent->segment, extent->offset + offset, out, part, err))
            return false;
        out += part;
        len -= part;
        offset = 0;
    }
    return len == 0 || error_set(err, STORE_CORRUPT, "%s: content %llu has too few extents",
                                 content->store->path, (unsigned long long)content->id);
}

/* I4 binds the writer only: while a reader reads, another process may remove or move the content and fill its
 * space anew (I15). False: the rows have changed. */
static bool unchanged(struct store_content *content, struct error *err) {
    struct error inner = {0};
    size_t i = 0;
    sqlite3_stmt *statement = sql(content->store, SQL_GET_EXTENTS);
    if (!statement)
        return db_error(content->store, "extents", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)content->id);
    for (; i < content->extent_count && sql_next(content->store, statement, &inner); i++)
        if ((uint64_t)sqlite3_column_int64(statement, 0) != content->extents[i].segment->id ||
            (uint64_t)sqlite3_column_int64(statement, 1) != content->extents[i].offset)
            break;
    sqlite3_reset(statement);
    if (inner.code)
        return error_set(err, inner.code, "%s", inner.text);
    return i == content->extent_count;
}

/* A reading failed though the rows are as they were loaded: no wonder when the content was gone before that.
 */
static bool why_unreadable(struct store_content *content, const struct error *failure, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql(content->store, SQL_GET_CONTENT);
    if (!statement)
        return db_error(content->store, "content", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)content->id);
    bool there = sql_next(content->store, statement, &inner);
    sqlite3_reset(statement);
    if (inner.code)
        return error_set(err, inner.code, "%s", inner.text);
    return there ? error_set(err, failure->code, "%s", failure->text)
                 : error_set(err, STORE_NOT_FOUND, "the content was removed meanwhile");
}

static bool load_extents(struct store_content *content, struct error *err);

static bool read_as_reader(struct store_content *content, uint64_t offset, uint8_t *out, size_t len,
                           struct error *err) {
    struct error inner = {0};
    for (int tries = 0; tries < 3; tries++) {
        bool ok = read_extents(content, offset, out, len, &inner);
        for (size_t i = 0; i < content->extent_count; i++)
            segment_close(content->store, content->extents[i].segment);
        struct error look = {0};
        if (unchanged(content, &look))
            return ok || why_unreadable(content, &inner, err);
        if (look.code)
            return error_set(err, look.code, "%s", look.text);
        content->extent_count = 0;
        if (!load_extents(content, err))
            return false;
    }
    error_set(&inner, STORE_IO, "%s: content %llu moves faster than it can be read", content->store->path,
              (unsigned long long)content->id);
    return why_unreadable(content, &inner, err);
}

bool store_content_read(struct store_content *content, uint64_t offset, void *out, size_t len, size_t *got,
                        struct error *err) {
    uint64_t left = offset < content->length ? content->length - offset : 0;
    *got = 0;
    if (len > left)
        len = (size_t)left;
    if (!len)
        return true;
    if (!content->id)
        memcpy(out, content->memory.data + offset, len);
    else if (!(content->store->read_only ? read_as_reader : read_extents)(content, offset, out, len, err))
        return false;
    *got = len;
    return true;
}

static bool digest_octets(struct store_content *content, struct error *err) {
    uint8_t octets[16 * 1024];
    size_t got;
    content->digest.hashed = 0;
    for (uint64_t at = 0; at < content->length; at += got) {
        if (!store_content_read(content, at, octets, sizeof octets, &got, err))
            return false;
        if (!digest_add(&content->digest, span_of(octets, got)))
            return no_memory(content->store, err);
    }
    return true;
}

bool store_content_digest(struct store_content *content, uint8_t out[static STORE_DIGEST],
                          struct error *err) {
    if ((content->digest.hashed != content->length || !content->length) && !digest_octets(content, err))
        return false;
    return digest_get(&content->digest, out) || no_memory(content->store, err);
}

/* ---- opening ---- */

static bool load_extents(struct store_content *content, struct error *err) {
    struct store *store = content->store;
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_GET_EXTENTS);
    if (!statement)
        return db_error(store, "extents", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)content->id);
    while (!inner.code && sql_next(store, statement, &inner)) {
        uint64_t id = (uint64_t)sqlite3_column_int64(statement, 0),
                 length = (uint64_t)sqlite3_column_int64(statement, 2);
        struct segment *segment = segment_find(store, id);
        if (!segment && store->read_only)
            segment = segment_note(store, id); /* made by the writer since we opened */
        struct extent extent = {segment, (uint64_t)sqlite3_column_int64(statement, 1), length,
                                align_up(length)};
        if (!segment || extent.offset > SEGMENT_SIZE || length > SEGMENT_SIZE - extent.offset)
            error_set(&inner, STORE_CORRUPT, "%s: an extent of content %llu lies in no segment", store->path,
                      (unsigned long long)content->id);
        else if (!add_extent(content, &extent))
            no_memory(store, &inner);
    }
    sqlite3_reset(statement);
    content->saved_extents = content->extent_count;
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

struct store_content *content_load(struct store *store, uint64_t id, uint64_t length, struct error *err) {
    struct idmap_slot *slot = idmap_find(&store->open_contents, id);
    if (slot)
        return store_content_ref(slot->value.pointer);
    struct store_content *content = content_new(store, err);
    if (!content)
        return NULL;
    content->has_row = true;
    content->length = content->saved_length = length;
    content->id = id;
    slot = idmap_put(&store->open_contents, id);
    if (slot)
        slot->value.pointer = content;
    if (slot ? load_extents(content, err) : no_memory(store, err))
        return content;
    store_content_release(content);
    return NULL;
}

static struct store_content *load_short(struct store *store, struct span body, struct error *err) {
    struct store_content *content = content_new(store, err);
    if (!content || buf_append_span(&content->memory, body)) {
        if (content)
            content->length = body.len;
        return content;
    }
    no_memory(store, err);
    store_content_release(content);
    return NULL;
}

struct store_content *store_content_open(struct store *store, uint64_t message, struct error *err) {
    struct error inner = {0};
    struct store_content *content = NULL;
    sqlite3_stmt *statement = sql(store, SQL_GET_BODY);
    if (!statement) {
        db_error(store, "content", err);
        return NULL;
    }
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)message);
    if (!sql_next(store, statement, &inner))
        error_set(err, inner.code ? inner.code : STORE_NOT_FOUND, "%s",
                  inner.code ? inner.text : "no such message");
    else if (!sqlite3_column_int64(statement, 0))
        content = load_short(store, sql_span(statement, 1), err);
    else if (sqlite3_column_type(statement, 2) == SQLITE_NULL)
        error_set(err, STORE_CORRUPT, "%s: message %llu names a content that is not there", store->path,
                  (unsigned long long)message);
    else
        content = content_load(store, (uint64_t)sqlite3_column_int64(statement, 0),
                               (uint64_t)sqlite3_column_int64(statement, 2), err);
    sqlite3_reset(statement);
    return content;
}
