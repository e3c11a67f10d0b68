/*
 * `mhs store check` and `repair`: a list of rules, one or more an invariant.
 * A rule is a query that gives a line of text for each violation, and what
 * repair does about them. Rules run in the order in which repairs must. Pages
 * and indexes are the server's to check (pg_amcheck, data checksums).
 */
#include <stdio.h>

#include "base/reader.h"

#include "store/check.h"
#include "store/check_private.h"
#include "store/columns_private.h"
#include "store/postgres/postgres_private.h"

#define MESSAGE_REFS                                                                                         \
    "WITH r AS (SELECT message AS id, count(*) AS n FROM (SELECT message FROM work UNION ALL"                \
    " SELECT message FROM entry) AS a GROUP BY 1) "
#define CONTENT_REFS                                                                                         \
    "WITH r AS (SELECT content AS id, count(*) AS n FROM (SELECT content FROM message UNION ALL"             \
    " SELECT content FROM activity_in) AS a WHERE content <> 0 GROUP BY 1) "
/* The chunks of a content: as many as its length needs, each with what its place has of that; what is above
 * was left by a broken transfer. */
#define CHUNK_SUMS                                                                                           \
    "WITH e AS (SELECT c.id, count(k.seq) AS n, coalesce(sum(least(length(k.data), 262144, c.length - "      \
    "k.seq * 262144)), 0)"                                                                                   \
    " AS total FROM content c LEFT JOIN chunk k ON k.content = c.id AND k.seq >= 0 AND k.seq * 262144 < "    \
    "c.length GROUP BY c.id) "
#define BAD_CONTENTS " FROM content c JOIN e ON e.id = c.id WHERE e.total <> c.length"
#define LAST_ID                                                                                              \
    "(SELECT coalesce(max(n), 0) FROM (SELECT max(id) AS n FROM message UNION ALL SELECT max(id) FROM work"  \
    " UNION ALL SELECT max(id) FROM content UNION ALL SELECT max(id) FROM event UNION ALL"                   \
    " SELECT max(id) FROM activity_in) AS a)"
#define LOST_COLUMNS                                                                                         \
    "kind > 11 OR NOT EXISTS(SELECT FROM entry WHERE entry.mailbox = col.mailbox AND sequence >= chunk * "   \
    "256 AND sequence < (chunk + 1) * 256)"
/* Of a row of bits those of entries from the mailbox's next one on; and a status that is none. */
#define BITS_AHEAD "s.bits & (" ALL_BITS " >> least(8192, greatest(0, 2 * (m.next - s.block * 4096)))::int)"
#define LONE_BITS  "repeat('10', 4096)::bit(8192) & bits & ~(bits << 1)"
#define NEXT_ID    "(SELECT coalesce(max(value), 1) FROM setting WHERE name = 'id')"

