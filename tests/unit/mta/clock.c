/* A clock that jumps: what waits, what is kept, and peers that are to be tried again. */
#include "world.h"

#define HOUR ((int64_t)3600 * 1000000)
#define DAY  (24 * HOUR)

/* Two ticks and a little, in µs. */
#define TWO_TICKS 2500000

static int64_t jump_to;

/* The switch that is running, which inherited the handler, finds its clock so far ahead. */
static void jump(int number) {
    (void)number;
    clock_set_ahead(jump_to);
}

/* A world whose switch jumps so far when it is told to. */
static void begin_to_jump(struct world *world, int64_t us) {
    jump_to = us;
    signal(SIGUSR1, jump);
    begin_with_operator(world);
}

static void end_with_clock(struct world *world) {
    world_kill(world); /* a stop would wait for its associations */
    world_end(world);
    clock_set_ahead(0);
    signal(SIGUSR1, SIG_DFL);
}

/* ---- what waits ---- */

/* The id of the only copy, and its expiry as a time's text, which compares as the time does. */
static json_int_t expiry(struct world *world, char out[static 32]) {
    json_t *list = ask(world, "{\"operation\":\"queue-list\"}");
    assert_int_equal(json_array_size(json_object_get(list, "entries")), 1);
    snprintf(out, 32, "%s", json_string_value(json_object_get(entry_at(list, 0), "expires")));
    json_int_t id = number_at(entry_at(list, 0), "id", NULL);
    json_decref(list);
    return id;
}

/* Until the only copy's expiry is another than `before`: its switch has seen the jump, which is in no commit
 * yet, perhaps. */
static void await_shift(struct world *world, const char *before, char after[static 32]) {
    int64_t end = clock_monotonic_us() + 60 * 1000000;
    do {
        usleep(10000);
        expiry(world, after);
    } while (strcmp(after, before) == 0 && clock_monotonic_us() < end);
    assert_string_not_equal(after, before);
}

static void a_jump_forward_does_not_expire_the_queue(void **state) {
    struct world world;
    char before[32], after[32];
    (void)state;
    begin_to_jump(&world, 400 * DAY);
    comes_in(&world, FRANK);
    json_int_t id = expiry(&world, before);
    kill(world.pid, SIGUSR1);
    await_shift(&world, before, after);
    assert_true(strncmp(after, before, 4) > 0); /* another year */
    expect_committed(&world);
    clock_set_ahead(400 * DAY); /* the next one has the same clock */
    world_kill(&world);
    begin_again(&world);
    assert_int_equal(expiry(&world, before), id);
    assert_string_equal(before, after); /* the jump is known to a restart */
    end_with_clock(&world);
}

/* So many restarts leave the only copy and its expiry as they are. */
static void expect_unmoved(struct world *world, unsigned restarts, json_int_t id, const char *expires) {
    char then[32];
    for (unsigned i = 0; i < restarts; i++) {
        world_stop(world);
        begin_again(world);
        assert_int_equal(expiry(world, then), id);
        assert_string_equal(then, expires);
    }
}

/* Each restart finds the clock before the newest event of a copy, and must not move the copy again. */
static void restarts_after_a_jump_back_move_nothing_more(void **state) {
    struct world world;
    char first[32], then[32];
    (void)state;
    begin_to_jump(&world, -6 * HOUR);
    comes_in(&world, FRANK);
    expiry(&world, then);
    world_stop(&world);
    clock_set_ahead(-6 * HOUR);
    begin_again(&world);
    json_int_t id = expiry(&world, first);
    assert_true(strcmp(first, then) < 0);
    expect_unmoved(&world, 3, id, first);
    end_with_clock(&world);
}

/* The same when the jump was seen while the switch ran. */
static void restarts_after_a_jump_that_was_seen_move_nothing_more(void **state) {
    struct world world;
    char first[32], then[32];
    (void)state;
    begin_to_jump(&world, -6 * HOUR);
    comes_in(&world, FRANK);
    json_int_t id = expiry(&world, then);
    kill(world.pid, SIGUSR1);
    clock_set_ahead(-6 * HOUR);
    await_shift(&world, then, first);
    assert_true(strcmp(first, then) < 0);
    expect_unmoved(&world, 2, id, first);
    end_with_clock(&world);
}

/* What comes in between a step of the clock and the next tick is judged by the new clock already. */
static void what_comes_in_right_after_a_jump_back_waits(void **state) {
    struct world world;
    char first[32], then[32];
    (void)state;
    begin_to_jump(&world, -2 * DAY);
    kill(world.pid, SIGUSR1);
    comes_in(&world, FRANK);
    json_int_t id = expiry(&world, first);
    int64_t end = clock_monotonic_us() + TWO_TICKS;
    do {
        usleep(50000);
        assert_int_equal(expiry(&world, then), id); /* and not a report on it */
        assert_string_equal(then, first);
    } while (clock_monotonic_us() < end);
    end_with_clock(&world);
}

