/* Reading rows: messages, work, mailboxes, records, and walks over many, a page at a time. */
#include "store/bits_private.h"
#include "store/postgres/postgres_private.h"

static bool not_found(const char *what, uint64_t id, struct error *err) {
    return error_set(err, STORE_NOT_FOUND, "%s %llu is not there", what, (unsigned long long)id);
}

/* One row by a number; NULL: `err` says why not. */
static PGresult *row_of(struct store *store, enum query query, const char *what, uint64_t id,
                        struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, (int64_t)id);
    PGresult *row = pg_read(pg_of(store), query, &parameters, err);
    if (!row || PQntuples(row))
        return row;
    PQclear(row);
    not_found(what, id, err);
    return NULL;
}

static bool copy_to(struct arena *arena, struct span *s, struct error *err) {
    *s = arena_dup(arena, *s);
    return s->data || error_set(err, STORE_NO_MEMORY, "out of memory");
}

/* ---- walks ---- */

bool pg_walk(struct walk *walk, struct error *err) {
    for (;;) {
        struct pg_parameters parameters = {0};
        for (int i = 0; i < walk->keys; i++)
            pg_add_octets(&parameters, walk->key[i]);
        for (int i = 0; i < walk->numbers; i++)
            pg_add_number(&parameters, walk->number[i]);
        for (int i = 0; i < walk->afters; i++)
            pg_add_number(&parameters, walk->after[i]);
        size_t page = walk->limit && walk->limit < PAGE ? walk->limit : PAGE;
        if (walk->afters)
            pg_add_number(&parameters, (int64_t)page);
        PGresult *rows =
            store_in_time(&walk->pg->head, err) ? pg_read(walk->pg, walk->query, &parameters, err) : NULL;
        if (!rows)
            return false;
        int count = PQntuples(rows);
        bool more = walk->afters && count == (int)page;
        for (int row = 0; row < count; row++)
            if (!walk->row(walk, rows, row)) {
                more = false;
                break;
            }
        PQclear(rows);
        more = more && (!walk->limit || (walk->limit -= (size_t)count));
        if (!more)
            return true;
    }
}

/* ---- messages and work ---- */

bool pg_get_message(struct store *store, uint64_t id, struct arena *arena, struct store_message *message,
                    struct error *err) {
    PGresult *row = row_of(store, Q_GET_MESSAGE, "message", id, err);
    if (!row)
        return false;
    *message = (struct store_message){id, pg_number(row, 0, 0), (uint64_t)pg_number(row, 0, 1),
                                      pg_octets(row, 0, 2)};
    bool ok = copy_to(arena, &message->envelope, err);
    PQclear(row);
    return ok;
}

bool pg_differs(const PGresult *rows, int row, int column, uint64_t sum) {
    return !PQgetisnull(rows, row, column) && (uint64_t)pg_number(rows, row, column) != sum;
}

struct store_work pg_work_of(const PGresult *rows, int row) {
    struct store_work work = {
        .id = (uint64_t)pg_number(rows, row, 0),
        .message = (uint64_t)pg_number(rows, row, 1),
        .next_hop = (uint32_t)pg_number(rows, row, 2),
        .priority = (uint8_t)pg_number(rows, row, 3),
        .status = (uint8_t)pg_number(rows, row, 4),
        .doubt_peer = (uint32_t)pg_number(rows, row, 5),
        .tries = (uint32_t)pg_number(rows, row, 6),
        .due = pg_number(rows, row, 7),
        .expiry = pg_number(rows, row, 8),
        .data = pg_octets(rows, row, 9),
    };
    work.damaged = pg_differs(rows, row, 10, sum_of_work(&work));
    return work;
}

bool pg_get_work(struct store *store, uint64_t id, struct arena *arena, struct store_work *work,
                 struct error *err) {
    PGresult *row = row_of(store, Q_GET_WORK, "work", id, err);
    if (!row)
        return false;
    *work = pg_work_of(row, 0);
    bool ok = work->damaged
                  ? error_set(err, STORE_CORRUPT, "work %llu is not what was stored: run `mhs store check`",
                              (unsigned long long)id)
                  : copy_to(arena, &work->data, err);
    PQclear(row);
    return ok;
}

static bool give_work(struct walk *walk, const PGresult *rows, int row) {
    struct store_work work = pg_work_of(rows, row);
    walk->after[0] = (int64_t)work.id;
    return walk->cb.work(walk->context, &work);
}

/* Behind an id, or a mailbox's sequence-number. */
static void walk_after(struct walk *walk, uint64_t after, size_t limit) {
    walk->after[0] = after < INT64_MAX ? (int64_t)after : INT64_MAX;
    walk->afters = 1;
    walk->limit = limit;
}

static bool walk_work(struct walk *walk, uint64_t after, size_t limit, store_work_cb *cb, void *context,
                      struct error *err) {
    walk_after(walk, after, limit);
    walk->row = give_work;
    walk->cb.work = cb;
    walk->context = context;
    return pg_walk(walk, err);
}

bool pg_each_work(struct store *store, uint64_t after, size_t limit, uint32_t next_hop, int status,
                  store_work_cb *cb, void *context, struct error *err) {
    struct walk walk = {.pg = pg_of(store), .query = Q_EACH_WORK, .number = {next_hop, status}, .numbers = 2};
    return walk_work(&walk, after, limit, cb, context, err);
}

bool pg_each_own_work(struct store *store, uint64_t after, size_t limit, store_work_cb *cb, void *context,
                      struct error *err) {
    struct walk walk = {
        .pg = pg_of(store), .query = Q_EACH_OWN_WORK, .number = {pg_of(store)->node}, .numbers = 1};
    return walk_work(&walk, after, limit, cb, context, err);
}

