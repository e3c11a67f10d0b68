/*
 * Several writers at one server: a process that takes another's store over, and
 * nodes that have leases on their work.
 */
#include "at_server.h"

/* ---- another process takes the store over ---- */

static struct store *take_over(struct room *room) {
    struct error err = {0};
    char database[32];
    place_database(room->path, database);
    end_sessions_of_writers(database);
    struct store *other = store_open(room->path, &room->options, &err);
    if (!other)
        fail_msg("%s", err.text);
    return other;
}

static void expect_fenced(struct room *room) {
    for (int i = 0; i < 3; i++) {
        assert_false(store_probe(room->store));
        assert_false(store_accepting(room->store));
        assert_int_equal(store_cause(room->store)->code, STORE_FENCED);
    }
}

/* I13: whoever was taken over learns it by a commit, and that is final, also when the other has gone. */
static void taken_over_is_final(void **state) {
    struct room *room = *state;
    struct store *other = take_over(room);
    for (int i = 0; i < 2; i++) {
        struct error err = {0};
        add_one(room, 10, 1, NULL);
        assert_false(store_commit(room->batch, &err));
        assert_int_equal(err.code, STORE_FENCED);
        store_batch_clear(room->batch);
        expect_fenced(room);
        if (other)
            store_close(other);
        other = NULL;
    }
    room_reopen(room);
    add_one(room, 10, 1, NULL);
    room_commit(room);
    assert_int_equal(count_work(room), 1);
}

/* Also when nothing is to be committed. */
static void taken_over_is_seen_by_a_probe(void **state) {
    struct room *room = *state;
    struct store *other = take_over(room);
    int64_t end = clock_monotonic_us() + 60000000;
    while (store_probe(room->store) && clock_monotonic_us() < end)
        usleep(10000);
    expect_fenced(room);
    store_close(other);
}

/* A lock that is held yet in our own name, as by a session that the server does not know to be gone, is none.
 */
static void own_lock_is_no_other(void **state) {
    struct room *room = *state;
    char database[32];
    place_database(room->path, database);
    PGconn *conn = place_connect(database);
    end_sessions_of_writers(database);
    PQclear(PQexec(conn, "SELECT pg_advisory_lock(1128813393, 1)"));
    int64_t end = clock_monotonic_us() + 60000000;
    while (store_probe(room->store) && clock_monotonic_us() < end)
        usleep(10000);
    assert_int_equal(store_cause(room->store)->code, STORE_LOCKED);
    PQfinish(conn);
    assert_true(recovers(room));
    add_one(room, 10, 1, NULL);
    room_commit(room);
}

/* What the other resumed is his: no octet is written over or dropped by whoever had it. */
static void content_of_the_other_is_left_alone(void **state) {
    static const struct store_activity_in activity = {
        .peer = SPAN_LIT("p"), .association = SPAN_LIT("a"), .activity = SPAN_LIT("1")};
    struct room *room = *state;
    static uint8_t wrong[600000];
    struct error err = {0};
    size_t got;
    struct store_content *content = make_content(room, 100000, 5);
    uint64_t id = store_put_activity_in(room->batch, &activity, content);
    room_commit(room);
    struct store *other = take_over(room);
    struct store_content *resumed = store_content_resume(other, id, &err);
    assert_non_null(resumed);
    append_octets(resumed, 900000, 5);
    assert_true(store_content_read(resumed, 0, wrong, 1, &got, NULL)); /* all have arrived */
    memset(wrong, 0, sizeof wrong);
    store_content_append(content, span_of(wrong, sizeof wrong), &err); /* he does not know it yet */
    store_content_read(content, 0, wrong, 1, &got, &err);
    store_content_release(content);
    store_maintain(room->store, 0, 0, 1000000);
    expect_octets(resumed, 1000000, 5);
    struct store_batch *batch = store_batch_new(other);
    uint64_t message = store_add_message(batch, 1, SPAN_LIT("e"), resumed);
    store_add_work(batch, &(struct store_work){.message = message});
    store_remove_activity_in(batch, id);
    assert_true(store_commit(batch, &err));
    store_batch_free(batch);
    store_content_release(resumed);
    store_close(other);
    room_reopen(room);
    expect_message(room, message, 1000000, 5);
}

/* ---- several nodes ---- */

#define MINUTE 60000000

static struct store *open_node(const struct room *room, unsigned node) {
    struct store_options options = {.node = node};
    struct error err = {0};
    struct store *store = store_open(room->path, &options, &err);
    if (!store)
        fail_msg("%s", err.text);
    return store;
}

static bool note_claimed(void *context, const struct store_work *work) {
    unsigned *given = context;
    assert_true(work->id && !work->damaged);
    ++*given;
    return true;
}

static unsigned claim(struct store *store, size_t limit) {
    unsigned given = 0;
    struct error err = {0};
    if (!store_claim(store, MINUTE, limit, note_claimed, &given, &err))
        fail_msg("%s", err.text);
    return given;
}

static void add_many(struct room *room, unsigned count) {
    struct store_work row = {.message = store_add_message(room->batch, 1, SPAN_LIT("e"), NULL), .expiry = 9};
    for (unsigned i = 0; i < count; i++)
        assert_true(store_add_work(room->batch, &row) != 0);
    room_commit(room);
}

