/*
 * A server of which something says nothing: a session that reads, a host of several, all of it. Whoever reads
 * is held up for a moment, and what hangs keeps nobody from what another session or host gives.
 */
#include "at_server.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "store/place.h"
#include "store/postgres/hosts.h"

static int64_t ms_since(int64_t then) {
    return (clock_monotonic_us() - then) / 1000;
}

/* ---- sessions ---- */

/* It is read in a session that is called anew, and nobody hears of it; with the times of every day. */
static void silent_session_holds_up_a_read_for_a_moment(void **state) {
    struct room *room = *state;
    struct error err = {0};
    add_one(room, 10, 1, NULL);
    room_commit(room);
    pid_t session = session_of(room, "reads");
    assert_int_equal(kill(session, SIGSTOP), 0);
    int64_t then = clock_monotonic_us();
    bool read = is_read(room, &err);
    int64_t ms = ms_since(then);
    kill(session, SIGCONT);
    if (!read || ms > 3500)
        fail_msg("after %d ms: %s", (int)ms, read ? "it is read" : err.text);
    assert_true(store_accepting(room->store));
    assert_true(session_of(room, "reads") != session);
}

static struct store *open_reader(struct room *room) {
    struct store_options options = {.read_only = true, .engine = &room->at_server};
    struct error err = {0};
    struct store *reader = store_open(room->path, &options, &err);
    if (!reader)
        fail_msg("%s", err.text);
    return reader;
}

static bool reads(struct store *reader, struct error *err) {
    return store_each_work(reader, 0, 0, 0, -1, goes_on, NULL, err);
}

static void first_request_after_a_silence_is_answered(void **state) {
    struct room *room = *state;
    struct error err = {0};
    struct store *reader = open_reader(room);
    pid_t session = session_of(room, "reader");
    assert_int_equal(kill(session, SIGSTOP), 0);
    bool read = reads(reader, &err);
    kill(session, SIGCONT);
    if (!read)
        fail_msg("%s", err.text);
    store_close(reader);
}

/* Has it been sent a signal that it has not taken yet, as it is stopped? proc(5). */
static bool has_pending(pid_t process, int signal) {
    char name[40], line[100];
    unsigned long long pending = 0;
    snprintf(name, sizeof name, "/proc/%d/status", (int)process);
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) && sscanf(line, "ShdPnd: %llx", &pending) != 1) {
    }
    fclose(file);
    return pending >> (signal - 1) & 1;
}

/* What a reader asked in vain is not worked on beside what it asks again. */
static void reader_ends_its_former_session(void **state) {
    struct room *room = *state;
    struct error err = {0};
    struct store *reader = open_reader(room);
    pid_t session = session_of(room, "reader");
    assert_int_equal(kill(session, SIGSTOP), 0);
    bool read = reads(reader, &err), ended = has_pending(session, SIGTERM);
    kill(session, SIGCONT);
    if (!read)
        fail_msg("%s", err.text);
    assert_true(ended);
    store_close(reader);
}

/* It goes on somewhat after it was told to end. */
static pid_t wake_late(pid_t session) {
    fflush(stdout);
    pid_t helper = fork();
    assert_true(helper >= 0);
    if (helper)
        return helper;
    for (int ms = 0; ms < 20000 && !has_pending(session, SIGTERM); ms++)
        usleep(1000);
    usleep(100000);
    kill(session, SIGCONT);
    _exit(0);
}

/* What it was in the middle of is done, or undone, before anything is asked in the next one. */
static void end_of_the_former_session_is_waited_for(void **state) {
    struct room *room = *state;
    struct error err = {0};
    struct store *reader = open_reader(room);
    pid_t session = session_of(room, "reader");
    assert_int_equal(kill(session, SIGSTOP), 0);
    pid_t helper = wake_late(session);
    bool read = reads(reader, &err), there = kill(session, 0) == 0;
    assert_int_equal(waitpid(helper, NULL, 0), helper);
    if (!read)
        fail_msg("%s", err.text);
    assert_false(there);
    store_close(reader);
}

