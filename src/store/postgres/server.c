/* The two connections: made, made anew when the server went and came, and the lock on one of them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/postgres/postgres_private.h"

/* The lock of a node: an advisory lock with these two numbers, of the session `writer`. */
#define LOCK_CLASS 1128813393 /* "CHSQ" */

/* How soon a server is called again that could not be called for reads. */
#define AGAIN_US 250000

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
    pg->chunk_since = clock_monotonic_us();
    pg->commit.awaited -= pg->commit.awaited != 0;
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

/* Without waiting; a session that owes one for long is given up. */
void pg_chunks_look(struct pg_store *pg) {
    struct error ignored = {0};
    int patience = pg->side.patience_ms ? pg->side.patience_ms : PG_PATIENCE_MS;
    while (pg->chunks && (pg->side.lost || !pg_must_wait(&pg->side)))
        pg_take_chunk(pg, &ignored);
    if (pg->chunks && clock_monotonic_us() - pg->chunk_since > patience * INT64_C(1000)) {
        pg_disconnect(&pg->side);
        pg->side.silent = true;
        while (pg->chunks)
            pg_take_chunk(pg, &ignored);
    }
}

bool pg_takes_octets(const struct store *store) {
    return pg_of(store)->chunks < CHUNKS_UNDER_WAY;
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
    pg->proved = false;
    if (!pg->head.read_only)
        store_failed(&pg->head, err);
    return false;
}

static bool nothing_to_judge(void *context, unsigned number, const PGresult *result, struct error *err) {
    (void)context, (void)number, (void)result, (void)err;
    return true;
}

/* What the session before left behind is not to be written behind our back: its end is waited for, but not
 * for that of one whose process is stopped, which does no more than what it was in the middle of. */
#define END_MS 500

/* How long a lock of others is waited for. The server says so before the session is doubted, or given up: it
 * is not silent, and what else is under way on it goes on. */
static int lock_ms(const struct pg_store *pg, bool durably) {
    return pg->answer_ms * (durably ? 4 : 1) / 5;
}

static bool call_side(struct pg_store *pg, struct error *err) {
    for (struct error ignored; pg->chunks;)
        pg_chunks_settle(pg, &ignored);
    pg->suspect = true;
    pg->side_watched = (struct watched){-1, 0};
    snprintf(pg->side_script, sizeof pg->side_script,
             SESSION "; SET %s; SET lock_timeout = %d;"
                     " SELECT pg_terminate_backend(pid, %d) FROM pg_stat_activity WHERE pid = %d"
                     " AND application_name = current_setting('application_name')",
             pg->head.read_only ? "default_transaction_read_only = on" : "synchronous_commit = off",
             lock_ms(pg, false), END_MS, pg->side.backend);
    pg->side_greeting = (struct pg_greeting){.script = pg->side_script,
                                             .judge = nothing_to_judge,
                                             .statements = pg_statements,
                                             .statement_count = QUERIES};
    return pg_call(&pg->side, pg->uri, pg->head.read_only ? "reader" : "reads", &pg->side_greeting, err);
}

bool pg_open_side(struct pg_store *pg, struct error *err) {
    return call_side(pg, err) && pg_wait_ready(&pg->side, pg->uri, 0, err);
}

/* The same while others wait. */
static bool reopen_side(struct pg_store *pg, struct error *err) {
    return call_side(pg, err) && pg_wait_ready(&pg->side, pg->uri, pg->doubt_ms, err);
}

/* Is there a failure to be told first? */
static bool has_failed(struct pg *connection, struct error *err) {
    bool failed = connection->why.code;
    if (failed)
        *err = connection->why;
    connection->why = (struct error){0};
    return failed;
}

static bool is_called(struct pg *connection) {
    return !connection->lost || (connection->stage != PG_GONE && connection->stage != PG_READY);
}

void pg_step_side(struct pg_store *pg) {
    int64_t now = clock_monotonic_us();
    if (!pg->side.lost)
        return;
    if (pg->side.silent && pg->side.stage == PG_GONE && now - pg->side.called > AGAIN_US)
        call_side(pg, &pg->side.why);
    pg_go_on(&pg->side, pg->uri, &pg->side.why);
}

bool pg_tend_side(struct pg_store *pg, struct error *err) {
    return !pg->side.lost || (!has_failed(&pg->side, err) && (is_called(&pg->side) || call_side(pg, err)) &&
                              pg_go_on(&pg->side, pg->uri, err) == PG_READY);
}

/* Ready for a query. It is waited for, but not again where it was given up: then it is called while others
 * are served. */
bool pg_have_side(struct pg_store *pg, struct error *err) {
    if (!pg->side.lost)
        return true;
    if (!pg->side.silent)
        return reopen_side(pg, err);
    if (pg_tend_side(pg, err))
        return true;
    return error_set(err, STORE_IO, "%s: the server does not answer", pg->head.place);
}