static const struct check_rule rules[] = {
    {6,
     CHUNK_SUMS
     "SELECT format('content %s: its %s chunks have %s octets, its length is %s', c.id, e.n, e.total,"
     " c.length)" BAD_CONTENTS,
     NULL, CHECK_TAKEN_OUT, CHUNK_SUMS "SELECT c.id" BAD_CONTENTS},
    {6,
     "SELECT format('activity %s: it has %s octets of content %s, which has %s', a.id, a.length, c.id, "
     "c.length)"
     " FROM activity_in a JOIN content c ON c.id = a.content WHERE a.length > c.length",
     "DELETE FROM activity_in USING content c WHERE c.id = activity_in.content AND activity_in.length > "
     "c.length",
     CHECK_BEGINS_AGAIN, NULL},
    {8,
     "SELECT format('message %s: its content %s is not there', id, content) FROM message"
     " WHERE content <> 0 AND content NOT IN (SELECT id FROM content)",
     NULL, CHECK_TAKEN_OUT,
     "SELECT DISTINCT content AS id FROM message WHERE content <> 0 AND content NOT IN (SELECT id FROM "
     "content)"},
    {8,
     "SELECT format('activity %s: its content %s is not there', id, content) FROM activity_in"
     " WHERE content <> 0 AND content NOT IN (SELECT id FROM content)",
     "DELETE FROM activity_in WHERE content <> 0 AND content NOT IN (SELECT id FROM content)",
     CHECK_BEGINS_AGAIN, NULL},
    {7,
     MESSAGE_REFS "SELECT format('%s rows refer to message %s, which is not there', r.n, r.id) FROM r"
                  " WHERE r.id NOT IN (SELECT id FROM message)",
     "DELETE FROM work WHERE message NOT IN (SELECT id FROM message);"
     "DELETE FROM entry WHERE message NOT IN (SELECT id FROM message)",
     "these rows were removed", NULL},
    {7,
     MESSAGE_REFS
     "SELECT format('message %s: it counts %s references and has %s', m.id, m.refs, coalesce(r.n, 0))"
     " FROM message m LEFT JOIN r ON r.id = m.id WHERE m.refs <> coalesce(r.n, 0) OR m.refs <= 0",
     MESSAGE_REFS "UPDATE message SET refs = coalesce((SELECT n FROM r WHERE r.id = message.id), 0);"
                  "DELETE FROM message WHERE refs = 0",
     "the count was put right; without references the message was removed", NULL},
    {8,
     CONTENT_REFS
     "SELECT format('content %s: it counts %s references and has %s', c.id, c.refs, coalesce(r.n, 0))"
     " FROM content c LEFT JOIN r ON r.id = c.id WHERE c.refs <> coalesce(r.n, 0) OR c.refs <= 0",
     CONTENT_REFS "UPDATE content SET refs = coalesce((SELECT n FROM r WHERE r.id = content.id), 0);"
                  "DELETE FROM content WHERE refs = 0;"
                  "DELETE FROM chunk WHERE content NOT IN (SELECT id FROM content)",
     "the count was put right; without references the content was removed", NULL},
    {9,
     "SELECT format('the next id is %s, but %s is in use', " NEXT_ID ", " LAST_ID ") WHERE " LAST_ID
     " >= " NEXT_ID,
     "INSERT INTO setting VALUES('id', 1 + " LAST_ID
     ") ON CONFLICT(name) DO UPDATE SET value = excluded.value",
     "the counter was set above it", NULL},
    {10, "SELECT format('a repeat key has %s octets', length(digest)) FROM repeat WHERE length(digest) <> 32",
     "DELETE FROM repeat WHERE length(digest) <> 32", "it was removed", NULL},
    {14,
     "SELECT format('activity out of work %s, which is not there', work) FROM activity_out"
     " WHERE work NOT IN (SELECT id FROM work)",
     "DELETE FROM activity_out WHERE work NOT IN (SELECT id FROM work)", "the activity was removed", NULL},
    {14,
     "SELECT format('entry %s of mailbox %s: no such mailbox, or the mailbox is not so far', e.sequence, "
     "e.mailbox)"
     " FROM entry e LEFT JOIN mailbox m ON m.id = e.mailbox WHERE m.id IS NULL OR m.next <= e.sequence",
     "INSERT INTO mailbox(id, next, name) SELECT mailbox, max(sequence) + 1,"
     " convert_to(format('lost mailbox %s', mailbox), 'UTF8') FROM entry GROUP BY mailbox"
     " ON CONFLICT(id) DO UPDATE SET next = greatest(mailbox.next, excluded.next)",
     "the mailbox was made, or its next number set above it", NULL},
    {18,
     "SELECT format('mailbox %s: column %s.%s is of no entry or no column', mailbox, kind, chunk) FROM col"
     " WHERE " LOST_COLUMNS,
     "DELETE FROM col WHERE " LOST_COLUMNS, "it was removed", NULL},
    {17,
     "SELECT format('mailbox %s: bits %s.%s are of no mailbox', mailbox, plane, block) FROM status"
     " WHERE mailbox NOT IN (SELECT id FROM mailbox)",
     "DELETE FROM status WHERE mailbox NOT IN (SELECT id FROM mailbox)", "they were removed", NULL},
    {17,
     "SELECT format('mailbox %s: bits %s.%s are of entries that were never there', s.mailbox, s.plane, "
     "s.block)"
     " FROM status s JOIN mailbox m ON m.id = s.mailbox WHERE (" BITS_AHEAD ") <> 0::bit(8192)",
     "UPDATE status s SET bits = s.bits & ~(" BITS_AHEAD ") FROM mailbox m WHERE m.id = s.mailbox",
     "these were cleared", NULL},
    {17,
     "SELECT format('mailbox %s: bits %s.%s hold a status that is none', mailbox, plane, block) FROM status"
     " WHERE plane = 0 AND (" LONE_BITS ") <> 0::bit(8192)",
     "UPDATE status SET bits = bits | ((" LONE_BITS ") >> 1) WHERE plane = 0", "it is 'processed' now", NULL},
    {14,
     "SELECT format('work %s: there is no next hop %s', id, next_hop) FROM work WHERE next_hop <> 0"
     " AND next_hop NOT IN (SELECT id FROM next_hop)",
     "INSERT INTO next_hop SELECT DISTINCT next_hop, convert_to(format('lost next hop %s', next_hop), 'UTF8')"
     " FROM work WHERE next_hop <> 0 AND next_hop NOT IN (SELECT id FROM next_hop)",
     "it was given a name; redirect what waits there", NULL},
};