static void what_expired_while_nobody_ran_gets_an_hour(void **state) {
    struct world world;
    char before[32], after[32];
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, FRANK);
    json_int_t id = expiry(&world, before);
    world_kill(&world);
    clock_set_ahead(400 * DAY);
    begin_again(&world);
    assert_int_equal(expiry(&world, after), id);
    assert_true(strcmp(after, before) > 0);
    json_t *list = ask(&world, "{\"operation\":\"queue-list\"}"); /* the kill came after its mark */
    assert_string_equal(json_string_value(json_object_get(entry_at(list, 0), "state")), "in-doubt");
    json_decref(list);
    end_with_clock(&world);
}

/* What the list says of the expiry of the copy in this place. */
static void expiry_at(struct world *world, size_t place, char out[static 32]) {
    json_t *list = ask(world, "{\"operation\":\"queue-list\"}");
    assert_int_equal(json_array_size(json_object_get(list, "entries")), 2);
    snprintf(out, 32, "%s", json_string_value(json_object_get(entry_at(list, place), "expires")));
    json_decref(list);
}

static void await_shift_at(struct world *world, size_t place, const char *before, char after[static 32]) {
    int64_t end = clock_monotonic_us() + 60 * 1000000;
    do {
        usleep(10000);
        expiry_at(world, place, after);
    } while (strcmp(after, before) == 0 && clock_monotonic_us() < end);
    assert_string_not_equal(after, before);
}

/* Also what came in meanwhile, by the wrong clock, waits for as long as it would have. */
static void a_clock_that_is_set_right_after_the_start_costs_no_time(void **state) {
    struct world world;
    char whole[32], then[32], wrong[32], right[32];
    (void)state;
    begin_to_jump(&world, 0);
    comes_in(&world, FRANK);
    expiry(&world, whole);
    world_kill(&world);
    clock_set_ahead(400 * DAY);
    begin_again(&world);
    associate(&world, 1, "beta");
    expiry(&world, then);
    assert_true(strcmp(then, whole) > 0);
    comes_in(&world, FRANK);
    expiry_at(&world, 1, wrong);
    kill(world.pid, SIGUSR1);
    clock_set_ahead(0);
    await_shift_at(&world, 1, wrong, right);
    expiry_at(&world, 0, then);
    assert_string_equal(then, whole);
    assert_true(strncmp(right, wrong, 4) < 0); /* a year and more earlier */
    expect_committed(&world);
    for (int i = 0; i < 2; i++) {
        world_kill(&world);
        begin_again(&world);
        expiry_at(&world, 0, then);
        assert_string_equal(then, whole);
        expiry_at(&world, 1, then);
        assert_string_equal(then, right);
    }
    end_with_clock(&world);
}

/* The first copy has a latest delivery time, the second none: when the clock is set back that one alone
 * moves. */
static void a_latest_delivery_time_is_not_moved(void **state) {
    struct world world;
    char latest[21], other[32], first[32], second[32];
    (void)state;
    begin_to_jump(&world, -6 * HOUR);
    world.latest = clock_now_us() / 1000000 + 10 * 3600;
    clock_format(world.latest, latest);
    comes_in(&world, FRANK);
    world.latest = 0;
    comes_in(&world, FRANK);
    expiry_at(&world, 0, first);
    assert_string_equal(first, latest);
    expiry_at(&world, 1, other);
    kill(world.pid, SIGUSR1);
    clock_set_ahead(-6 * HOUR);
    await_shift_at(&world, 1, other, second);
    assert_true(strcmp(second, other) < 0);
    expiry_at(&world, 0, first);
    assert_string_equal(first, latest);
    world_stop(&world);
    begin_again(&world);
    expiry_at(&world, 0, first);
    assert_string_equal(first, latest);
    expiry_at(&world, 1, other);
    assert_string_equal(other, second);
    end_with_clock(&world);
}

/* ---- what is kept for a time ---- */

static void comes_again(struct world *world, uint64_t ref, struct span envelope) {
    send_whole(world, ref, envelope, SPAN_LIT("content"));
    assert_int_equal(result_of(world, ref), IPC_ACCEPTED);
}

static void expect_repeats(struct world *world, json_int_t repeats) {
    json_t *answer = ask(world, "{\"operation\":\"status\"}");
    assert_int_equal(number_at(answer, "counters", "repeats"), repeats);
    json_decref(answer);
}

static size_t tracked(struct world *world) {
    json_t *answer = ask(world, "{\"operation\":\"track\",\"recent\":10}");
    size_t count = json_array_size(json_object_get(answer, "messages"));
    json_decref(answer);
    return count;
}