/* As its loop does, which nobody asks for anything. */
static void wait_on(struct store *reader, int ms) {
    struct pollfd fd = {.fd = store_descriptor(reader), .events = POLLIN};
    for (int64_t then = clock_monotonic_us(); ms_since(then) < ms;) {
        poll(&fd, 1, 100);
        store_proceed(reader, false);
    }
}

static void reader_calls_before_it_is_asked(void **state) {
    struct room *room = *state;
    struct error err = {0};
    be_impatient(room);
    struct store *reader = open_reader(room);
    assert_true(place_signal_server(SIGSTOP));
    assert_false(reads(reader, &err));
    assert_true(place_signal_server(SIGCONT));
    assert_true(wait_for_row("SELECT 1"));
    wait_on(reader, 4000);
    bool read = reads(reader, &err);
    if (!read)
        fail_msg("%s", err.text);
    store_close(reader);
}

/* A session of another that has done `text` in a transaction; PQfinish undoes it. */
static PGconn *hold(struct room *room, const char *text) {
    char database[32];
    place_database(room->path, database);
    PGconn *conn = place_connect(database);
    PQclear(PQexec(conn, "BEGIN"));
    PGresult *result = PQexec(conn, text);
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    return conn;
}

/* Clients wait for it meanwhile. The lock goes after some seconds: who waits so long opens it. */
static void reader_is_not_opened_for_long(void **state) {
    struct room *room = *state;
    struct error err = {0};
    be_impatient(room);
    const struct store_options options = {.read_only = true, .engine = &room->at_server};
    PGconn *other = hold(room, "SET idle_in_transaction_session_timeout = 60000; LOCK TABLE chasqui.setting");
    struct store *reader = store_open(room->path, &options, &err);
    PQfinish(other);
    bool opened = reader != NULL;
    store_close(reader);
    assert_false(opened);
    assert_int_equal(err.code, STORE_IO);
    store_close(open_reader(room));
}

static void append(struct store_content *content, unsigned mib, struct error *err) {
    static const uint8_t octets[1u << 20];
    for (unsigned i = 0; i < mib; i++)
        store_content_append(content, span_of(octets, sizeof octets), err);
}

/* Who appends is told to bring no more, and is not held up with what it has. */
static void silent_session_holds_up_no_content(void **state) {
    struct room *room = *state;
    struct error err = {0};
    be_impatient(room);
    struct store_content *content = store_content_create(room->store, 0, NULL);
    append(content, 1, &err);
    pid_t session = session_of(room, "reads");
    assert_int_equal(kill(session, SIGSTOP), 0);
    int64_t then = clock_monotonic_us();
    append(content, 3, &err);
    int64_t ms = ms_since(then);
    bool takes = store_takes_octets(room->store);
    for (then = clock_monotonic_us(); !store_takes_octets(room->store) && ms_since(then) < 60000;
         usleep(10000))
        store_probe(room->store);
    kill(session, SIGCONT);
    assert_true(ms < 500 && !takes && store_takes_octets(room->store));
    append(content, 1, &err);
    assert_int_equal(err.code, STORE_BAD_REQUEST); /* none knows what came of its octets */
    store_content_release(content);
    assert_true(recovers(room));
    uint64_t message = add_one(room, 3u << 20, 7, NULL);
    room_commit(room);
    expect_message(room, message, 3u << 20, 7);
}

/* ---- what is slow and not silent ---- */

/* Each chunk that comes first takes as long. */
static void slow_chunks(struct room *room, const char *seconds) {
    char database[32], text[400];
    place_database(room->path, database);
    snprintf(text, sizeof text,
             "CREATE FUNCTION chasqui.slow() RETURNS trigger LANGUAGE plpgsql AS"
             " $$BEGIN PERFORM pg_sleep(%s); RETURN NEW; END$$;"
             " CREATE TRIGGER slow BEFORE INSERT ON chasqui.chunk FOR EACH ROW WHEN (NEW.seq = 0)"
             " EXECUTE FUNCTION chasqui.slow()",
             seconds);
    assert_true(place_run(database, text));
}