/* Of the messages in the table `lost_message`. Their copies go to the next hop that says so, for the caller
 * to report; a mailbox keeps the envelope. Neither has a content any more. */
#define LOST_NAME "convert_to('" STORE_LOST_HOP "', 'UTF8')"
#define LOSE_MESSAGES                                                                                        \
    "DELETE FROM activity_out WHERE work IN (SELECT id FROM work WHERE message IN (SELECT id FROM "          \
    "lost_message));"                                                                                        \
    "INSERT INTO next_hop SELECT (SELECT coalesce(max(id), 0) + 1 FROM next_hop), " LOST_NAME                \
    " ON CONFLICT DO NOTHING;"                                                                               \
    "UPDATE work SET next_hop = (SELECT id FROM next_hop WHERE name = " LOST_NAME "),"                       \
    " doubt_peer = 0, status = 0, tries = 0, due = 0, sum = NULL WHERE message IN (SELECT id FROM "          \
    "lost_message);"                                                                                         \
    "UPDATE message SET content = 0, body = NULL, body_sum = NULL WHERE id IN (SELECT id FROM "              \
    "lost_message);"                                                                                         \
    "DROP TABLE lost_message;"
static const char lose_contents[] =
    "CREATE TEMP TABLE lost_message AS SELECT id FROM message WHERE content IN (SELECT id FROM "
    "lost);" LOSE_MESSAGES "DELETE FROM activity_in WHERE content IN (SELECT id FROM lost);"
    "DELETE FROM content WHERE id IN (SELECT id FROM lost);"
    "DELETE FROM chunk WHERE content IN (SELECT id FROM lost);"
    "DROP TABLE lost";

struct check {
    struct pg_store *pg; /* a handle, for what needs the store's own functions */
    struct pg rules;     /* a connection of its own, not in pipeline mode */
    struct check_report report;
};

/* The rows of a query, in binary; NULL on failure. */
static PGresult *ask(struct check *check, const char *text, struct error *err) {
    PGresult *rows = PQexecParams(check->rules.conn, text, 0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(rows) == PGRES_TUPLES_OK)
        return rows;
    error_set(err, STORE_IO, "%s: %s", check->rules.place, PQresultErrorMessage(rows));
    PQclear(rows);
    return NULL;
}

/* Runs a text with `%s` replaced by a query. */
static PGresult *ask_with(struct check *check, const char *format, const char *query, struct error *err) {
    struct buf text;
    buf_init(&text, 0);
    const char *at = strstr(format, "%s");
    buf_printf(&text, "%.*s%s%s", (int)(at - format), format, query, at + 2);
    const char *whole = check_text(&text);
    PGresult *rows = whole ? ask(check, whole, err) : NULL;
    if (!whole)
        error_set(err, STORE_NO_MEMORY, "out of memory");
    buf_free(&text);
    return rows;
}

/* ---- what is lost with a content ---- */

static void tell_one(struct check *check, const PGresult *rows, int row) {
    struct store_lost lost = {.message = (uint64_t)pg_number(rows, row, 0),
                              .envelope = pg_octets(rows, row, 1),
                              .work = (uint64_t)pg_number(rows, row, 2),
                              .data = pg_octets(rows, row, 3),
                              .place = pg_octets(rows, row, 4),
                              .sequence = (uint64_t)pg_number(rows, row, 5)};
    check_report_lost(&check->report, &lost);
}

