/* A batch without room for one more line: what could not be written stays to be done, and no answer says
 * else. late.c lets the one that is next fail. */
#include "hold.h"

static char lever[32];

/* Before the world: its switch reads the variable. */
static void world_with(struct world *world, const char *variable) {
    snprintf(lever, sizeof lever, "/tmp/chasqui-lever-XXXXXX");
    int fd = mkstemp(lever);
    assert_true(fd >= 0);
    close(fd);
    switch_file(lever, false);
    setenv(variable, lever, 1);
    world_begin(world);
    unsetenv(variable);
}

static void expect_pulled(void) {
    assert_int_not_equal(access(lever, F_OK), 0);
}

/* ---- transfers in ---- */

static void break_off(struct world *world, uint64_t ref) {
    associate(world, ref, "beta");
    begin_transfer(world, ref, "\2\1\1");
    expect_checkpoint(world, ref, 1);
}

static enum ipc_resume resumed(struct world *world, uint64_t ref, const char *association, uint32_t serial) {
    struct reader r = say_resume(world, ref, association, "\2\1\1", serial);
    return (enum ipc_resume)reader_u8(&r);
}

/* An association of the name of the first begins another activity of the name that was the first's, and
 * leaves it. Who asks for the first one gets no other. */
static void expect_no_other(struct world *world) {
    announce(world, 8, false, "beta", "in-1", "");
    assert_int_equal(admission(world, 8), IPC_BIND_ADMITTED);
    begin_transfer(world, 8, "\2\1\1");
    expect_checkpoint(world, 8, 1);
    close_association(world, 8, IPC_CLOSE_BROKEN);
    associate(world, 9, "beta");
    assert_int_equal(resumed(world, 9, "in-1", 1), IPC_RESUME_UNKNOWN_ACTIVITY);
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
    break_off(&world, 1);
    close_association(&world, 1, IPC_CLOSE_BROKEN);
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
        break_off(&world, ref);
        close_association(&world, ref, IPC_CLOSE_BROKEN);
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
    break_off(&world, 1);
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    associate(&world, 2, "beta");
    switch_file(lever, true);
    ask_resume_as(&world, 2, "in-1", "\2\1\1", 1, "\2\1\5");
    expect(&world, IPC_ASSOCIATION_CLOSE, 2);
    expect_none(&world, IPC_RESUME_RESULT);
    close_association(&world, 2, IPC_CLOSE_ABORTED);
    associate(&world, 3, "beta");
    assert_int_equal(resumed(&world, 3, "in-1", 1), IPC_RESUME_FROM);
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
    connect_out(&world, 2, "gamma");
    outgoing_of(&world, 2);
    expect_committed(&world);
    switch_file(lever, true);
    sent(&world, 2, IPC_SENT_REFUSED);
    outgoing_of(&world, 2);
    expect_pulled();
    sent(&world, 2, IPC_SENT_REFUSED);
    connect_out(&world, 3, "beta"); /* the report */
    world_kill(&world);
    world_end(&world);
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
    world_kill(&world);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_is_discarded_leaves_its_name), CASE(what_cannot_be_resumed_leaves_its_name),
        CASE(what_gives_way_leaves_its_name),    CASE(a_name_that_cannot_be_kept_is_none),
        CASE(a_refused_copy_is_tried_again),     CASE(a_copy_expires_once),
    };
    return cmocka_run_group_tests_name("scarce", tests, NULL, NULL);
}
