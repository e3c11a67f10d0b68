/* Peers that can't resume, and copies whose transfer the peer itself ends again and again (I4). */
#include "world.h"

#define ABORTS 5 /* of one copy, from which on it may be held */

static void begin(struct world *world) {
    world_begin(world);
    client(world, 1, 0);
    associate(world, 1, "beta");
}

static void take_in_with(struct world *world, const char *content) {
    send_whole(world, 1, envelope_to(world, WANTS_NDN, FRANK, NULL), span_str(content));
    assert_int_equal(result_of(world, 1), IPC_ACCEPTED);
}

static void take_in(struct world *world) {
    take_in_with(world, "content");
}

static void expect_connect(struct world *world, uint64_t ref, const char *recovered) {
    char id[32];
    struct reader r = expect(world, IPC_CONNECT, 0);
    assert_true(span_eq(payload_octets(&r), SPAN_LIT("gamma")));
    assert_true(span_eq(payload_octets(&r), span_str(recovered)));
    snprintf(id, sizeof id, "out-%llu", (unsigned long long)ref);
    announce(world, ref, true, "gamma", id, "");
}

/* The transfer ends so, and its association with it. */
static void ends(struct world *world, uint64_t ref, enum ipc_sent result, unsigned flags) {
    sent_so(world, ref, result, flags | IPC_SENT_CLOSING);
    close_association(world, ref, IPC_CLOSE_ABORTED);
}

/* The only copy of the queue, to be released. */
static json_t *only_copy(struct world *world) {
    json_t *list = ask(world, "{\"operation\":\"queue-list\"}");
    json_t *entry = json_incref(json_array_get(json_object_get(list, "entries"), 0));
    assert_int_equal(json_array_size(json_object_get(list, "entries")), 1);
    json_decref(list);
    return entry;
}

static json_int_t expect_copy(struct world *world, const char *state, bool in_doubt, const char *cause) {
    json_t *entry = only_copy(world);
    json_int_t id = number_at(entry, "id", NULL);
    assert_string_equal(json_string_value(json_object_get(entry, "state")), state);
    assert_int_equal(json_is_true(json_object_get(entry, "in-doubt")), in_doubt);
    const char *last = json_string_value(json_object_get(entry, "last-error"));
    if (!last || !strstr(last, cause))
        fail_msg("no '%s' in: %s", cause, last ? last : "(no cause)");
    json_decref(entry);
    return id;
}

static json_t *change(struct world *world, const char *operation, const char *more) {
    char request[300];
    json_t *entry = only_copy(world);
    snprintf(request, sizeof request, "{\"operation\":\"queue-%s\",\"id\":%lld,\"reason\":\"a test\"%s}",
             operation, (long long)number_at(entry, "id", NULL), more);
    json_decref(entry);
    return ask(world, request);
}

static void changes(struct world *world, const char *operation, const char *more) {
    json_t *answer = change(world, operation, more);
    if (json_object_get(answer, "error"))
        fail_msg("%s", json_string_value(json_object_get(json_object_get(answer, "error"), "text")));
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
}

/* ---- peers that can't resume ---- */

/* A copy for gamma broke after a checkpoint, and is being resumed on association 9. */
static void resume(struct world *world) {
    begin(world);
    take_in(world);
    sets_out(world, 2, "gamma");
    confirm_checkpoint(world, 2, 3, 5);
    ends(world, 2, IPC_SENT_BROKEN, 0);
    expect_connect(world, 9, "out-2");
    struct outgoing out = outgoing_of(world, 9);
    assert_int_equal(out.serial, 3);
    assert_int_equal(out.start, 5);
}

static void expect_from_the_beginning(struct world *world, uint64_t ref) {
    struct outgoing out = outgoing_of(world, ref);
    assert_int_equal(out.serial, 0);
    assert_int_equal(out.start, 0);
    assert_int_equal(out.old_activity.len, 0);
    sent(world, ref, IPC_SENT);
    expect_drained(world);
    world_end(world);
}

static void a_resume_that_is_discarded_begins_anew_on_the_same_association(void **state) {
    struct world world;
    (void)state;
    resume(&world);
    sent_so(&world, 9, IPC_SENT_DEFERRED, IPC_SENT_FOR_NOW | IPC_SENT_RESUME_FAILED);
    expect_from_the_beginning(&world, 9);
}

static void a_resume_that_is_aborted_begins_anew(void **state) {
    struct world world;
    (void)state;
    resume(&world);
    ends(&world, 9, IPC_SENT_BROKEN, IPC_SENT_ABORTED | IPC_SENT_RESUME_FAILED);
    expect_connect(&world, 10, "");
    expect_from_the_beginning(&world, 10);
}

