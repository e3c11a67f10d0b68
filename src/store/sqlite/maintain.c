/* What can wait: filling and compacting segments, dropping what has expired. Small steps, each its own
 * transaction. */
#include <stdio.h>

#include "base/clock.h"
#include "store/sqlite/sqlite_private.h"

#define SPARSE    (SEGMENT_SIZE / 4) /* live octets below which a full segment is worth moving */
#define MOVE_STEP (UINT64_C(4) << 20)
#define DROP_ROWS 64

/* Calls in a row that a commit at the disk puts off. */
#define PUT_OFF_MOST 60

/* ---- compaction ---- */

static struct segment *sparsest(struct sqlite *store) {
    struct segment *best = NULL;
    for (size_t i = 0; i < store->segment_count; i++) {
        struct segment *segment = store->segments[i];
        bool full = segment != store->current && !segment->missing &&
                    (segment->tail >= SEGMENT_SIZE - MOVE_STEP || segment->retired);
        if (full && segment->live && segment->live < SPARSE && (!best || segment->live < best->live))
            best = segment;
    }
    return best;
}

struct move {
    uint64_t content, seq;
    struct extent from, to;
};

static bool copy_octets(struct sqlite *store, const struct move *move, struct error *err) {
    uint8_t octets[32 * 1024];
    for (uint64_t at = 0; at < move->from.length; at += sizeof octets) {
        size_t len =
            move->from.length - at < sizeof octets ? (size_t)(move->from.length - at) : sizeof octets;
        if (!segment_read(store, move->from.segment, move->from.offset + at, octets, len, err) ||
            !segment_write(store, move->to.segment, move->to.offset + at, span_of(octets, len), err))
            return false;
    }
    return true;
}

/* I3 and I4 hold: the copy is synced before the row moves, the old place is free only after that commit. */
static bool write_move(struct sqlite *store, const struct move *move, struct error *err) {
    const uint64_t values[] = {move->content, move->seq, move->to.segment->id, move->to.offset};
    if (!copy_octets(store, move, err) || !segment_sync(store, move->to.segment, err) ||
        !segments_sync_folder(store, err))
        return false;
    sqlite3_stmt *statement = sql(store, SQL_MOVE_EXTENT);
    if (!statement)
        return db_error(store, "move", err);
    for (int i = 0; i < 4; i++)
        sqlite3_bind_int64(statement, i + 1, (sqlite3_int64)values[i]);
    return sql_run(store, SQL_MOVE_EXTENT, NULL, err);
}

static bool move_extent(struct sqlite *store, struct move *move, struct error *err) {
    const struct segment *current = store->current;
    move->from.reserved = align_up(move->from.length);
    if (current && SEGMENT_SIZE - current->tail < move->from.reserved)
        store->current = NULL; /* an extent moves in one piece: begin another segment */
    if (!segment_take(store, move->from.length, &move->to, err))
        return false;
    if (move->to.reserved < move->from.reserved || move->to.segment == move->from.segment ||
        !write_move(store, move, err)) {
        if (sql_is_undone(store)) /* else a later start may find the row there */
            segment_give_back(&move->to, 0);
        return false;
    }
    segment_give_back(&move->from, 0);
    return true;
}

/* Finds the next extent of the segment. The walk goes on where the last call found one, so that a segment
 * costs one pass over the table. Open contents stay where they are. */
static bool find_extent(struct sqlite *store, const struct segment *segment, struct move *move,
                        struct error *err) {
    bool found = false;
    sqlite3_stmt *walk =
        sql_walk(store,
                 "SELECT content, seq, offset, length FROM extent WHERE segment = ?1 AND content >= ?2"
                 " ORDER BY content, seq",
                 err);
    if (!walk)
        return false;
    sqlite3_bind_int64(walk, 1, (sqlite3_int64)segment->id);
    sqlite3_bind_int64(walk, 2, (sqlite3_int64)store->compacted_to);
    while (!found && sql_next(store, walk, err)) {
        *move = (struct move){
            (uint64_t)sqlite3_column_int64(walk, 0), (uint64_t)sqlite3_column_int64(walk, 1), {0}, {0}};
        move->from.segment = store->compacting;
        move->from.offset = (uint64_t)sqlite3_column_int64(walk, 2);
        move->from.length = (uint64_t)sqlite3_column_int64(walk, 3);
        found = !map_find(&store->head.open_contents, move->content);
    }
    sqlite3_finalize(walk);
    store->compacted_to = found ? move->content : 0;
    return found;
}

static bool compact_step(struct sqlite *store) {
    struct error err = {0};
    struct move move;
    /* A full disk is no reason not to: what is moved together gives segments back. */
    bool may = store->head.accepting || store->head.cause.code == STORE_FULL;
    struct segment *segment = may ? sparsest(store) : NULL;
    if (segment != store->compacting)
        store->compacted_to = 0;
    store->compacting = segment;
    if (segment)
        segment->retired = true;
    return segment && find_extent(store, segment, &move, &err) && move_extent(store, &move, &err);
}