static PGresult *query_side(struct pg_store *pg, enum query query, const struct pg_parameters *parameters,
                            bool durably, struct error *err) {
    struct pg_parameters lock = {0};
    pg_add_number(&lock, lock_ms(pg, true));
    if (!pg_chunks_settle(pg, err) || (durably && !pg_send(&pg->side, Q_DURABLY, &lock, err)))
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

static PGresult *query_within(struct pg_store *pg, int ms, enum query query,
                              const struct pg_parameters *parameters, bool durably, struct error *err) {
    int patience = pg->side.patience_ms;
    pg->side.patience_ms = ms;
    PGresult *result = query_side(pg, query, parameters, durably, err);
    pg->side.patience_ms = patience;
    return result;
}

/* A session that has served and says nothing now may be the only one that hangs: it is doubted soon, and
 * another is called. That has all of the time: a read that is slow, where nothing hangs, began anew there.
 * Not where more would be lost than an answer to a read: chunks under way, which fail with their session, or
 * a write, which may wait for a lock. An old session may have ended long ago, too. */
static PGresult *ask(struct pg_store *pg, enum query query, const struct pg_parameters *parameters,
                     bool durably, struct error *err) {
    bool served = !pg->side.lost, doubts = served && pg->doubt_ms && !pg->chunks && !durably;
    int patience = pg->side.patience_ms, first = doubts ? pg->doubt_ms : patience;
    struct error inner = {0};
    PGresult *result =
        pg_have_side(pg, &inner) ? query_within(pg, first, query, parameters, durably, &inner) : NULL;
    if (!result && served && pg->side.lost && (doubts || !pg->side.silent)) {
        inner = (struct error){0};
        if (reopen_side(pg, &inner))
            result = query_within(pg, patience, query, parameters, durably, &inner);
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

#define HOLDER                                                                                               \
    "SELECT a.application_name || coalesce(' on ' || host(a.client_addr), '') FROM pg_locks l"               \
    " JOIN pg_stat_activity a USING(pid) WHERE l.locktype = 'advisory' AND l.classid = %d AND l.objid = %d"  \
    " AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"

/* The rows of the writer's greeting, in their order: the first and the last are asked for when there is an
 * epoch. */
enum { EPOCH_BEFORE = 1, HOLDER_BEFORE, LOCK, EPOCH_AFTER };

/* Nobody may have begun to write since. */
static bool is_our_epoch(const struct pg_store *pg, const PGresult *result, struct error *err) {
    return (PQntuples(result) == 1 && atoll(PQgetvalue(result, 0, 0)) == pg->epoch) || pg_taken_over(pg, err);
}

static bool judge_writer(void *context, unsigned number, const PGresult *result, struct error *err) {
    struct pg_store *pg = context;
    number += !pg->epoch; /* it is not asked for then */
    if (number == EPOCH_BEFORE || number == EPOCH_AFTER)
        return is_our_epoch(pg, result, err);
    if (number == HOLDER_BEFORE)
        snprintf(pg->holder, sizeof pg->holder, "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    if (number == LOCK && (PQntuples(result) != 1 || *PQgetvalue(result, 0, 0) != 't'))
        return error_set(err, STORE_LOCKED, "%s: another process writes to this store%s%s", pg->head.place,
                         *pg->holder ? ": " : "", pg->holder);
    return true;
}

/* Of one who has the lock the server may not know yet that he is gone: he may be ourselves, before a loss.
 * Only the epoch tells that another has begun, before we had the lock again or after. */
static bool call_writer(struct pg_store *pg, struct error *err) {
    static const char epoch_script[] = "SELECT epoch FROM chasqui.node WHERE id = %d; ";
    char epoch[80] = "";
    pg->suspect = true;
    pg->probing = false;
    pg->watched = (struct watched){-1, 0}; /* the old socket leaves `poll` as it is closed */
    if (pg->epoch)
        snprintf(epoch, sizeof epoch, epoch_script, (int)pg->node);
    snprintf(pg->writer_script, sizeof pg->writer_script,
             "%s" HOLDER "; SELECT pg_try_advisory_lock(%d, %d); %s" SESSION, epoch, LOCK_CLASS,
             (int)pg->node, LOCK_CLASS, (int)pg->node, epoch);
    pg->writer_greeting = (struct pg_greeting){.script = pg->writer_script,
                                               .judge = judge_writer,
                                               .context = pg,
                                               .statements = pg->epoch ? pg_statements : NULL,
                                               .statement_count = QUERIES};
    return pg_call(&pg->writer, pg->uri, "writer", &pg->writer_greeting, err);
}

bool pg_open_writer(struct pg_store *pg, struct error *err) {
    return call_writer(pg, err) && pg_wait_ready(&pg->writer, pg->uri, 0, err);
}

bool pg_tend_writer(struct pg_store *pg, struct error *err) {
    return !pg->writer.lost ||
           (!has_failed(&pg->writer, err) && (is_called(&pg->writer) || call_writer(pg, err)) &&
            pg_go_on(&pg->writer, pg->uri, err) == PG_READY);
}