static void a_resume_that_breaks_is_tried_again_but_not_for_ever(void **state) {
    struct world world;
    (void)state;
    resume(&world);
    ends(&world, 9, IPC_SENT_BROKEN, 0);
    expect_connect(&world, 10, "out-2");
    assert_int_equal(outgoing_of(&world, 10).serial, 3);
    ends(&world, 10, IPC_SENT_BROKEN, 0);
    expect_connect(&world, 11, "");
    expect_from_the_beginning(&world, 11);
}

/* ---- doubt ---- */

/* What the first try left in doubt a later one that never sent the end does not settle. */
static void a_later_try_leaves_the_doubt_of_an_earlier_one(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    take_in(&world);
    sets_out(&world, 2, "gamma");
    ends(&world, 2, IPC_SENT_IN_DOUBT, 0);
    expect_connect(&world, 3, "");
    outgoing_of(&world, 3);
    ends(&world, 3, IPC_SENT_BROKEN, 0);
    expect_copy(&world, "in-doubt", true, "test");
    expect_connect(&world, 4, "");
    outgoing_of(&world, 4);
    sent(&world, 4, IPC_SENT_DEFERRED);
    expect_copy(&world, "in-doubt", true, "test");
    world_anew(&world);
    client(&world, 1, 0);
    expect_copy(&world, "in-doubt", true, "test"); /* the cause is read from the copy's history */
    world_end(&world);
}

/* ---- aborts ---- */

static void abort_it(struct world *world, unsigned from, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (i)
            changes(world, "retry", "");
        connect_out(world, from + i, "gamma");
        outgoing_of(world, from + i);
        ends(world, from + i, IPC_SENT_IN_DOUBT, IPC_SENT_ABORTED);
    }
}

/* gamma takes whatever else there is before its next try of the copy, which may be due already. */
static void abort_among_others(struct world *world, unsigned ref, unsigned flags) {
    for (;; ref++) {
        struct outgoing out = sets_out(world, ref, "gamma");
        bool other = span_eq(out.content, SPAN_LIT("another"));
        if (other)
            sent_so(world, ref, IPC_SENT, IPC_SENT_CLOSING);
        else
            sent_so(world, ref, IPC_SENT_IN_DOUBT, flags | IPC_SENT_CLOSING);
        close_association(world, ref, other ? IPC_CLOSE_RELEASED : IPC_CLOSE_ABORTED);
        if (!other)
            return;
    }
}

static bool is_held(struct world *world) {
    json_t *entry = only_copy(world);
    bool held = strcmp(json_string_value(json_object_get(entry, "state")), "held") == 0;
    json_decref(entry);
    return held;
}

static void a_copy_that_is_always_aborted_while_others_go_is_held(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    take_in(&world);
    abort_it(&world, 2, 1);
    take_in_with(&world, "another");
    for (unsigned i = 1; i < ABORTS; i++)
        abort_among_others(&world, 10 * i, i + 1 < ABORTS ? IPC_SENT_ABORTED : IPC_SENT_GIVEN_UP);
    expect_copy(&world, "held", true, "5 times in a row; last, it was given up here: test");
    expect_none(&world, IPC_CONNECT);
    world_anew(&world);
    client(&world, 1, 0);
    expect_copy(&world, "held", true, "test");
    expect_none(&world, IPC_CONNECT);
    changes(&world, "release", ""); /* to the same peer, once more from the start of its tries */
    goes_out(&world, 30, "gamma");
    expect_drained(&world);
    world_end(&world);
}

static void a_held_copy_that_is_let_go_has_all_its_tries_again(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    take_in(&world);
    abort_it(&world, 2, 1);
    take_in_with(&world, "another");
    for (unsigned i = 1; i < ABORTS; i++)
        abort_among_others(&world, 10 * i, IPC_SENT_ABORTED);
    expect_copy(&world, "held", true, "5 times in a row");
    changes(&world, "release", "");
    abort_among_others(&world, 10 * ABORTS, IPC_SENT_ABORTED);
    assert_false(is_held(&world));
    world_end(&world);
}

/* On a quiet link nothing tells that the copy is what is wrong, and the peer may be mended any time. */
static void a_lone_copy_is_not_held(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    take_in(&world);
    abort_it(&world, 2, ABORTS + 3);
    expect_copy(&world, "in-doubt", true, "test");
    changes(&world, "retry", "");
    goes_out(&world, 30, "gamma");
    expect_drained(&world);
    world_end(&world);
}