/* Names each copy and entry of the messages whose ids the query gives. */
static bool tell_lost(struct check *check, const char *messages, struct error *err) {
    static const char texts[][400] = {
        "SELECT m.id, m.envelope, w.id, w.data, n.name, 0::bigint FROM message m JOIN work w ON w.message = "
        "m.id"
        " LEFT JOIN next_hop n ON n.id = w.next_hop WHERE m.id IN (%s)",
        "SELECT m.id, m.envelope, 0::bigint, e.data, b.name, e.sequence FROM message m JOIN entry e"
        " ON e.message = m.id LEFT JOIN mailbox b ON b.id = e.mailbox WHERE m.id IN (%s)"};
    for (size_t i = 0; i < 2; i++) {
        PGresult *rows = ask_with(check, texts[i], messages, err);
        if (!rows)
            return false;
        for (int row = 0; row < PQntuples(rows); row++)
            tell_one(check, rows, row);
        PQclear(rows);
    }
    return true;
}

#define MAKE_TABLE "CREATE TEMP TABLE %s AS %s"

/* Runs what makes a table or a cursor of a query. */
static bool make(struct check *check, const char *what, const char *name, const char *query,
                 struct error *err) {
    struct buf text;
    buf_init(&text, 0);
    buf_printf(&text, what, name, query);
    const char *whole = check_text(&text);
    bool ok = whole ? pg_script(&check->rules, whole, err) : error_set(err, STORE_NO_MEMORY, "out of memory");
    buf_free(&text);
    return ok;
}

/* The contents that the query gives are lost: says of what they were, and with repair leaves it without. */
static bool lose(struct check *check, const char *contents, struct error *err) {
    struct buf messages;
    buf_init(&messages, 0);
    buf_printf(&messages, "SELECT id FROM message WHERE content IN (%s)", contents);
    const char *query = check_text(&messages);
    bool ok = query ? tell_lost(check, query, err) : error_set(err, STORE_NO_MEMORY, "out of memory");
    buf_free(&messages);
    return ok && (!check->report.repair || (make(check, MAKE_TABLE, "lost", contents, err) &&
                                            pg_script(&check->rules, lose_contents, err)));
}

static bool lose_bodies(struct check *check, const char *messages, struct error *err) {
    return tell_lost(check, messages, err) &&
           (!check->report.repair || (make(check, MAKE_TABLE, "lost_message", messages, err) &&
                                      pg_script(&check->rules, LOSE_MESSAGES, err)));
}

/* ---- the rules ---- */

static bool apply_rule(struct check *check, const struct check_rule *rule, struct error *err) {
    PGresult *rows = ask(check, rule->find, err);
    bool repair = check->report.repair && (rule->repair || rule->lost);
    if (!rows)
        return false;
    int count = PQntuples(rows);
    for (int row = 0; row < count; row++) {
        char text[300];
        struct span line = pg_octets(rows, row, 0);
        snprintf(text, sizeof text, "%.*s", (int)line.len, (const char *)line.data);
        check_report(&check->report, rule->invariant, repair ? rule->how : NULL, text);
    }
    PQclear(rows);
    return !count || (rule->lost ? lose(check, rule->lost, err)
                                 : !repair || pg_script(&check->rules, rule->repair, err));
}

/* ---- walks ---- */

typedef bool row_cb(void *context, const PGresult *rows, int row, struct error *err);

/* Calls back for each row of a query, by a cursor, as there may be many. */
static bool each_row(struct check *check, const char *query, row_cb *cb, void *context, struct error *err) {
    int count = 1;
    bool ok = make(check, "DECLARE %s BINARY CURSOR FOR %s", "rows", query, err);
    while (ok && count) {
        PGresult *rows = ask(check, "FETCH 500 FROM rows", err);
        count = rows ? PQntuples(rows) : 0;
        ok = rows != NULL;
        check_tell_step(&check->report);
        for (int row = 0; row < count && ok; row++)
            ok = cb(context, rows, row, err);
        PQclear(rows);
    }
    return ok && pg_script(&check->rules, "CLOSE rows", err);
}