/* ---- mailboxes ---- */

struct store_entry pg_entry_of(const PGresult *rows, int row) {
    struct store_entry entry = {
        .sequence = (uint64_t)pg_number(rows, row, 0),
        .message = (uint64_t)pg_number(rows, row, 1),
        .at = pg_number(rows, row, 2),
        .octets = (uint64_t)pg_number(rows, row, 4),
        .data = pg_octets(rows, row, 5),
    };
    entry_set_head(&entry, pg_number(rows, row, 3));
    entry.damaged = pg_differs(rows, row, 6, sum_of_entry(&entry));
    return entry;
}

bool pg_get_entry(struct store *store, uint32_t mailbox, uint64_t sequence, struct arena *arena,
                  struct store_entry *entry, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, mailbox);
    pg_add_number(&parameters, sequence < INT64_MAX ? (int64_t)sequence : INT64_MAX);
    PGresult *row = pg_read(pg_of(store), Q_GET_ENTRY, &parameters, err);
    if (!row)
        return false;
    bool there = PQntuples(row) > 0;
    if (there)
        *entry = pg_entry_of(row, 0);
    bool ok = !there ? not_found("entry", sequence, err)
              : !entry->damaged
                  ? copy_to(arena, &entry->data, err)
                  : error_set(err, STORE_CORRUPT, "entry %llu is not what was stored: run `mhs store check`",
                              (unsigned long long)sequence);
    PQclear(row);
    return ok;
}

static bool give_entry(struct walk *walk, const PGresult *rows, int row) {
    struct store_entry entry = pg_entry_of(rows, row);
    walk->after[0] = (int64_t)entry.sequence;
    return walk->cb.entry(walk->context, &entry);
}

bool pg_each_entry(struct store *store, uint32_t mailbox, uint64_t after, size_t limit, store_entry_cb *cb,
                   void *context, struct error *err) {
    struct walk walk = {.pg = pg_of(store),
                        .query = Q_EACH_ENTRY,
                        .row = give_entry,
                        .number = {mailbox},
                        .numbers = 1,
                        .cb.entry = cb,
                        .context = context};
    walk_after(&walk, after, limit);
    return pg_walk(&walk, err);
}

/* A row of bits comes with their number before them. */
bool pg_get_bits(struct store *store, uint32_t mailbox, uint64_t block, uint8_t (*bits)[BITS_OCTETS],
                 struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, mailbox);
    pg_add_number(&parameters, (int64_t)block);
    PGresult *rows = pg_read(pg_of(store), Q_GET_BITS, &parameters, err);
    for (int row = 0; rows && row < PQntuples(rows); row++) {
        int64_t plane = pg_number(rows, row, 0);
        struct span octets = pg_octets(rows, row, 1);
        if (plane >= 0 && plane < BITS_PLANES && octets.len == 4 + BITS_OCTETS)
            memcpy(bits[plane], octets.data + 4, BITS_OCTETS);
    }
    PQclear(rows);
    return rows != NULL;
}

static bool give_column(struct walk *walk, const PGresult *rows, int row) {
    walk->after[0] = pg_number(rows, row, 0);
    return walk->cb.column(walk->context, (uint64_t)walk->after[0], pg_octets(rows, row, 1));
}

bool pg_each_column(struct store *store, uint32_t mailbox, unsigned column, uint64_t chunk,
                    bool (*cb)(void *context, uint64_t chunk, struct span octets), void *context,
                    struct error *err) {
    struct walk walk = {.pg = pg_of(store),
                        .query = Q_EACH_COLUMN,
                        .row = give_column,
                        .number = {mailbox, column},
                        .numbers = 2,
                        .cb.column = cb,
                        .context = context};
    walk_after(&walk, 0, 0);
    walk.after[0] = (int64_t)chunk - 1;
    return pg_walk(&walk, err);
}

bool pg_last_entry(struct store *store, uint32_t mailbox, uint64_t *sequence, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, mailbox);
    PGresult *row = pg_read(pg_of(store), Q_LAST_ENTRY, &parameters, err);
    if (row)
        *sequence = (uint64_t)pg_number(row, 0, 0);
    PQclear(row);
    return row != NULL;
}

bool pg_count_chunks(struct store *store, uint32_t mailbox, uint64_t *chunks, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, mailbox);
    PGresult *row = pg_read(pg_of(store), Q_COUNT_COLUMNS, &parameters, err);
    if (row)
        *chunks = (uint64_t)pg_number(row, 0, 0);
    PQclear(row);
    return row != NULL;
}

/* ---- records ---- */

bool pg_get_record(struct store *store, uint32_t kind, struct span name, struct buf *out, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, kind);
    pg_add_octets(&parameters, name);
    PGresult *row = pg_read(pg_of(store), Q_GET_RECORD, &parameters, err);
    if (!row)
        return false;
    bool ok = PQntuples(row) ? buf_append_span(out, pg_octets(row, 0, 0)) || store_no_memory(store, err)
                             : error_set(err, STORE_NOT_FOUND, "there is no such record");
    PQclear(row);
    return ok;
}

static bool give_record(struct walk *walk, const PGresult *rows, int row) {
    return walk->cb.record(walk->context, pg_octets(rows, row, 0), pg_octets(rows, row, 1));
}

bool pg_each_record(struct store *store, uint32_t kind, store_record_cb *cb, void *context,
                    struct error *err) {
    struct walk walk = {.pg = pg_of(store),
                        .query = Q_EACH_RECORD,
                        .row = give_record,
                        .number = {kind},
                        .numbers = 1,
                        .cb.record = cb,
                        .context = context};
    return pg_walk(&walk, err);
}
