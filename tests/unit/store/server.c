/*
 * What only a store behind a server can meet: the server goes, a session of it
 * goes in the middle of a COMMIT, the server is set to forget, its password is
 * not ours to show.
 */
#include "at_server.h"

#include <sys/wait.h>

#include "base/log.h"
#include "store/check.h"
#include "store/place.h"
#include "store/postgres/postgres_private.h"

/* ---- opening ---- */

static void server_that_forgets_is_refused(void **state) {
    static const char *const settings[] = {"fsync", "full_page_writes"};
    struct room *room = *state;
    char text[80];
    room_close(room);
    for (size_t i = 0; i < 2; i++) {
        struct error err = {0};
        snprintf(text, sizeof text, "ALTER SYSTEM SET %s = off", settings[i]);
        set_server(text);
        snprintf(text, sizeof text, "SELECT 1 WHERE current_setting('%s') = 'off'", settings[i]);
        assert_true(wait_for_row(text));
        assert_null(store_open(room->path, &room->options, &err));
        assert_non_null(strstr(err.text, settings[i]));
        snprintf(text, sizeof text, "ALTER SYSTEM RESET %s", settings[i]);
        set_server(text);
        snprintf(text, sizeof text, "SELECT 1 WHERE current_setting('%s') = 'on'", settings[i]);
        assert_true(wait_for_row(text));
    }
    room_open(room);
}