/* ---- rows against their checksums (I16) ---- */

static bool work_is_damaged(const PGresult *rows, int row, uint64_t id[static 2]) {
    struct store_work work = pg_work_of(rows, row);
    id[0] = work.id;
    return work.damaged;
}

static bool entry_is_damaged(const PGresult *rows, int row, uint64_t id[static 2]) {
    struct store_entry entry = pg_entry_of(rows, row);
    id[0] = entry.sequence;
    id[1] = (uint64_t)pg_number(rows, row, 7);
    return entry.damaged;
}

static bool activity_in_is_damaged(const PGresult *rows, int row, uint64_t id[static 2]) {
    bool damaged;
    id[0] = pg_activity_in_of(rows, row, &damaged).id;
    return damaged;
}

static bool activity_out_is_damaged(const PGresult *rows, int row, uint64_t id[static 2]) {
    bool damaged;
    id[0] = pg_activity_out_of(rows, row, &damaged).work;
    return damaged;
}

static const struct row_kind {
    const char *walk;
    bool (*is_damaged)(const PGresult *rows, int row, uint64_t id[static 2]);
    const char *repair;
} row_kinds[CHECK_ROWS] = {
    [CHECK_WORK] = {"SELECT " WORK_COLUMNS " FROM work ORDER BY id", work_is_damaged,
                    "UPDATE work SET status = 2, sum = NULL WHERE id = %llu"},
    [CHECK_ENTRY] = {"SELECT " ENTRY_COLUMNS ", mailbox FROM entry ORDER BY mailbox, sequence",
                     entry_is_damaged,
                     "UPDATE entry SET sum = NULL WHERE sequence = %llu AND mailbox = %llu"},
    [CHECK_ACTIVITY_IN] = {"SELECT " ACTIVITY_COLUMNS " FROM activity_in ORDER BY id", activity_in_is_damaged,
                           "DELETE FROM activity_in WHERE id = %llu"},
    [CHECK_ACTIVITY_OUT] = {"SELECT " ACTIVITY_OUT_COLUMNS " FROM activity_out ORDER BY work",
                            activity_out_is_damaged, "DELETE FROM activity_out WHERE work = %llu"},
};

struct row_check {
    struct check *check;
    enum check_row what;
};

static bool check_row(void *context, const PGresult *rows, int row, struct error *err) {
    struct check *check = ((struct row_check *)context)->check;
    enum check_row what = ((struct row_check *)context)->what;
    uint64_t id[2] = {0};
    char text[160];
    if (!row_kinds[what].is_damaged(rows, row, id))
        return true;
    check_report_row(&check->report, what, id);
    snprintf(text, sizeof text, row_kinds[what].repair, (unsigned long long)id[0], (unsigned long long)id[1]);
    return !check->report.repair || pg_script(&check->rules, text, err);
}

static bool check_rows(struct check *check, enum check_row what, struct error *err) {
    return each_row(check, row_kinds[what].walk, check_row, &(struct row_check){check, what}, err);
}

/* ---- octets against their sums and digests ---- */

static bool lose_damaged(struct check *check, struct buf *ids,
                         bool lose_them(struct check *check, const char *query, struct error *err),
                         struct error *err) {
    struct buf text;
    if (!ids->len)
        return true;
    buf_init(&text, 0);
    buf_printf(&text, "SELECT column1::bigint AS id FROM (VALUES %.*s) AS v", (int)ids->len,
               (const char *)ids->data);
    const char *query = check_text(&text);
    bool ok = query && !ids->failed ? lose_them(check, query, err)
                                    : error_set(err, STORE_NO_MEMORY, "out of memory");
    buf_free(&text);
    return ok;
}

/* What is found to be lost on a walk is given up behind it. */
struct octets_check {
    struct check *check;
    struct buf lost;
};

static bool check_sums(void *context, const PGresult *rows, int row, struct error *err) {
    struct check *check = ((struct octets_check *)context)->check;
    uint64_t id = (uint64_t)pg_number(rows, row, 0);
    (void)err;
    if ((uint64_t)pg_number(rows, row, 2) != store_checksum(pg_octets(rows, row, 1)))
        check_report_envelope(&check->report, id);
    if (!PQgetisnull(rows, row, 4) &&
        (uint64_t)pg_number(rows, row, 4) != store_checksum(pg_octets(rows, row, 3))) {
        check_report_body(&check->report, id);
        check_add_id(&((struct octets_check *)context)->lost, id);
    }
    return true;
}

