/*
 * What strangers may ask for costs what one row costs, however many there are: unfinished activities and
 * outcomes are found by their key and by their association, and expire without a walk over all.
 */
#include "room.h"

#include <sqlite3.h>

#include "store/sqlite/sqlite_private.h"

#define CROWD 20000

static void put(struct room *room, const char *association, const char *activity, const char *peer,
                int64_t expiry, const char *data) {
    assert_true(store_put_outcome(room->batch, &(struct store_outcome){.association = span_str(association),
                                                                       .activity = span_str(activity),
                                                                       .peer = span_str(peer),
                                                                       .expiry = expiry,
                                                                       .data = span_str(data)}));
}

static void expect(struct room *room, const char *association, const char *activity, const char *peer,
                   const char *want) {
    struct buf data;
    struct error err = {0};
    buf_init(&data, 0);
    bool found = store_get_outcome(room->store, span_str(association), span_str(activity), span_str(peer),
                                   &data, &err);
    assert_int_equal(found, want != NULL);
    if (want)
        assert_true(span_eq(buf_span(&data), span_str(want)));
    else
        assert_int_equal(err.code, STORE_NOT_FOUND);
    buf_free(&data);
}

static bool count_outcome(void *context, const struct store_outcome *outcome) {
    assert_true(span_eq(outcome->association, SPAN_LIT("a1")));
    return ++*(unsigned *)context < 10;
}

static bool has(struct room *room, const char *association, const char *peer) {
    bool found;
    assert_true(store_has_outcome(room->store, span_str(association), span_str(peer), &found, NULL));
    return found;
}

static void outcomes_are_found_by_their_key(void **state) {
    struct room *room = *state;
    unsigned count = 0;
    put(room, "a1", "1", "BETA", 100, "accepted");
    put(room, "a1", "2", "BETA", 100, "refused");
    put(room, "a1", "1", "GAMMA", 100, "another's");
    put(room, "a1", "", "BETA", 100, "released");
    put(room, "a11", "", "BETA", 100, "");
    expect(room, "a1", "1", "BETA", NULL); /* not committed */
    room_commit(room);
    for (int round = 0; round < 2; round++) {
        expect(room, "a1", "1", "BETA", "accepted");
        expect(room, "a1", "2", "BETA", "refused");
        expect(room, "a1", "1", "GAMMA", "another's");
        expect(room, "a1", "", "BETA", "released");
        expect(room, "a11", "", "BETA", "");
        expect(room, "a1", "3", "BETA", NULL);
        room_reopen(room);
    }
    assert_true(store_each_outcome(room->store, SPAN_LIT("a1"), 10, count_outcome, &count, NULL));
    assert_int_equal(count, 4);
    assert_true(has(room, "a1", "BETA") && has(room, "a1", "GAMMA") && has(room, "a11", "BETA"));
    assert_false(has(room, "a1", "ALPHA") || has(room, "a1", "") || has(room, "a11", "GAMMA"));
    assert_false(has(room, "a", "BETA") || has(room, "", "BETA"));
    put(room, "a1", "1", "BETA", 100, "refused");
    assert_true(store_remove_outcome(room->batch, SPAN_LIT("a1"), SPAN_LIT("2"), SPAN_LIT("BETA")));
    room_commit(room);
    expect(room, "a1", "1", "BETA", "refused");
    expect(room, "a1", "2", "BETA", NULL);
    assert_false(store_put_outcome(
        room->batch, &(struct store_outcome){.association = span_of(room->path, KEY_LIMIT + 1)}));
}

/* ---- what it costs ---- */

static int count_steps(void *context) {
    ++*(unsigned *)context;
    return 0;
}

/* How many hundreds of SQLite's steps were taken since. */
static unsigned steps;

static void measure(struct room *room) {
    steps = 0;
    sqlite3_progress_handler(sqlite_of(room->store)->writing.db, 100, count_steps, &steps);
}

static void crowd(struct room *room) {
    char name[32];
    for (unsigned i = 0; i < CROWD; i++) {
        snprintf(name, sizeof name, "crowd-%u", i);
        put(room, name, "1", "BETA", 1000 + i, "accepted");
        struct store_activity_in in = {.peer = SPAN_LIT("BETA"),
                                       .association = span_str(name),
                                       .activity = SPAN_LIT("1"),
                                       .at = 1000 + i,
                                       .state = SPAN_LIT("state")};
        assert_true(store_put_activity_in(room->batch, &in, NULL));
    }
    put(room, "a1", "1", "BETA", 500, "accepted");
    room_commit(room);
}

/* How many came of each peer of the crowd. */
struct named {
    unsigned beta, evil, other, most;
};

