/* The octets of contents that are not short, in segments. */
#include "store/sqlite/sqlite_private.h"

#include "base/alloc.h"

#define FIRST_RESERVE (UINT64_C(64) << 10)
#define MOST_RESERVE  (UINT64_C(4) << 20)

static struct sqlite *store_of(const struct content *content) {
    return sqlite_of(content->head.store);
}

/* Gives back all space above the first `length` octets. Rows may point below, never above. */
void content_trim(struct content *content, uint64_t length) {
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

void sqlite_content_end(struct store_content *head) {
    content_trim(content_of(head), head->length);
}

void sqlite_content_close(struct store_content *head) {
    struct content *content = content_of(head);
    if (content->doomed || !content->has_row)
        content_trim(content, 0);
    else if (head->writer)
        content_trim(content, content->saved_length);
    mem_free(content->extents);
}

void content_free_space(struct content *content) {
    content->doomed = true;
    store_content_release(&content->head);
}

/* ---- appending ---- */

/* Joins what was just taken to the last extent when it follows it at once: fewer rows. */
static bool join_extent(struct content *content, const struct extent *extent) {
    struct extent *last = content->extent_count ? &content->extents[content->extent_count - 1] : NULL;
    if (!last || last->segment != extent->segment || last->offset + last->reserved != extent->offset ||
        last->length != last->reserved)
        return false;
    last->reserved += extent->reserved;
    return true;
}

static bool add_extent(struct content *content, const struct extent *extent) {
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

/* How much to reserve: what is expected, else more as the content
 * grows, so that a long one has few extents. */
static uint64_t reserve_size(const struct content *content, size_t len) {
    uint64_t there = 0;
    for (size_t i = content->extent_count > 2 ? content->extent_count - 2 : 0; i < content->extent_count; i++)
        there += content->extents[i].length;
    uint64_t want =
        content->head.expected > content->head.length ? content->head.expected - there : content->head.length;
    want = want < FIRST_RESERVE && content->head.expected <= content->head.length ? FIRST_RESERVE : want;
    want = want < MOST_RESERVE ? want : MOST_RESERVE;
    return want > len ? want : len;
}

static bool more_room(struct content *content, size_t len, struct error *err) {
    struct extent extent;
    if (!segment_take(store_of(content), reserve_size(content, len), &extent, err))
        return false;
    if (join_extent(content, &extent) || add_extent(content, &extent))
        return true;
    segment_give_back(&extent, 0);
    return store_no_memory(content->head.store, err);
}

static bool write_out(struct content *content, struct span octets, struct error *err) {
    while (octets.len) {
        struct extent *last = content->extent_count ? &content->extents[content->extent_count - 1] : NULL;
        if (!last || last->length == last->reserved || last->segment->broken) {
            if (!more_room(content, octets.len, err))
                return false;
            last = &content->extents[content->extent_count - 1];
        }
        struct span part = span_sub(octets, 0, (size_t)(last->reserved - last->length));
        if (!segment_write(store_of(content), last->segment, last->offset + last->length, part, err))
            return false;
        last->length += part.len;
        octets = span_sub(octets, part.len, octets.len);
    }
    return true;
}

bool sqlite_content_write(struct store_content *head, struct span octets, struct error *err) {
    return write_out(content_of(head), octets, err);
}

/* ---- reading ---- */

static bool read_extents(struct content *content, uint64_t offset, uint8_t *out, size_t len,
                         struct error *err) {
    for (size_t i = 0; i < content->extent_count && len; i++) {
        const struct extent *extent = &content->extents[i];
        if (offset >= extent->length) {
            offset -= extent->length;
            continue;
        }
        size_t part = extent->length - offset < len ? (size_t)(extent->length - offset) : len;
        if (!segment_read(store_of(content), extent->segment, extent->offset + offset, out, part, err))
            return false;
        out += part;
        len -= part;
        offset = 0;
    }
    return len == 0 || error_set(err, STORE_CORRUPT, "%s: content %llu has too few extents",
                                 store_of(content)->head.place, (unsigned long long)content->head.id);
}

/* I4 binds the writer only: while a reader reads, another process may remove or move the content and fill its
 * space anew (I15). False: the rows have changed. */
static bool unchanged(struct content *content, struct error *err) {
    struct error inner = {0};
    size_t i = 0;
    sqlite3_stmt *statement = sql(store_of(content), SQL_GET_EXTENTS);
    if (!statement)
        return db_error(store_of(content), "extents", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)content->head.id);
    for (; i < content->extent_count && sql_next(store_of(content), statement, &inner); i++)
        if ((uint64_t)sqlite3_column_int64(statement, 0) != content->extents[i].segment->id ||
            (uint64_t)sqlite3_column_int64(statement, 1) != content->extents[i].offset)
            break;
    sqlite3_reset(statement);
    if (inner.code)
        return error_set(err, inner.code, "%s", inner.text);
    return i == content->extent_count;
}

/* A reading failed though the rows are as they were loaded: no
 * wonder when the content was gone before that. */
static bool why_unreadable(struct content *content, const struct error *failure, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store_of(content), SQL_GET_CONTENT);
    if (!statement)
        return db_error(store_of(content), "content", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)content->head.id);
    bool there = sql_next(store_of(content), statement, &inner);
    sqlite3_reset(statement);
    if (inner.code)
        return error_set(err, inner.code, "%s", inner.text);
    return there ? error_set(err, failure->code, "%s", failure->text)
                 : error_set(err, STORE_NOT_FOUND, "the content was removed meanwhile");
}