/* I13: whose lease is over loses all of its work at once, and commits nothing any more. */
static void work_of_who_is_gone_is_taken_over(void **state) {
    struct room *room = *state;
    struct error err = {0};
    assert_int_equal(claim(room->store, 0), 0);
    add_many(room, 1200);
    struct store *other = open_node(room, 2);
    assert_int_equal(claim(other, 0), 0); /* the lease of the first holds */
    add_one(room, 10, 1, NULL);
    assert_true(store_renew(room->store, -1, &err));
    room_commit(room); /* with no lease either */
    assert_int_equal(claim(other, 700), 700);
    add_one(room, 10, 1, NULL);
    assert_false(store_commit(room->batch, &err));
    assert_int_equal(err.code, STORE_FENCED);
    expect_fenced(room);
    assert_false(store_renew(room->store, MINUTE, &err));
    assert_int_equal(err.code, STORE_FENCED);
    assert_int_equal(claim(other, 0), 501);
    assert_int_equal(claim(other, 0), 0);
    room_reopen(room);
    assert_int_equal(claim(room->store, 0), 0);
    assert_true(store_renew(other, -1, &err));
    store_close(other);
    assert_int_equal(claim(room->store, 0), 1201);
}

/* A node that comes again has what nobody took. */
static void who_comes_again_keeps_what_is_left(void **state) {
    struct room *room = *state;
    struct error err = {0};
    assert_int_equal(claim(room->store, 0), 0);
    add_many(room, 10);
    struct store *other = open_node(room, 2);
    assert_true(store_renew(room->store, -1, &err));
    assert_int_equal(claim(other, 4), 4);
    room_reopen(room);
    assert_int_equal(claim(room->store, 0), 6);
    assert_int_equal(claim(other, 0), 0);
    store_close(other);
    other = open_node(room, 2);
    assert_int_equal(claim(other, 0), 4);
    assert_true(store_probe(room->store));
    store_close(other);
}

/* Its row is being written by a commit of its own: it lives. */
static void who_commits_is_not_gone(void **state) {
    struct room *room = *state;
    struct error err = {0};
    char database[32];
    add_many(room, 3);
    assert_true(store_renew(room->store, -1, &err));
    place_database(room->path, database);
    PGconn *conn = place_connect(database);
    PQclear(PQexec(conn, "BEGIN; UPDATE chasqui.node SET serial = serial WHERE id = 1"));
    struct store *other = open_node(room, 2);
    assert_int_equal(claim(other, 0), 0);
    assert_true(store_accepting(other));
    PQfinish(conn);
    int64_t end = clock_monotonic_us() + MINUTE;
    while (claim(other, 0) == 0 && clock_monotonic_us() < end)
        usleep(10000);
    assert_int_equal(count_work(room), 3);
    store_close(other);
}

/* A peer may go on at another node than where it began. */
static void activity_of_another_node_is_found(void **state) {
    static const struct store_activity_in activity = {
        .peer = SPAN_LIT("p"), .association = SPAN_LIT("a"), .activity = SPAN_LIT("1")};
    struct room *room = *state;
    struct store_activity_in found;
    struct error err = {0};
    struct store *other = open_node(room, 2);
    struct store_batch *batch = store_batch_new(other);
    uint64_t id = store_put_activity_in(batch, &activity, NULL);
    assert_true(store_commit(batch, &err));
    store_batch_free(batch);
    store_close(other);
    store_maintain(room->store, 0, 0, 1000000);
    assert_true(store_find_activity_in(room->store, activity.peer, activity.association, activity.activity,
                                       &found, NULL));
    assert_int_equal(found.id, id);
}

/* ---- what an older program left ---- */

#define BACK_TO_2                                                                                            \
    "ALTER TABLE node DROP lease; ALTER TABLE activity_in DROP sum; DROP TABLE status, col; DROP INDEX "     \
    "record_range;"                                                                                          \
    "ALTER TABLE entry DROP sum, DROP head, ADD flags bigint NOT NULL DEFAULT 0;"                            \
    "ALTER TABLE activity_out DROP sum; ALTER TABLE work DROP sum, ADD epoch bigint NOT NULL DEFAULT 0,"     \
    " ADD lease bigint NOT NULL DEFAULT 0; UPDATE setting SET value = 2 WHERE name = 'schema'"

static void older_store_goes_on(void **state) {
    struct room *room = *state;
    add_many(room, 3);
    room_close(room);
    assert_true(place_spoil(room->path, "", BACK_TO_2));
    struct store_options reader = {.read_only = true};
    struct error err = {0};
    assert_null(store_open(room->path, &reader, &err));
    assert_int_equal(err.code, STORE_VERSION);
    room_open(room);
    assert_int_equal(claim(room->store, 0), 3);
    add_many(room, 2);
    assert_int_equal(count_work(room), 5);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(taken_over_is_final),
        IN_ROOM(taken_over_is_seen_by_a_probe),
        IN_ROOM(own_lock_is_no_other),
        IN_ROOM(content_of_the_other_is_left_alone),
        IN_ROOM(work_of_who_is_gone_is_taken_over),
        IN_ROOM(who_comes_again_keeps_what_is_left),
        IN_ROOM(who_commits_is_not_gone),
        IN_ROOM(activity_of_another_node_is_found),
        IN_ROOM(older_store_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
