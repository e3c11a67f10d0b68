/* Opening, the lock, what happens when the server goes and comes, and the table of the engine. */
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/postgres/postgres_private.h"

#define ID_BLOCK (UINT64_C(1) << 20)
/* The lock of a node: an advisory lock with these two numbers, of the session `writer`. */
#define LOCK_CLASS 1128813393 /* "CHSQ" */
/* Rows that one step of expiry drops. */
#define DROP_ROWS 500

/* ---- connections ---- */

bool pg_failed(struct pg_store *pg, const struct error *err) {
    if (!pg->head.read_only)
        store_failed(&pg->head, err);
    return false;
}

bool pg_open_side(struct pg_store *pg, struct error *err) {
    for (struct error ignored; pg->chunks;)
        pg_chunks_settle(pg, &ignored);
    return pg_connect(&pg->side, pg->uri, pg->head.read_only ? "reader" : "reads", err) &&
           pg_script(&pg->side,
                     pg->head.read_only ? "SET search_path = chasqui; SET default_transaction_read_only = on"
                                        : "SET search_path = chasqui; SET synchronous_commit = off",
                     err) &&
           pg_begin_pipeline(&pg->side, pg_statements, QUERIES, err);
}

PGresult *pg_read(struct pg_store *pg, enum query query, const struct pg_parameters *parameters, struct error *err) {
    struct error inner = {0};
    PGresult *result = NULL;
    for (int tries = 0; tries < 2 && !result; tries++) {
        bool fresh = pg->side.lost;
        inner = (struct error){0};
        if (fresh && !pg_open_side(pg, &inner))
            break;
        if (pg_chunks_settle(pg, &inner))
            result = pg_query(&pg->side, query, parameters, &inner);
        if (!pg->side.lost || fresh)
            break; /* an old connection may have ended long ago: it is tried with a fresh one */
    }
    if (!result) {
        error_set(err, inner.code, "%s", inner.text);
        pg_failed(pg, &inner);
    }
    return result;
}

/* ---- the lock ---- */

static bool tell_holder(struct pg_store *pg, struct error *err) {
    char text[400], holder[100] = "";
    snprintf(text, sizeof text,
             "SELECT a.application_name || coalesce(' on ' || host(a.client_addr), '') FROM pg_locks l"
             " JOIN pg_stat_activity a USING(pid) WHERE l.locktype = 'advisory' AND l.classid = %d AND l.objid = %d"
             " AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
             LOCK_CLASS, NODE);
    bool named = pg_value(&pg->writer, text, holder, sizeof holder, NULL);
    return error_set(err, STORE_LOCKED, "%s: another process writes to this store%s%s", pg->head.place,
                     named ? ": " : "", holder);
}

static bool take_lock(struct pg_store *pg, struct error *err) {
    char text[80], value[8];
    snprintf(text, sizeof text, "SELECT pg_try_advisory_lock(%d, %d)", LOCK_CLASS, NODE);
    return pg_value(&pg->writer, text, value, sizeof value, err) && (*value == 't' || tell_holder(pg, err));
}

/* Our row in `node`. A new epoch fences off whoever wrote before. */
static bool begin_epoch(struct pg_store *pg, struct error *err) {
    char text[300], value[48];
    snprintf(text, sizeof text,
             "INSERT INTO node VALUES(%d, 1, 0, left(current_setting('application_name'), 60)) ON CONFLICT(id)"
             " DO UPDATE SET epoch = node.epoch + 1, name = excluded.name RETURNING epoch || ' ' || serial",
             NODE);
    long long epoch, serial;
    if (!pg_value(&pg->writer, text, value, sizeof value, err))
        return false;
    if (sscanf(value, "%lld %lld", &epoch, &serial) != 2)
        return error_set(err, STORE_CORRUPT, "%s: the node's row is damaged", pg->head.place);
    pg->epoch = epoch;
    pg->serial = serial;
    return true;
}

