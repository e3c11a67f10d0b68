/*
 * `mhs store check` and `repair`: a list of rules, one or more an invariant.
 * A rule is a query that gives a line of text for each violation, and what
 * repair does about them. Rules run in the order in which repairs must.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "store/check.h"
#include "store/check_private.h"
#include "store/columns_private.h"
#include "store/sqlite/sqlite_private.h"

/* Every row that refers to a message, and every one that refers to a content. */
#define MESSAGE_REFS                                                                                         \
    "WITH r(id, n) AS MATERIALIZED (SELECT message, count(*) FROM (SELECT message FROM work UNION ALL "      \
    "SELECT message"                                                                                         \
    " FROM entry) GROUP BY 1) "
#define CONTENT_REFS                                                                                         \
    "WITH r(id, n) AS MATERIALIZED (SELECT content, count(*) FROM (SELECT content FROM message WHERE "       \
    "content != 0"                                                                                           \
    " UNION ALL SELECT content FROM activity_in WHERE content != 0) GROUP BY 1) "
#define EXTENT_SUMS                                                                                          \
    "WITH e(id, n, low, high, total) AS MATERIALIZED (SELECT content, count(*), min(seq), max(seq), "        \
    "sum(length)"                                                                                            \
    " FROM extent GROUP BY content) "
#define BAD_CONTENTS                                                                                         \
    " FROM content c LEFT JOIN e ON e.id = c.id WHERE coalesce(e.total, 0) != c.length"                      \
    " OR (e.n > 0 AND (e.low != 0 OR e.high != e.n - 1))"
#define OVERLAPS                                                                                             \
    " FROM (SELECT content, segment, offset, length, lead(offset) OVER (PARTITION BY segment ORDER BY "      \
    "offset, content)"                                                                                       \
    " AS following FROM extent) WHERE offset < 0 OR length <= 0 OR offset > 67108864 OR length > 67108864 "  \
    "- offset"                                                                                               \
    " OR offset + length > following"
/* Of the messages in the table `lost_message`. Their copies go to the next hop that says so, for the caller
 * to report; a mailbox keeps the envelope. Neither has a content any more. */
#define LOSE_MESSAGES                                                                                        \
    "DELETE FROM activity_out WHERE work IN (SELECT id FROM work WHERE message IN (SELECT id FROM "          \
    "lost_message));"                                                                                        \
    "INSERT INTO next_hop SELECT (SELECT coalesce(max(id), 0) + 1 FROM next_hop), CAST('" STORE_LOST_HOP     \
    "' AS BLOB) WHERE NOT EXISTS (SELECT 1 FROM next_hop WHERE name = CAST('" STORE_LOST_HOP "' AS BLOB));"  \
    "UPDATE work SET next_hop = (SELECT id FROM next_hop WHERE name = CAST('" STORE_LOST_HOP "' AS BLOB)),"  \
    " doubt_peer = 0, status = 0, tries = 0, due = 0, sum = NULL WHERE message IN (SELECT id FROM "          \
    "lost_message);"                                                                                         \
    "UPDATE message SET content = 0, body = NULL, body_sum = NULL WHERE id IN (SELECT id FROM "              \
    "lost_message);"                                                                                         \
    "DROP TABLE lost_message;"
static const char lose_contents[] =
    "CREATE TEMP TABLE lost_message AS SELECT id FROM message WHERE content IN (SELECT id FROM "
    "lost);" LOSE_MESSAGES "DELETE FROM activity_in WHERE content IN (SELECT id FROM lost);"
    "DELETE FROM content WHERE id IN (SELECT id FROM lost);"
    "DELETE FROM extent WHERE content IN (SELECT id FROM lost);"
    "DROP TABLE lost";

#define LOST_COLUMNS                                                                                         \
    "(id >> 23 & 31) > 11 OR NOT EXISTS(SELECT 1 FROM entry WHERE entry.id >= (col.id >> 28 << 32) + "       \
    "((col.id & 8388607) << 8) AND entry.id < (col.id >> 28 << 32) + ((col.id & 8388607) + 1 << 8))"
#define LAST_ID                                                                                              \
    "SELECT max(coalesce(n, 0)) FROM (SELECT max(id) AS n FROM message UNION ALL SELECT max(id) FROM work "  \
    "UNION ALL"                                                                                              \
    " SELECT max(id) FROM content UNION ALL SELECT max(id) FROM event "                                      \
    "UNION ALL"                                                                                              \
    " SELECT max(id) FROM repeat UNION ALL SELECT max(id) FROM activity_in)"

