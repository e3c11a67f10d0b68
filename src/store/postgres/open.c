/* Opening: the lock, the schema, our row in `node`, what a crash left. */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "base/alloc.h"
#include "store/postgres/options.h"
#include "store/postgres/postgres_private.h"
#include "store/postgres/uri.h"

/* Our row in `node`. A new epoch fences off whoever wrote before; the lease stays what it is until the first
 * claim (node.c says why). */
static bool begin_epoch(struct pg_store *pg, struct error *err) {
    char text[300], value[48];
    snprintf(text, sizeof text,
             "INSERT INTO node(id, epoch, serial, name) VALUES(%d, 1, 0,"
             " left(current_setting('application_name'), 60)) ON CONFLICT(id) DO UPDATE"
             " SET epoch = node.epoch + 1, name = excluded.name RETURNING epoch || ' ' || serial",
             (int)pg->node);
    long long epoch, serial;
    if (!pg_value(&pg->writer, text, value, sizeof value, err))
        return false;
    if (sscanf(value, "%lld %lld", &epoch, &serial) != 2)
        return error_set(err, STORE_CORRUPT, "%s: the node's row is damaged", pg->head.place);
    pg->epoch = epoch;
    pg->serial = serial;
    return true;
}

/* A hash that is stored depends on it: it is made once. */
static bool load_secret(struct pg_store *pg, struct error *err) {
    char text[160], value[48];
    long long first, second;
    uint64_t fresh[2];
    if (!pg->head.read_only) {
        if (RAND_bytes((unsigned char *)fresh, sizeof fresh) != 1)
            return error_set(err, STORE_IO, "%s: no random octets to be had", pg->head.place);
        snprintf(
            text, sizeof text,
            "INSERT INTO setting VALUES('secret.0', %lld), ('secret.1', %lld) ON CONFLICT(name) DO NOTHING",
            (long long)(fresh[0] >> 1), (long long)(fresh[1] >> 1));
        if (!pg_script(&pg->writer, text, err))
            return false;
    }
    if (!pg_value(pg->head.read_only ? &pg->side : &pg->writer,
                  "SELECT (SELECT value FROM chasqui.setting WHERE name = 'secret.0') || ' ' ||"
                  " (SELECT value FROM chasqui.setting WHERE name = 'secret.1')",
                  value, sizeof value, err))
        return false;
    if (sscanf(value, "%lld %lld", &first, &second) != 2)
        return error_set(err, STORE_CORRUPT, "%s: the secret of the hashes is missing", pg->head.place);
    pg->head.secret[0] = (uint64_t)first;
    pg->head.secret[1] = (uint64_t)second;
    return true;
}

/* Chunks that no content knows: a crash came before the batch that would have named them. Where there was
 * ever another node they may be what it receives just now. */
static bool drop_orphans(struct pg_store *pg, struct error *err) {
    char value[32];
    if (!pg_script(&pg->writer,
                   "DELETE FROM chunk WHERE NOT EXISTS (SELECT FROM content WHERE content.id = chunk.content)"
                   " AND (SELECT count(*) FROM node) = 1",
                   err) ||
        !pg_value(&pg->writer, "SELECT coalesce(sum(length), 0)::bigint FROM content", value, sizeof value,
                  err))
        return false;
    pg->content_octets = strtoull(value, NULL, 10);
    return true;
}

/* The first node brings the schema to its version; the others find it so. */
static bool have_schema(struct pg_store *pg, const struct store_options *options, struct error *err) {
    return pg->node == 1 ? pg_schema_migrate(&pg->writer, options->create, err)
                         : pg_schema_is_current(&pg->writer, err);
}

static bool open_as_writer(struct pg_store *pg, const struct store_options *options, struct error *err) {
    return pg_open_writer(pg, err) && have_schema(pg, options, err) && begin_epoch(pg, err) &&
           load_secret(pg, err) && drop_orphans(pg, err) &&
           pg_begin_pipeline(&pg->writer, pg_statements, QUERIES, err) && pg_open_side(pg, err);
}

/* It changes nothing that would take long, and clients may wait for what it reads. */
static bool open_as_reader(struct pg_store *pg, const struct store_options *options, struct error *err) {
    pg->writer.patience_ms = pg->side.patience_ms = pg->answer_ms;
    if (options->alone && !pg_open_writer(pg, err))
        return false;
    return pg_connect(&pg->side, pg->uri, "reader", err) && pg_schema_is_current(&pg->side, err) &&
           load_secret(pg, err) && pg_open_side(pg, err);
}

static struct pg_store *new_store(const char *uri, const struct store_options *options, struct error *err) {
    const struct postgres_options *at_server = options->engine;
    struct pg_store *pg = mem_alloc(sizeof *pg);
    char *place = pg ? pg_public_uri(uri) : NULL;
    if (!place || !store_head_init(&pg->head, &postgres_engine, place, options, err) ||
        !(pg->uri = mem_strdup(uri))) {
        mem_free(place);
        mem_free(pg);
        error_set(err, STORE_NO_MEMORY, "out of memory");
        return NULL;
    }
    mem_free(place);
    pg->writer.lost = pg->side.lost = true;
    pg->watched = pg->side_watched = (struct watched){-1, 0};
    pg->poll = epoll_create1(EPOLL_CLOEXEC);
    pg->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    buf_init(&pg->repeats.after_key, 0);
    buf_init(&pg->activities.after_key, 0);
    pg->node = options->node ? options->node : 1;
    pg->answer_ms = at_server && at_server->answer_ms ? at_server->answer_ms : PG_ANSWER_MS;
    names_init(&pg->next_hops);
    names_init(&pg->mailboxes);
    fold_init(&pg->commit.fold);
    return pg;
}

/* From now on others wait while an answer is waited for. */
static struct store *serving(struct pg_store *pg, const struct postgres_options *options) {
    if (!pg->head.read_only)
        pg_known_open(pg);
    pg->writer.patience_ms = pg->side.patience_ms = pg->answer_ms;
    pg->doubt_ms = pg->answer_ms / 4;
    pg->commit_us = (options && options->commit_ms ? options->commit_ms : PG_PATIENCE_MS / 2) * INT64_C(1000);
    return &pg->head;
}

struct store *pg_open(const char *place, const struct store_options *options, struct error *err) {
    struct epoll_event event = {.events = EPOLLIN};
    struct pg_store *pg = new_store(place, options, err);
    if (!pg)
        return NULL;
    if ((pg->poll >= 0 && pg->timer >= 0 && epoll_ctl(pg->poll, EPOLL_CTL_ADD, pg->timer, &event) == 0) ||
        error_set(err, STORE_IO, "%s: no descriptor is left", pg->head.place))
        if (options->read_only ? open_as_reader(pg, options, err) : open_as_writer(pg, options, err))
            return serving(pg, options->engine);
    postgres_engine.close(&pg->head);
    return NULL;
}
