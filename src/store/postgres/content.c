/*
 * Contents that are not short: rows of 256 kB. Whole ones are sent while more
 * come, outside of any batch; the rest, less than a row, goes with the batch
 * that names it, so that neither memory nor a batch grows with a content. Rows
 * of which no content knows are what a crash or a release left; they are dropped
 * in small steps.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "store/postgres/postgres_private.h"

/* ---- writing ---- */

static bool send_chunk(struct pg_content *part, uint64_t at, struct span octets, struct error *err) {
    struct pg_store *pg = pg_of(part->head.store);
    struct pg_parameters parameters = {0};
    struct error inner = {0};
    while (pg->chunks >= CHUNKS_MOST)
        pg_take_chunk(pg, &inner);
    if (part->head.failed)
        return error_set(err, inner.code ? inner.code : STORE_IO, "%s",
                         inner.code ? inner.text : "an earlier write of this content failed");
    if (!pg_have_side(pg, err))
        return false;
    pg_add_number(&parameters, (int64_t)part->head.id);
    pg_add_number(&parameters, (int64_t)(at / CHUNK));
    pg_add_octets(&parameters, octets);
    pg_add_number(&parameters, pg->node);
    pg_add_number(&parameters, pg->epoch);
    if (!pg_send(&pg->side, Q_PUT_CHUNK, &parameters, err) || !pg_sync(&pg->side, err) ||
        !pg_flush(&pg->side, err))
        return false;
    if (!pg->chunks)
        pg->chunk_since = clock_monotonic_us();
    pg->chunks_of[pg->chunks++] = part->head.id;
    return true;
}

/* A batch under way may write the row of the first chunk that becomes whole meanwhile: whoever waited for it
 * here would wait for himself, so that one is held. The batch writes no row above it, and they are sent. */
static bool put_chunk(struct pg_content *part, struct span octets, struct error *err) {
    bool holds = part->flies && !part->held.len;
    if (holds && !buf_append_span(&part->held, octets))
        return store_no_memory(part->head.store, err);
    if (holds)
        part->held_at = part->chunked;
    else if (!send_chunk(part, part->chunked, octets, err))
        return false;
    part->chunked += CHUNK;
    return true;
}

bool pg_content_write(struct store_content *content, struct span octets, struct error *err) {
    struct pg_content *part = pg_content_of(content);
    size_t sent = 0;
    bool ok = true;
    if (!buf_append_span(&part->tail, octets))
        return store_no_memory(content->store, err);
    while (ok && part->tail.len - sent >= CHUNK) {
        ok = put_chunk(part, span_sub(buf_span(&part->tail), sent, CHUNK), err);
        sent += ok ? CHUNK : 0;
    }
    buf_consume(&part->tail, sent);
    return ok;
}

void pg_contents_fly(const struct store_batch *batch) {
    for (size_t i = 0; i < batch->count; i++)
        if (batch->list[i].content)
            pg_content_of(batch->list[i].content)->flies = true;
}

/* A session that was given up may have the row yet: nobody waits for that, and the sender goes on from his
 * last checkpoint. */
static void send_held(struct pg_content *part, bool given_up) {
    struct error err = {0};
    if (part->head.failed || (!given_up && send_chunk(part, part->held_at, buf_span(&part->held), &err)))
        return;
    part->head.failed = true;
    if (!given_up)
        pg_failed(pg_of(part->head.store), &err);
}

void pg_contents_land(const struct store_batch *batch, bool given_up) {
    for (size_t i = 0; i < batch->count; i++) {
        struct pg_content *part = batch->list[i].content ? pg_content_of(batch->list[i].content) : NULL;
        if (!part)
            continue;
        part->flies = false;
        if (part->held.len)
            send_held(part, given_up);
        buf_free(&part->held);
    }
}

/* The one that is held is no whole row yet. */
static bool has_chunks(struct pg_store *pg, const struct pg_content *part, bool *all, struct error *err) {
    struct pg_parameters parameters = {0};
    uint64_t sent = part->chunked / CHUNK - (part->held.len != 0);
    pg_add_number(&parameters, (int64_t)part->head.id);
    pg_add_number(&parameters, (int64_t)(part->chunked / CHUNK));
    pg_add_number(&parameters, (int64_t)CHUNK);
    PGresult *row = pg_read(pg, Q_COUNT_CHUNKS, &parameters, err);
    *all = row && (uint64_t)pg_number(row, 0, 0) == sent;
    PQclear(row);
    return row != NULL;
}

bool pg_chunks_verify(struct pg_store *pg, struct error *err) {
    const struct map *open = &pg->head.open_contents;
    if (!pg->suspect && !pg->side.lost)
        return true; /* those on their way are no part of the batch */
    if (!pg_chunks_settle(pg, err))
        return false;
    for (size_t i = 0; pg->suspect && i < open->room; i++) {
        struct pg_content *part = open->slots[i].key ? open->slots[i].value : NULL;
        bool all = true;
        if (part && part->head.writer && part->chunked > part->saved && !has_chunks(pg, part, &all, err))
            return false;
        if (!all)
            part->head.failed = true;
    }
    pg->suspect = false;
    return true;
}