static const struct check_rule rules[] = {
    {5,
     "SELECT printf('content %lld: its extent at %lld of segment %lld overlaps another one or leaves the "
     "segment',"
     " content, offset, segment)" OVERLAPS,
     NULL, CHECK_TAKEN_OUT, "SELECT DISTINCT content AS id" OVERLAPS},
    {6,
     EXTENT_SUMS
     "SELECT printf('content %lld: %lld extents with %lld octets do not make its length %lld', c.id,"
     " coalesce(e.n, 0), coalesce(e.total, 0), c.length)" BAD_CONTENTS,
     NULL, CHECK_TAKEN_OUT, EXTENT_SUMS "SELECT c.id AS id" BAD_CONTENTS},
    {6,
     "SELECT printf('extent %lld of content %lld: there is no such content', seq, content) FROM extent"
     " WHERE content NOT IN (SELECT id FROM content)",
     "DELETE FROM extent WHERE content NOT IN (SELECT id FROM content)", "the extent was removed"},
    {6,
     "SELECT printf('activity %lld: it has %lld octets of content %lld, which has %lld', a.id, a.length, "
     "c.id, c.length)"
     " FROM activity_in a JOIN content c ON c.id = a.content WHERE a.length > c.length",
     "DELETE FROM activity_in WHERE length > (SELECT length FROM content c WHERE c.id = activity_in.content)",
     CHECK_BEGINS_AGAIN},
    {8,
     "SELECT printf('message %lld: its content %lld is not there', id, content) FROM message"
     " WHERE content != 0 AND content NOT IN (SELECT id FROM content)",
     NULL, CHECK_TAKEN_OUT,
     "SELECT DISTINCT content AS id FROM message WHERE content != 0 AND content NOT IN (SELECT id FROM "
     "content)"},
    {8,
     "SELECT printf('activity %lld: its content %lld is not there', id, content) FROM activity_in"
     " WHERE content != 0 AND content NOT IN (SELECT id FROM content)",
     "DELETE FROM activity_in WHERE content != 0 AND content NOT IN (SELECT id FROM content)",
     CHECK_BEGINS_AGAIN},
    {7,
     MESSAGE_REFS "SELECT printf('%lld rows refer to message %lld, which is not there', r.n, r.id) FROM r"
                  " WHERE r.id NOT IN (SELECT id FROM message)",
     "DELETE FROM work WHERE message NOT IN (SELECT id FROM message);"
     "DELETE FROM entry WHERE message NOT IN (SELECT id FROM message)",
     "these rows were removed"},
    {7,
     MESSAGE_REFS
     "SELECT printf('message %lld: it counts %lld references and has %lld', m.id, m.refs, coalesce(r.n, 0))"
     " FROM message m LEFT JOIN r ON r.id = m.id WHERE m.refs != coalesce(r.n, 0) OR m.refs <= 0",
     MESSAGE_REFS "UPDATE message SET refs = coalesce((SELECT n FROM r WHERE r.id = message.id), 0);"
                  "DELETE FROM message WHERE refs = 0",
     "the count was put right; without references the message was removed"},
    {8,
     CONTENT_REFS
     "SELECT printf('content %lld: it counts %lld references and has %lld', c.id, c.refs, coalesce(r.n, 0))"
     " FROM content c LEFT JOIN r ON r.id = c.id WHERE c.refs != coalesce(r.n, 0) OR c.refs <= 0",
     CONTENT_REFS "UPDATE content SET refs = coalesce((SELECT n FROM r WHERE r.id = content.id), 0);"
                  "DELETE FROM content WHERE refs = 0;"
                  "DELETE FROM extent WHERE content NOT IN (SELECT id FROM content)",
     "the count was put right; without references the content was removed"},
    {9,
     "SELECT printf('the next id is %lld, but %lld is in use', coalesce((SELECT next FROM counter WHERE name "
     "= 'id'), 1),"
     " (" LAST_ID ")) WHERE (" LAST_ID ") >= coalesce((SELECT next FROM counter WHERE name = 'id'), 1)",
     "INSERT OR REPLACE INTO counter SELECT 'id', (" LAST_ID ") + 1", "the counter was set above it"},
    {14,
     "SELECT printf('activity out of work %lld, which is not there', work) FROM activity_out"
     " WHERE work NOT IN (SELECT id FROM work)",
     "DELETE FROM activity_out WHERE work NOT IN (SELECT id FROM work)", "the activity was removed"},
    {14,
     "SELECT printf('entry %lld of mailbox %lld: no such mailbox, or the mailbox is not so far', e.id & "
     "4294967295,"
     " e.id >> 32) FROM entry e LEFT JOIN mailbox m ON m.id = e.id >> 32"
     " WHERE m.id IS NULL OR m.next <= e.id & 4294967295",
     "INSERT OR REPLACE INTO mailbox SELECT e.id >> 32, max(e.id & 4294967295) + 1, coalesce((SELECT name "
     "FROM mailbox m"
     " WHERE m.id = e.id >> 32), CAST(printf('lost mailbox %lld', e.id >> 32) AS BLOB)) FROM entry e GROUP "
     "BY e.id >> 32"
     " HAVING max(e.id & 4294967295) >= coalesce((SELECT next FROM mailbox m WHERE m.id = e.id >> 32), 0)",
     "the mailbox was made or its next sequence-number raised"},
    {14,
     "SELECT printf('work %lld: its next hop %lld has no name', id, next_hop) FROM work"
     " WHERE next_hop != 0 AND next_hop NOT IN (SELECT id FROM next_hop)",
     "INSERT INTO next_hop SELECT DISTINCT next_hop, CAST(printf('lost next hop %lld', next_hop) AS BLOB) "
     "FROM work"
     " WHERE next_hop != 0 AND next_hop NOT IN (SELECT id FROM next_hop)",
     "a name was made up: redirect this work"},
    {18,
     "SELECT printf('mailbox %d: column %d.%d is of no entry or no column', id >> 28, id >> 23 & 31, id & "
     "8388607)"
     " FROM col WHERE " LOST_COLUMNS,
     "DELETE FROM col WHERE " LOST_COLUMNS, "it was removed", NULL},
};