static bool load_extents(struct content *content, struct error *err);

static bool read_as_reader(struct content *content, uint64_t offset, uint8_t *out, size_t len,
                           struct error *err) {
    struct error inner = {0};
    for (int tries = 0; tries < 3; tries++) {
        bool ok = read_extents(content, offset, out, len, &inner);
        for (size_t i = 0; i < content->extent_count; i++)
            segment_close(store_of(content), content->extents[i].segment);
        struct error look = {0};
        if (unchanged(content, &look))
            return ok || why_unreadable(content, &inner, err);
        if (look.code)
            return error_set(err, look.code, "%s", look.text);
        content->extent_count = 0;
        if (!load_extents(content, err))
            return false;
    }
    error_set(&inner, STORE_IO, "%s: content %llu moves faster than it can be read",
              store_of(content)->head.place, (unsigned long long)content->head.id);
    return why_unreadable(content, &inner, err);
}

bool sqlite_content_read(struct store_content *head, uint64_t offset, void *out, size_t len,
                         struct error *err) {
    return (head->store->read_only ? read_as_reader : read_extents)(content_of(head), offset, out, len, err);
}

/* ---- opening ---- */

static bool load_extents(struct content *content, struct error *err) {
    struct sqlite *store = store_of(content);
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_GET_EXTENTS);
    if (!statement)
        return db_error(store, "extents", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)content->head.id);
    while (!inner.code && sql_next(store, statement, &inner)) {
        uint64_t id = (uint64_t)sqlite3_column_int64(statement, 0),
                 length = (uint64_t)sqlite3_column_int64(statement, 2);
        struct segment *segment = segment_find(store, id);
        if (!segment && store->head.read_only)
            segment = segment_note(store, id); /* made by the writer since we opened */
        struct extent extent = {segment, (uint64_t)sqlite3_column_int64(statement, 1), length,
                                align_up(length)};
        if (!segment || extent.offset > SEGMENT_SIZE || length > SEGMENT_SIZE - extent.offset)
            error_set(&inner, STORE_CORRUPT, "%s: an extent of content %llu lies in no segment",
                      store->head.place, (unsigned long long)content->head.id);
        else if (!add_extent(content, &extent))
            store_no_memory(&store->head, &inner);
    }
    sqlite3_reset(statement);
    content->saved_extents = content->extent_count;
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

struct content *content_load(struct sqlite *store, uint64_t id, uint64_t length, struct error *err) {
    struct store_content *head = content_find(&store->head, id);
    if (head || !(head = content_new(&store->head, err)))
        return head ? content_of(head) : NULL;
    struct content *content = content_of(head);
    content->has_row = true;
    head->length = content->saved_length = length;
    if (content_enter(head, id, err) && load_extents(content, err))
        return content;
    store_content_release(head);
    return NULL;
}

struct store_content *sqlite_content_open(struct store *head, uint64_t message, struct error *err) {
    struct sqlite *store = sqlite_of(head);
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
        content = content_short(head, sql_span(statement, 1), err);
    else if (sqlite3_column_type(statement, 2) == SQLITE_NULL)
        error_set(err, STORE_CORRUPT, "%s: message %llu names a content that is not there", head->place,
                  (unsigned long long)message);
    else {
        struct content *loaded = content_load(store, (uint64_t)sqlite3_column_int64(statement, 0),
                                              (uint64_t)sqlite3_column_int64(statement, 2), err);
        content = loaded ? &loaded->head : NULL;
    }
    sqlite3_reset(statement);
    return content;
}
