/* Mailboxes that get other names, when their users' names are written in one form instead of many. */
#include "store/store_private.h"

struct renaming {
    struct store *store;
    struct names names; /* as they will be */
    struct store_rename changed;
};

static bool no_memory(const struct store *store, struct error *err) {
    return error_set(err, STORE_NO_MEMORY, "%s: out of memory", store->path);
}

static bool run(struct store *store, enum statement which, int64_t first, int64_t second, int64_t third,
                struct error *err) {
    sqlite3_stmt *statement = sql(store, which);
    if (!statement)
        return db_error(store, "mailboxes", err);
    const int64_t values[] = {first, second, third};
    for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    return sql_run(store, which, NULL, err);
}

static bool write_name(struct renaming *renaming, uint32_t mailbox, struct error *err) {
    struct store *store = renaming->store;
    const struct name *name = names_get(&renaming->names, mailbox);
    sqlite3_stmt *statement = sql(store, SQL_PUT_MAILBOX);
    if (!statement)
        return db_error(store, "mailboxes", err);
    sqlite3_bind_int64(statement, 1, mailbox);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)name->next);
    sql_bind_span(statement, 3, name->text);
    return sql_run(store, SQL_PUT_MAILBOX, NULL, err);
}

/* The entries of `from` follow those of `to`, in their order. */
static bool join(struct renaming *renaming, uint32_t from, uint32_t to, struct error *err) {
    struct store *store = renaming->store;
    struct name *name = names_get(&renaming->names, to);
    uint64_t more = names_get(&store->mailboxes, from)->next - 1, before = name->next - 1;
    if (before + more >= UINT32_MAX)
        return error_set(err, STORE_FULL, "%s: mailbox %.*s has no sequence-numbers for the entries of %.*s",
                         store->path, (int)name->text.len, (const char *)name->text.data,
                         (int)names_get(&store->mailboxes, from)->text.len,
                         (const char *)names_get(&store->mailboxes, from)->text.data);
    name->next += more;
    renaming->changed.joined++;
    return run(store, SQL_MOVE_ENTRIES, from, to, (int64_t)before, err) &&
           run(store, SQL_DROP_MAILBOX, from, 0, 0, err) && write_name(renaming, to, err);
}

static bool rename_mailbox(struct renaming *renaming, uint32_t mailbox, struct span key, struct error *err) {
    struct store *store = renaming->store;
    const struct name *name = names_get(&store->mailboxes, mailbox);
    uint64_t hash = store_hash(store, key);
    uint32_t other = names_find(&renaming->names, hash, key);
    if (other)
        return join(renaming, mailbox, other, err);
    if (!names_add(&renaming->names, hash, key, mailbox, name->next))
        return no_memory(store, err);
    if (span_eq(key, name->text))
        return true;
    renaming->changed.renamed++;
    return write_name(renaming, mailbox, err);
}

static bool rename_all(struct renaming *renaming, store_key_cb *key_of, void *context, struct error *err) {
    const struct names *names = &renaming->store->mailboxes;
    for (uint32_t mailbox = 1; mailbox <= names->count; mailbox++) {
        const struct name *name = names_get(names, mailbox);
        struct span key = name ? key_of(context, name->text) : (struct span){NULL, 0};
        if (name && !rename_mailbox(renaming, mailbox, key.data ? key : name->text, err))
            return false;
    }
    return true;
}

static bool any_changes(const struct names *names, store_key_cb *key_of, void *context) {
    for (uint32_t mailbox = 1; mailbox <= names->count; mailbox++) {
        const struct name *name = names_get(names, mailbox);
        struct span key = name ? key_of(context, name->text) : (struct span){NULL, 0};
        if (key.data && !span_eq(key, name->text))
            return true;
    }
    return false;
}

bool store_rename_mailboxes(struct store *store, store_key_cb *key_of, void *context,
                            struct store_rename *changed, struct error *err) {
    struct renaming renaming = {.store = store};
    *changed = (struct store_rename){0};
    if (!any_changes(&store->mailboxes, key_of, context))
        return true;
    if (refuse_read_only(store, err))
        return false;
    names_init(&renaming.names);
    bool done = sql_run(store, SQL_BEGIN, NULL, err) && rename_all(&renaming, key_of, context, err) &&
                sql_run(store, SQL_COMMIT, NULL, err);
    if (!done && !sqlite3_get_autocommit(store->db))
        sql_run(store, SQL_ROLLBACK, NULL, NULL);
    struct names old = done ? store->mailboxes : renaming.names;
    if (done) {
        store->mailboxes = renaming.names;
        *changed = renaming.changed;
    }
    names_free(&old);
    return done;
}