/* An unfinished content costs its sender a new beginning, no more. */
#define UNFINISHED_OVERLAPS                                                                                  \
    " FROM extent x JOIN content c ON c.id = x.content AND c.digest IS NULL WHERE EXISTS (SELECT 1 FROM "    \
    "extent y"                                                                                               \
    " WHERE y.segment = x.segment AND (y.content != x.content OR y.seq != x.seq)"                            \
    " AND y.offset < x.offset + x.length AND x.offset < y.offset + y.length)"

static const struct check_rule unfinished_overlaps = {
    5,
    "SELECT printf('content %lld: its extent at %lld of segment %lld overlaps another one', x.content, "
    "x.offset,"
    " x.segment)" UNFINISHED_OVERLAPS,
    NULL, CHECK_BEGINS_AGAIN, "SELECT DISTINCT x.content AS id" UNFINISHED_OVERLAPS};

struct check {
    struct sqlite *store;
    struct check_report report;
};

/* SQLite's steps after which it is told that a walk goes on. */
#define TELL_EACH 1000000

static int tell_step(void *context) {
    check_tell_step(context);
    return 0; /* go on */
}

/* ---- what is lost with a content ---- */

/* %s: a query for the ids of messages. */
#define LOST_COPIES                                                                                          \
    "WITH lost(id) AS (%s) SELECT m.id, m.envelope, w.id, w.data, n.name, 0 FROM message m"                  \
    " JOIN work w ON w.message = m.id LEFT JOIN next_hop n ON n.id = w.next_hop"                             \
    " WHERE m.id IN (SELECT id FROM lost) UNION ALL"                                                         \
    " SELECT m.id, m.envelope, 0, e.data, b.name, e.id & 4294967295 FROM message m"                          \
    " JOIN entry e ON e.message = m.id LEFT JOIN mailbox b ON b.id = e.id >> 32"                             \
    " WHERE m.id IN (SELECT id FROM lost)"

static void tell_copy(struct check *check, sqlite3_stmt *walk) {
    struct store_lost lost = {.message = (uint64_t)sqlite3_column_int64(walk, 0),
                              .envelope = sql_span(walk, 1),
                              .work = (uint64_t)sqlite3_column_int64(walk, 2),
                              .data = sql_span(walk, 3),
                              .place = sql_span(walk, 4),
                              .sequence = (uint64_t)sqlite3_column_int64(walk, 5)};
    check_report_lost(&check->report, &lost);
}

/* A text with the query in place of its %s. */
static bool with_query(struct check *check, const char *format, const char *query,
                       bool run(struct check *check, const char *text, struct error *err),
                       struct error *err) {
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, format, query);
    const char *whole = check_text(&text);
    bool done = whole ? run(check, whole, err) : error_set(err, STORE_NO_MEMORY, "out of memory");
    buf_free(&text);
    return done;
}