static void fast_chunks(struct room *room) {
    char database[32];
    place_database(room->path, database);
    assert_true(place_run(database, "DROP TRIGGER slow ON chasqui.chunk; DROP FUNCTION chasqui.slow"));
}

/* The session lives, and what it has yet to answer with it. */
static void lock_ends_a_write_and_no_session(void **state) {
    struct room *room = *state;
    struct error err = {0};
    pid_t session = session_of(room, "reads");
    PGconn *other = hold(room, "UPDATE chasqui.node SET lease = lease");
    bool renewed = store_renew(room->store, 60000000, &err);
    PQfinish(other);
    assert_false(renewed);
    if (err.code != STORE_LOCKED)
        fail_msg("%s", err.text);
    assert_int_equal(session_of(room, "reads"), session);
    assert_true(recovers(room));
    assert_true(store_renew(room->store, -1, &err));
}

static void lock_ends_a_read_and_no_session(void **state) {
    struct room *room = *state;
    struct error err = {0}, of_reader = {0};
    struct store *reader = open_reader(room);
    pid_t session = session_of(room, "reads"), of_its = session_of(room, "reader");
    PGconn *other = hold(room, "LOCK TABLE chasqui.work");
    bool read = is_read(room, &err), by_reader = reads(reader, &of_reader);
    PQfinish(other);
    assert_true(!read && !by_reader);
    if (err.code != STORE_LOCKED || of_reader.code != STORE_LOCKED)
        fail_msg("%s; %s", err.text, of_reader.text);
    assert_int_equal(session_of(room, "reads"), session);
    assert_int_equal(session_of(room, "reader"), of_its);
    assert_true(reads(reader, &err));
    store_close(reader);
    assert_true(recovers(room));
}

/* Who reads waits for the chunks of others, which may take longer than he has for a doubt. */
static void read_waits_for_slow_chunks(void **state) {
    struct room *room = *state;
    struct error err = {0};
    slow_chunks(room, "2");
    struct store_content *content = make_content(room, 1 << 20, 3);
    bool read = is_read(room, &err);
    fast_chunks(room);
    if (!read)
        fail_msg("%s", err.text);
    append_octets(content, 1 << 20, 3);
    expect_octets(content, 2 << 20, 3);
    store_content_release(content);
}

/* It takes nearly as long as a read may, in any session: the doubt, which begins it anew, takes nothing of
 * that. */
static void slow_read_is_no_silence(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char database[32];
    add_one(room, 10, 1, NULL);
    room_commit(room);
    place_database(room->path, database);
    assert_true(place_run(
        database, "CREATE TABLE chasqui.pause AS SELECT 0.0 AS seconds;"
                  " CREATE FUNCTION chasqui.slow() RETURNS boolean LANGUAGE plpgsql AS"
                  " $$BEGIN PERFORM pg_sleep(seconds) FROM chasqui.pause; RETURN true; END$$;"
                  " ALTER TABLE chasqui.work RENAME TO slow_work;"
                  " CREATE VIEW chasqui.work AS SELECT * FROM chasqui.slow_work WHERE chasqui.slow()"));
    room->at_server = (struct postgres_options){.answer_ms = 4000, .commit_ms = 6000};
    room_reopen(room);
    assert_true(place_run(database, "UPDATE chasqui.pause SET seconds = 3.3"));
    bool read = is_read(room, &err);
    assert_true(place_run(database, "UPDATE chasqui.pause SET seconds = 0"));
    if (!read)
        fail_msg("%s", err.text);
    assert_true(place_run(database, "DROP VIEW chasqui.work; ALTER TABLE chasqui.slow_work RENAME TO work"));
}

struct walked {
    struct store *store;
    unsigned rows;
};

static bool time_is_over(void *context, const struct store_entry *entry) {
    struct walked *walked = context;
    (void)entry;
    walked->rows++;
    store_read_until(walked->store, 1);
    return true;
}