/* But not for ever: after the priority's longest wait its own tries tell enough. */
static void a_lone_copy_is_held_at_last(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    mts_tables_free(world.config.tables);
    world.config.tables = make_tables_for(&(struct mts_self){
        .domain = OURS, .mta_name = "alpha-1", .dl_depth = 16, .schedules = {[MTS_NORMAL] = {86400, 1, 2}}});
    world_start(&world);
    client(&world, 1, 0);
    associate(&world, 1, "beta");
    take_in(&world);
    abort_it(&world, 2, ABORTS);
    for (unsigned i = 0; i < 4 && !is_held(&world); i++)
        abort_it(&world, 20 + i, 1); /* as its own timer goes */
    expect_copy(&world, "held", true, "in a row; last, the peer ended it: test");
    world_end(&world);
}

/* Where the peer aborts whatever it gets, the trouble is the peer's: no copy is held for that. */
static void a_peer_that_aborts_everything_is_left_alone(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.peers[1].retry_first = world.peers[1].retry_most = 3600;
    world_start(&world);
    client(&world, 1, 0);
    associate(&world, 1, "beta");
    for (unsigned i = 0; i < 10; i++)
        take_in(&world);
    for (unsigned i = 0; i < 3; i++) {
        connect_out(&world, 2 + i, "gamma");
        outgoing_of(&world, 2 + i);
        ends(&world, 2 + i, IPC_SENT_IN_DOUBT, IPC_SENT_ABORTED);
    }
    expect_none(&world, IPC_CONNECT);
    json_t *held = ask(&world, "{\"operation\":\"queue-list\",\"state\":\"held\"}");
    assert_int_equal(json_array_size(json_object_get(held, "entries")), 0);
    json_decref(held);
    world_end(&world);
}

/* ---- what the operator may do all the same ---- */

static void refuses(struct world *world, const char *operation, const char *more) {
    json_t *answer = change(world, operation, more), *error = json_object_get(answer, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "wrong-state");
    assert_non_null(strstr(json_string_value(json_object_get(error, "text")), "--may-arrive-twice"));
    json_decref(answer);
}

static void begin_in_doubt(struct world *world) {
    begin(world);
    take_in(world);
    sets_out(world, 2, "gamma");
    ends(world, 2, IPC_SENT_IN_DOUBT, 0);
    changes(world, "hold", "");
}

static void a_copy_in_doubt_may_be_redirected_when_it_may_arrive_twice(void **state) {
    struct world world;
    (void)state;
    begin_in_doubt(&world);
    refuses(&world, "redirect", ",\"by-peer\":\"beta\"");
    refuses(&world, "redirect", ",\"address\":\"" JONES "\"");
    refuses(&world, "delete", "");
    expect_copy(&world, "held", true, "test");
    changes(&world, "redirect", ",\"address\":\"" EVA "\",\"may-arrive-twice\":true");
    changes(&world, "release", ""); /* what takes the place of a held copy is held too */
    goes_out(&world, 7, "beta");
    expect_drained(&world);
    world_end(&world);
}

static void a_copy_in_doubt_may_be_non_delivered_when_it_may_arrive_twice(void **state) {
    struct world world;
    (void)state;
    begin_in_doubt(&world);
    refuses(&world, "nondeliver", "");
    changes(&world, "nondeliver", ",\"may-arrive-twice\":true");
    connect_out(&world, 7, "beta"); /* the report */
    struct outgoing out = outgoing_of(&world, 7);
    assert_int_equal(out.prefix.data[0], 0xA1);
    sent(&world, 7, IPC_SENT);
    expect_drained(&world);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resume_that_is_discarded_begins_anew_on_the_same_association),
        cmocka_unit_test(a_resume_that_is_aborted_begins_anew),
        cmocka_unit_test(a_resume_that_breaks_is_tried_again_but_not_for_ever),
        cmocka_unit_test(a_later_try_leaves_the_doubt_of_an_earlier_one),
        cmocka_unit_test(a_copy_that_is_always_aborted_while_others_go_is_held),
        cmocka_unit_test(a_held_copy_that_is_let_go_has_all_its_tries_again),
        cmocka_unit_test(a_lone_copy_is_not_held),
        cmocka_unit_test(a_lone_copy_is_held_at_last),
        cmocka_unit_test(a_peer_that_aborts_everything_is_left_alone),
        cmocka_unit_test(a_copy_in_doubt_may_be_redirected_when_it_may_arrive_twice),
        cmocka_unit_test(a_copy_in_doubt_may_be_non_delivered_when_it_may_arrive_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