static void database_without_a_store_is_told(void **state) {
    struct room *room = *state;
    struct store_options options = {0};
    struct error err = {0};
    char place[PLACE_MAX];
    assert_true(store_is_there(room->path, &err));
    assert_true(place_make(place));
    assert_false(store_is_there(place, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
    assert_null(store_open(place, &options, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
    options.read_only = true;
    assert_null(store_open(place, &options, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
    assert_true(place_remove(place));
    assert_null(store_open(place, &options, &err)); /* no database: the server's words say it */
    assert_int_equal(err.code, STORE_IO);
}

static void password_is_not_shown(void **state) {
    struct error err = {0};
    (void)state;
    assert_null(
        store_open("postgresql://joe:sesame@/nowhere?host=/nonexistent&password=sesame2", NULL, &err));
    assert_null(strstr(err.text, "sesame"));
    assert_non_null(strstr(err.text, "postgresql://joe@/nowhere?host=/nonexistent"));
    assert_int_equal(err.code, STORE_IO);
}

/* However libpq lets it be spelt; and what holds none is shown as it is. */
static void no_spelling_of_a_password_is_shown(void **state) {
    static const char *const places[] = {
        "postgresql://joe:se?same@/nowhere?host=/run",
        "postgresql://joe:se%23same@/nowhere?host=/run",
        "postgresql://joe@/nowhere?host=/run&sslpassword=same",
        "postgresql://joe@/nowhere?host=/run&pass%77ord=same",
        "postgresql://joe@/nowhere?host=/run&password=same&password=",
        "postgresql://joe:same@/nowhere?host=/run&password=",
        "postgres://joe:same@%zz",
    };
    static const char plain[] = "postgresql://joe@localhost:5433/nowhere?sslmode=require";
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *shown = store_public_place(places[i]);
        assert_non_null(shown);
        if (strstr(shown, "same") || !strcmp(shown, places[i]))
            fail_msg("%s is shown as %s", places[i], shown);
        if (!strstr(places[i], "%zz"))
            assert_string_equal(shown, "postgresql://joe@/nowhere?host=/run");
        mem_free(shown);
    }
    char *shown = store_public_place(plain);
    assert_string_equal(shown, plain);
    mem_free(shown);
}

static void second_writer_is_told_the_first(void **state) {
    struct room *room = *state;
    struct error err = {0};
    assert_null(store_open(room->path, NULL, &err));
    assert_int_equal(err.code, STORE_LOCKED);
    char process[32];
    snprintf(process, sizeof process, "process %d", (int)getpid());
    assert_non_null(strstr(err.text, process));
}

/* ---- a session that ends in COMMIT ---- */

/*
 * In a process of its own: waits until the writer's session waits in COMMIT for
 * a standby that is not there, when its transaction is on disk and it has
 * answered nothing, and ends it.
 */
static pid_t end_session_in_commit(void) {
    pid_t child = fork();
    if (child)
        return child;
    bool seen =
        wait_for_row("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    bool reset = place_run("postgres", "ALTER SYSTEM RESET synchronous_standby_names") &&
                 place_run("postgres", "SELECT pg_reload_conf()");
    _exit(seen && reset ? 0 : 1);
}

static void await(pid_t child) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* I1, I2: what was committed and not acknowledged is found to be there, once. */
static void unanswered_commit_is_found_done(void **state) {
    struct room *room = *state;
    uint64_t message = add_one(room, 300000, 3, NULL);
    hold_commits();
    pid_t child = end_session_in_commit();
    room_commit(room);
    await(child);
    assert_true(store_accepting(room->store));
    assert_int_equal(count_work(room), 1);
    expect_message(room, message, 300000, 3);
    add_one(room, 10, 1, NULL);
    room_commit(room);
    room_reopen(room);
    assert_int_equal(count_work(room), 2);
}

/* A session that ends within COMMIT, before the transaction is on disk: none of it is there. */
static void broken_commit_is_found_undone(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char database[32];
    place_database(room->path, database);
    assert_true(place_run(database,
                          "CREATE FUNCTION chasqui.die() RETURNS trigger LANGUAGE plpgsql AS"
                          " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"));
    assert_true(place_run(database,
                          "CREATE CONSTRAINT TRIGGER die AFTER UPDATE ON chasqui.node DEFERRABLE INITIALLY"
                          " DEFERRED FOR EACH ROW EXECUTE FUNCTION chasqui.die()"));
    uint64_t message = add_one(room, 300000, 3, NULL);
    assert_false(store_commit(room->batch, &err));
    assert_int_equal(err.code, STORE_IO);
    assert_false(store_accepting(room->store));
    assert_int_equal(count_work(room), 0);
    assert_true(place_run(database, "DROP FUNCTION chasqui.die() CASCADE"));
    assert_true(recovers(room));
    room_commit(room); /* the same batch */
    assert_int_equal(count_work(room), 1);
    expect_message(room, message, 300000, 3);
}

/* ---- the server goes ---- */

static void killed_server_loses_nothing(void **state) {
    struct room *room = *state;
    struct error err = {0};
    uint64_t messages[20];
    for (unsigned i = 0; i < 20; i++) {
        messages[i] = add_one(room, i * 50000, i, NULL);
        room_commit(room);
    }
    assert_true(place_kill_server());
    uint64_t last = add_one(room, 5000, 1, NULL);
    /* The connection may live yet, or the server be back: then it is done. */
    bool done = store_commit(room->batch, &err);
    assert_true(done || err.code == STORE_IO);
    assert_true(recovers(room));
    if (!done)
        room_commit(room);
    for (unsigned i = 0; i < 20; i++)
        expect_message(room, messages[i], i * 50000, i);
    expect_message(room, last, 5000, 1);
    assert_int_equal(count_work(room), 21);
}

/* A session keeps what was the default as it began: those of a time when all was read-only are given up, the
 * one that writes, and the one by which contents go. */
static void what_was_read_only_is_written_to_again(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char database[32], text[120];
    place_database(room->path, database);
    snprintf(text, sizeof text, "ALTER DATABASE %s SET default_transaction_read_only = on", database);
    assert_true(place_run("postgres", text));
    end_sessions(database);
    add_one(room, 100, 1, NULL);
    assert_false(store_commit(room->batch, &err));
    for (int64_t end = clock_monotonic_us() + 60000000; err.code != STORE_READ_ONLY; usleep(20000)) {
        assert_true(clock_monotonic_us() < end);
        assert_false(store_probe(room->store));
        err = *store_cause(room->store);
    }
    struct store_content *content = store_content_create(room->store, 3u << 20, &err);
    static uint8_t octets[100000];
    for (unsigned i = 0; content && i < 30; i++)
        store_content_append(content, span_of(octets, sizeof octets), &err);
    store_content_release(content);
    snprintf(text, sizeof text, "ALTER DATABASE %s RESET default_transaction_read_only", database);
    assert_true(place_run("postgres", text));
    assert_true(recovers(room));
    room_commit(room);
    uint64_t message = add_one(room, 3u << 20, 2, NULL);
    room_commit(room);
    expect_message(room, message, 3u << 20, 2);
    assert_int_equal(count_work(room), 2);
}

/* What was streamed and not committed is gone with the session; the next ones are whole. */
static void content_under_way_fails_with_the_server(void **state) {
    struct room *room = *state;
    struct error err = {0};
    static uint8_t octets[100000];
    struct store_content *content = make_content(room, 2u << 20, 1);
    assert_true(place_kill_server());
    bool ok = true;
    for (unsigned i = 0; i < 200 && ok; i++)
        ok = store_content_append(content, span_of(octets, sizeof octets), &err);
    assert_false(ok);
    store_content_release(content);
    assert_true(recovers(room));
    uint64_t message = add_one(room, 3u << 20, 2, NULL);
    room_commit(room);
    expect_message(room, message, 3u << 20, 2);
}

/* A name that can't be read is not one that is not there. */
static void unread_name_is_told_from_none(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char database[32], text[100];
    struct span name;
    place_database(room->path, database);
    assert_false(store_next_hop_name(room->store, 7, &name, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
    snprintf(text, sizeof text, "ALTER DATABASE %s ALLOW_CONNECTIONS false", database);
    assert_true(place_run("postgres", text));
    end_sessions(database);
    assert_false(store_next_hop_name(room->store, 7, &name, &err));
    assert_int_equal(err.code, STORE_IO);
    snprintf(text, sizeof text, "ALTER DATABASE %s ALLOW_CONNECTIONS true", database);
    assert_true(place_run("postgres", text));
    assert_true(recovers(room));
    assert_false(store_next_hop_name(room->store, 7, &name, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
}

/* Chunks are answered for before they are on disk: what a crash took away of them is seen before the commit.
 */
static void lost_chunk_is_noticed(void **state) {
    struct room *room = *state;
    char database[32];
    place_database(room->path, database);
    for (int lost = 0; lost < 2; lost++) {
        struct error err = {0};
        uint8_t octet;
        size_t got;
        struct store_content *content = make_content(room, 2u << 20, 1);
        assert_true(store_content_read(content, 0, &octet, 1, &got, NULL)); /* all have arrived */
        struct store_work row = {.message = store_add_message(room->batch, 1, SPAN_LIT("e"), content)};
        store_add_work(room->batch, &row);
        store_content_release(content);
        end_sessions(database);
        if (lost)
            assert_true(place_run(database, "DELETE FROM chasqui.chunk WHERE seq = 3 AND content NOT IN"
                                            " (SELECT id FROM chasqui.content)"));
        assert_int_equal(store_commit(room->batch, &err), !lost);
        assert_true(!lost || err.code == STORE_IO);
        store_batch_clear(room->batch);
    }
    assert_int_equal(count_work(room), 1);
}

/* The last chunk of a checkpoint is short, and made whole without a commit of ours: when a crash takes only
 * that away, a row is there and its octets are not. */
static void short_chunk_is_no_whole_one(void **state) {
    static const struct store_activity_in activity = {
        .peer = SPAN_LIT("p"), .association = SPAN_LIT("a"), .activity = SPAN_LIT("1")};
    struct room *room = *state;
    struct store_activity_in found;
    struct error err = {0};
    uint8_t octets[2];
    size_t got;
    char database[32];
    place_database(room->path, database);
    struct store_content *content = make_content(room, 100000, 5);
    uint64_t id = store_put_activity_in(room->batch, &activity, content);
    room_commit(room);
    append_octets(content, 200000, 5);
    assert_true(store_content_read(content, 0, octets, 1, &got, NULL)); /* all have arrived */
    assert_true(place_run(database,
                          "SELECT 1 / (octet_length(data) = 262144)::int FROM chasqui.chunk WHERE seq = 0"));
    end_sessions(database);
    assert_true(place_run(database, "UPDATE chasqui.chunk SET data = substr(data, 1, 100000) WHERE seq = 0"));
    struct store_work row = {.message = store_add_message(room->batch, 1, SPAN_LIT("e"), content)};
    store_add_work(room->batch, &row);
    store_remove_activity_in(room->batch, id);
    assert_false(store_commit(room->batch, &err));
    assert_int_equal(err.code, STORE_IO);
    store_batch_clear(room->batch);
    store_content_release(content);
    /* The sender goes on from the checkpoint, and nothing is missing. */
    assert_true(recovers(room));
    assert_true(store_find_activity_in(room->store, activity.peer, activity.association, activity.activity,
                                       &found, NULL));
    content = store_content_resume(room->store, id, &err);
    assert_non_null(content);
    append_octets(content, 200000, 5);
    uint64_t message = row.message = store_add_message(room->batch, 1, SPAN_LIT("e"), content);
    store_content_release(content);
    store_add_work(room->batch, &row);
    store_remove_activity_in(room->batch, id);
    room_commit(room);
    expect_message(room, message, 300000, 5);
}

/* A transfer that goes on from its checkpoint may bring other octets than it had brought beyond that: a crash
 * that takes the new ones away must not leave the old ones in their place, also when it comes to the daemon
 * first. */
static void old_chunks_beyond_a_checkpoint_never_count(void **state) {
    static const struct store_activity_in activity = {
        .peer = SPAN_LIT("p"), .association = SPAN_LIT("a"), .activity = SPAN_LIT("1")};
    struct room *room = *state;
    struct error err = {0};
    uint8_t octet;
    size_t got;
    char database[32];
    place_database(room->path, database);
    for (int restarted = 0; restarted < 2; restarted++) {
        struct store_content *content = make_content(room, 600000, 5);
        uint64_t id = store_put_activity_in(room->batch, &activity, content);
        room_commit(room);
        append_octets(content, 900000, 5);
        assert_true(store_content_read(content, 0, &octet, 1, &got, NULL)); /* all have arrived */
        add_one(room, 10, 1, NULL);
        room_commit(room); /* and are on disk */
        if (restarted)
            end_sessions(database); /* nothing that was to be done at the end is done */
        store_content_release(content);
        if (restarted)
            room_reopen(room);
        content = store_content_resume(room->store, id, &err);
        assert_non_null(content);
        assert_true(place_kill_server());
        assert_true(place_await_server());
        assert_true(place_run(database, "CREATE TABLE survived AS SELECT * FROM chasqui.chunk"));
        assert_true(recovers(room));
        assert_true(store_content_read(content, 0, &octet, 1, &got, NULL));
        append_octets(content, 300000, 9);
        assert_true(store_content_read(content, 0, &octet, 1, &got, NULL));
        /* Whatever came since the resume may be gone. */
        end_sessions(database);
        assert_true(place_run(database, "DELETE FROM chasqui.chunk; INSERT INTO chasqui.chunk SELECT * FROM"
                                        " survived; DROP TABLE survived"));
        assert_true(recovers(room));
        struct store_work row = {.message = store_add_message(room->batch, 1, SPAN_LIT("e"), content)};
        store_add_work(room->batch, &row);
        store_remove_activity_in(room->batch, id);
        assert_false(store_commit(room->batch, &err));
        if (!strstr(err.text, "of this content failed"))
            fail_msg("%s", err.text);
        assert_int_equal(err.code, STORE_IO);
        store_batch_clear(room->batch);
        store_content_release(content);
        assert_true(recovers(room));
        store_remove_activity_in(room->batch, id);
        room_commit(room);
    }
}

/* Whole chunks of the room's only content that the server has, when all that were sent have arrived. */
static void expect_chunks(struct room *room, struct store_content *content, unsigned count) {
    char database[32], text[120];
    uint8_t octet;
    size_t got;
    place_database(room->path, database);
    assert_true(store_content_read(content, 0, &octet, 1, &got, NULL));
    snprintf(text, sizeof text,
             "SELECT 1 / (count(*) = %u)::int FROM chasqui.chunk WHERE octet_length(data) = 262144", count);
    if (!place_run(database, text))
        fail_msg("there are not %u whole chunks", count);
}

/* While a batch that names a content flies, no more of what comes waits for it than the chunk that the batch
 * writes the beginning of; nor when the batch is written once more, with a new session. */
static void content_that_flies_is_sent(void **state) {
    static const struct store_activity_in activity = {
        .peer = SPAN_LIT("p"), .association = SPAN_LIT("a"), .activity = SPAN_LIT("1")};
    struct room *room = *state;
    char database[32];
    place_database(room->path, database);
    for (int broken = 0; broken < 2; broken++) {
        struct ended ended = {false, false};
        struct store_content *content = make_content(room, 300000, 5);
        uint64_t work, id = store_put_activity_in(room->batch, &activity, content);
        store_commit_begin(room->batch, note_ended, &ended);
        append_octets(content, 4u << 20, 5);
        assert_false(ended.ended);
        expect_chunks(room, content, 16);
        expect_octets(content, 300000 + (4u << 20), 5);
        if (broken)
            end_sessions_of_writers(database);
        assert_true(ends(room, &ended));
        expect_chunks(room, content, 17);
        struct store_work row = {.message = store_add_message(room->batch, 1, SPAN_LIT("e"), content)};
        work = store_add_work(room->batch, &row);
        store_remove_activity_in(room->batch, id);
        store_content_release(content);
        room_commit(room);
        expect_message(room, row.message, 300000 + (4u << 20), 5);
        store_finish_work(room->batch, work, row.message);
        room_commit(room);
        while (store_maintain(room->store, 0, 0, 1000000)) {
        }
    }
}

/* ---- rows that are not what was stored (I16) ---- */

static void count_finding(void *context, const struct store_finding *finding) {
    unsigned *findings = context;
    if (finding->step)
        return;
    if (finding->lost || finding->note)
        return;
    assert_int_equal(finding->invariant, 16);
    ++*findings;
}

static unsigned findings_of(const struct room *room, bool repair) {
    unsigned findings = 0;
    uint64_t count;
    struct error err = {0};
    if (!(repair ? store_repair(room->path, count_finding, &findings, &count, &err)
                 : store_check(room->path, false, count_finding, &findings, &count, &err)))
        fail_msg("%s", err.text);
    assert_int_equal(count, findings);
    return findings;
}

struct rows {
    uint64_t work;
    uint32_t mailbox;
};

static const struct store_activity_in an_activity = {
    .peer = SPAN_LIT("p"), .association = SPAN_LIT("a"), .activity = SPAN_LIT("1")};

static struct rows add_rows(struct room *room) {
    struct rows rows;
    uint64_t message = add_one(room, 10, 1, &rows.work);
    rows.mailbox = store_mailbox(room->store, SPAN_LIT("box"), NULL);
    struct store_entry entry = {.message = message, .at = 5, .priority = 1, .data = SPAN_LIT("d")};
    struct store_activity_out out = {
        .work = rows.work, .association = SPAN_LIT("a"), .activity = SPAN_LIT("2")};
    assert_true(store_add_entry(room->batch, rows.mailbox, &entry, NULL));
    assert_true(store_put_activity_out(room->batch, &out));
    assert_true(store_put_activity_in(room->batch, &an_activity, NULL) != 0);
    room_commit(room);
    assert_true(store_change_entry_flags(room->batch, rows.mailbox, 1, 2, 1));
    room_commit(room);
    return rows;
}

static bool note_out(void *context, const struct store_activity_out *out) {
    *(bool *)context = out->work != 0;
    return true;
}

/* A bit for each row that can be read. */
static unsigned readable(struct room *room, const struct rows *rows) {
    struct store_work work;
    struct store_entry entry;
    bool out = false;
    assert_true(store_each_activity_out(room->store, note_out, &out, NULL));
    return (store_get_work(room->store, rows->work, &room->arena, &work, NULL) ? 1 : 0) |
           (store_get_entry(room->store, rows->mailbox, 1, &room->arena, &entry, NULL) ? 2 : 0) |
           (find_activity(room->store, SPAN_LIT("p"), SPAN_LIT("a"), SPAN_LIT("1")) ? 4 : 0) | (out ? 8 : 0);
}

static void changed_rows_are_found(void **state) {
    static const struct {
        const char *text;
        unsigned readable, repaired;
    } damages[] = {
        {"UPDATE work SET expiry = expiry + 1", 14, 15},
        {"UPDATE entry SET head = 6", 13, 15},
        {"UPDATE activity_in SET serial = 9", 11, 11},
        {"UPDATE activity_out SET data = 'x'", 3, 3},
    };
    struct room *room = *state;
    struct rows rows = add_rows(room);
    struct store_work row;
    assert_int_equal(readable(room, &rows), 15);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        room_close(room);
        assert_int_equal(findings_of(room, false), 0);
        assert_true(place_spoil(room->path, "", damages[i].text));
        room_open(room);
        assert_int_equal(readable(room, &rows), damages[i].readable);
        room_close(room);
        assert_int_equal(findings_of(room, false), 1);
        assert_int_equal(findings_of(room, true), 1);
        assert_int_equal(findings_of(room, false), 0);
        room_open(room);
        assert_int_equal(readable(room, &rows), damages[i].repaired);
        assert_true(store_get_work(room->store, rows.work, &room->arena, &row, NULL));
        assert_int_equal(row.status, STORE_HELD);
    }
}

/* ---- what is surely new ---- */

static void key_of(uint32_t number, uint8_t key[static STORE_DIGEST]) {
    struct span part = span_of(&number, sizeof number);
    assert_true(store_digest(&part, 1, key));
}

static void add_keys(struct room *room, uint32_t from, uint32_t to) {
    uint8_t key[STORE_DIGEST];
    for (uint32_t number = from; number < to; number++) {
        key_of(number, key);
        assert_true(store_add_repeat(room->batch, key, INT64_MAX));
    }
}

static enum store_repeat look_for(struct room *room, uint32_t number) {
    struct error err;
    uint8_t key[STORE_DIGEST];
    key_of(number, key);
    return store_find_repeat(room->store, NULL, key, &err);
}

/* Whoever asked the server would wait for the tables in vain. */
static void new_transfer_asks_no_server(void **state) {
    struct room *room = *state;
    struct store_activity_in found;
    struct error err = {0};
    char database[32];
    add_keys(room, 0, 12000);
    room_commit(room);
    room_reopen(room);
    place_database(room->path, database);
    PGconn *conn = place_connect(database);
    PGresult *locked = PQexec(conn, "BEGIN; LOCK TABLE chasqui.repeat, chasqui.activity_in");
    assert_int_equal(PQresultStatus(locked), PGRES_COMMAND_OK);
    PQclear(locked);
    assert_int_equal(look_for(room, 12000), STORE_REPEAT_UNKNOWN);
    assert_false(
        store_find_activity_in(room->store, SPAN_LIT("p"), SPAN_LIT("a"), SPAN_LIT("1"), &found, &err));
    assert_int_equal(err.code, STORE_NOT_FOUND);
    PQfinish(conn);
    for (uint32_t number = 0; number < 12000; number += 37)
        assert_int_equal(look_for(room, number), STORE_REPEAT_KNOWN);
}

static void note_end(void *context, bool done, const struct error *err) {
    (void)err;
    *(bool *)context = done;
}

/* A key that is being committed while the tables are read anew is in none of the pages. */
static void key_that_flies_is_found_later(void **state) {
    struct room *room = *state;
    uint32_t many = 140000;
    bool done = false;
    add_keys(room, 0, many);
    room_commit(room);
    add_keys(room, many, many + 1);
    store_commit_begin(room->batch, note_end, &done);
    while (store_maintain(room->store, 0, 0, 1000000)) {
    }
    store_proceed(room->store, true);
    assert_true(done);
    assert_int_equal(look_for(room, many), STORE_REPEAT_KNOWN);
    assert_int_equal(look_for(room, 0), STORE_REPEAT_KNOWN);
    assert_int_equal(look_for(room, many + 1), STORE_REPEAT_UNKNOWN);
}

struct verdicts {
    struct store_batch *batch;
    int first, second;
};

static void note_verdicts(void *context, bool done, const struct error *err) {
    struct verdicts *verdicts = context;
    if (!done)
        fail_msg("%s", err->text);
    verdicts->first = (int)store_batch_verdict(verdicts->batch, 0)->code;
    verdicts->second = (int)store_batch_verdict(verdicts->batch, 1)->code;
}

/* I10: no sieve of ours has a key that another node wrote; the table does. */
static void key_of_another_writer_is_there_once(void **state) {
    struct room *room = *state;
    struct verdicts verdicts = {.batch = room->batch, .first = -1, .second = -1};
    uint8_t key[STORE_DIGEST];
    char database[32], text[200];
    int at = snprintf(text, sizeof text, "INSERT INTO chasqui.repeat VALUES('\\x");
    key_of(1, key);
    for (size_t i = 0; i < STORE_DIGEST; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%02x", key[i]);
    snprintf(text + at, sizeof text - (size_t)at, "', 9223372036854775807)");
    place_database(room->path, database);
    assert_true(place_run(database, text));
    store_batch_request(room->batch);
    add_keys(room, 0, 1);
    add_one(room, 10, 1, NULL);
    store_batch_request(room->batch);
    add_keys(room, 1, 2);
    add_one(room, 10, 1, NULL);
    store_commit_begin(room->batch, note_verdicts, &verdicts);
    store_proceed(room->store, true);
    assert_int_equal(verdicts.first, STORE_OK);
    assert_int_equal(verdicts.second, STORE_REPEATED);
    assert_int_equal(count_work(room), 1);
    assert_int_equal(look_for(room, 0), STORE_REPEAT_KNOWN);
    assert_int_equal(look_for(room, 1), STORE_REPEAT_KNOWN);
}

/* ---- older stores ---- */

/* A database with what an older program left. */
static void make_old(struct room *room, const char *name) {
    static char text[20000];
    const char *source = getenv("CHASQUI_SOURCE");
    char path[300], database[32];
    snprintf(path, sizeof path, "%s/tests/unit/store/old/%s", source ? source : ".", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    place_database(room->path, database);
    room_close(room);
    assert_true(place_run(database, "SET client_min_messages = warning; DROP SCHEMA chasqui CASCADE"));
    assert_true(place_run(database, text));
}

static bool note_event(void *context, int64_t at, struct span data) {
    struct buf *seen = context;
    return buf_printf(seen, "%d %.*s\n", (int)at, (int)data.len, (const char *)data.data);
}

static bool note_past(void *context, uint64_t place, struct span key, int64_t at, struct span data) {
    assert_true(place && key.len == 37);
    return note_event(context, at, data);
}

/* Events were rows of their own once. */
static void events_of_an_old_store_are_kept(void **state) {
    static const char in[] = "1 {\"event\":\"transfer-in\",\"peer\":\"ALPHA\"}\n",
                      out[] = "5 {\"event\":\"transfer-out\",\"peer\":\"ALPHA\"}\n";
    static const struct span key = SPAN_LIT("/C=GB/A=GOLD/P=ALPHA;0000000000000000");
    struct room *room = *state;
    struct buf seen;
    char wanted[200];
    make_old(room, "postgres-1.sql");
    room_open(room);
    buf_init(&seen, 0);
    assert_true(store_track(room->store, key, note_event, &seen, NULL));
    snprintf(wanted, sizeof wanted, "%s%s", in, out);
    assert_true(span_eq(buf_span(&seen), span_str(wanted)));
    buf_clear(&seen);
    assert_true(store_each_event(room->store, 0, note_past, &seen, NULL));
    snprintf(wanted, sizeof wanted, "%s%s", out, in);
    assert_true(span_eq(buf_span(&seen), span_str(wanted)));
    buf_free(&seen);
    assert_int_equal(count_work(room), 1);
}

/* ---- plans ---- */

/* Until no session is left there: they tell what they did when they end. */
static void close_and_wait(struct room *room, const char *database) {
    char text[120];
    room_close(room);
    snprintf(text, sizeof text,
             "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = '%s')", database);
    assert_true(wait_for_row(text));
}

/* Plans that were made when the tables were empty, and counted as that, go by an index all the same. */
static void no_table_is_read_from_end_to_end(void **state) {
    struct room *room = *state;
    char database[32];
    uint64_t works[200], messages[200];
    place_database(room->path, database);
    close_and_wait(room, database);
    assert_true(place_run(database, "VACUUM ANALYZE"));
    assert_true(place_run(database, "SELECT pg_stat_reset()"));
    room_open(room);
    for (unsigned turn = 0; turn < 10; turn++) {
        uint32_t mailbox = store_mailbox(room->store, SPAN_LIT("box"), NULL);
        for (unsigned i = turn * 20; i < turn * 20 + 20; i++) {
            messages[i] = add_one(room, 100, i, &works[i]);
            store_add_entry(room->batch, mailbox, &(struct store_entry){.message = messages[i]}, NULL);
            store_add_event(room->batch, SPAN_LIT("k"), 1, SPAN_LIT("d"));
            if (turn)
                store_finish_work(room->batch, works[i - 20], messages[i - 20]);
        }
        add_keys(room, turn * 20, turn * 20 + 20);
        room_commit(room);
    }
    close_and_wait(room, database);
    assert_true(place_run(database,
                          "SELECT 1 / (sum(seq_scan) = 0)::int FROM pg_stat_user_tables WHERE relname"
                          " IN ('message', 'work', 'entry', 'event', 'repeat', 'activity_out')"));
}

static bool count_outcome(void *context, const struct store_outcome *outcome) {
    assert_true(span_eq(outcome->association, SPAN_LIT("a1")));
    ++*(unsigned *)context;
    return true;
}

/* What one peer left under a name is not read to find what others did. */
static void crowd_of_one_name_is_passed_over(void **state) {
    static const struct span peers[] = {SPAN_LIT("ALPHA"), SPAN_LIT("BETA"), SPAN_LIT("GAMMA")};
    struct room *room = *state;
    char database[32], activity[16];
    unsigned count = 0;
    bool has[2];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(activity, sizeof activity, "%u", i);
        struct store_outcome outcome = {
            .association = SPAN_LIT("a1"), .activity = span_str(activity), .peer = SPAN_LIT("EVIL")};
        assert_true(store_put_outcome(room->batch, &outcome));
        outcome.peer = peers[i % 3];
        assert_true(i >= 9 || store_put_outcome(room->batch, &outcome));
    }
    room_commit(room);
    place_database(room->path, database);
    close_and_wait(room, database);
    assert_true(place_run(database, "VACUUM ANALYZE"));
    assert_true(place_run(database, "SELECT pg_stat_reset()"));
    room_open(room);
    assert_true(store_has_outcome(room->store, SPAN_LIT("a1"), SPAN_LIT("GAMMA"), &has[0], NULL));
    assert_true(store_has_outcome(room->store, SPAN_LIT("a1"), SPAN_LIT("FAR"), &has[1], NULL));
    assert_true(has[0] && !has[1]);
    assert_true(store_each_outcome(room->store, SPAN_LIT("a1"), 2, count_outcome, &count, NULL));
    assert_int_equal(count, 8);
    close_and_wait(room, database);
    assert_true(place_run(database, "SELECT 1 / (sum(seq_scan) = 0 AND sum(idx_tup_fetch) < 50)::int FROM"
                                    " pg_stat_user_tables WHERE relname = 'outcome'"));
    assert_true(place_run(database, "SELECT 1 / (sum(idx_tup_read) BETWEEN 1 AND 50)::int FROM"
                                    " pg_stat_user_indexes WHERE relname = 'outcome'"));
}

/* ---- space ---- */

/* Octets of contents that nobody names go, and what a crash left goes at the next start. */
static void chunks_without_a_content_go(void **state) {
    struct room *room = *state;
    char database[32];
    uint64_t work, message = add_one(room, 3u << 20, 2, &work);
    room_commit(room);
    store_content_release(make_content(room, 3u << 20, 2));
    store_finish_work(room->batch, work, message);
    room_commit(room);
    while (store_maintain(room->store, 0, 0, 1000000)) {
    }
    place_database(room->path, database);
    static const char none[] = "SELECT 1 / (count(*) = 0)::int FROM chasqui.chunk";
    assert_true(place_run(database, none));
    room_close(room);
    assert_true(place_run(database, "INSERT INTO chasqui.chunk VALUES(4711, 0, 'left')"));
    room_open(room);
    assert_true(place_run(database, none));
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(server_that_forgets_is_refused),
        IN_ROOM(database_without_a_store_is_told),
        cmocka_unit_test(password_is_not_shown),
        cmocka_unit_test(no_spelling_of_a_password_is_shown),
        IN_ROOM(second_writer_is_told_the_first),
        IN_ROOM(unanswered_commit_is_found_done),
        IN_ROOM(broken_commit_is_found_undone),
        IN_ROOM(killed_server_loses_nothing),
        IN_ROOM(what_was_read_only_is_written_to_again),
        IN_ROOM(content_under_way_fails_with_the_server),
        IN_ROOM(unread_name_is_told_from_none),
        IN_ROOM(lost_chunk_is_noticed),
        IN_ROOM(short_chunk_is_no_whole_one),
        IN_ROOM(old_chunks_beyond_a_checkpoint_never_count),
        IN_ROOM(content_that_flies_is_sent),
        IN_ROOM(changed_rows_are_found),
        IN_ROOM(new_transfer_asks_no_server),
        IN_ROOM(key_that_flies_is_found_later),
        IN_ROOM(key_of_another_writer_is_there_once),
        IN_ROOM(events_of_an_old_store_are_kept),
        IN_ROOM(no_table_is_read_from_end_to_end),
        IN_ROOM(crowd_of_one_name_is_passed_over),
        IN_ROOM(chunks_without_a_content_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