static bool tell_copies(struct check *check, const char *query, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(check->store, query, &inner);
    while (walk && sql_next(check->store, walk, &inner))
        tell_copy(check, walk);
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

static bool run_repair(struct check *check, const char *text, struct error *err) {
    return !check->report.repair || sql_exec(check->store, text, err);
}

/* Names each copy and entry of the messages that the query gives: their contents are lost. */
static bool tell_lost(struct check *check, const char *messages, struct error *err) {
    return with_query(check, LOST_COPIES, messages, tell_copies, err);
}

/* The contents that the query gives are lost: says of what they were, and with repair leaves it without. */
static bool lose(struct check *check, const char *contents, struct error *err) {
    return with_query(check, "SELECT id FROM message WHERE content IN (%s)", contents, tell_lost, err) &&
           with_query(check, "CREATE TEMP TABLE lost AS %s", contents, run_repair, err) &&
           run_repair(check, lose_contents, err);
}

/* The same for the short contents of the messages. */
static bool lose_bodies(struct check *check, const char *messages, struct error *err) {
    return tell_lost(check, messages, err) &&
           with_query(check, "CREATE TEMP TABLE lost_message AS %s", messages, run_repair, err) &&
           run_repair(check, LOSE_MESSAGES, err);
}

static bool apply_rule(struct check *check, const struct check_rule *rule, struct error *err) {
    struct error inner = {0};
    uint64_t before = check->report.findings;
    bool repair = check->report.repair && (rule->repair || rule->lost);
    sqlite3_stmt *walk = sql_walk(check->store, rule->find, err);
    if (!walk)
        return false;
    while (sql_next(check->store, walk, &inner))
        check_report(&check->report, rule->invariant, repair ? rule->how : NULL,
                     (const char *)sqlite3_column_text(walk, 0));
    sqlite3_finalize(walk);
    if (inner.code)
        return error_set(err, inner.code, "%s", inner.text);
    if (check->report.findings == before)
        return true;
    return rule->lost ? lose(check, rule->lost, err) : !repair || sql_exec(check->store, rule->repair, err);
}

/* SQLite's own check of pages and rows. What it finds only a backup or SQLite's `.recover` can put right. */
static bool check_database(struct check *check, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(
        check->store, check->report.deep ? "PRAGMA integrity_check(100)" : "PRAGMA quick_check(100)", err);
    if (!walk)
        return false;
    while (sql_next(check->store, walk, &inner)) {
        const char *text = (const char *)sqlite3_column_text(walk, 0);
        if (text && strcmp(text, "ok"))
            check_report(&check->report, 0, NULL, text);
    }
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

/* Contents with octets above the end of a segment's file. */
#define BEYOND_END " FROM extent WHERE segment = %llu AND offset + length > %llu"

static int64_t count_beyond(struct sqlite *store, const struct segment *segment, struct error *err) {
    char text[160];
    int64_t count = -1;
    snprintf(text, sizeof text, "SELECT count(DISTINCT content)" BEYOND_END, (unsigned long long)segment->id,
             (unsigned long long)segment->size);
    sqlite3_stmt *walk = sql_walk(store, text, err);
    if (walk && sql_next(store, walk, err))
        count = sqlite3_column_int64(walk, 0);
    sqlite3_finalize(walk);
    return count;
}

static bool lose_beyond(struct check *check, const struct segment *segment, struct error *err) {
    char text[160];
    snprintf(text, sizeof text, "SELECT DISTINCT content AS id" BEYOND_END, (unsigned long long)segment->id,
             (unsigned long long)segment->size);
    return lose(check, text, err);
}

/* I5: each segment that rows name is there. Of one that is cut short, what lies
 * before the cut is kept. Beside a working daemon one may have been emptied and
 * removed since its rows were first read: then no row names it. */
static bool check_segments(struct check *check, struct error *err) {
    struct sqlite *store = check->store;
    for (size_t i = 0; i < store->segment_count; i++) {
        char text[256];
        const struct segment *segment = store->segments[i];
        bool suspect = segment->missing && segment->size < SEGMENT_SIZE;
        int64_t lost = suspect ? count_beyond(store, segment, err) : 0;
        if (lost < 0)
            return false;
        if (!lost)
            continue;
        snprintf(text, sizeof text, "segment %llu is %s: %lld contents have octets there",
                 (unsigned long long)segment->id, segment->size ? "cut short" : "missing", (long long)lost);
        check_report(&check->report, 5,
                     check->report.repair ? "these contents were given up: see their messages" : NULL, text);
        if (!lose_beyond(check, segment, err))
            return false;
    }
    return true;
}

/* ---- contents against their digests ---- */

/* The content's stored length and digest; false when it is gone, or (err) can't be read. */
static bool stored_digest(struct check *check, uint64_t id, uint64_t *length,
                          uint8_t want[static STORE_DIGEST], struct error *err) {
    bool there = false;
    sqlite3_stmt *walk = sql_walk(check->store, "SELECT length, digest FROM content WHERE id = ?1", err);
    if (!walk)
        return false;
    sqlite3_bind_int64(walk, 1, (sqlite3_int64)id);
    if (sql_next(check->store, walk, err)) {
        struct span digest = sql_span(walk, 1);
        *length = (uint64_t)sqlite3_column_int64(walk, 0);
        memset(want, 0, STORE_DIGEST);
        if (digest.len == STORE_DIGEST)
            memcpy(want, digest.data, STORE_DIGEST);
        there = true;
    }
    sqlite3_finalize(walk);
    return there;
}

/* What a content is found to be; a finding's text when it is damaged. */
enum content_state { CONTENT_RIGHT, CONTENT_DAMAGED, CONTENT_UNREADABLE };

static enum content_state read_content(struct check *check, uint64_t id, size_t size, char text[],
                                       struct error *err) {
    uint8_t got[STORE_DIGEST], want[STORE_DIGEST];
    uint64_t length;
    struct error inner = {0};
    if (!stored_digest(check, id, &length, want, err))
        return CONTENT_RIGHT; /* gone, or `err` says why it can't be told */
    struct content *content = content_load(check->store, id, length, &inner);
    bool ok = content && store_content_digest(&content->head, got, &inner);
    if (content)
        store_content_release(&content->head);
    check_advance(&check->report, length);
    if (inner.code == STORE_NO_MEMORY)
        error_set(err, inner.code, "%s", inner.text);
    if (inner.code == STORE_NO_MEMORY || inner.code == STORE_NOT_FOUND ||
        (ok && !memcmp(want, got, sizeof got)))
        return CONTENT_RIGHT;
    if (ok)
        snprintf(text, size, "content %llu is not what was stored: its digest differs",
                 (unsigned long long)id);
    else
        snprintf(text, size, "content %llu can't be read: %s", (unsigned long long)id, inner.text);
    return ok || inner.code == STORE_CORRUPT ? CONTENT_DAMAGED : CONTENT_UNREADABLE;
}

/* What the disk can't read now may be read another time: only octets that are there and wrong are given up,
 * and their contents added to `lost`, as the rows of a VALUES clause. */
static bool check_digest(struct check *check, uint64_t id, struct buf *lost, struct error *err) {
    char text[700];
    enum content_state state = read_content(check, id, sizeof text, text, err);
    bool damaged = state == CONTENT_DAMAGED;
    if (state != CONTENT_RIGHT)
        check_report(&check->report, 6, check->report.repair && damaged ? CHECK_TAKEN_OUT : NULL, text);
    if (damaged)
        check_add_id(lost, id);
    if (lost->failed)
        error_set(err, STORE_NO_MEMORY, "out of memory");
    return !err->code;
}

/* Whether a finding says already that the content's octets are not there. */
static bool is_known_lost(struct sqlite *store, uint64_t id, struct error *err) {
    sqlite3_stmt *walk =
        sql_walk(store, "SELECT segment, offset + length FROM extent WHERE content = ?1", err);
    bool lost = false;
    if (!walk)
        return true;
    sqlite3_bind_int64(walk, 1, (sqlite3_int64)id);
    while (!lost && sql_next(store, walk, err)) {
        const struct segment *segment = segment_find(store, (uint64_t)sqlite3_column_int64(walk, 0));
        lost = segment && segment->missing && segment->size < (uint64_t)sqlite3_column_int64(walk, 1);
    }
    sqlite3_finalize(walk);
    return lost;
}

/* The number that a query gives; 0: it can't be told. */
static uint64_t sum_of(struct sqlite *store, const char *text) {
    struct error ignored = {0};
    sqlite3_stmt *walk = sql_walk(store, text, &ignored);
    uint64_t sum = walk && sql_next(store, walk, &ignored) ? (uint64_t)sqlite3_column_int64(walk, 0) : 0;
    sqlite3_finalize(walk);
    return sum;
}

/* The ids that a query gives. */
static bool collect(struct sqlite *store, const char *text, struct buf *ids, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(store, text, err);
    if (!walk)
        return false;
    while (!inner.code && sql_next(store, walk, &inner)) {
        uint64_t id = (uint64_t)sqlite3_column_int64(walk, 0);
        if (!buf_append(ids, &id, sizeof id))
            error_set(&inner, STORE_NO_MEMORY, "out of memory");
    }
    sqlite3_finalize(walk);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

static uint64_t id_at(const struct buf *ids, size_t at) {
    uint64_t id;
    memcpy(&id, ids->data + at, sizeof id);
    return id;
}

/* Of contents that overlap, those whose digest is right are kept: repair takes out the others, and unfinished
 * ones, before the rule of I5 takes out what then still overlaps. */
static bool judge_overlaps(struct check *check, struct error *err) {
    struct buf ids;
    char text[420];
    buf_init(&ids, 0);
    bool done =
        collect(check->store,
                "SELECT id FROM content WHERE digest IS NOT NULL AND id IN (SELECT content FROM extent"
                " WHERE segment IN (SELECT segment" OVERLAPS "))",
                &ids, err);
    for (size_t at = 0; done && at < ids.len; at += sizeof(uint64_t)) {
        uint64_t id = id_at(&ids, at);
        struct error inner = {0};
        if (read_content(check, id, sizeof text, text, &inner) == CONTENT_DAMAGED) {
            char query[60];
            check_report(&check->report, 5, "it was given another one's place; " CHECK_TAKEN_OUT, text);
            snprintf(query, sizeof query, "SELECT %llu AS id", (unsigned long long)id);
            done = lose(check, query, err);
        }
        done = done && (!inner.code || error_set(err, inner.code, "%s", inner.text));
    }
    buf_free(&ids);
    return done && apply_rule(check, &unfinished_overlaps, err);
}

/* `lost`: the rows of a VALUES clause. */
static bool lose_damaged(struct check *check, const struct buf *lost,
                         bool lose_them(struct check *check, const char *query, struct error *err),
                         struct error *err) {
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, "SELECT column1 AS id FROM (VALUES %.*s)", (int)lost->len, (const char *)lost->data);
    const char *query = check_text(&text);
    bool done = query ? (!check->report.repair || sql_exec(check->store, "BEGIN IMMEDIATE", err)) &&
                            lose_them(check, query, err) &&
                            (!check->report.repair || sql_exec(check->store, "COMMIT", err))
                      : error_set(err, STORE_NO_MEMORY, "out of memory");
    buf_free(&text);
    return done;
}

/* What the rules found wrong in rows is not said again. Outside of any transaction: a content that the daemon
 * removes meanwhile must be seen to be gone. */
static bool check_contents(struct check *check, struct error *err) {
    struct error inner = {0};
    struct buf ids, lost;
    buf_init(&ids, 0);
    buf_init(&lost, 0);
    bool done = collect(check->store,
                        "SELECT id FROM content c WHERE digest IS NOT NULL AND length ="
                        " (SELECT coalesce(sum(length), 0) FROM extent WHERE content = c.id)"
                        " AND id NOT IN (SELECT content" OVERLAPS ") ORDER BY id",
                        &ids, err);
    check_begin_step(&check->report, "checking the contents",
                     sum_of(check->store, "SELECT sum(length) FROM content"));
    for (size_t at = 0; done && !inner.code && at < ids.len; at += sizeof(uint64_t))
        if (!is_known_lost(check->store, id_at(&ids, at), &inner))
            check_digest(check, id_at(&ids, at), &lost, &inner);
    if (done && !inner.code && lost.len)
        lose_damaged(check, &lost, lose, &inner);
    buf_free(&lost);
    buf_free(&ids);
    return done && (!inner.code || error_set(err, inner.code, "%s", inner.text));
}

/* ---- octets against their checksums (I16) ---- */

static bool differs(sqlite3_stmt *row, int octets, int sum) {
    return sqlite3_column_type(row, sum) != SQLITE_NULL &&
           (uint64_t)sqlite3_column_int64(row, sum) != store_checksum(sql_span(row, octets));
}

static void check_sums(struct check *check, sqlite3_stmt *row, struct buf *lost, uint64_t *unchecked) {
    uint64_t id = (uint64_t)sqlite3_column_int64(row, 0);
    *unchecked += sqlite3_column_type(row, 2) == SQLITE_NULL;
    if (differs(row, 1, 2))
        check_report_envelope(&check->report, id);
    if (differs(row, 3, 4)) {
        check_report_body(&check->report, id);
        check_add_id(lost, id);
    }
}

static void tell_unchecked(struct check *check, uint64_t unchecked) {
    struct store_finding finding = {.invariant = 16, .note = true};
    if (!unchecked)
        return;
    snprintf(
        finding.text, sizeof finding.text,
        "%llu messages are older than the checksums of envelopes and short contents: those are unchecked",
        (unsigned long long)unchecked);
    check->report.cb(check->report.context, &finding);
}

static bool check_messages(struct check *check, struct error *err) {
    struct error inner = {0};
    struct buf lost;
    uint64_t unchecked = 0;
    buf_init(&lost, 0);
    check_begin_step(&check->report, "checking the messages", 0);
    sqlite3_stmt *walk =
        sql_walk(check->store, "SELECT id, envelope, envelope_sum, body, body_sum FROM message", &inner);
    while (walk && sql_next(check->store, walk, &inner))
        check_sums(check, walk, &lost, &unchecked);
    sqlite3_finalize(walk);
    tell_unchecked(check, unchecked);
    if (lost.failed)
        error_set(&inner, STORE_NO_MEMORY, "out of memory");
    if (!inner.code && lost.len)
        lose_damaged(check, &lost, lose_bodies, &inner);
    buf_free(&lost);
    return !inner.code || error_set(err, inner.code, "%s", inner.text);
}

/* ---- rows against their checksums (I16) ---- */

static bool work_is_damaged(sqlite3_stmt *row, uint64_t *id, uint64_t *within) {
    struct store_work work = work_of(row);
    (void)within;
    *id = work.id;
    return work.damaged;
}

static bool entry_is_damaged(sqlite3_stmt *row, uint64_t *id, uint64_t *within) {
    struct store_entry entry = entry_of(row);
    *id = entry.sequence;
    *within = (uint64_t)sqlite3_column_int64(row, 0) >> 32;
    return entry.damaged;
}

static bool activity_in_is_damaged(sqlite3_stmt *row, uint64_t *id, uint64_t *within) {
    bool damaged;
    (void)within;
    *id = activity_in_of(row, &damaged).id;
    return damaged;
}

static bool activity_out_is_damaged(sqlite3_stmt *row, uint64_t *id, uint64_t *within) {
    bool damaged;
    (void)within;
    *id = activity_out_of(row, &damaged).work;
    return damaged;
}

static const struct row_kind {
    const char *walk;
    bool (*is_damaged)(sqlite3_stmt *row, uint64_t *id, uint64_t *within);
    const char *repair;
} row_kinds[CHECK_ROWS] = {
    [CHECK_WORK] = {"SELECT * FROM work", work_is_damaged,
                    "UPDATE work SET status = 2, sum = NULL WHERE id = ?1"},
    [CHECK_ENTRY] = {"SELECT " ENTRY_COLUMNS " FROM entry", entry_is_damaged,
                     "UPDATE entry SET sum = NULL WHERE id = ?2 << 32 | ?1"},
    [CHECK_ACTIVITY_IN] = {"SELECT * FROM activity_in", activity_in_is_damaged,
                           "DELETE FROM activity_in WHERE id = ?1"},
    [CHECK_ACTIVITY_OUT] = {"SELECT * FROM activity_out", activity_out_is_damaged,
                            "DELETE FROM activity_out WHERE work = ?1"},
};

static bool repair_row(struct check *check, const struct row_kind *kind, const uint64_t id[static 2],
                       struct error *err) {
    sqlite3_stmt *statement = sql_walk(check->store, kind->repair, err);
    if (!statement)
        return false;
    for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++)
        sqlite3_bind_int64(statement, i + 1, (sqlite3_int64)id[i]);
    bool done = sqlite3_step(statement) == SQLITE_DONE || db_error(check->store, "repair a row", err);
    sqlite3_finalize(statement);
    return done;
}

static bool check_rows(struct check *check, enum check_row what, struct error *err) {
    const struct row_kind *kind = &row_kinds[what];
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(check->store, kind->walk, err);
    if (!walk)
        return false;
    while (!inner.code && sql_next(check->store, walk, &inner)) {
        uint64_t id[2] = {0};
        if (!kind->is_damaged(walk, &id[0], &id[1]))
            continue;
        check_report_row(&check->report, what, id);
        if (check->report.repair)
            repair_row(check, kind, id, &inner);
    }
    sqlite3_finalize(walk);
    return store_passed(&inner, err);
}

/* ---- bits of entries (I17) ---- */

static bool write_bits(struct check *check, int64_t row, struct span bits, struct error *err) {
    sqlite3_stmt *statement = sql(check->store, bits.len ? SQL_PUT_BITS : SQL_DROP_BITS);
    if (!statement)
        return db_error(check->store, "repair bits", err);
    sqlite3_bind_int64(statement, 1, row);
    if (bits.len)
        sql_bind_span(statement, 2, bits);
    return sql_run(check->store, bits.len ? SQL_PUT_BITS : SQL_DROP_BITS, NULL, err);
}

/* NULL: nothing is wrong with it. Mends what is. */
static const char *judge_bits(uint64_t row, struct span octets, uint64_t next, uint8_t bits[BITS_OCTETS]) {
    if (!next || octets.len != BITS_OCTETS || bits_plane(row) >= BITS_PLANES)
        return next ? "are none of ours" : "are of no mailbox";
    memcpy(bits, octets.data, BITS_OCTETS);
    bool lone = bits_plane(row) == BITS_STATUS && bits_mend_status(bits);
    return bits_cut(bits, bits_block(row), next) ? "are of entries that were never there"
           : lone                                ? "hold a status that is none"
                                                 : NULL;
}

static bool check_bits_row(struct check *check, sqlite3_stmt *walk, struct error *err) {
    uint8_t bits[BITS_OCTETS];
    uint64_t row = (uint64_t)sqlite3_column_int64(walk, 0), next = (uint64_t)sqlite3_column_int64(walk, 2);
    struct span octets = sql_span(walk, 1);
    const char *wrong = judge_bits(row, octets, next, bits);
    bool kept = next && octets.len == BITS_OCTETS && bits_plane(row) < BITS_PLANES;
    char text[120];
    if (!wrong)
        return true;
    snprintf(text, sizeof text, "mailbox %u: bits %u.%u %s", (unsigned)bits_mailbox(row),
             (unsigned)bits_plane(row), (unsigned)bits_block(row), wrong);
    check_report(&check->report, 17,
                 !check->report.repair ? NULL
                 : kept                ? "they were put right"
                                       : "they were removed",
                 text);
    return !check->report.repair ||
           write_bits(check, (int64_t)row, span_of(bits, kept ? BITS_OCTETS : 0), err);
}

static bool check_bits(struct check *check, struct error *err) {
    struct error inner = {0};
    sqlite3_stmt *walk = sql_walk(check->store,
                                  "SELECT s.id, s.bits, coalesce(m.next, 0) FROM status s"
                                  " LEFT JOIN mailbox m ON m.id = s.id >> 32 ORDER BY s.id",
                                  err);
    if (!walk)
        return false;
    while (!inner.code && sql_next(check->store, walk, &inner))
        check_bits_row(check, walk, &inner);
    sqlite3_finalize(walk);
    return store_passed(&inner, err);
}

/* ---- columns (I18) ---- */

static bool drop_columns(void *context, uint32_t mailbox, uint64_t chunk, struct error *err) {
    struct check *check = context;
    char text[120];
    snprintf(text, sizeof text, "DELETE FROM col WHERE id >> 28 = %u AND (id & 8388607) >= %llu",
             (unsigned)mailbox, (unsigned long long)chunk);
    return sql_exec(check->store, text, err);
}

/* ---- packed rows and their runs ---- */

struct packed_check {
    struct check *check;
    bool repeats;
    uint64_t row, bucket; /* bucket 0: no finished run covers the row */
    uint64_t lost;        /* keys that the run doesn't have */
};

static void find_key(struct packed_check *packed, struct span key) {
    struct sqlite *store = packed->check->store;
    bool found = false;
    if (!packed->bucket)
        return;
    sqlite3_stmt *statement = sql(store, packed->repeats ? SQL_FIND_REPEAT_TRACK : SQL_FIND_TRACK);
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)packed->bucket);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)store_hash(&store->head, key));
    while (statement && !found && sqlite3_step(statement) == SQLITE_ROW)
        found = (uint64_t)sqlite3_column_int64(statement, 0) == packed->row;
    sqlite3_reset(statement);
    packed->lost += !found;
}