/* Walks, and gives up what was found. */
static bool check_octets(struct check *check, const char *query, row_cb *look,
                         bool lose_them(struct check *check, const char *query, struct error *err),
                         struct error *err) {
    struct octets_check octets = {.check = check};
    buf_init(&octets.lost, 0);
    bool ok = each_row(check, query, look, &octets, err) && lose_damaged(check, &octets.lost, lose_them, err);
    buf_free(&octets.lost);
    return ok;
}

static bool check_messages(struct check *check, struct error *err) {
    check_begin_step(&check->report, "checking the messages", 0);
    return check_octets(check, "SELECT id, envelope, envelope_sum, body, body_sum FROM message ORDER BY id",
                        check_sums, lose_bodies, err);
}

/* Only octets that are there and wrong are given up: what can't be read now may be read another time. */
static bool check_content(void *context, const PGresult *rows, int row, struct error *err) {
    struct check *check = ((struct octets_check *)context)->check;
    uint8_t got[STORE_DIGEST];
    char text[160];
    struct error inner = {0};
    uint64_t id = (uint64_t)pg_number(rows, row, 0);
    struct store_content *content = pg_content_load(check->pg, id, (uint64_t)pg_number(rows, row, 1), &inner);
    bool read = content && store_content_digest(content, got, &inner);
    store_content_release(content);
    check_advance(&check->report, (uint64_t)pg_number(rows, row, 1));
    if (!read)
        return inner.code == STORE_NOT_FOUND || inner.code == STORE_CORRUPT || /* gone; or a rule says it */
               error_set(err, inner.code, "%s", inner.text);
    if (span_eq(span_of(got, sizeof got), pg_octets(rows, row, 2)))
        return true;
    snprintf(text, sizeof text, "content %llu is not what was stored: its digest differs",
             (unsigned long long)id);
    check_report(&check->report, 6, check->report.repair ? CHECK_TAKEN_OUT : NULL, text);
    check_add_id(&((struct octets_check *)context)->lost, id);
    return true;
}

/* 0: it can't be told. */
static uint64_t length_of_all(struct check *check) {
    struct error ignored = {0};
    PGresult *rows =
        ask(check, "SELECT coalesce(sum(length), 0)::bigint FROM content WHERE digest IS NOT NULL", &ignored);
    uint64_t length = rows ? (uint64_t)pg_number(rows, 0, 0) : 0;
    PQclear(rows);
    return length;
}

static bool check_contents(struct check *check, struct error *err) {
    check_begin_step(&check->report, "checking the contents", length_of_all(check));
    return check_octets(check, "SELECT id, length, digest FROM content WHERE digest IS NOT NULL ORDER BY id",
                        check_content, lose, err);
}

/* ---- events (I11) ---- */

struct event_check {
    struct check *check;
    struct span hashes; /* those of the row, 8 octets each */
    unsigned lost;      /* keys whose hash is not there */
    struct buf right;   /* the hashes that should be there, as text */
};

static bool has_hash(struct span hashes, uint64_t hash) {
    for (struct reader r = reader_of(hashes); reader_left(&r) >= 8;)
        if (reader_u64(&r) == hash)
            return true;
    return false;
}

static bool look_for(void *context, struct span key, int64_t at, struct span data) {
    struct event_check *events = context;
    uint64_t hash = store_hash(&events->check->pg->head, key);
    (void)at, (void)data;
    events->lost += !has_hash(events->hashes, hash);
    buf_printf(&events->right, "%s%llu", events->right.len ? "," : "", (unsigned long long)hash);
    return true;
}

/* A row stays, empty if need be. */
static bool repair_row(struct event_check *events, unsigned long long id, size_t readable,
                       struct error *err) {
    struct buf text;
    if (!events->check->report.repair)
        return true;
    buf_init(&text, 0);
    buf_printf(&text,
               "UPDATE event SET data = substr(data, 1, %zu), hashes = ARRAY[%.*s]::bigint[] WHERE id = %llu",
               readable, (int)events->right.len, (const char *)events->right.data, id);
    const char *whole = check_text(&text);
    bool ok = whole && !events->right.failed ? pg_script(&events->check->rules, whole, err)
                                             : error_set(err, STORE_NO_MEMORY, "out of memory");
    buf_free(&text);
    return ok;
}

