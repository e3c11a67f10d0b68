/* Names of next hops and mailboxes: held in memory whole, rows are written with the next commit. */
#include <stdio.h>

#include "store/sqlite/sqlite_private.h"

#define NEXT_HOPS "id, name, 0 FROM next_hop"
#define MAILBOXES "id, name, next FROM mailbox"

static bool load(struct sqlite *store, struct names *names, const char *text, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *statement = sql_walk(store, text, err);
    if (!statement)
        return false;
    while (sql_next(store, statement, &inner)) {
        struct span name = sql_span(statement, 1);
        uint32_t key = (uint32_t)sqlite3_column_int64(statement, 0);
        if (!key || !names_add(names, store_hash(&store->head, name), name, key,
                               (uint64_t)sqlite3_column_int64(statement, 2)))
            error_set(&inner, key ? STORE_NO_MEMORY : STORE_CORRUPT, "%s: a name's key %u can't be held",
                      store->head.place, key);
        if (inner.code)
            break;
    }
    sqlite3_finalize(statement);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

bool names_load(struct sqlite *store, struct error *err) {
    return load(store, &store->next_hops, "SELECT " NEXT_HOPS " ORDER BY id", err) &&
           load(store, &store->mailboxes, "SELECT " MAILBOXES " ORDER BY id", err);
}

/* A reader looks for names that the writer made since. */
static bool refresh(struct sqlite *store, struct names *names, struct error *err) {
    char text[128];
    snprintf(text, sizeof text, "SELECT %s WHERE id > %u ORDER BY id",
             names == &store->mailboxes ? MAILBOXES : NEXT_HOPS, (unsigned)names->count);
    return load(store, names, text, err);
}

static bool key_of(struct sqlite *store, struct names *names, struct span name, bool make, uint32_t *key,
                   struct error *err) {
    uint64_t hash = store_hash(&store->head, name);
    *key = names_find(names, hash, name);
    if (*key)
        return true;
    if (!store->head.read_only)
        return !make || (*key = names_add(names, hash, name, 0, names == &store->mailboxes)) ||
               store_no_memory(&store->head, err);
    if (!refresh(store, names, err))
        return false;
    *key = names_find(names, hash, name);
    return true;
}

bool sqlite_next_hop(struct store *head, struct span name, bool make, uint32_t *key, struct error *err) {
    return key_of(sqlite_of(head), &sqlite_of(head)->next_hops, name, make, key, err);
}

bool sqlite_mailbox(struct store *head, struct span name, bool make, uint32_t *key, struct error *err) {
    return key_of(sqlite_of(head), &sqlite_of(head)->mailboxes, name, make, key, err);
}

bool sqlite_next_hop_name(struct store *head, uint32_t next_hop, struct span *text, struct error *err) {
    struct sqlite *store = sqlite_of(head);
    const struct name *name = names_get(&store->next_hops, next_hop);
    if (!name && head->read_only) {
        if (!refresh(store, &store->next_hops, err))
            return false;
        name = names_get(&store->next_hops, next_hop);
    }
    if (name)
        *text = name->text;
    return name || error_set(err, STORE_NOT_FOUND, "%s: next hop %u has no name", head->place, next_hop);
}

bool sqlite_each_mailbox(struct store *head, store_mailbox_cb *cb, void *context, struct error *err) {
    const struct names *names = &sqlite_of(head)->mailboxes;
    if (head->read_only && !refresh(sqlite_of(head), &sqlite_of(head)->mailboxes, err))
        return false;
    for (uint32_t mailbox = 1; mailbox <= names->count; mailbox++) {
        const struct name *name = names_get(names, mailbox);
        if (name && !cb(context, mailbox, name->text, name->next))
            break;
    }
    return true;
}

/* ---- mailboxes that get other names ---- */

static bool run(struct sqlite *store, enum statement which, int64_t first, int64_t second, int64_t third,
                struct error *err) {
    sqlite3_stmt *statement = sql(store, which);
    if (!statement)
        return db_error(store, "mailboxes", err);
    const int64_t values[] = {first, second, third};
    for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    return sql_run(store, which, NULL, err);
}

static bool write_name(struct sqlite *store, uint32_t mailbox, struct span text, uint64_t next,
                       struct error *err) {
    sqlite3_stmt *statement = sql(store, SQL_PUT_MAILBOX);
    if (!statement)
        return db_error(store, "mailboxes", err);
    sqlite3_bind_int64(statement, 1, mailbox);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)next);
    sql_bind_span(statement, 3, text);
    return sql_run(store, SQL_PUT_MAILBOX, NULL, err);
}

static bool mailbox_row(struct sqlite *store, uint32_t mailbox, uint64_t *next, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(store, "SELECT next FROM mailbox WHERE id = ?1", err);
    if (!walk)
        return false;
    sqlite3_bind_int64(walk, 1, mailbox);
    if (sql_next(store, walk, &inner))
        *next = (uint64_t)sqlite3_column_int64(walk, 0);
    else if (!inner.code)
        error_set(&inner, STORE_BAD_REQUEST, "%s: there is no mailbox %u", store->head.place, mailbox);
    sqlite3_finalize(walk);
    return store_passed(&inner, err);
}

/* The entries follow those that are there, in their order. */
static bool join(struct sqlite *store, const struct mailbox_change *change, struct error *err) {
    uint64_t more, next;
    if (!mailbox_row(store, change->mailbox, &more, err) || !mailbox_row(store, change->into, &next, err))
        return false;
    if (next - 1 + more - 1 >= UINT32_MAX)
        return error_set(err, STORE_FULL,
                         "%s: mailbox %.*s has no sequence-numbers for the entries of another",
                         store->head.place, (int)change->name.len, (const char *)change->name.data);
    return run(store, SQL_MOVE_ENTRIES, change->mailbox, change->into, (int64_t)(next - 1), err) &&
           bits_move(store, change->mailbox, change->into, next - 1, err) &&
           run(store, SQL_DROP_MAILBOX, change->mailbox, 0, 0, err) &&
           write_name(store, change->into, change->name, next + more - 1, err);
}

static bool write_change(struct sqlite *store, const struct mailbox_change *change, struct error *err) {
    uint64_t next;
    if (change->into)
        return join(store, change, err);
    return mailbox_row(store, change->mailbox, &next, err) &&
           write_name(store, change->mailbox, change->name, next, err);
}

bool sqlite_change_mailboxes(struct store *head, const struct mailbox_change *changes, size_t count,
                             struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct names fresh;
    names_init(&fresh);
    bool done = sql_run(store, SQL_BEGIN, NULL, err);
    for (size_t i = 0; done && i < count; i++)
        done = write_change(store, &changes[i], err);
    done = done && load(store, &fresh, "SELECT " MAILBOXES " ORDER BY id", err) &&
           sql_run(store, SQL_COMMIT, NULL, err);
    if (!done)
        sql_is_undone(store);
    if (!done && !sqlite3_get_autocommit(store->writing.db))
        sql_run(store, SQL_ROLLBACK, NULL, NULL);
    struct names gone = done ? store->mailboxes : fresh;
    if (done)
        store->mailboxes = fresh;
    names_free(&gone);
    return done;
}
