/* Health, closing, ids, and the table of the engine. */
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/postgres/postgres_private.h"

#define ID_BLOCK (UINT64_C(1) << 20)
/* Rows that one step of expiry looks at. */
#define EXPIRE_ROWS 500

static void pg_close(struct store *store) {
    struct pg_store *pg = pg_of(store);
    for (struct error ignored; pg->chunks;)
        pg_chunks_settle(pg, &ignored);
    while (!store->read_only && !store->fenced && !pg->side.lost && pg_chunks_drop(pg)) {
    }
    pg_disconnect(&pg->writer);
    pg_disconnect(&pg->side);
    pg_free(&pg->writer);
    pg_free(&pg->side);
    fold_free(&pg->commit.fold);
    map_free(&pg->commit.numbers);
    pg_known_free(pg);
    names_free(&pg->next_hops);
    names_free(&pg->mailboxes);
    PQclear(pg->found);
    PQclear(pg->taken);
    mem_free(pg->garbage);
    if (pg->poll >= 0)
        close(pg->poll);
    if (pg->timer >= 0)
        close(pg->timer);
    mem_free(pg->uri);
    store_head_free(store);
    mem_free(pg);
}

/* ---- health ---- */

/* A small durable write, whose answer a later call looks for. */
static bool probe_writer(struct pg_store *pg, struct error *err) {
    int64_t now = clock_monotonic_us();
    if (!pg->probing) {
        if (!pg_send(&pg->writer, Q_PROBE, NULL, err) || !pg_sync(&pg->writer, err) ||
            !pg_flush(&pg->writer, err))
            return false;
        pg->probing = true;
        pg->probed = now;
    }
    if (!pg_must_wait(&pg->writer))
        return pg_take_probe(pg, err);
    *err = pg->head.cause;
    if (now - pg->probed < pg->commit_us)
        return false;
    pg_disconnect(&pg->writer);
    return error_set(err, STORE_IO, "%s: the server does not answer to a write", pg->head.place);
}

/* The reads that were given up may work again. */
static bool can_read(struct pg_store *pg, struct error *err) {
    if (!pg->side.lost || !pg->side.silent || pg_tend_side(pg, err))
        return true;
    return err->code ? false : error_set(err, STORE_IO, "%s: the server does not answer", pg->head.place);
}

static bool is_well(struct pg_store *pg, struct error *err) {
    if (pg->head.fenced)
        return pg_taken_over(pg, err);
    if (pg_commit_is_late(pg, err) || !can_read(pg, err))
        return false;
    bool idle = pg->commit.step == COMMIT_NONE, ready = !idle || pg_tend_writer(pg, err);
    if (err->code || pg->head.accepting || (ready && pg->proved))
        return !err->code;
    if (idle && ready)
        return probe_writer(pg, err);
    *err = pg->head.cause; /* the call or the commit that is under way will show it */
    return false;
}

static bool pg_probe(struct store *store, struct error *err) {
    struct pg_store *pg = pg_of(store);
    pg_proceed(store, false);
    bool ok = is_well(pg, err);
    pg_watch(pg);
    return ok;
}

static int change_rows(struct pg_store *pg, enum query query, int64_t limit) {
    struct pg_parameters parameters = {0};
    struct error ignored = {0};
    pg_add_number(&parameters, limit);
    pg_add_number(&parameters, EXPIRE_ROWS);
    PGresult *result = pg_read(pg, query, &parameters, &ignored);
    int changed = result ? atoi(PQcmdTuples(result)) : 0;
    PQclear(result);
    return changed;
}

/* The first of them only are looked at, so none dated in the future stays in the way: it counts as one of
 * now. */
static int drop_events(struct pg_store *pg, int64_t before) {
    int gone = change_rows(pg, Q_EXPIRE_EVENTS, before);
    if (!gone)
        change_rows(pg, Q_DATE_EVENTS, clock_now_us());
    return gone;
}

static bool pg_maintain(struct store *store, int64_t now, int64_t events_before, int64_t until) {
    struct pg_store *pg = pg_of(store);
    bool more = !pg->side.lost;
    while (more) {
        more = drop_events(pg, events_before) >= EXPIRE_ROWS;
        more = change_rows(pg, Q_EXPIRE_REPEATS, now) >= EXPIRE_ROWS || more;
        more = change_rows(pg, Q_EXPIRE_OUTCOMES, now) >= EXPIRE_ROWS || more;
        more = pg_known_fill(pg) || more;
        more = pg_chunks_drop(pg) || more;
        if (clock_monotonic_us() >= until)
            break;
    }
    return more;
}

static void pg_figures(const struct store *store, struct store_figures *figures) {
    figures->content_octets = pg_of(store)->content_octets;
}

static bool pg_more_ids(struct store *store, uint64_t least, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, (int64_t)ID_BLOCK);
    pg_add_number(&parameters, (int64_t)least);
    PGresult *row = pg_write(pg_of(store), Q_TAKE_IDS, &parameters, err);
    if (!row)
        return false;
    store->id_end = (uint64_t)pg_number(row, 0, 0);
    store->next_id = store->id_end - ID_BLOCK;
    PQclear(row);
    return true;
}

const struct store_engine postgres_engine = {
    .content_size = sizeof(struct pg_content),
    .content_memory = CHUNK,
    .close = pg_close,
    .probe = pg_probe,
    .maintain = pg_maintain,
    .figures = pg_figures,
    .more_ids = pg_more_ids,
    .commit_begin = pg_commit_begin,
    .proceed = pg_proceed,
    .descriptor = pg_descriptor,
    .give_up = pg_give_up,
    .takes_octets = pg_takes_octets,
    .content_write = pg_content_write,
    .content_read = pg_content_read,
    .content_close = pg_content_close,
    .content_open = pg_content_open,
    .content_resume = pg_content_resume,
    .get_message = pg_get_message,
    .get_work = pg_get_work,
    .each_work = pg_each_work,
    .renew = pg_renew,
    .each_own_work = pg_each_own_work,
    .take_over = pg_take_over,
    .track = pg_track,
    .each_event = pg_each_event,
    .find_repeat = pg_find_repeat,
    .find_activity_in = pg_find_activity_in,
    .each_activity_of = pg_each_activity_of,
    .each_activity_in = pg_each_activity_in,
    .each_activity_out = pg_each_activity_out,
    .get_outcome = pg_get_outcome,
    .has_outcome = pg_has_outcome,
    .each_outcome = pg_each_outcome,
    .scan = pg_scan,
    .next_hop = pg_next_hop,
    .mailbox = pg_mailbox,
    .next_hop_name = pg_next_hop_name,
    .each_mailbox = pg_each_mailbox,
    .change_mailboxes = pg_change_mailboxes,
    .get_entry = pg_get_entry,
    .each_entry = pg_each_entry,
    .get_bits = pg_get_bits,
    .each_column = pg_each_column,
    .last_entry = pg_last_entry,
    .count_chunks = pg_count_chunks,
    .get_record = pg_get_record,
    .each_record = pg_each_record,
};
