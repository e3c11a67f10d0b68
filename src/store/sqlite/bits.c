/* Bits of entries: rows of the table `status`. */
#include "store/bits_private.h"

#include <stdio.h>

#include "store/sqlite/sqlite_private.h"

static bool run(struct sqlite *store, enum statement which, uint64_t row, const uint8_t *bits,
                struct error *err) {
    sqlite3_stmt *statement = sql(store, which);
    if (!statement)
        return db_error(store, "status", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)row);
    if (bits)
        sql_bind_span(statement, 2, span_of(bits, BITS_OCTETS));
    return sql_run(store, which, NULL, err);
}

static bool is_zero(const uint8_t *bits) {
    for (size_t i = 0; i < BITS_OCTETS; i++)
        if (bits[i])
            return false;
    return true;
}

static bool write_row(struct sqlite *store, uint64_t row, const struct bits_change *change,
                      struct error *err) {
    uint8_t all[BITS_PLANES][BITS_OCTETS] = {{0}}, *bits = all[bits_plane(row)];
    const struct name *name = names_get(&store->mailboxes, bits_mailbox(row));
    if (!sqlite_get_bits(&store->head, bits_mailbox(row), bits_block(row), all, err))
        return false;
    bits_apply(bits, change);
    bits_cut(bits, bits_block(row), name ? name->next : 0);
    return is_zero(bits) ? run(store, SQL_DROP_BITS, row, NULL, err)
                         : run(store, SQL_PUT_BITS, row, bits, err);
}

bool bits_write(struct sqlite *store, const struct map *changes, struct error *err) {
    for (size_t i = 0; i < changes->room; i++)
        if (changes->slots[i].key && !write_row(store, changes->slots[i].key, changes->slots[i].value, err))
            return false;
    return true;
}

/* ---- entries that are gone ---- */

static bool is_empty(struct sqlite *store, uint64_t from, uint64_t to, bool *empty, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql(store, SQL_IS_EMPTY);
    if (!statement)
        return db_error(store, "entries", err);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)from);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)to);
    *empty = sql_next(store, statement, &inner) && sqlite3_column_int(statement, 0);
    sqlite3_reset(statement);
    return store_passed(&inner, err);
}

/* Looked at in steps: most often there is an entry near by. */
static bool drop_empty(struct sqlite *store, uint64_t id, struct error *err) {
    uint64_t block = id & ~(BITS_ENTRIES - 1);
    bool empty;
    if (!is_empty(store, id, id + 256, &empty, err) ||
        (empty && !is_empty(store, block, block + BITS_ENTRIES, &empty, err)))
        return false;
    for (enum bits_plane plane = 0; empty && plane < BITS_PLANES; plane++)
        if (!run(store, SQL_DROP_BITS, bits_row((uint32_t)(id >> 32), plane, id & UINT32_MAX), NULL, err))
            return false;
    return true;
}

bool bits_drop_empty(struct sqlite *store, const struct map *emptied, struct error *err) {
    for (size_t i = 0; i < emptied->room; i++)
        if (emptied->slots[i].key && !drop_empty(store, emptied->slots[i].key, err))
            return false;
    return true;
}

/* ---- mailboxes that become one ---- */

static bool note_row(struct map *changes, uint64_t row, const uint8_t *bits, uint32_t into, uint64_t shift) {
    bool flags = bits_plane(row) == BITS_FLAGS;
    for (uint64_t i = 0; i < BITS_ENTRIES; i++) {
        uint64_t sequence = bits_block(row) * BITS_ENTRIES + i + shift, value = bits_get(bits, i);
        struct operation operation = {.type = flags ? SET_ENTRY : RAISE_ENTRIES, .number = into};
        operation.ids.id = sequence;
        operation.ids.other = flags ? value : value << 32 | sequence;
        if (value && !bits_note(changes, &operation))
            return false;
    }
    return true;
}

static bool note_rows(struct sqlite *store, uint32_t mailbox, uint32_t into, uint64_t shift,
                      struct map *changes, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(store, "SELECT id, bits FROM status WHERE id >> 32 = ?1", err);
    if (!walk)
        return false;
    sqlite3_bind_int64(walk, 1, mailbox);
    while (!inner.code && sql_next(store, walk, &inner))
        if (sql_span(walk, 1).len == BITS_OCTETS &&
            !note_row(changes, (uint64_t)sqlite3_column_int64(walk, 0), sql_span(walk, 1).data, into, shift))
            store_no_memory(&store->head, &inner);
    sqlite3_finalize(walk);
    return store_passed(&inner, err);
}

static bool write_moved(struct sqlite *store, const struct map *changes, struct error *err) {
    for (size_t i = 0; i < changes->room; i++) {
        uint8_t all[BITS_PLANES][BITS_OCTETS] = {{0}};
        uint64_t row = changes->slots[i].key;
        uint8_t *bits = all[bits_plane(row)];
        if (!row)
            continue;
        if (!sqlite_get_bits(&store->head, bits_mailbox(row), bits_block(row), all, err))
            return false;
        bits_apply(bits, changes->slots[i].value);
        if (!run(store, SQL_PUT_BITS, row, bits, err))
            return false;
    }
    return true;
}

bool bits_move(struct sqlite *store, uint32_t mailbox, uint32_t into, uint64_t shift, struct error *err) {
    char text[80];
    struct map changes = {0};
    snprintf(text, sizeof text, "DELETE FROM status WHERE id >> 32 = %u", (unsigned)mailbox);
    bool done = note_rows(store, mailbox, into, shift, &changes, err) && write_moved(store, &changes, err) &&
                sql_exec(store, text, err);
    bits_free(&changes);
    return done;
}
