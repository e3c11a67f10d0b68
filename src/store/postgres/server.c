/* The two connections: made, made anew when the server went and came, and the lock on one of them. */
#include <stdio.h>
#include <stdlib.h>

#include "store/postgres/postgres_private.h"

/* The lock of a node: an advisory lock with these two numbers, of the session `writer`. */
#define LOCK_CLASS 1128813393 /* "CHSQ" */

/*
 * All statements go by an index. The server makes their plans once, from what it last counted in the tables,
 * which may have been empty then: it would read them from end to end for years, row by row, when they are
 * full.
 */
#define SESSION                                                                                              \
    "SET search_path = chasqui; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"         \
    " SET enable_hashjoin = off; SET enable_mergejoin = off"

/* ---- chunks on their way ---- */

/* Takes the oldest answer. What failed makes its content fail. */
void pg_take_chunk(struct pg_store *pg, struct error *err) {
    struct error inner = {0};
    uint64_t id = pg->chunks_of[0];
    PGresult *result = pg->side.lost ? NULL : pg_take(&pg->side, &inner);
    bool ok = result && pg_take_sync(&pg->side, &inner);
    if (ok && atoi(PQcmdTuples(result)) == 0) { /* the node has another epoch */
        ok = pg_taken_over(pg, &inner);
        pg_failed(pg, &inner);
    }
    if (!ok && !pg->side.lost)
        pg_take_sync(&pg->side, NULL);
    PQclear(result);
    pg->chunks--;
    memmove(pg->chunks_of, pg->chunks_of + 1, pg->chunks * sizeof *pg->chunks_of);
    if (ok)
        return;
    struct store_content *content = content_find(&pg->head, id);
    if (content)
        content->failed = true;
    store_content_release(content);
    if (inner.code && !err->code)
        *err = inner;
}

bool pg_chunks_settle(struct pg_store *pg, struct error *err) {
    struct error inner = {0};
    while (pg->chunks)
        pg_take_chunk(pg, &inner);
    /* Whoever wrote the content is told of it when the content is used; others go on. */
    return !inner.code || !pg->side.lost || error_set(err, inner.code, "%s", inner.text);
}

/* ---- connections ---- */

bool pg_taken_over(const struct pg_store *pg, struct error *err) {
    return error_set(err, STORE_FENCED,
                     "%s: another process has taken this store over; what is in memory here is old",
                     pg->head.place);
}

bool pg_failed(struct pg_store *pg, const struct error *err) {
    if (!pg->head.read_only)
        store_failed(&pg->head, err);
    return false;
}

bool pg_open_side(struct pg_store *pg, struct error *err) {
    for (struct error ignored; pg->chunks;)
        pg_chunks_settle(pg, &ignored);
    pg->suspect = true;
    return pg_connect(&pg->side, pg->uri, pg->head.read_only ? "reader" : "reads", err) &&
           pg_script(&pg->side,
                     pg->head.read_only ? SESSION "; SET default_transaction_read_only = on"
                                        : SESSION "; SET synchronous_commit = off; SET lock_timeout = '10s'",
                     err) &&
           pg_begin_pipeline(&pg->side, pg_statements, QUERIES, err);
}

static PGresult *query_side(struct pg_store *pg, enum query query, const struct pg_parameters *parameters,
                            bool durably, struct error *err) {
    if (!pg_chunks_settle(pg, err) || (durably && !pg_send(&pg->side, Q_DURABLY, NULL, err)))
        return NULL;
    if (!durably)
        return pg_query(&pg->side, query, parameters, err);
    if (!pg_send(&pg->side, query, parameters, err) || !pg_sync(&pg->side, err))
        return NULL;
    PGresult *first = pg_take(&pg->side, err), *result = first ? pg_take(&pg->side, err) : NULL;
    PQclear(first);
    if (!pg->side.lost && pg_take_sync(&pg->side, result ? err : NULL))
        return result;
    PQclear(result);
    return NULL;
}

static PGresult *ask(struct pg_store *pg, enum query query, const struct pg_parameters *parameters,
                     bool durably, struct error *err) {
    struct error inner = {0};
    PGresult *result = NULL;
    for (int tries = 0; tries < 2 && !result; tries++) {
        bool fresh = pg->side.lost;
        inner = (struct error){0};
        if (fresh && !pg_open_side(pg, &inner))
            break;
        result = query_side(pg, query, parameters, durably, &inner);
        if (!pg->side.lost || fresh)
            break; /* an old connection may have ended long ago: it is tried with a fresh one */
    }
    if (!result) {
        error_set(err, inner.code, "%s", inner.text);
        pg_failed(pg, &inner);
    }
    return result;
}

PGresult *pg_read(struct pg_store *pg, enum query query, const struct pg_parameters *parameters,
                  struct error *err) {
    return ask(pg, query, parameters, false, err);
}

PGresult *pg_write(struct pg_store *pg, enum query query, const struct pg_parameters *parameters,
                   struct error *err) {
    return ask(pg, query, parameters, true, err);
}

/* ---- the lock ---- */

static bool tell_holder(struct pg_store *pg, struct error *err) {
    char text[400], holder[100] = "";
    snprintf(
        text, sizeof text,
        "SELECT a.application_name || coalesce(' on ' || host(a.client_addr), '') FROM pg_locks l"
        " JOIN pg_stat_activity a USING(pid) WHERE l.locktype = 'advisory' AND l.classid = %d AND l.objid = "
        "%d"
        " AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        LOCK_CLASS, (int)pg->node);
    bool named = pg_value(&pg->writer, text, holder, sizeof holder, NULL);
    return error_set(err, STORE_LOCKED, "%s: another process writes to this store%s%s", pg->head.place,
                     named ? ": " : "", holder);
}

static bool take_lock(struct pg_store *pg, struct error *err) {
    char text[80], value[8];
    snprintf(text, sizeof text, "SELECT pg_try_advisory_lock(%d, %d)", LOCK_CLASS, (int)pg->node);
    return pg_value(&pg->writer, text, value, sizeof value, err) && (*value == 't' || tell_holder(pg, err));
}

/* After a loss: nobody may have begun to write since. */
static bool go_on_with_epoch(struct pg_store *pg, struct error *err) {
    char text[80], value[24];
    snprintf(text, sizeof text, "SELECT epoch FROM chasqui.node WHERE id = %d", (int)pg->node);
    if (!pg_value(&pg->writer, text, value, sizeof value, err))
        return false;
    return atoll(value) == pg->epoch || pg_taken_over(pg, err);
}

/* Of one who has it the server may not know yet that he is gone: he may be ourselves, before a loss. Only the
 * epoch tells that another has begun. */
static bool take_lock_again(struct pg_store *pg, struct error *err) {
    return go_on_with_epoch(pg, err) && take_lock(pg, err) && go_on_with_epoch(pg, err);
}

bool pg_open_writer(struct pg_store *pg, struct error *err) {
    pg->suspect = true;
    pg->watched = -1; /* the old socket leaves `poll` as it is closed; the new one may get its number */
    if (pg_connect(&pg->writer, pg->uri, "writer", err) &&
        (pg->epoch ? take_lock_again(pg, err) : take_lock(pg, err)) && pg_script(&pg->writer, SESSION, err) &&
        (!pg->epoch || pg_begin_pipeline(&pg->writer, pg_statements, QUERIES, err)))
        return true;
    pg->writer.lost = true;
    return false;
}
