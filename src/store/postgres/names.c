/* Names of next hops and mailboxes. A key is made at once, durably, since it is remembered. */
#include "store/postgres/postgres_private.h"

/* One row with a key, by the octets of a name. */
static bool key_by(struct pg_store *pg, enum query query, struct span name, uint32_t *key,
                   struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_octets(&parameters, name);
    bool makes = query == Q_ADD_MAILBOX || query == Q_ADD_NEXT_HOP;
    PGresult *row = (makes ? pg_write : pg_read)(pg, query, &parameters, err);
    *key = row && PQntuples(row) ? (uint32_t)pg_number(row, 0, 0) : 0;
    PQclear(row);
    return row != NULL;
}

/* Another node may make it at the same moment: then it is there. */
static bool make_key(struct pg_store *pg, enum query add, enum query find, struct span name, uint32_t *key,
                     struct error *err) {
    struct error inner = {0};
    if (key_by(pg, add, name, key, &inner))
        return true;
    if (inner.code == STORE_BAD_REQUEST && key_by(pg, find, name, key, err) && *key)
        return true;
    return error_set(err, inner.code, "%s", inner.text);
}

static bool key_of(struct pg_store *pg, bool mailbox, struct span name, bool make, uint32_t *key,
                   struct error *err) {
    struct names *names = mailbox ? &pg->mailboxes : &pg->next_hops;
    enum query find = mailbox ? Q_FIND_MAILBOX : Q_FIND_NEXT_HOP,
               add = mailbox ? Q_ADD_MAILBOX : Q_ADD_NEXT_HOP;
    uint64_t hash = store_hash(&pg->head, name);
    bool keeps = !pg->head.read_only; /* what others write may change its name */
    *key = keeps ? names_find(names, hash, name) : 0;
    if (*key)
        return true;
    if (!key_by(pg, find, name, key, err) || (!*key && make && !make_key(pg, add, find, name, key, err)))
        return false;
    return !*key || !keeps || names_add(names, hash, name, *key, 1) || store_no_memory(&pg->head, err);
}

bool pg_next_hop(struct store *store, struct span name, bool make, uint32_t *key, struct error *err) {
    return key_of(pg_of(store), false, name, make, key, err);
}

bool pg_mailbox(struct store *store, struct span name, bool make, uint32_t *key, struct error *err) {
    return key_of(pg_of(store), true, name, make, key, err);
}

static bool learn_next_hop(struct pg_store *pg, uint32_t next_hop, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, next_hop);
    PGresult *row = pg_read(pg, Q_NEXT_HOP_NAME, &parameters, err);
    if (!row)
        return false;
    struct span text = PQntuples(row) ? pg_octets(row, 0, 0) : (struct span){NULL, 0};
    bool known =
        text.data ? names_add(&pg->next_hops, store_hash(&pg->head, text), text, next_hop, 0) ||
                        store_no_memory(&pg->head, err)
                  : error_set(err, STORE_NOT_FOUND, "%s: next hop %u has no name", pg->head.place, next_hop);
    PQclear(row);
    return known;
}

bool pg_next_hop_name(struct store *store, uint32_t next_hop, struct span *text, struct error *err) {
    struct pg_store *pg = pg_of(store);
    if (!names_get(&pg->next_hops, next_hop) && !learn_next_hop(pg, next_hop, err))
        return false;
    *text = names_get(&pg->next_hops, next_hop)->text;
    return true;
}

static bool give_mailbox(struct walk *walk, const PGresult *rows, int row) {
    walk->after[0] = pg_number(rows, row, 0);
    return walk->cb.mailbox(walk->context, (uint32_t)walk->after[0], pg_octets(rows, row, 1),
                            (uint64_t)pg_number(rows, row, 2));
}

bool pg_each_mailbox(struct store *store, store_mailbox_cb *cb, void *context, struct error *err) {
    struct walk walk = {.pg = pg_of(store),
                        .query = Q_EACH_MAILBOX,
                        .row = give_mailbox,
                        .afters = 1,
                        .cb.mailbox = cb,
                        .context = context};
    return pg_walk(&walk, err);
}

/* ---- mailboxes that get other names ---- */

static bool send_change(struct pg_store *pg, const struct mailbox_change *change, struct error *err) {
    struct pg_parameters join = {0}, gone = {0}, name = {0};
    if (change->into) {
        pg_add_number(&join, change->mailbox);
        pg_add_number(&join, change->into);
    }
    pg_add_number(&name, change->into ? change->into : change->mailbox);
    pg_add_octets(&name, change->name);
    if (change->into)
        pg_add_number(&gone, change->mailbox);
    return (!change->into || (pg_send(&pg->writer, Q_JOIN_BITS, &join, err) &&
                              pg_send(&pg->writer, Q_JOIN_MAILBOX, &join, err) &&
                              pg_send(&pg->writer, Q_DROP_BITS, &gone, err))) &&
           pg_send(&pg->writer, Q_NAME_MAILBOX, &name, err);
}

static bool take_results(struct pg_store *pg, size_t count, struct error *err) {
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        PGresult *result = pg_take(&pg->writer, err);
        ok = result != NULL;
        PQclear(result);
    }
    return (pg->writer.lost || pg_take_sync(&pg->writer, ok ? err : NULL)) && ok;
}

static bool end_changes(struct pg_store *pg, enum query query, struct error *err) {
    return pg_send(&pg->writer, query, NULL, err) && pg_sync(&pg->writer, err) && take_results(pg, 1, err);
}

/* A name may be given to one before another one gave it up: first none has any. */
static bool send_changes(struct pg_store *pg, const struct mailbox_change *changes, size_t count,
                         size_t *sent, struct error *err) {
    if (!pg_send(&pg->writer, Q_BEGIN, NULL, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct pg_parameters unname = {0};
        pg_add_number(&unname, changes[i].mailbox);
        if (!pg_send(&pg->writer, Q_UNNAME_MAILBOX, &unname, err))
            return false;
    }
    *sent = 1 + count;
    for (size_t i = 0; i < count; i++) {
        if (!send_change(pg, &changes[i], err))
            return false;
        *sent += changes[i].into ? 4 : 1;
    }
    return pg_sync(&pg->writer, err);
}

bool pg_change_mailboxes(struct store *store, const struct mailbox_change *changes, size_t count,
                         struct error *err) {
    struct pg_store *pg = pg_of(store);
    size_t sent;
    if (pg->writer.lost && !pg_open_writer(pg, err))
        return false;
    bool ok = send_changes(pg, changes, count, &sent, err) && take_results(pg, sent, err);
    ok = end_changes(pg, ok ? Q_COMMIT : Q_ROLLBACK, ok ? err : NULL) && ok;
    names_free(&pg->mailboxes);
    names_init(&pg->mailboxes);
    return ok;
}