/* After a loss: nobody may have written since. */
static bool go_on_with_epoch(struct pg_store *pg, struct error *err) {
    char text[80], value[24];
    snprintf(text, sizeof text, "SELECT epoch FROM node WHERE id = %d", NODE);
    if (!pg_value(&pg->writer, text, value, sizeof value, err))
        return false;
    return atoll(value) == pg->epoch || error_set(err, STORE_LOCKED,
                                                  "%s: another process has written to this store meanwhile; "
                                                  "what is in memory here is old: start the daemon again",
                                                  pg->head.place);
}

bool pg_open_writer(struct pg_store *pg, struct error *err) {
    if (pg_connect(&pg->writer, pg->uri, "writer", err) && take_lock(pg, err) &&
        pg_script(&pg->writer, "SET search_path = chasqui", err) &&
        (pg->epoch ? go_on_with_epoch(pg, err) : true) &&
        (!pg->epoch || pg_begin_pipeline(&pg->writer, pg_statements, QUERIES, err)))
        return true;
    pg->writer.lost = true;
    return false;
}

/* ---- opening ---- */

/* A hash that is stored depends on it: it is made once. */
static bool load_secret(struct pg_store *pg, struct error *err) {
    char text[160], value[48];
    long long first, second;
    uint64_t fresh[2];
    if (!pg->head.read_only) {
        if (RAND_bytes((unsigned char *)fresh, sizeof fresh) != 1)
            return error_set(err, STORE_IO, "%s: no random octets to be had", pg->head.place);
        snprintf(text, sizeof text,
                 "INSERT INTO setting VALUES('secret.0', %lld), ('secret.1', %lld) ON CONFLICT(name) DO NOTHING",
                 (long long)(fresh[0] >> 1), (long long)(fresh[1] >> 1));
        if (!pg_script(&pg->writer, text, err))
            return false;
    }
    if (!pg_value(pg->head.read_only ? &pg->side : &pg->writer,
                  "SELECT (SELECT value FROM chasqui.setting WHERE name = 'secret.0') || ' ' ||"
                  " (SELECT value FROM chasqui.setting WHERE name = 'secret.1')",
                  value, sizeof value, err) ||
        sscanf(value, "%lld %lld", &first, &second) != 2)
        return error_set(err, STORE_CORRUPT, "%s: the secret of the hashes is missing", pg->head.place);
    pg->head.secret[0] = (uint64_t)first;
    pg->head.secret[1] = (uint64_t)second;
    return true;
}

/* Chunks that no content knows: a crash came before the batch that would have named them. */
static bool drop_orphans(struct pg_store *pg, struct error *err) {
    char value[32];
    if (!pg_script(&pg->writer,
                   "DELETE FROM chunk WHERE NOT EXISTS (SELECT FROM content WHERE content.id = chunk.content)", err) ||
        !pg_value(&pg->writer, "SELECT coalesce(sum(length), 0)::bigint FROM content", value, sizeof value, err))
        return false;
    pg->content_octets = strtoull(value, NULL, 10);
    return true;
}

static bool open_as_writer(struct pg_store *pg, const struct store_options *options, struct error *err) {
    return pg_open_writer(pg, err) && pg_schema_migrate(&pg->writer, options->create, err) && begin_epoch(pg, err) &&
           load_secret(pg, err) && drop_orphans(pg, err) &&
           pg_begin_pipeline(&pg->writer, pg_statements, QUERIES, err) && pg_open_side(pg, err);
}

static bool open_as_reader(struct pg_store *pg, const struct store_options *options, struct error *err) {
    if (options->alone && !pg_open_writer(pg, err))
        return false;
    return pg_connect(&pg->side, pg->uri, "reader", err) && pg_schema_is_current(&pg->side, err) &&
           load_secret(pg, err) && pg_open_side(pg, err);
}