/* ---- reading ---- */

static bool missing(struct pg_store *pg, const struct pg_content *part, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, (int64_t)part->head.id);
    PGresult *result = pg_read(pg, Q_GET_CONTENT, &parameters, err);
    if (result)
        (PQntuples(result) ? error_set(err, STORE_CORRUPT, "%s: content %llu has too few chunks",
                                       pg->head.place, (unsigned long long)part->head.id)
                           : error_set(err, STORE_NOT_FOUND, "the content was removed meanwhile"));
    PQclear(result);
    return false;
}

static bool read_chunk(struct pg_content *part, uint64_t offset, uint8_t *out, size_t len,
                       struct error *err) {
    struct pg_store *pg = pg_of(part->head.store);
    struct pg_parameters parameters = {0};
    if (part->held.len && offset / CHUNK == part->held_at / CHUNK) {
        memcpy(out, part->held.data + offset % CHUNK, len);
        return true;
    }
    pg_add_number(&parameters, (int64_t)part->head.id);
    pg_add_number(&parameters, (int64_t)(offset / CHUNK));
    pg_add_number(&parameters, (int64_t)(offset % CHUNK));
    pg_add_number(&parameters, (int64_t)len);
    PGresult *result = pg_read(pg, Q_GET_CHUNK, &parameters, err);
    if (!result)
        return false;
    struct span octets = PQntuples(result) ? pg_octets(result, 0, 0) : (struct span){NULL, 0};
    bool whole = octets.len == len;
    if (whole)
        memcpy(out, octets.data, len);
    PQclear(result);
    return whole || missing(pg, part, err);
}

bool pg_content_read(struct store_content *content, uint64_t offset, void *out, size_t len,
                     struct error *err) {
    struct pg_content *part = pg_content_of(content);
    uint8_t *at = out;
    while (len) {
        if (offset >= part->chunked && part->tail.len) {
            memcpy(at, part->tail.data + (offset - part->chunked), len);
            return true;
        }
        uint64_t left = CHUNK - offset % CHUNK;
        size_t piece = left < len ? (size_t)left : len;
        if (!read_chunk(part, offset, at, piece, err))
            return false;
        at += piece;
        offset += piece;
        len -= piece;
    }
    return true;
}

/* ---- what nobody needs any more ---- */

void pg_chunks_forget(struct pg_store *pg, uint64_t content, uint64_t first) {
    if (pg->garbage_count == pg->garbage_cap) {
        size_t cap = pg->garbage_cap ? pg->garbage_cap * 2 : 64;
        struct garbage *garbage = mem_resize(pg->garbage, cap * sizeof *garbage);
        if (!garbage)
            return; /* the next start finds them */
        pg->garbage = garbage;
        pg->garbage_cap = cap;
    }
    pg->garbage[pg->garbage_count++] = (struct garbage){content, first};
}

/* A step of it; -1: it failed, 0: all are gone. */
static int drop_some(struct pg_store *pg, const struct garbage *garbage, bool durably, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, (int64_t)garbage->content);
    pg_add_number(&parameters, (int64_t)garbage->first);
    pg_add_number(&parameters, pg->node);
    pg_add_number(&parameters, pg->epoch);
    PGresult *gone = (durably ? pg_write : pg_read)(pg, Q_DROP_CHUNKS, &parameters, err);
    int rows = gone ? PQntuples(gone) : -1;
    PQclear(gone);
    return rows;
}

bool pg_chunks_drop(struct pg_store *pg) {
    struct error err = {0};
    int rows = pg->garbage_count ? drop_some(pg, &pg->garbage[pg->garbage_count - 1], false, &err) : -1;
    if (rows == 0)
        pg->garbage_count--;
    return rows >= 0 && pg->garbage_count;
}

static void forget_garbage(struct pg_store *pg, uint64_t content) {
    for (size_t i = 0; i < pg->garbage_count;)
        if (pg->garbage[i].content == content)
            pg->garbage[i] = pg->garbage[--pg->garbage_count];
        else
            i++;
}

/* Of the chunk that goes on beyond `length`, what lies above that. */
static bool cut_chunk(struct pg_store *pg, uint64_t content, uint64_t length, struct error *err) {
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, (int64_t)content);
    pg_add_number(&parameters, (int64_t)(length / CHUNK));
    pg_add_number(&parameters, (int64_t)(length % CHUNK));
    pg_add_number(&parameters, pg->node);
    pg_add_number(&parameters, pg->epoch);
    PGresult *cut = pg_write(pg, Q_CUT_CHUNK, &parameters, err);
    PQclear(cut);
    return cut != NULL;
}