static bool check_event_row(void *context, const PGresult *rows, int row, struct error *err) {
    struct event_check *events = context;
    char text[160];
    bool repair = events->check->report.repair;
    unsigned long long id = (unsigned long long)pg_number(rows, row, 0);
    struct span data = pg_octets(rows, row, 1);
    buf_clear(&events->right);
    events->lost = 0;
    events->hashes = pg_octets(rows, row, 2);
    size_t readable = events_readable(data);
    events_unpack(span_sub(data, 0, readable), look_for, events);
    if (readable < data.len) {
        snprintf(text, sizeof text, "event row %llu is damaged", id);
        check_report(&events->check->report, 11, repair ? "what can be read of it was kept" : NULL, text);
    }
    if (events->lost) {
        snprintf(text, sizeof text, "event row %llu: %u keys are not found through its hashes", id,
                 events->lost);
        check_report(&events->check->report, 11, repair ? "the hashes were made anew" : NULL, text);
    }
    return (readable == data.len && !events->lost) || repair_row(events, id, readable, err);
}

static bool check_events(struct check *check, struct error *err) {
    struct event_check events = {.check = check};
    buf_init(&events.right, 0);
    check_begin_step(&check->report, "checking the record", 0);
    bool ok = each_row(check,
                       "SELECT id, data, (SELECT string_agg(int8send(h), '') FROM unnest(hashes) AS h)"
                       " FROM event ORDER BY id",
                       check_event_row, &events, err);
    buf_free(&events.right);
    return ok;
}

/* ---- the whole ---- */

static bool drop_columns(void *context, uint32_t mailbox, uint64_t chunk, struct error *err) {
    struct check *check = context;
    char text[100];
    snprintf(text, sizeof text, "DELETE FROM col WHERE mailbox = %u AND chunk >= %llu", (unsigned)mailbox,
             (unsigned long long)chunk);
    return pg_script(&check->rules, text, err);
}

static bool check_all(struct check *check, struct error *err) {
    check_begin_step(&check->report, "checking the rows", 0);
    for (enum check_row what = 0; what < CHECK_ROWS; what++)
        if (!check_rows(check, what, err))
            return false;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!apply_rule(check, &rules[i], err))
            return false;
    if (!columns_check(&check->pg->head, &check->report, drop_columns, check, err))
        return false;
    return !check->report.deep ||
           (check_events(check, err) && check_contents(check, err) && check_messages(check, err));
}

/* One snapshot, so that a writer at work does not look like damage. */
static bool begin(struct check *check, const char *place, struct error *err) {
    return pg_connect(&check->rules, place, "check", err) &&
           pg_script(&check->rules, "SET search_path = chasqui, pg_temp", err) &&
           pg_script(&check->rules,
                     check->report.repair ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
}

static bool run(const char *place, struct check *check, const struct store_options *options,
                uint64_t *findings, struct error *err) {
    struct store *store = pg_open(place, options, err);
    bool ok = store && begin(check, place, err);
    check->pg = store ? pg_of(store) : NULL;
    ok = ok && check_all(check, err) && pg_script(&check->rules, "COMMIT", err);
    pg_disconnect(&check->rules);
    pg_free(&check->rules);
    if (store)
        store->engine->close(store);
    *findings = check->report.findings;
    return ok;
}

bool pg_check(const char *place, bool deep, store_finding_cb *cb, void *context, uint64_t *findings,
              struct error *err) {
    static const struct store_options reader = {.read_only = true};
    struct check check = {.report = {.deep = deep, .cb = cb, .context = context}};
    return run(place, &check, &reader, findings, err);
}

bool pg_repair(const char *place, store_finding_cb *cb, void *context, uint64_t *findings,
               struct error *err) {
    static const struct store_options writer;
    struct check check = {.report = {.deep = true, .repair = true, .cb = cb, .context = context}};
    return run(place, &check, &writer, findings, err);
}
