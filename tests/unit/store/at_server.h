/*
 * For the tests of a store behind a server: what they set there, whom they end,
 * and how they wait until the store has come back.
 */
#ifndef TESTS_STORE_AT_SERVER_H
#define TESTS_STORE_AT_SERVER_H

#include "room.h"

#include <libpq-fe.h>

/* Waits until `text` gives a row at the server; false after a minute. */
static inline bool wait_for_row(const char *text) {
    int64_t end = clock_monotonic_us() + 60000000;
    bool there = false;
    PGconn *conn = place_connect("postgres");
    while (!there && clock_monotonic_us() < end) {
        PGresult *rows = PQexec(conn, text);
        there = PQntuples(rows) > 0;
        PQclear(rows);
        usleep(10000);
    }
    PQfinish(conn);
    return there;
}

static inline void set_server(const char *setting) {
    assert_true(place_run("postgres", setting));
    assert_true(place_run("postgres", "SELECT pg_reload_conf()"));
}

/* Every COMMIT waits for a standby that is not there, its transaction on disk; until let_commits_go(). */
static inline void hold_commits(void) {
    set_server("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    assert_true(wait_for_row("SELECT 1 WHERE current_setting('synchronous_standby_names') = 'nobody'"));
}

static inline void let_commits_go(void) {
    set_server("ALTER SYSTEM RESET synchronous_standby_names");
}

/* Takes mail again, within two minutes. */
static inline bool recovers(struct room *room) {
    int64_t end = clock_monotonic_us() + 120000000;
    while (!store_probe(room->store) && clock_monotonic_us() < end)
        usleep(50000);
    return store_accepting(room->store);
}

static inline unsigned count_work(struct room *room) {
    return rows_of_work(room, STORE_READY);
}

/* Limits that a test has time for. */
static inline void be_impatient(struct room *room) {
    room->at_server = (struct postgres_options){.answer_ms = 1000, .commit_ms = 1500};
    room_reopen(room);
}

struct ended {
    bool ended, done;
};

static inline void note_ended(void *context, bool done, const struct error *err) {
    struct ended *ended = context;
    (void)err;
    *ended = (struct ended){true, done};
}

static inline bool ends(struct room *room, const struct ended *ended) {
    int64_t end = clock_monotonic_us() + 60000000;
    for (; !ended->ended && clock_monotonic_us() < end; usleep(10000)) {
        store_proceed(room->store, false);
        store_probe(room->store);
    }
    return ended->done;
}

/* The session of our own that has this role. */
static inline pid_t session_of(struct room *room, const char *role) {
    char database[32], text[200];
    place_database(room->path, database);
    snprintf(text, sizeof text,
             "SELECT pid FROM pg_stat_activity WHERE datname = '%s' AND application_name LIKE '%%%s'",
             database, role);
    PGconn *conn = place_connect("postgres");
    PGresult *rows = PQexec(conn, text);
    pid_t pid = PQntuples(rows) == 1 ? atoi(PQgetvalue(rows, 0, 0)) : 0;
    PQclear(rows);
    PQfinish(conn);
    assert_true(pid > 0);
    return pid;
}

static inline void end_sessions(const char *database) {
    char text[160];
    snprintf(text, sizeof text,
             "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '%s'", database);
    assert_true(place_run("postgres", text));
}

static inline void end_sessions_of_writers(const char *database) {
    char text[200];
    snprintf(text, sizeof text,
             "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '%s'"
             " AND application_name LIKE '%%writer'",
             database);
    assert_true(place_run("postgres", text));
}

static inline bool goes_on(void *context, const struct store_work *work) {
    (void)context;
    (void)work;
    return true;
}

static inline bool is_read(struct room *room, struct error *err) {
    return store_each_work(room->store, 0, 0, 0, -1, goes_on, NULL, err);
}

#endif