static bool find_event(void *context, struct span key, int64_t at, struct span data) {
    (void)at, (void)data;
    find_key(context, key);
    return true;
}

static bool find_repeat(void *context, struct span digest) {
    find_key(context, digest);
    return true;
}

/* How many octets of a packed row make sense from its front. */
static size_t readable(bool repeats, struct span row) {
    return repeats ? row.len / STORE_DIGEST * STORE_DIGEST : events_readable(row);
}

/* A row stays, empty if need be: it has its place below a run. */
static bool cut_row(struct packed_check *packed, struct span row, struct error *err) {
    struct sqlite *store = packed->check->store;
    sqlite3_stmt *statement = sql_walk(store,
                                       packed->repeats ? "UPDATE repeat SET data = ?2 WHERE id = ?1"
                                                       : "UPDATE event SET data = ?2 WHERE id = ?1",
                                       err);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)packed->row);
    sql_bind_span(statement, 2, span_sub(row, 0, readable(packed->repeats, row)));
    bool done = sqlite3_step(statement) == SQLITE_DONE || db_error(store, "cut a row", err);
    sqlite3_finalize(statement);
    return done;
}

static bool check_packed_row(struct packed_check *packed, struct span row, struct error *err) {
    char text[160];
    bool repair = packed->check->report.repair;
    bool ok =
        packed->repeats ? repeats_unpack(row, find_repeat, packed) : events_unpack(row, find_event, packed);
    if (ok)
        return true;
    snprintf(text, sizeof text, "%s row %llu is damaged", packed->repeats ? "repeat" : "event",
             (unsigned long long)packed->row);
    check_report(&packed->check->report, packed->repeats ? 10 : 11,
                 repair ? "what can be read of it was kept" : NULL, text);
    return !repair || cut_row(packed, row, err);
}