/* ---- expiry ---- */

static int64_t one_value(struct sqlite *store, const char *text, int64_t parameter) {
    struct error err = {0};
    sqlite3_stmt *walk = sql_walk(store, text, &err);
    int64_t value = -1;
    if (walk) {
        sqlite3_bind_int64(walk, 1, parameter);
        if (sql_next(store, walk, &err))
            value = sqlite3_column_int64(walk, 0);
    }
    sqlite3_finalize(walk);
    return value;
}

static int64_t change_rows(struct sqlite *store, const char *text, int64_t limit) {
    struct error err = {0};
    sqlite3_stmt *walk = sql_walk(store, text, &err);
    if (!walk)
        return 0;
    sqlite3_bind_int64(walk, 1, limit);
    sqlite3_bind_int64(walk, 2, DROP_ROWS);
    sql_next(store, walk, &err);
    int64_t changed = err.code ? 0 : sqlite3_changes64(store->writing.db);
    sqlite3_finalize(walk);
    return changed;
}

/* A run whose packed rows are all gone: its own row goes with its rows of the index. */
static bool drop_run(struct sqlite *store, bool repeats) {
    struct runs *runs = repeats ? &store->repeats : &store->track;
    struct error err = {0};
    char text[160];
    uint64_t bucket = filters_oldest(&runs->done);
    int64_t oldest =
        one_value(store,
                  repeats ? "SELECT coalesce(min(id), 9223372036854775807) FROM repeat WHERE id > ?1"
                          : "SELECT coalesce(min(id), 9223372036854775807) FROM event WHERE id > ?1",
                  0);
    if (!bucket || oldest < 0 || bucket >= (uint64_t)oldest)
        return false;
    snprintf(text, sizeof text, "DELETE FROM %s WHERE bucket = %llu; DELETE FROM run WHERE bucket = %llu",
             repeats ? "repeat_track" : "track", (unsigned long long)bucket, (unsigned long long)bucket);
    if (!sql_exec(store, "BEGIN IMMEDIATE", &err) || !sql_exec(store, text, &err) ||
        !sql_exec(store, "COMMIT", &err)) {
        if (!sqlite3_get_autocommit(store->writing.db))
            sql_run(store, SQL_ROLLBACK, NULL, NULL);
        return false;
    }
    filters_drop_oldest(&runs->done);
    return true;
}

/* Rows go from the front only, so that a run is either whole or gone. None dated in the future stays in the
 * way: it counts as one of now. */
static int64_t drop_events(struct sqlite *store, int64_t before) {
    int64_t gone =
        change_rows(store,
                    "DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY id LIMIT ?2) AND at < ?1"
                    " AND id < coalesce((SELECT min(id) FROM (SELECT id, at FROM event ORDER BY id LIMIT ?2)"
                    " WHERE at >= ?1), 9223372036854775807)",
                    before);
    if (!gone)
        change_rows(
            store,
            "UPDATE event SET at = ?1 WHERE id IN (SELECT id FROM event ORDER BY id LIMIT ?2) AND at > ?1",
            clock_now_us());
    return gone;
}

static bool expire_step(struct sqlite *store, int64_t now, int64_t events_before) {
    int64_t gone = drop_events(store, events_before);
    gone += change_rows(
        store,
        "DELETE FROM repeat WHERE id IN (SELECT id FROM repeat ORDER BY id LIMIT ?2) AND expiry < ?1"
        " AND id < coalesce((SELECT min(id) FROM (SELECT id, expiry FROM repeat ORDER BY id LIMIT ?2)"
        " WHERE expiry >= ?1), 9223372036854775807)",
        now);
    gone += change_rows(
        store,
        "DELETE FROM outcome WHERE (association, peer, activity) IN (SELECT association, peer, activity"
        " FROM outcome WHERE expiry < ?1 ORDER BY expiry LIMIT ?2)",
        now);
    bool runs = drop_run(store, false);
    return drop_run(store, true) || runs || gone >= DROP_ROWS;
}

/* It would wait as long as the disk does, and who reads meanwhile with it; but where one commit follows the
 * other it has its turn, too. */
static bool is_put_off(struct sqlite *store) {
    store->put_off = sqlite_is_at_disk(store) ? store->put_off + 1 : 0;
    if (store->put_off <= PUT_OFF_MOST)
        return store->put_off > 0;
    store->put_off = 0;
    return false;
}

bool sqlite_maintain(struct store *head, int64_t now, int64_t events_before, int64_t until) {
    struct sqlite *store = sqlite_of(head);
    bool more = true;
    if (is_put_off(store))
        return false;
    sqlite_write_begin(store);
    while (more) {
        more = expire_step(store, now, events_before);
        more = segment_fill_step(store) || more;
        more = compact_step(store) || more;
        if (clock_monotonic_us() >= until)
            break;
    }
    segments_drop_spare(store);
    sqlite_write_end(store);
    return more;
}
