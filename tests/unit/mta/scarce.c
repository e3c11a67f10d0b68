/* A batch without room for one more line: what could not be written stays to be done, and no answer says
 * else. late.c lets the one that is next fail. */
#include "broken.h"
#include "hold.h"

static char lever[LEVER_MAX];

static void world_with(struct world *world, const char *variable) {
    set_lever(lever, variable);
    world_begin(world);
    unsetenv(variable);
}

static void expect_pulled(void) {
    assert_int_not_equal(access(lever, F_OK), 0);
}

/* ---- transfers in ---- */

/* An association of the name of the first begins another activity of the name that was the first's, and
 * leaves it. Who asks for the first one gets no other. */
static void expect_no_other(struct world *world) {
    associate_as(world, 8, "in-1");
    comes_to_checkpoint(world, 8, "\2\1\1");
    close_association(world, 8, IPC_CLOSE_BROKEN);
    assert_int_equal(asked_anew(world, 9, "in-1", "\2\1\1"), IPC_RESUME_UNKNOWN_ACTIVITY);
}

static void what_is_discarded_leaves_its_name(void **state) {
    struct world world;
    (void)state;
    world_with(&world, "CHASQUI_TEST_FORGETFUL");
    break_off(&world, 1);
    switch_file(lever, true);
    tell(&world, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    associate(&world, 2, "beta");
    expect_pulled();
    expect_no_other(&world);
    world_end(&world);
}

static void what_cannot_be_resumed_leaves_its_name(void **state) {
    struct world world;
    (void)state;
    world_with(&world, "CHASQUI_TEST_FORGETFUL");
    breaks(&world, 1);
    announce(&world, 3, false, "", "in-3", "in-1"); /* its resume of what goes on writes two names before */
    assert_int_equal(admission(&world, 3), IPC_BIND_ADMITTED);
    switch_file(lever, true);
    ask_resume_as(&world, 3, "in-1", "\2\1\1", 7, "");
    expect(&world, IPC_RESUME_RESULT, 3);
    expect_pulled();
    close_association(&world, 3, IPC_CLOSE_BROKEN);
    expect_no_other(&world);
    world_end(&world);
}

static void what_gives_way_leaves_its_name(void **state) {
    struct world world;
    (void)state;
    world_with(&world, "CHASQUI_TEST_FORGETFUL");
    world_kill(&world);
    setenv("CHASQUI_TEST_FORGETFUL", lever, 1);
    world.config.limits.leftovers = 4;
    world_start(&world);
    unsetenv("CHASQUI_TEST_FORGETFUL");
    for (uint64_t ref = 1; ref <= 7; ref++) { /* the first gives way to the last */
        if (ref == 6)
            switch_file(lever, true);
        breaks(&world, ref);
    }
    expect_pulled();
    expect_no_other(&world);
    world_end(&world);
}

/* Nor does the name that a resume gives: it is not gone on from. */
static void a_name_that_cannot_be_kept_is_none(void **state) {
    struct world world;
    (void)state;
    world_with(&world, "CHASQUI_TEST_FORGETFUL");
    breaks(&world, 1);
    associate(&world, 2, "beta");
    switch_file(lever, true);
    ask_resume_as(&world, 2, "in-1", "\2\1\1", 1, "\2\1\5");
    expect(&world, IPC_ASSOCIATION_CLOSE, 2);
    expect_none(&world, IPC_RESUME_RESULT);
    close_association(&world, 2, IPC_CLOSE_ABORTED);
    assert_int_equal(asked_anew(&world, 3, "in-1", "\2\1\1"), IPC_RESUME_FROM);
    close_association(&world, 3, IPC_CLOSE_BROKEN);
    world_end(&world);
}

/* ---- copies ---- */

/* How often the record says this of all messages. */
static unsigned recorded(struct world *world, const char *what) {
    unsigned count = 0;
    size_t i, k;
    json_t *message, *event, *answer = ask(world, "{\"operation\":\"track\",\"recent\":10}");
    json_array_foreach(json_object_get(answer, "messages"), i, message) {
        json_array_foreach(json_object_get(message, "events"), k, event) {
            count += strcmp(json_string_value(json_object_get(event, "event")), what) == 0;
        }
    }
    json_decref(answer);
    return count;
}

/* The peer refuses a copy, and there is no room to record that: it is not under way with nobody for ever. */
static void a_refused_copy_is_tried_again(void **state) {
    struct world world;
    (void)state;
    world_with(&world, "CHASQUI_TEST_EVENTLESS");
    client(&world, 1, 0);
    associate(&world, 1, "beta");
    comes_in(&world, FRANK);
    sets_out(&world, 2, "gamma");
    expect_committed(&world);
    switch_file(lever, true);
    sent(&world, 2, IPC_SENT_REFUSED);
    outgoing_of(&world, 2);
    expect_pulled();
    sent(&world, 2, IPC_SENT_REFUSED);
    connect_out(&world, 3, "beta"); /* the report */
    world_abandon(&world);
}

/* What expires and could not be ended is said to expire when it does. */
static void a_copy_expires_once(void **state) {
    struct world world;
    (void)state;
    world_with(&world, "CHASQUI_TEST_ENDLESS");
    client(&world, 1, 0);
    associate(&world, 1, "beta");
    world.latest = clock_now_us() / 1000000 + 2;
    switch_file(lever, true);
    comes_in(&world, FRANK);
    expect(&world, IPC_CONNECT, 0); /* gamma does not answer */
    connect_out(&world, 3, "beta"); /* the report, after it was put off */
    expect_pulled();
    expect_committed(&world);
    assert_int_equal(recorded(&world, "expired"), 1);
    world_abandon(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_is_discarded_leaves_its_name), CASE(what_cannot_be_resumed_leaves_its_name),
        CASE(what_gives_way_leaves_its_name),    CASE(a_name_that_cannot_be_kept_is_none),
        CASE(a_refused_copy_is_tried_again),     CASE(a_copy_expires_once),
    };
    return cmocka_run_group_tests_name("scarce", tests, NULL, NULL);
}
