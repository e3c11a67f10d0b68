/* Requests to readers that do not answer: each has an answer all the same, and what comes late goes to
 * nobody.
 */
#include "stage.h"

static void a_reader_that_says_nothing_keeps_nobody_waiting(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, SOON);
    ask(&world, 1);
    ask(&world, 2);
    assert_int_equal(world.ends[READER].heard, 2);
    await(&world, 2);
    expect_unavailable(&world, 2, "has not answered in time");
    ask(&world, 3); /* it is asked nothing more */
    expect_unavailable(&world, 3, "no process that reads the store");
    assert_int_equal(world.ends[READER].heard, 2);
    end(&world);
}

static void nobody_is_told_before_the_time(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 0);
    ask(&world, 1);
    usleep(2 * SOON * 1000);
    run(&world);
    assert_int_equal(world.ends[CLIENT].heard, 0);
    answer(&world, READER, world.ends[READER].ref, true, "{}");
    assert_int_equal(world.ends[CLIENT].heard, 1);
    assert_string_equal(world.ends[CLIENT].text, "{}");
    end(&world);
}

/* The client may have used the ref for something else by then. */
static void what_comes_late_goes_to_nobody(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, SOON);
    ask(&world, 1);
    uint64_t first = world.ends[READER].ref;
    answer(&world, READER, first, false, "{\"entries\":[1]}");
    assert_int_equal(world.ends[CLIENT].heard, 1);
    await(&world, 2);
    expect_unavailable(&world, 1, "in time");
    answer(&world, READER, first, false, "{\"entries\":[2]}");
    answer(&world, READER, first, true, "{\"entries\":[3]}");
    assert_int_equal(world.ends[CLIENT].heard, 2);
    ask(&world, 1); /* and it is as good as before */
    assert_int_equal(world.ends[READER].heard, 2);
    answer(&world, READER, world.ends[READER].ref, true, "{\"entries\":[4]}");
    assert_string_equal(world.ends[CLIENT].text, "{\"entries\":[4]}");
    assert_int_equal(world.ends[READER].closed, 0);
    end(&world);
}

static void another_reader_answers_in_its_place(void **state) {
    struct world world;
    (void)state;
    begin(&world, 2, SOON);
    ask(&world, 1);
    unsigned silent = world.ends[READER].heard ? READER : OTHER_READER;
    unsigned other = silent == READER ? OTHER_READER : READER;
    await(&world, 1);
    ask(&world, 2);
    assert_int_equal(world.ends[other].heard, 1);
    answer(&world, other, world.ends[other].ref, true, "{}");
    assert_string_equal(world.ends[CLIENT].text, "{}");
    end(&world);
}

/* One that ends, or is followed by another of its number, takes with it what nobody was told of. */
static void the_end_of_a_late_reader_tells_nobody_twice(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, SOON);
    ask(&world, 1);
    await(&world, 1);
    ipc_channel_free(world.ends[READER].channel);
    start_reader(&world, READER);
    run(&world);
    assert_int_equal(world.ends[CLIENT].heard, 1);
    ask(&world, 2);
    answer(&world, READER, world.ends[READER].ref, true, "{}");
    assert_string_equal(world.ends[CLIENT].text, "{}");
    end(&world);
}

/* What waits for a reader that goes, or hangs, is asked of another at once. */
static void what_waits_for_a_reader_that_goes_is_asked_of_another(void **state) {
    struct world world;
    (void)state;
    begin(&world, 2, 0);
    for (uint64_t ref = 1; ref <= 3; ref++)
        ask(&world, ref);
    unsigned asked = world.ends[READER].heard ? READER : OTHER_READER;
    unsigned other = asked == READER ? OTHER_READER : READER;
    assert_int_equal(world.ends[asked].heard, 2);
    ipc_channel_free(world.ends[asked].channel);
    world.ends[asked].channel = NULL;
    run(&world);
    assert_int_equal(world.ends[other].heard, 1);
    assert_int_equal((uint32_t)world.ends[other].ref, 3);
    end(&world);
}

static void what_waits_for_a_reader_that_hangs_is_asked_of_another(void **state) {
    struct world world;
    (void)state;
    begin(&world, 2, 2000);
    ask(&world, 1);
    ask(&world, 2);
    unsigned asked = world.ends[READER].heard ? READER : OTHER_READER;
    unsigned other = asked == READER ? OTHER_READER : READER;
    usleep(1000000);
    ask(&world, 3);
    assert_int_equal(world.ends[other].heard, 0);
    await(&world, 2);
    run(&world);
    assert_int_equal(world.ends[other].heard, 1);
    assert_int_equal((uint32_t)world.ends[other].ref, 3);
    end(&world);
}

static void an_answer_that_nobody_asked_for_ends_the_channel(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 0);
    ask(&world, 1);
    answer(&world, READER, world.ends[READER].ref + 1, false, "{}");
    assert_int_equal(world.ends[READER].closed, 1);
    expect_unavailable(&world, 1, "ended");
    end(&world);
}

static void expect_told(const struct world *world, unsigned reader, bool broke_rules) {
    const struct end *parent = &world->ends[PARENT];
    assert_int_equal(parent->heard, 1);
    assert_int_equal(parent->said.holder.end, IPC_END_READER);
    assert_int_equal(parent->said.holder.number, reader - READER);
    assert_int_equal(parent->said.holder.life, LIFE);
    assert_int_equal(parent->said.broke_rules, broke_rules);
}

