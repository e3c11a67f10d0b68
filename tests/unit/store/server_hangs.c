/*
 * A server that hangs: a COMMIT that waits, a session that stops, the whole
 * server frozen. The store waits for none of them longer than it is told, says
 * why it takes nothing, and goes on when the server does.
 */
#include "at_server.h"

#include "store/postgres/postgres_private.h"

/* What is committed now has the time that it needs. */
static void be_patient(struct room *room) {
    struct pg_store *pg = (struct pg_store *)(void *)room->store;
    pg->commit_us = 60000000;
}

/* As the loop does: goes on, and looks each time how the store is, until it says this of itself. */
static bool says(struct room *room, const char *text) {
    int64_t end = clock_monotonic_us() + 60000000;
    while (clock_monotonic_us() < end) {
        store_proceed(room->store, false);
        if (!store_probe(room->store) && strstr(store_cause(room->store)->text, text))
            return true;
        usleep(10000);
    }
    return false;
}

/* I1, I2: it waits for a standby that is not there, in COMMIT. Reads go on meanwhile, the store says why it
 * takes nothing, nobody guesses, and what was committed is there once. */
static void hung_commit_is_told_and_settled(void **state) {
    struct room *room = *state;
    struct ended first = {0}, second = {0};
    be_impatient(room);
    uint64_t message = add_one(room, 300000, 3, NULL);
    hold_commits();
    store_commit_begin(room->batch, note_ended, &first);
    assert_true(says(room, "has not answered to a commit"));
    assert_int_equal(count_work(room), 0);
    struct store_batch *other = store_batch_new(room->store);
    assert_true(store_put_record(other, STORE_SETTING, SPAN_LIT("a"), SPAN_LIT("b")));
    store_commit_begin(other, note_ended, &second); /* one at a time */
    assert_true(second.ended && !second.done);
    store_batch_free(other);
    assert_true(says(room, "before its session at the server has ended"));
    assert_false(first.ended);
    let_commits_go();
    assert_true(ends(room, &first));
    be_patient(room);
    assert_true(recovers(room));
    assert_int_equal(count_work(room), 1);
    expect_message(room, message, 300000, 3);
}

/* The process of the session stops before it has read what it is to write, which is more than a socket
 * holds: to begin the commit waits for nothing. It is given up before COMMIT was sent, hence is not there. */
static void session_that_does_not_read_holds_up_nobody(void **state) {
    static uint8_t envelope[500000];
    struct room *room = *state;
    struct ended ended = {0};
    be_impatient(room);
    for (int i = 0; i < 20; i++) {
        uint64_t id = store_add_message(room->batch, 1, span_of(envelope, sizeof envelope), NULL);
        assert_true(id && store_add_work(room->batch, &(struct store_work){.message = id}));
    }
    pid_t session = session_of(room, "writer");
    assert_int_equal(kill(session, SIGSTOP), 0);
    store_commit_begin(room->batch, note_ended, &ended);
    assert_false(ended.ended);
    assert_int_equal(count_work(room), 0);
    assert_false(ends(room, &ended));
    assert_true(ended.ended);
    assert_false(store_accepting(room->store));
    assert_int_equal(kill(session, SIGCONT), 0);
    be_patient(room);
    assert_true(recovers(room));
    room_commit(room); /* the same batch */
    assert_int_equal(count_work(room), 20);
}

/* As a machine that is frozen, or whose network is gone. */
static void stopped_server_is_waited_for_once(void **state) {
    struct room *room = *state;
    struct error err = {0};
    struct ended ended = {0};
    be_impatient(room);
    uint64_t message = add_one(room, 300000, 3, NULL);
    assert_true(place_signal_server(SIGSTOP));
    store_commit_begin(room->batch, note_ended, &ended);
    for (int i = 0; i < 100; i++) {
        assert_false(is_read(room, &err));
        assert_int_equal(err.code, STORE_IO);
        store_probe(room->store);
    }
    assert_false(store_accepting(room->store));
    assert_non_null(strstr(store_cause(room->store)->text, "does not answer"));
    bool done = ends(room, &ended);
    assert_false(done);
    assert_true(place_signal_server(SIGCONT));
    be_patient(room);
    assert_true(recovers(room));
    room_commit(room);
    assert_int_equal(count_work(room), 1);
    expect_message(room, message, 300000, 3);
}

/* The end of the process does not wait: what comes of it is seen at the next start. */
static void what_hangs_can_be_given_up(void **state) {
    struct room *room = *state;
    struct ended ended = {0};
    add_one(room, 10, 1, NULL);
    hold_commits();
    store_commit_begin(room->batch, note_ended, &ended);
    store_give_up(room->store);
    assert_true(ended.ended && !ended.done);
    room_close(room);
    let_commits_go();
    room_open(room);
    assert_in_range(count_work(room), 0, 1);
}

/* A session that answers to no probe is given up for a commit that waits behind it. */
static void commit_behind_an_unanswered_probe_goes_on(void **state) {
    struct room *room = *state;
    struct ended ended = {0};
    struct error why = {0};
    be_impatient(room);
    add_one(room, 10, 1, NULL);
    pid_t session = session_of(room, "writer");
    assert_int_equal(kill(session, SIGSTOP), 0);
    error_set(&why, STORE_IO, "something failed");
    store_refuses(&((struct pg_store *)(void *)room->store)->head, &why);
    ((struct pg_store *)(void *)room->store)->proved = false;
    assert_false(store_probe(room->store)); /* is asked, and not answered */
    store_commit_begin(room->batch, note_ended, &ended);
    ends(room, &ended);
    assert_true(ended.ended);
    kill(session, SIGCONT);
    be_patient(room);
    assert_true(recovers(room));
    room_commit(room); /* the same batch, unless it was written */
    assert_int_equal(count_work(room), 1);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(hung_commit_is_told_and_settled),
        IN_ROOM(session_that_does_not_read_holds_up_nobody),
        IN_ROOM(stopped_server_is_waited_for_once),
        IN_ROOM(what_hangs_can_be_given_up),
        IN_ROOM(commit_behind_an_unanswered_probe_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
