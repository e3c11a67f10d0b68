/* Reading mailboxes and named records. */
#include "base/arena.h"
#include "store/bits_private.h"
#include "store/sqlite/sqlite_private.h"

struct store_entry entry_of(sqlite3_stmt *row) {
    struct store_entry entry = {
        .sequence = (uint64_t)sqlite3_column_int64(row, 0) & UINT32_MAX,
        .message = (uint64_t)sqlite3_column_int64(row, 1),
        .at = sqlite3_column_int64(row, 2),
        .data = sql_span(row, 4),
        .octets = (uint64_t)sqlite3_column_int64(row, 5),
    };
    entry_set_head(&entry, sqlite3_column_int64(row, 3));
    entry.damaged = sql_differs(row, 6, sum_of_entry(&entry));
    return entry;
}

bool sqlite_get_entry(struct store *head, uint32_t mailbox, uint64_t sequence, struct arena *arena,
                      struct store_entry *entry, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_GET_ENTRY);
    if (!statement)
        return db_error(store, "entry", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)((uint64_t)mailbox << 32 | sequence));
    if (sequence <= UINT32_MAX && sql_next(store, statement, &inner)) {
        *entry = entry_of(statement);
        entry->data = arena_dup(arena, entry->data);
        if (entry->damaged)
            error_set(&inner, STORE_CORRUPT, "entry %llu is not what was stored: run `mhs store check`",
                      (unsigned long long)sequence);
        else if (!entry->data.data)
            error_set(&inner, STORE_NO_MEMORY, "out of memory");
    } else if (!inner.code)
        error_set(&inner, STORE_NOT_FOUND, "entry %llu is not there", (unsigned long long)sequence);
    sqlite3_reset(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

bool sqlite_each_entry(struct store *head, uint32_t mailbox, uint64_t after, size_t limit, store_entry_cb *cb,
                       void *context, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *walk =
        sql_walk(store, "SELECT " ENTRY_COLUMNS " FROM entry WHERE id > ?1 AND id < ?2 ORDER BY id", err);
    if (!walk)
        return false;
    uint64_t from = (uint64_t)mailbox << 32 | (after < UINT32_MAX ? after : UINT32_MAX);
    sqlite3_bind_int64(walk, 1, (sqlite3_int64)from);
    sqlite3_bind_int64(walk, 2, (sqlite3_int64)(((uint64_t)mailbox + 1) << 32));
    for (size_t given = 0; (!limit || given < limit) && sql_next(store, walk, &inner); given++) {
        struct store_entry entry = entry_of(walk);
        if (!cb(context, &entry))
            break;
    }
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

bool sqlite_last_entry(struct store *head, uint32_t mailbox, uint64_t *sequence, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_LAST_ENTRY);
    if (!statement)
        return db_error(store, "entries", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)((uint64_t)mailbox << 32));
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)(((uint64_t)mailbox + 1) << 32));
    if (sql_next(store, statement, &inner))
        *sequence = (uint64_t)sqlite3_column_int64(statement, 0) & UINT32_MAX;
    sqlite3_reset(statement);
    return store_passed(&inner, err);
}

static bool read_bits(struct sqlite *store, uint64_t row, uint8_t *bits, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_GET_BITS);
    if (!statement)
        return db_error(store, "status", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)row);
    if (sql_next(store, statement, &inner)) {
        struct span octets = sql_span(statement, 0);
        memcpy(bits, octets.data, octets.len < BITS_OCTETS ? octets.len : BITS_OCTETS);
    }
    sqlite3_reset(statement);
    return store_passed(&inner, err);
}

bool sqlite_get_bits(struct store *head, uint32_t mailbox, uint64_t block, uint8_t (*bits)[BITS_OCTETS],
                     struct error *err) {
    for (enum bits_plane plane = 0; plane < BITS_PLANES; plane++)
        if (!read_bits(sqlite_of(head), bits_row(mailbox, plane, block * BITS_ENTRIES), bits[plane], err))
            return false;
    return true;
}

bool sqlite_each_column(struct store *head, uint32_t mailbox, unsigned column, uint64_t chunk,
                        bool (*cb)(void *context, uint64_t chunk, struct span octets), void *context,
                        struct error *err) {
    struct error inner = {0};
    uint64_t first = (uint64_t)mailbox << 28 | (uint64_t)column << 23;
    sqlite3_stmt *walk =
        sql_walk(sqlite_of(head), "SELECT id, data FROM col WHERE id >= ?1 AND id < ?2 ORDER BY id", err);
    if (!walk)
        return false;
    sqlite3_bind_int64(walk, 1, (sqlite3_int64)(first + chunk));
    sqlite3_bind_int64(walk, 2, (sqlite3_int64)(first + (1 << 23)));
    while (sql_next(sqlite_of(head), walk, &inner))
        if (!cb(context, (uint64_t)sqlite3_column_int64(walk, 0) & 0x7FFFFF, sql_span(walk, 1)))
            break;
    sqlite3_finalize(walk);
    return store_passed(&inner, err);
}

bool sqlite_count_chunks(struct store *head, uint32_t mailbox, uint64_t *chunks, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_COUNT_CHUNKS);
    if (!statement)
        return db_error(store, "columns", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)((uint64_t)mailbox << 28));
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)(((uint64_t)mailbox << 28) + (1 << 23)));
    if (sql_next(store, statement, &inner))
        *chunks = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return store_passed(&inner, err);
}

bool sqlite_get_record(struct store *head, uint32_t kind, struct span name, struct buf *out,
                       struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_GET_RECORD);
    if (!statement)
        return db_error(store, "record", err);
    sqlite3_bind_int64(statement, 1, kind);
    sql_bind_span(statement, 2, name);
    if (sql_next(store, statement, &inner)) {
        if (!buf_append_span(out, sql_span(statement, 0)))
            error_set(&inner, STORE_NO_MEMORY, "out of memory");
    } else if (!inner.code)
        error_set(&inner, STORE_NOT_FOUND, "there is no such record");
    sqlite3_reset(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

bool sqlite_each_record(struct store *head, uint32_t kind, store_record_cb *cb, void *context,
                        struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(store, "SELECT name, data FROM record WHERE kind = ?1 ORDER BY name", err);
    if (!walk)
        return false;
    sqlite3_bind_int64(walk, 1, kind);
    while (sql_next(store, walk, &inner))
        if (!cb(context, sql_span(walk, 0), sql_span(walk, 1)))
            break;
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}
