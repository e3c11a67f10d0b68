/*
 * Nodes: who owns which work. Our row in `node` has our epoch and the end of our
 * lease, by the server's clock; each commit prolongs it (Q_FENCE). Whoever takes
 * over raises the epoch of nodes whose lease is over, in one transaction with
 * the first of their work: a commit of theirs that is under way ends before, as
 * both write their rows, and prolongs the lease. A lease is over by time alone,
 * and what the transaction takes for now stands still, so that no node comes to
 * be taken over within it whose epoch was not raised. A node that has nothing
 * left has a lease without end (NO_LEASE_END).
 */
#include "store/postgres/postgres_private.h"

/* ---- ours ---- */

/* A commit that is under way has our row, and does it as well. */
bool pg_renew(struct store *store, int64_t lease, struct error *err) {
    struct pg_store *pg = pg_of(store);
    struct pg_parameters parameters = {0};
    pg->lease = lease;
    if (pg->commit.step != COMMIT_NONE)
        return true;
    pg_add_number(&parameters, pg->node);
    pg_add_number(&parameters, pg->epoch);
    pg_add_number(&parameters, lease);
    PGresult *renewed = pg_write(pg, Q_RENEW, &parameters, err);
    bool ours = renewed && PQntuples(renewed) == 1;
    if (renewed && !ours) {
        pg_taken_over(pg, err);
        pg_failed(pg, err);
    }
    PQclear(renewed);
    return ours;
}

/* ---- of those that are gone ---- */

static bool somebody_is_gone(struct pg_store *pg, bool *gone, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, pg->node);
    PGresult *rows = pg_read(pg, Q_FIND_GONE, &parameters, err);
    *gone = rows && PQntuples(rows);
    PQclear(rows);
    return rows != NULL;
}

static bool send_taking(struct pg_store *pg, size_t limit, struct error *err) {
    struct pg_parameters node = {0}, most = {0};
    pg_add_number(&node, pg->node);
    pg_add_number(&most, pg->node);
    pg_add_number(&most, limit && limit < PAGE ? (int64_t)limit : PAGE);
    return pg_send(&pg->side, Q_TAKING, NULL, err) && pg_send(&pg->side, Q_FENCE_GONE, &node, err) &&
           pg_send(&pg->side, Q_TAKE_WORK, &most, err) && pg_send(&pg->side, Q_LEAVE_GONE, &node, err) &&
           pg_sync(&pg->side, err);
}

/* What was taken, or NULL. */
static PGresult *take_some(struct pg_store *pg, size_t limit, struct error *err) {
    PGresult *results[4] = {NULL};
    bool ok = pg_chunks_settle(pg, err) && send_taking(pg, limit, err);
    for (size_t i = 0; i < 4 && ok; i++)
        ok = (results[i] = pg_take(&pg->side, err)) != NULL;
    ok = !pg->side.lost && pg_take_sync(&pg->side, ok ? err : NULL) && ok;
    for (size_t i = 0; i < 4; i++)
        if (i != 2 || !ok)
            PQclear(results[i]);
    return ok ? results[2] : NULL;
}

/* True: it is no failure, for they live: a row of theirs is locked. */
static bool not_taken(struct pg_store *pg, struct error *err) {
    if (pg->side.lost) /* what came of it nobody here can tell: the next opening finds what became ours */
        error_set(err, STORE_FENCED,
                  "%s: the answer to a takeover of work was lost; what is ours has to be read anew",
                  pg->head.place);
    return err->code == STORE_LOCKED || pg_failed(pg, err);
}

/* What is left of what was taken, at most `*left` rows (0: all). False: these, or the callback has enough. */
static bool give_taken(struct pg_store *pg, size_t *left, store_work_cb *cb, void *context) {
    bool goes_on = true;
    while (pg->taken && pg->given < PQntuples(pg->taken) && goes_on) {
        struct store_work work = pg_work_of(pg->taken, pg->given++);
        goes_on = cb(context, &work) && (!*left || --*left);
    }
    if (pg->given < PQntuples(pg->taken))
        return false; /* it is ours: the next claim gives it */
    PQclear(pg->taken);
    pg->taken = NULL;
    return goes_on;
}

bool pg_take_over(struct store *store, size_t limit, store_work_cb *cb, void *context, struct error *err) {
    struct pg_store *pg = pg_of(store);
    size_t left = limit;
    while (give_taken(pg, &left, cb, context)) {
        struct error inner = {0};
        bool gone;
        if (!somebody_is_gone(pg, &gone, err))
            return false;
        PGresult *taken = gone ? take_some(pg, left, &inner) : NULL;
        if (gone && !taken)
            return not_taken(pg, &inner) || error_set(err, inner.code, "%s", inner.text);
        pg->taken = taken;
        pg->given = 0;
        if (!taken || !PQntuples(taken))
            break;
    }
    return true;
}