static struct pg_store *new_store(const char *uri, const struct store_options *options, struct error *err) {
    struct pg_store *pg = mem_alloc(sizeof *pg);
    char *place = pg ? pg_public_uri(uri) : NULL;
    if (!place || !store_head_init(&pg->head, &store_postgres, place, options, err) || !(pg->uri = mem_strdup(uri))) {
        mem_free(place);
        mem_free(pg);
        error_set(err, STORE_NO_MEMORY, "out of memory");
        return NULL;
    }
    mem_free(place);
    pg->writer.lost = pg->side.lost = true;
    pg->watched = -1;
    pg->poll = epoll_create1(EPOLL_CLOEXEC);
    pg->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    names_init(&pg->next_hops);
    names_init(&pg->mailboxes);
    fold_init(&pg->commit.fold);
    return pg;
}

static void pg_close(struct store *store) {
    struct pg_store *pg = pg_of(store);
    for (struct error ignored; pg->chunks;)
        pg_chunks_settle(pg, &ignored);
    while (!store->read_only && !pg->side.lost && pg_chunks_drop(pg)) {
    }
    pg_disconnect(&pg->writer);
    pg_disconnect(&pg->side);
    pg_free(&pg->writer);
    pg_free(&pg->side);
    fold_free(&pg->commit.fold);
    names_free(&pg->next_hops);
    names_free(&pg->mailboxes);
    while (pg->found_count)
        PQclear(pg->found[--pg->found_count]);
    mem_free(pg->found);
    mem_free(pg->garbage);
    if (pg->poll >= 0)
        close(pg->poll);
    if (pg->timer >= 0)
        close(pg->timer);
    mem_free(pg->uri);
    store_head_free(store);
    mem_free(pg);
}

static struct store *pg_open(const char *place, const struct store_options *options, struct error *err) {
    struct epoll_event event = {.events = EPOLLIN};
    struct pg_store *pg = new_store(place, options, err);
    if (!pg)
        return NULL;
    if ((pg->poll >= 0 && pg->timer >= 0 && epoll_ctl(pg->poll, EPOLL_CTL_ADD, pg->timer, &event) == 0) ||
        error_set(err, STORE_IO, "%s: no descriptor is left", pg->head.place))
        if (options->read_only ? open_as_reader(pg, options, err) : open_as_writer(pg, options, err))
            return &pg->head;
    pg_close(&pg->head);
    return NULL;
}

/* ---- without a handle ---- */

static bool with_server(const char *place, bool (*look)(struct pg *pg, struct error *err), struct error *err) {
    struct pg pg = {0};
    bool ok = pg_connect(&pg, place, "look", err) && look(&pg, err);
    pg_disconnect(&pg);
    pg_free(&pg);
    return ok;
}

static bool look_for_version(struct pg *pg, struct error *err) {
    int version;
    return pg_schema_version(pg, &version, err) &&
           (version || error_set(err, STORE_NOT_FOUND, "%s: there is no store in this database", pg->place));
}

/* A store of another version is there, too. */
static bool pg_is_there(const char *place, struct error *err) {
    struct error inner = {0};
    return with_server(place, look_for_version, &inner) || inner.code == STORE_VERSION ||
           error_set(err, inner.code, "%s", inner.text);
}

static bool pg_examine(const char *place, struct error *err) {
    return with_server(place, look_for_version, err);
}

static bool refuse_copy(const char *place, const char *what, struct error *err) {
    char *shown = pg_public_uri(place);
    error_set(err, STORE_BAD_REQUEST,
              "%s: a store in PostgreSQL is %s with the server's own means: pg_dump and pg_restore, or "
              "pg_basebackup; see docs/guide-backup.md",
              shown ? shown : "postgresql", what);
    mem_free(shown);
    return false;
}

static bool pg_backup(const char *place, const char *to, bool alone, store_progress_cb *progress, void *context,
                      struct error *err) {
    (void)to, (void)alone, (void)progress, (void)context;
    return refuse_copy(place, "copied", err);
}

static bool pg_restore(const char *from, const char *place, bool force, store_progress_cb *progress, void *context,
                       struct error *err) {
    (void)from, (void)force, (void)progress, (void)context;
    return refuse_copy(place, "restored", err);
}

/* ---- health ---- */