static bool note_named(void *context, const struct store_outcome *outcome) {
    struct named *named = context;
    unsigned *count = span_eq(outcome->peer, SPAN_LIT("BETA"))   ? &named->beta
                      : span_eq(outcome->peer, SPAN_LIT("EVIL")) ? &named->evil
                                                                 : &named->other;
    ++*count;
    assert_true(span_eq(outcome->association, SPAN_LIT("a1")));
    return named->beta + named->evil + named->other < named->most;
}

/* One peer leaves a crowd under the name that others have, too. */
static void a_crowd_of_one_name_costs_no_more(void **state) {
    static const char *const peers[] = {"ALPHA", "BETA", "GAMMA"};
    struct room *room = *state;
    char activity[16];
    for (unsigned i = 0; i < CROWD; i++) {
        snprintf(activity, sizeof activity, "%u", i);
        put(room, "a1", activity, "EVIL", 1000 + i, "lost");
    }
    for (unsigned i = 0; i < 9; i++) {
        snprintf(activity, sizeof activity, "%u", i);
        put(room, "a1", activity, peers[i % 3], 1000, "accepted");
    }
    room_commit(room);
    room_reopen(room);
    if (!is_at_a_server())
        measure(room);
    assert_true(has(room, "a1", "GAMMA") && has(room, "a1", "EVIL") && !has(room, "a1", "FAR"));
    struct named named = {.most = UINT32_MAX}, few = {.most = 4};
    assert_true(store_each_outcome(room->store, SPAN_LIT("a1"), 2, note_named, &named, NULL));
    assert_true(named.beta == 2 && named.evil == 2 && named.other == 4);
    assert_true(store_each_outcome(room->store, SPAN_LIT("a1"), 2, note_named, &few, NULL));
    assert_int_equal(few.beta + few.evil + few.other, 4);
    assert_in_range(steps, 0, 20);
    named = (struct named){.most = UINT32_MAX};
    assert_true(store_each_outcome(room->store, SPAN_LIT("a1"), UINT32_MAX, note_named, &named, NULL));
    assert_true(named.beta == 3 && named.evil == CROWD && named.other == 6);
}

static bool note_activity(void *context, const struct store_activity_in *in) {
    unsigned *count = context;
    ++*count;
    return in->at < 1003;
}

static void a_crowd_costs_no_more(void **state) {
    if (is_at_a_server()) /* it counts the steps of SQLite */
        return;
    struct room *room = *state;
    unsigned count = 0;
    crowd(room);
    room_reopen(room);
    measure(room);
    expect(room, "a1", "1", "BETA", "accepted");
    expect(room, "stranger", "1", "BETA", NULL);
    assert_true(store_each_outcome(room->store, SPAN_LIT("a1"), 10, count_outcome, &count, NULL));
    assert_int_equal(count, 1);
    store_maintain(room->store, 501, 0, 0);
    expect(room, "a1", "1", "BETA", NULL);
    store_maintain(room->store, 502, 0, 0); /* none is due */
    assert_in_range(steps, 0, 20);
    expect(room, "crowd-0", "1", "BETA", "accepted");
    while (store_maintain(room->store, 1100, 0, 1000000)) {
    }
    expect(room, "crowd-99", "1", "BETA", NULL);
    expect(room, "crowd-100", "1", "BETA", "accepted");
}

static void activities_are_found_by_association_and_age(void **state) {
    struct room *room = *state;
    unsigned count = 0;
    crowd(room);
    room_reopen(room);
    store_each_activity_of(room->store, SPAN_LIT("crowd-7"), note_activity, &count, NULL);
    assert_int_equal(count, 1);
    store_each_activity_of(room->store, SPAN_LIT("stranger"), note_activity, &count, NULL);
    assert_int_equal(count, 1);
    const struct store_activity_in *in =
        find_activity(room->store, SPAN_LIT("BETA"), SPAN_LIT("crowd-0"), SPAN_LIT("1"));
    assert_non_null(in);
    struct store_activity_in later = *in; /* written anew: it is the youngest now */
    later.at = 50000;
    assert_true(store_put_activity_in(room->batch, &later, NULL));
    room_commit(room);
    count = 0;
    store_each_activity_in(room->store, note_activity, &count, NULL);
    assert_int_equal(count, 3); /* 1001, 1002, and 1003, which ends it */
    assert_true(store_remove_activity_in(room->batch, later.id));
    room_commit(room);
    assert_null(find_activity(room->store, SPAN_LIT("BETA"), SPAN_LIT("crowd-0"), SPAN_LIT("1")));
    assert_non_null(find_activity(room->store, SPAN_LIT("BETA"), SPAN_LIT("crowd-1"), SPAN_LIT("1")));
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_setup, room_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_ROOM(outcomes_are_found_by_their_key),
        IN_ROOM(a_crowd_costs_no_more),
        IN_ROOM(a_crowd_of_one_name_costs_no_more),
        IN_ROOM(activities_are_found_by_association_and_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