static bool rebuild_runs(struct packed_check *packed, struct error *err) {
    struct check *check = packed->check;
    char text[160];
    if (!packed->lost)
        return true;
    snprintf(text, sizeof text, "%llu keys are not found through the runs of %s",
             (unsigned long long)packed->lost, packed->repeats ? "repeat_track" : "track");
    check_report(&check->report, packed->repeats ? 10 : 11,
                 check->report.repair ? "the runs were dropped; the next start makes them anew" : NULL, text);
    return !check->report.repair ||
           sql_exec(check->store,
                    packed->repeats ? "DELETE FROM repeat_track; DELETE FROM run WHERE repeats = 1"
                                    : "DELETE FROM track; DELETE FROM run WHERE repeats = 0",
                    err);
}

static bool check_packed(struct check *check, bool repeats, struct error *err) {
    struct error inner = {0};
    struct packed_check packed = {.check = check, .repeats = repeats};
    sqlite3_stmt *walk = sql_walk(
        check->store,
        repeats
            ? "SELECT id, data, (SELECT min(bucket) FROM run WHERE repeats = 1 AND bucket >= id) FROM repeat"
            : "SELECT id, data, (SELECT min(bucket) FROM run WHERE repeats = 0 AND bucket >= id) FROM event",
        err);
    if (!walk)
        return false;
    while (!inner.code && sql_next(check->store, walk, &inner)) {
        packed.row = (uint64_t)sqlite3_column_int64(walk, 0);
        packed.bucket = check->report.deep ? (uint64_t)sqlite3_column_int64(walk, 2) : 0;
        check_packed_row(&packed, sql_span(walk, 1), &inner);
    }
    sqlite3_finalize(walk);
    return inner.code ? error_set(err, inner.code, "%s", inner.text) : rebuild_runs(&packed, err);
}

