/* I6: an operator's change that is not written leaves the copy exactly as it was: a held one is held, a
 * deferred one keeps its time. late.c lets the next commit fail, or has no room for the end of a copy. */
#include "hold.h"

static char fail[LEVER_MAX], endless[LEVER_MAX];

static void begin(struct world *world) {
    set_lever(fail, "CHASQUI_TEST_FAIL");
    set_lever(endless, "CHASQUI_TEST_ENDLESS");
    begin_with_operator(world);
}

static void over(struct world *world) {
    world_abandon(world);
    unsetenv("CHASQUI_TEST_FAIL");
    unsetenv("CHASQUI_TEST_ENDLESS");
}

/* The only copy, as the queue lists it; when it is tried next is `now` for one that is ready. */
static json_t *only_copy(struct world *world) {
    json_t *list = ask(world, "{\"operation\":\"queue-list\"}");
    assert_int_equal(json_array_size(json_object_get(list, "entries")), 1);
    json_t *entry = json_incref(entry_at(list, 0));
    json_object_del(entry, "next-try");
    json_decref(list);
    return entry;
}

static bool is_one_of(const char *operation, const char *const *operations) {
    while (*operations && strcmp(*operations, operation) != 0)
        operations++;
    return *operations;
}

static const char *const ends[] = {"queue-delete", "queue-redirect", "queue-nondeliver", NULL};

static json_t *change(struct world *world, const char *operation, json_int_t id) {
    char request[300];
    bool redirect = strcmp(operation, "queue-redirect") == 0;
    snprintf(request, sizeof request, "{\"operation\":\"%s\",\"id\":%lld,\"reason\":\"a test\"%s%s}",
             operation, (long long)id, is_one_of(operation, ends) ? ",\"may-arrive-twice\":true" : "",
             redirect ? ",\"by-peer\":\"beta\",\"force\":true" : "");
    return ask(world, request);
}

static void holds(struct world *world) {
    json_t *copy = only_copy(world);
    json_t *answer = change(world, "queue-hold", number_at(copy, "id", NULL));
    if (number_at(answer, "changed", NULL) != 1)
        fail_msg("it is not held: %s", json_dumps(answer, 0));
    json_decref(answer);
    json_decref(copy);
}

static void expect_state(struct world *world, const char *state) {
    json_t *copy = only_copy(world);
    assert_string_equal(json_string_value(json_object_get(copy, "state")), state);
    json_decref(copy);
}

static void changes_in_vain(struct world *world, const char *operation, const char *lever) {
    json_t *before = only_copy(world);
    switch_file(lever, true);
    json_t *answer = change(world, operation, number_at(before, "id", NULL));
    if (!json_object_get(answer, "error"))
        fail_msg("%s was done", operation);
    assert_string_equal(code_of(answer), "unavailable");
    if (access(lever, F_OK) == 0)
        fail_msg("%s failed for another reason: %s", operation, json_dumps(answer, 0));
    json_decref(answer);
    json_t *after = only_copy(world);
    if (!json_equal(before, after))
        fail_msg("%s: before %s, after %s", operation, json_dumps(before, 0), json_dumps(after, 0));
    json_decref(before);
    json_decref(after);
}

static void ends_in_vain(struct world *world) {
    for (size_t i = 0; ends[i]; i++) {
        changes_in_vain(world, ends[i], endless);
        changes_in_vain(world, ends[i], fail);
    }
}

static void a_held_copy(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    comes_in(&world, FRANK);
    holds(&world);
    expect_state(&world, "held");
    ends_in_vain(&world);
    changes_in_vain(&world, "queue-release", fail);
    expect_state(&world, "held");
    over(&world);
}

static void a_ready_copy(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    comes_in(&world, FRANK);
    expect_state(&world, "ready");
    ends_in_vain(&world);
    changes_in_vain(&world, "queue-hold", fail);
    changes_in_vain(&world, "queue-retry", fail);
    world_end(&world); /* in good order, which looks for leaks */
    unsetenv("CHASQUI_TEST_FAIL");
    unsetenv("CHASQUI_TEST_ENDLESS");
}

static void a_deferred_copy(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    world.deferred = clock_now_us() / 1000000 + 600;
    comes_in(&world, FRANK);
    expect_state(&world, "deferred");
    ends_in_vain(&world);
    changes_in_vain(&world, "queue-hold", fail);
    expect_state(&world, "deferred");
    holds(&world);
    ends_in_vain(&world);
    changes_in_vain(&world, "queue-release", fail);
    over(&world);
}

static void a_copy_that_was_tried(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    comes_in(&world, FRANK);
    sets_out(&world, 2, "gamma");
    sent(&world, 2, IPC_SENT_DEFERRED);
    expect_committed(&world);
    expect_state(&world, "backing-off");
    ends_in_vain(&world);
    changes_in_vain(&world, "queue-hold", fail);
    changes_in_vain(&world, "queue-retry", fail);
    expect_none(&world, IPC_SEND_BEGIN);
    over(&world);
}

static void a_copy_in_doubt(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    comes_in(&world, FRANK);
    sets_out(&world, 2, "gamma");
    world_kill(&world);
    begin_again(&world);
    expect(&world, IPC_CONNECT, 0);
    expect_state(&world, "in-doubt");
    ends_in_vain(&world);
    changes_in_vain(&world, "queue-hold", fail);
    changes_in_vain(&world, "queue-retry", fail);
    holds(&world);
    ends_in_vain(&world);
    expect_state(&world, "held");
    over(&world);
}

/* Its peer is disabled: it neither goes nor waits for anything else. */
static void a_copy_for_a_disabled_peer(void **state) {
    struct world world;
    (void)state;
    begin(&world);
    json_decref(ask(&world, "{\"operation\":\"peer-disable\",\"peer\":\"gamma\",\"reason\":\"a test\"}"));
    comes_in(&world, FRANK);
    expect_state(&world, "peer-disabled");
    ends_in_vain(&world);
    changes_in_vain(&world, "queue-hold", fail);
    switch_file(fail, true);
    json_t *answer = ask(&world, "{\"operation\":\"peer-enable\",\"peer\":\"gamma\",\"reason\":\"a test\"}");
    assert_non_null(json_object_get(answer, "error"));
    json_decref(answer);
    expect_state(&world, "peer-disabled");
    expect_none(&world, IPC_CONNECT);
    over(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_held_copy),           CASE(a_ready_copy),    CASE(a_deferred_copy),
        CASE(a_copy_that_was_tried), CASE(a_copy_in_doubt), CASE(a_copy_for_a_disabled_peer),
    };
    return cmocka_run_group_tests_name("undone", tests, NULL, NULL);
}