/* It might stay, without a channel, and nobody would follow it. */
static void the_parent_hears_of_a_reader_that_broke_the_rules(void **state) {
    struct world world;
    (void)state;
    begin(&world, 2, 0);
    answer(&world, OTHER_READER, 77, false, "{}");
    assert_int_equal(world.ends[OTHER_READER].closed, 1);
    expect_told(&world, OTHER_READER, true);
    end(&world);
}

static void the_parent_hears_of_a_reader_that_closed_its_channel(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 0);
    ipc_channel_free(world.ends[READER].channel);
    world.ends[READER].channel = NULL;
    run(&world);
    expect_told(&world, READER, false);
    end(&world);
}

/* One that is late for as long again is followed by another: that the parent sees to. */
static void a_reader_that_hangs_is_replaced(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, SOON);
    int64_t asked = clock_monotonic_us();
    ask(&world, 1);
    let_hear(&world, PARENT, 1, 20000);
    assert_in_range(clock_monotonic_us() - asked, 2 * SOON * 1000, 20000000);
    expect_told(&world, READER, false);
    assert_int_equal(world.ends[READER].closed, 1);
    assert_int_equal(world.ends[CLIENT].heard, 1);
    start_reader(&world, READER);
    run(&world);
    ask(&world, 2);
    answer(&world, READER, world.ends[READER].ref, true, "{}");
    assert_string_equal(world.ends[CLIENT].text, "{}");
    let_hear(&world, PARENT, 2, 3 * SOON);
    assert_int_equal(world.ends[PARENT].heard, 1);
    end(&world);
}

/* That is no second silence of one that has answered meanwhile. */
static void a_reader_that_answers_late_stays(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 5 * SOON);
    ask(&world, 1);
    await(&world, 1);
    answer(&world, READER, world.ends[READER].ref, true, "{}");
    let_hear(&world, PARENT, 1, 7 * SOON);
    assert_int_equal(world.ends[PARENT].heard, 0);
    assert_int_equal(world.ends[READER].closed, 0);
    end(&world);
}

/* And what waits for it is told in its own time, as soon as that is over. */
static void what_waits_behind_a_late_reader_is_told_in_time(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 2000);
    ask(&world, 1);
    ask(&world, 2);
    usleep(1000000);
    ask(&world, 3);
    await(&world, 3);
    run(&world);
    expect_unavailable(&world, 3, "has not answered in time");
    assert_int_equal(world.ends[PARENT].heard, 0);
    end(&world);
}

static void a_frame_that_is_too_long_breaks_the_rules(void **state) {
    struct world world;
    static const uint8_t header[16] = {0xff, 0xff, 0xff, 0xff, [5] = IPC_RESPONSE};
    int pair[2];
    (void)state;
    begin(&world, 1, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct ipc_holder holder = {.end = IPC_END_READER, .number = 0, .life = LIFE};
    assert_true(ipc_door_pass(world.door, &holder, pair[1]));
    assert_int_equal(write(pair[0], header, sizeof header), sizeof header);
    run(&world);
    expect_told(&world, READER, true);
    close(pair[0]);
    close(pair[1]);
    end(&world);
}

/* Its channel can't be taken up (no memory; here, no socket): it would stay so, and answer nobody. */
static void the_parent_hears_of_a_reader_that_is_not_met(void **state) {
    struct world world;
    (void)state;
    begin(&world, 2, 0);
    FILE *file = tmpfile();
    assert_non_null(file);
    struct ipc_holder holder = {.end = IPC_END_READER, .number = 1, .life = LIFE};
    assert_true(ipc_door_pass(world.door, &holder, fileno(file)));
    fclose(file);
    run(&world);
    expect_told(&world, OTHER_READER, false);
    end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_that_says_nothing_keeps_nobody_waiting),
        cmocka_unit_test(nobody_is_told_before_the_time),
        cmocka_unit_test(what_comes_late_goes_to_nobody),
        cmocka_unit_test(another_reader_answers_in_its_place),
        cmocka_unit_test(the_end_of_a_late_reader_tells_nobody_twice),
        cmocka_unit_test(what_waits_for_a_reader_that_goes_is_asked_of_another),
        cmocka_unit_test(what_waits_for_a_reader_that_hangs_is_asked_of_another),
        cmocka_unit_test(an_answer_that_nobody_asked_for_ends_the_channel),
        cmocka_unit_test(the_parent_hears_of_a_reader_that_broke_the_rules),
        cmocka_unit_test(the_parent_hears_of_a_reader_that_closed_its_channel),
        cmocka_unit_test(a_reader_that_hangs_is_replaced),
        cmocka_unit_test(a_reader_that_answers_late_stays),
        cmocka_unit_test(what_waits_behind_a_late_reader_is_told_in_time),
        cmocka_unit_test(a_frame_that_is_too_long_breaks_the_rules),
        cmocka_unit_test(the_parent_hears_of_a_reader_that_is_not_met),
    };
    return cmocka_run_group_tests_name("clients-readers", tests, NULL, NULL);
}