/* ---- the whole ---- */

static bool check_all(struct check *check, struct error *err) {
    sqlite3_progress_handler(check->store->writing.db, TELL_EACH, tell_step, &check->report);
    check_begin_step(&check->report, "checking the database", 0);
    if (!check_database(check, err) || !check_segments(check, err) ||
        (check->report.repair && !judge_overlaps(check, err)))
        return false;
    check_begin_step(&check->report, "checking the rows", 0);
    for (enum check_row what = 0; what < CHECK_ROWS; what++)
        if (!check_rows(check, what, err))
            return false;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!apply_rule(check, &rules[i], err))
            return false;
    if (!check_bits(check, err) ||
        !columns_check(&check->store->head, &check->report, drop_columns, check, err))
        return false;
    check_begin_step(&check->report, "checking the record", 0);
    return check_packed(check, false, err) && check_packed(check, true, err) &&
           sql_exec(check->store, "COMMIT", err) &&
           (!check->report.deep || (check_contents(check, err) && check_messages(check, err)));
}

bool sqlite_check(const char *place, bool deep, store_finding_cb *cb, void *context, uint64_t *findings,
                  struct error *err) {
    struct store_options options = {.read_only = true};
    struct check check = {.report = {.deep = deep, .cb = cb, .context = context}};
    check.store = sqlite_open(place, &options, err);
    /* One read transaction, so that a writer at work does not look like damage. */
    bool ok = check.store && sql_exec(check.store, "BEGIN", err) && check_all(&check, err);
    sqlite_close(check.store);
    *findings = check.report.findings;
    return ok;
}

bool sqlite_repair(const char *place, store_finding_cb *cb, void *context, uint64_t *findings,
                   struct error *err) {
    struct store_options options = {0};
    struct check check = {.report = {.deep = true, .repair = true, .cb = cb, .context = context}};
    check.store = sqlite_open(place, &options, err);
    bool ok = check.store && sql_exec(check.store, "BEGIN IMMEDIATE", err) && check_all(&check, err);
    sqlite_close(check.store);
    *findings = check.report.findings;
    return ok;
}