/* I5: also after a restart, which knows of the jump, and in the turn of the jump back. */
static void a_jump_keeps_repeat_keys_and_tracking(void **state) {
    struct world world;
    char before[32], after[32];
    (void)state;
    begin_to_jump(&world, 400 * DAY);
    struct span envelope = envelope_to(&world, WANTS_NDN, FRANK, NULL);
    comes_again(&world, 1, envelope);
    expiry(&world, before);
    kill(world.pid, SIGUSR1);
    await_shift(&world, before, after);
    usleep(TWO_TICKS);
    comes_again(&world, 1, envelope);
    expect_repeats(&world, 1);
    assert_int_equal(tracked(&world), 1);
    world_stop(&world);
    clock_set_ahead(jump_to);
    jump_to = 0;
    begin_again(&world);
    associate(&world, 1, "beta");
    usleep(TWO_TICKS);
    comes_again(&world, 1, envelope);
    expect_repeats(&world, 1);
    kill(world.pid, SIGUSR1);
    await_shift(&world, after, before);
    usleep(TWO_TICKS);
    comes_again(&world, 1, envelope);
    expect_repeats(&world, 2);
    assert_int_equal(tracked(&world), 1);
    end_with_clock(&world);
}

/* A start on a clock that is far ahead, which may be wrong, drops nothing at once; nor when it is set right.
 */
static void a_start_ahead_keeps_repeat_keys_and_tracking(void **state) {
    struct world world;
    (void)state;
    begin_to_jump(&world, 0);
    struct span envelope = envelope_to(&world, WANTS_NDN, FRANK, NULL);
    comes_again(&world, 1, envelope);
    world_stop(&world);
    clock_set_ahead(400 * DAY);
    begin_again(&world);
    associate(&world, 1, "beta");
    usleep(TWO_TICKS);
    comes_again(&world, 1, envelope);
    expect_repeats(&world, 1);
    kill(world.pid, SIGUSR1);
    usleep(TWO_TICKS);
    comes_again(&world, 1, envelope);
    expect_repeats(&world, 2);
    assert_int_equal(tracked(&world), 1);
    end_with_clock(&world);
}

/* ---- peers ---- */

/* Until the only copy was tried so often. */
static void expect_tries(struct world *world, json_int_t tries) {
    int64_t end = clock_monotonic_us() + 60 * 1000000;
    json_int_t found;
    do {
        json_t *list = ask(world, "{\"operation\":\"queue-list\"}");
        found = number_at(entry_at(list, 0), "tries", NULL);
        json_decref(list);
    } while (found < tries && clock_monotonic_us() < end);
    assert_int_equal(found, tries);
}

static json_t *peer_status(struct world *world, json_t **answer) {
    *answer = ask(world, "{\"operation\":\"peer-status\",\"peer\":\"gamma\"}");
    return json_array_get(json_object_get(*answer, "peers"), 0);
}

/* Until the switch has counted so many failures of gamma, or times that it was left alone. */
static void await_tries(struct world *world, json_int_t tries) {
    int64_t end = clock_monotonic_us() + 60 * 1000000;
    json_int_t found;
    do {
        json_t *answer;
        found = number_at(peer_status(world, &answer), "tries", NULL);
        json_decref(answer);
    } while (found < tries && clock_monotonic_us() < end);
    assert_true(found >= tries);
}

/* It shows when that will be by the new clock. */
static void a_jump_back_does_not_put_off_the_next_association(void **state) {
    struct world world;
    char now[21], before[32];
    json_t *answer;
    (void)state;
    begin_to_jump(&world, -2 * DAY);
    comes_in(&world, FRANK);
    for (json_int_t tries = 1; tries <= 2; tries++) {
        gamma_is_not_found(&world);
        await_tries(&world, tries);
    }
    expiry(&world, before);
    kill(world.pid, SIGUSR1);
    clock_format(clock_now_us() / 1000000 - 86400, now);
    const char *next = json_string_value(json_object_get(peer_status(&world, &answer), "next-try"));
    assert_true(strcmp(next, now) < 0);
    json_decref(answer);
    sets_out(&world, 2, "gamma");
    end_with_clock(&world);
}

static void a_jump_back_does_not_put_off_a_peer_that_refused(void **state) {
    struct world world;
    (void)state;
    begin_to_jump(&world, -2 * DAY);
    world_kill(&world);
    world.peers[1].retry_first = 4;
    begin_again(&world);
    associate(&world, 1, "beta");
    for (unsigned i = 0; i < 4;
         i++) /* those that are refused wait for minutes, the last one for gamma alone */
        comes_in(&world, FRANK);
    connect_out(&world, 2, "gamma");
    for (unsigned i = 0; i < 3; i++) {
        outgoing_of(&world, 2);
        sent(&world, 2, IPC_SENT_DEFERRED);
    }
    await_tries(&world, 1);
    kill(world.pid, SIGUSR1);
    outgoing_of(&world, 2);
    end_with_clock(&world);
}