/* Before what follows `length` is written anew. It goes from the disk, with a crash of this daemon's and of
 * the server's in between too: where the new rows got lost, the old ones would count for them. */
static bool cut_content(struct pg_store *pg, uint64_t content, uint64_t length, struct error *err) {
    const struct garbage above = {content, (length + CHUNK - 1) / CHUNK};
    int rows;
    forget_garbage(pg, content);
    while ((rows = drop_some(pg, &above, true, err)) > 0) {
    }
    return rows == 0 && (length % CHUNK == 0 || cut_chunk(pg, content, length, err));
}

/* ---- opening and closing ---- */

struct store_content *pg_content_load(struct pg_store *pg, uint64_t id, uint64_t length, struct error *err) {
    struct store_content *content = content_find(&pg->head, id);
    if (content)
        return content;
    content = content_new(&pg->head, err);
    if (!content)
        return NULL;
    struct pg_content *part = pg_content_of(content);
    part->has_row = true;
    content->length = part->saved = length;
    part->chunked = length / CHUNK * CHUNK;
    if (content_enter(content, id, err))
        return content;
    store_content_release(content);
    return NULL;
}

struct store_content *pg_content_open(struct store *store, uint64_t message, struct error *err) {
    struct pg_store *pg = pg_of(store);
    struct pg_parameters parameters = {0};
    struct store_content *content = NULL;
    pg_add_number(&parameters, (int64_t)message);
    PGresult *row = pg_read(pg, Q_GET_BODY, &parameters, err);
    if (!row)
        return NULL;
    uint64_t id = PQntuples(row) ? (uint64_t)pg_number(row, 0, 0) : 0;
    if (!PQntuples(row))
        error_set(err, STORE_NOT_FOUND, "no such message");
    else if (!id)
        content = content_short(store, pg_octets(row, 0, 1), err);
    else if (PQgetisnull(row, 0, 2))
        error_set(err, STORE_CORRUPT, "%s: message %llu names a content that is not there", store->place,
                  (unsigned long long)message);
    else
        content = pg_content_load(pg, id, (uint64_t)pg_number(row, 0, 2), err);
    PQclear(row);
    return content;
}

/* What comes is appended to the last chunk, which is read for that. */
static bool load_tail(struct pg_content *part, struct error *err) {
    size_t len = (size_t)(part->head.length - part->chunked);
    if (!buf_reserve(&part->tail, len))
        return store_no_memory(part->head.store, err);
    if (len && !read_chunk(part, part->chunked, part->tail.data, len, err))
        return false;
    part->tail.len = len;
    return true;
}

struct store_content *pg_content_resume(struct store *store, uint64_t activity, struct error *err) {
    struct pg_store *pg = pg_of(store);
    struct pg_parameters parameters = {0};
    pg_add_number(&parameters, (int64_t)activity);
    PGresult *row = pg_read(pg, Q_GET_ACTIVITY_IN, &parameters, err);
    if (!row)
        return NULL;
    uint64_t id = PQntuples(row) ? (uint64_t)pg_number(row, 0, 7) : 0;
    struct store_content *content = id ? content_find(store, id) : NULL;
    struct span chain = id ? pg_octets(row, 0, 9) : (struct span){NULL, 0};
    bool open = content != NULL;
    store_content_release(content);
    content = NULL;
    if (!PQntuples(row))
        error_set(err, STORE_NOT_FOUND, "activity %llu is not there", (unsigned long long)activity);
    else if (!id)
        content = store_content_create(store, 0, err);
    else if (open)
        error_set(err, STORE_IN_USE, "the content of activity %llu is still open",
                  (unsigned long long)activity);
    else if (cut_content(pg, id, (uint64_t)pg_number(row, 0, 8), err))
        content = pg_content_load(pg, id, (uint64_t)pg_number(row, 0, 8), err);
    bool resumed =
        !content || !id ||
        ((chain.len == STORE_DIGEST || error_set(err, STORE_CORRUPT, "activity %llu: its digest is damaged",
                                                 (unsigned long long)activity)) &&
         load_tail(pg_content_of(content), err) && (content->writer = true) &&
         content_restore_digest(content, chain.data, err));
    PQclear(row);
    if (resumed)
        return content;
    store_content_release(content);
    return NULL;
}

void pg_content_close(struct store_content *content) {
    struct pg_content *part = pg_content_of(content);
    struct pg_store *pg = pg_of(content->store);
    uint64_t kept = part->has_row && !part->doomed ? part->saved : 0,
             written = part->chunked > part->saved ? part->chunked : part->saved;
    if (content->id && !content->store->read_only && (written > kept || part->doomed))
        pg_chunks_forget(pg, content->id, (kept + CHUNK - 1) / CHUNK);
    buf_free(&part->tail);
    buf_free(&part->held);
}