static bool pg_probe(struct store *store, struct error *err) {
    struct pg_store *pg = pg_of(store);
    if (pg->commit.step == COMMIT_UNSETTLED)
        pg_proceed(store, false);
    if (pg->commit.step == COMMIT_UNSETTLED)
        return error_set(err, STORE_IO, "%s: what came of the last batch is not known yet", store->place);
    if (store->accepting)
        return true;
    if (pg->commit.step == COMMIT_NONE && pg->writer.lost && !pg_open_writer(pg, err))
        return false;
    PGresult *result = pg_read(pg, Q_PROBE, NULL, err);
    PQclear(result);
    return result != NULL;
}

/* True: it may have been all for now. */
static bool drop_rows(struct pg_store *pg, enum query query, int64_t before) {
    struct pg_parameters parameters = {0};
    struct error ignored = {0};
    pg_add_number(&parameters, before);
    pg_add_number(&parameters, DROP_ROWS);
    PGresult *result = pg_read(pg, query, &parameters, &ignored);
    bool more = result && atoi(PQcmdTuples(result)) >= DROP_ROWS;
    PQclear(result);
    return more;
}

static bool pg_maintain(struct store *store, int64_t now, int64_t events_before, int64_t until) {
    struct pg_store *pg = pg_of(store);
    bool more = !pg->side.lost;
    while (more) {
        more = drop_rows(pg, Q_EXPIRE_EVENTS, events_before);
        more = drop_rows(pg, Q_EXPIRE_REPEATS, now) || more;
        more = drop_rows(pg, Q_EXPIRE_OUTCOMES, now) || more;
        more = pg_chunks_drop(pg) || more;
        if (clock_monotonic_us() >= until)
            break;
    }
    return more;
}

static void pg_figures(const struct store *store, struct store_figures *figures) {
    figures->content_octets = pg_of(store)->content_octets;
}

static bool pg_more_ids(struct store *store, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, (int64_t)ID_BLOCK);
    PGresult *row = pg_read(pg_of(store), Q_TAKE_IDS, &parameters, err);
    if (!row)
        return false;
    store->id_end = (uint64_t)pg_number(row, 0, 0);
    store->next_id = store->id_end - ID_BLOCK;
    PQclear(row);
    return true;
}

const struct store_engine store_postgres = {
    .name = "PostgreSQL",
    .content_size = sizeof(struct pg_content),
    .owns = pg_is_uri,
    .is_there = pg_is_there,
    .examine = pg_examine,
    .backup = pg_backup,
    .restore = pg_restore,
    .check = pg_check,
    .repair = pg_repair,
    .open = pg_open,
    .close = pg_close,
    .probe = pg_probe,
    .maintain = pg_maintain,
    .figures = pg_figures,
    .more_ids = pg_more_ids,
    .commit_begin = pg_commit_begin,
    .proceed = pg_proceed,
    .descriptor = pg_descriptor,
    .content_write = pg_content_write,
    .content_read = pg_content_read,
    .content_close = pg_content_close,
    .content_open = pg_content_open,
    .content_resume = pg_content_resume,
    .get_message = pg_get_message,
    .get_work = pg_get_work,
    .each_work = pg_each_work,
    .count_work = pg_count_work,
    .claim = pg_claim,
    .renew = pg_renew,
    .track = pg_track,
    .each_event = pg_each_event,
    .find_repeat = pg_find_repeat,
    .find_activity_in = pg_find_activity_in,
    .each_activity_of = pg_each_activity_of,
    .each_activity_in = pg_each_activity_in,
    .each_activity_out = pg_each_activity_out,
    .get_outcome = pg_get_outcome,
    .each_outcome = pg_each_outcome,
    .next_hop = pg_next_hop,
    .mailbox = pg_mailbox,
    .next_hop_name = pg_next_hop_name,
    .each_mailbox = pg_each_mailbox,
    .change_mailboxes = pg_change_mailboxes,
    .get_entry = pg_get_entry,
    .each_entry = pg_each_entry,
    .get_record = pg_get_record,
    .each_record = pg_each_record,
};