/* Of what the server has given nothing more is told, and it is asked for no more. */
static void no_more_rows_are_asked_for_after_the_time(void **state) {
    struct room *room = *state;
    struct walked walked = {.store = room->store};
    struct error err = {0};
    char database[32];
    place_database(room->path, database);
    assert_true(place_run(database,
                          "INSERT INTO chasqui.entry(mailbox, sequence, message, at, head, octets, data)"
                          " SELECT 7, i, 1, 0, 0, 0, '' FROM generate_series(1, 600) i"));
    assert_false(store_each_entry(room->store, 7, 0, 0, time_is_over, &walked, &err));
    assert_true(walked.rows == 1 && strstr(err.text, "takes too long"));
    assert_true(store_accepting(room->store));
    assert_true(place_run(database, "DELETE FROM chasqui.entry"));
}

static unsigned count_chunks(struct room *room) {
    char database[32];
    place_database(room->path, database);
    PGconn *conn = place_connect(database);
    PGresult *rows = PQexec(conn, "SELECT FROM chasqui.chunk");
    assert_int_equal(PQresultStatus(rows), PGRES_TUPLES_OK);
    unsigned count = (unsigned)PQntuples(rows);
    PQclear(rows);
    PQfinish(conn);
    return count;
}

/* It is given up while it writes, and writes no row behind the back of those that follow. */
static void session_that_was_given_up_writes_no_more(void **state) {
    struct room *room = *state;
    be_impatient(room);
    pid_t session = session_of(room, "reads");
    slow_chunks(room, "4");
    struct store_content *content = make_content(room, 1 << 20, 3);
    for (int64_t then = clock_monotonic_us(); ms_since(then) < 5500; usleep(10000))
        store_probe(room->store);
    unsigned written = count_chunks(room);
    store_content_release(content);
    fast_chunks(room);
    assert_int_equal(written, 0);
    assert_true(recovers(room));
    assert_true(session_of(room, "reads") != session);
}

/* ---- hosts ---- */

/* A host of which nothing comes, with a port where others are called. */
static int silent_host(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 && listen(fd, 5) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void next_host_is_called(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char place[300], database[32];
    int port, fd = silent_host(&port);
    room_close(room);
    place_database(room->path, database);
    snprintf(place, sizeof place, "postgresql://postgres@/%s?host=127.0.0.1,%s&port=%d,5432", database,
             place_server(), port);
    struct store *store = store_open(place, &room->options, &err);
    if (!store)
        fail_msg("%s", err.text);
    int64_t then = clock_monotonic_us();
    struct store_batch *batch = store_batch_new(store);
    assert_true(store_put_record(batch, STORE_SETTING, SPAN_LIT("a"), SPAN_LIT("b")) &&
                store_commit(batch, &err));
    store_batch_free(batch);
    store_close(store);
    assert_true(ms_since(then) < 4000);
    close(fd);
    room_open(room);
}

static char *reach_of(const char *format, struct room *room, struct error *err) {
    struct store_reach reach = {0};
    char place[300], database[32];
    place_database(room->path, database);
    snprintf(place, sizeof place, format, database, place_server());
    char *found = store_reach(place, &reach, err) ? mem_strdup(reach.place) : NULL;
    store_reach_free(&reach);
    return found;
}

/* The names are looked up where they can be: all of their addresses. */
static void addresses_of_all_hosts_are_found(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char *same = reach_of("postgresql://postgres@/%s?host=%s", room, &err);
    assert_true(same && !strstr(same, "hostaddr"));
    mem_free(same);
    assert_null(reach_of("postgresql://postgres@/%s?host=localhost,%s&port=5432", room, &err));
    assert_non_null(strstr(err.text, "sandbox"));
    struct pg_hosts hosts;
    pg_hosts_of("postgresql://u@localhost:1234,10.1.2.3:1234,nowhere.invalid:1234/db", &hosts);
    assert_int_equal(hosts.count, 3);
    assert_true(pg_hosts_are_alike(&hosts) && pg_hosts_resolve(&hosts, &err));
    assert_true(strstr(hosts.hostaddr, "127.0.0.1") && strstr(hosts.hostaddr, ",10.1.2.3"));
    assert_true(!strncmp(hosts.host, "localhost,", 10) && !strstr(hosts.host, "nowhere"));
    assert_true(!strncmp(hosts.port, "1234,1234", 9));
    char *rotated = pg_hosts_from(hosts.host, 1);
    size_t length = strlen(rotated);
    assert_true(length == strlen(hosts.host) && !strcmp(rotated + length - 9, "localhost"));
    mem_free(rotated);
    pg_hosts_free(&hosts);
    pg_hosts_of("postgresql://u@nowhere.invalid/db", &hosts);
    assert_false(pg_hosts_resolve(&hosts, &err));
    assert_non_null(strstr(err.text, "nowhere.invalid"));
    pg_hosts_free(&hosts);
}

/* ---- what is kept ---- */

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void) {
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
                                                   : mallinfo2().uordblks;
}