/* The row's time of the next try is of the clock before, which the second restart does not find set back any
 * more. */
static void restarts_after_a_jump_back_put_off_no_retry(void **state) {
    struct world world;
    char soon[21];
    (void)state;
    begin_to_jump(&world, -2 * DAY);
    comes_in(&world, FRANK);
    sets_out(&world, 2, "gamma");
    sent(&world, 2, IPC_SENT_DEFERRED);
    expect_tries(&world, 1);
    clock_set_ahead(-2 * DAY);
    for (unsigned i = 0; i < 2; i++) {
        world_stop(&world);
        begin_again(&world);
        clock_format(clock_now_us() / 1000000 + 86400, soon);
        json_t *list = ask(&world, "{\"operation\":\"queue-list\"}");
        assert_true(strcmp(json_string_value(json_object_get(entry_at(list, 0), "due")), soon) < 0);
        json_decref(list);
    }
    end_with_clock(&world);
}

static void a_jump_back_leaves_no_association_idle(void **state) {
    struct world world;
    (void)state;
    begin_to_jump(&world, -2 * DAY);
    world_kill(&world);
    world.peers[1].idle_seconds = 3;
    begin_again(&world);
    associate(&world, 1, "beta");
    comes_in(&world, FRANK);
    goes_out(&world, 2, "gamma");
    expect_drained(&world);
    kill(world.pid, SIGUSR1);
    expect(&world, IPC_ASSOCIATION_CLOSE, 2);
    end_with_clock(&world);
}

/* ---- time that passes ---- */

static void six_minutes(int number) {
    (void)number;
    clock_pass((int64_t)6 * 60 * 1000000);
}

static void expect_refusal(struct world *world, uint64_t ref, const char *code) {
    struct reader r = expect(world, IPC_SUBMIT_RESULT, ref);
    assert_int_equal(reader_u8(&r), 0);
    struct span octets = payload_rest(&r);
    json_t *answer = json_loadb((const char *)octets.data, octets.len, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(answer, "error"), "code")), code);
    json_decref(answer);
}

/* Of two submissions the one that fell silent ends after 10 minutes, with an answer, and frees what it had.
 */
static void a_silent_submission_is_given_up(void **state) {
    enum { SILENT = 1, SLOW = 2 };
    const uint64_t of_client = (uint64_t)1 << 32;
    struct world world;
    (void)state;
    signal(SIGUSR1, six_minutes);
    world_begin(&world);
    client(&world, 1, 1001);
    tell(&world, IPC_SUBMIT_BEGIN, of_client | SILENT, SPAN_LIT("\1x"), NOTHING);
    tell(&world, IPC_SUBMIT_BEGIN, of_client | SLOW, SPAN_LIT("\1x"), NOTHING);
    json_decref(ask(&world, "{\"operation\":\"status\"}")); /* both are open */
    kill(world.pid, SIGUSR1);
    tell(&world, IPC_SUBMIT_CONTENT, of_client | SLOW, SPAN_LIT("still there"), NOTHING);
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    kill(world.pid, SIGUSR1);
    expect_refusal(&world, of_client | SILENT, "unavailable");
    tell(&world, IPC_SUBMIT_CONTENT, of_client | SILENT, SPAN_LIT("late"), NOTHING); /* let go by */
    tell(&world, IPC_SUBMIT_END, of_client | SLOW, NOTHING, NOTHING);
    expect_refusal(&world, of_client | SLOW, "inconsistent-request"); /* it was open: "x" is no envelope */
    world_end(&world);
    signal(SIGUSR1, SIG_DFL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jump_forward_does_not_expire_the_queue),
        cmocka_unit_test(restarts_after_a_jump_back_move_nothing_more),
        cmocka_unit_test(restarts_after_a_jump_that_was_seen_move_nothing_more),
        cmocka_unit_test(what_comes_in_right_after_a_jump_back_waits),
        cmocka_unit_test(what_expired_while_nobody_ran_gets_an_hour),
        cmocka_unit_test(a_clock_that_is_set_right_after_the_start_costs_no_time),
        cmocka_unit_test(a_latest_delivery_time_is_not_moved),
        cmocka_unit_test(a_jump_keeps_repeat_keys_and_tracking),
        cmocka_unit_test(a_start_ahead_keeps_repeat_keys_and_tracking),
        cmocka_unit_test(a_jump_back_does_not_put_off_the_next_association),
        cmocka_unit_test(a_jump_back_does_not_put_off_a_peer_that_refused),
        cmocka_unit_test(restarts_after_a_jump_back_put_off_no_retry),
        cmocka_unit_test(a_jump_back_leaves_no_association_idle),
        cmocka_unit_test(a_silent_submission_is_given_up),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