/* However often it is found while no commit comes about. */
static void activity_is_kept_once(void **state) {
    static uint8_t octets[50000];
    const struct store_activity_in activity = {.peer = SPAN_LIT("p"),
                                               .association = SPAN_LIT("a"),
                                               .activity = SPAN_LIT("1"),
                                               .state = span_of(octets, sizeof octets)};
    struct room *room = *state;
    struct store_activity_in found;
    assert_true(store_put_activity_in(room->batch, &activity, NULL) != 0);
    room_commit(room);
    size_t before = allocated();
    for (int i = 0; i < 100; i++)
        assert_true(store_find_activity_in(room->store, activity.peer, activity.association,
                                           activity.activity, &found, NULL));
    assert_int_equal(found.state.len, sizeof octets);
    assert_true(allocated() < before + 500000);
}

struct few {
    unsigned given, most;
};

static bool take_few(void *context, const struct store_work *work) {
    struct few *few = context;
    (void)work;
    return ++few->given < few->most;
}

/* What became ours and was not given, as the caller had enough, the next claim gives. */
static void taken_work_is_given_later(void **state) {
    struct room *room = *state;
    struct store_options options = room->options;
    struct few few = {.most = 5}, rest = {.most = UINT32_MAX};
    struct error err = {0};
    assert_true(store_claim(room->store, 60000000, 0, take_few, &rest, &err));
    for (int i = 0; i < 20; i++)
        add_one(room, 10, 1, NULL);
    assert_true(store_renew(room->store, -1, &err));
    room_commit(room);
    options.node = 2;
    struct store *other = store_open(room->path, &options, &err);
    assert_non_null(other);
    assert_true(store_claim(other, 60000000, 0, take_few, &few, &err));
    assert_int_equal(few.given, 5);
    assert_true(store_claim(other, 60000000, 0, take_few, &rest, &err));
    assert_int_equal(rest.given, 15);
    store_close(other);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(silent_session_holds_up_a_read_for_a_moment),
        IN_ROOM(first_request_after_a_silence_is_answered),
        IN_ROOM(reader_calls_before_it_is_asked),
        IN_ROOM(reader_is_not_opened_for_long),
        IN_ROOM(silent_session_holds_up_no_content),
        IN_ROOM(reader_ends_its_former_session),
        IN_ROOM(end_of_the_former_session_is_waited_for),
        IN_ROOM(lock_ends_a_write_and_no_session),
        IN_ROOM(lock_ends_a_read_and_no_session),
        IN_ROOM(read_waits_for_slow_chunks),
        IN_ROOM(slow_read_is_no_silence),
        IN_ROOM(no_more_rows_are_asked_for_after_the_time),
        IN_ROOM(session_that_was_given_up_writes_no_more),
        IN_ROOM(next_host_is_called),
        IN_ROOM(addresses_of_all_hosts_are_found),
        IN_ROOM(activity_is_kept_once),
        IN_ROOM(taken_work_is_given_later),
    };
    return cmocka_run_group_tests_name("silent", tests, NULL, NULL);
}
