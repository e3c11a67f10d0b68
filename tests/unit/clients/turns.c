/* Whose turn it is with a reader, where several users ask. */
#include "stage.h"

/* The system says of a socket who connected it. */
static void open_client_as(struct world *world, unsigned number, uid_t uid) {
    assert_int_equal(seteuid(uid), 0);
    open_client(world, number);
    assert_int_equal(seteuid(0), 0);
}

/* False: only root can be several users. */
static bool begin_with_users(struct world *world, unsigned answer_ms) {
    if (geteuid() != 0) {
        print_message("only root can be several users\n"); /* skip() prints `not ok` */
        return false;
    }
    begin(world, 1, answer_ms);
    open_client_as(world, ANNS, ANN);
    open_client_as(world, BENS, BEN);
    return true;
}

static void ask_as(struct world *world, unsigned client, uint64_t first, unsigned count) {
    for (uint64_t ref = first; ref < first + count; ref++)
        assert_true(ipc_send(world->ends[client].channel, IPC_REQUEST, ref, LIST, (struct span){NULL, 0}));
    run(world);
}

/* The reader answers what it was asked in its order, beginning with the request of that place, so often.
 */
static void answer_on(struct world *world, unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; i++)
        answer(world, READER, world->ends[READER].refs[i], true, "{}");
}

/* Whose requests the reader was asked, of the clients in the order in which they came: "011". */
static void expect_asked(const struct world *world, const char *whose) {
    const struct end *reader = &world->ends[READER];
    char said[MOST_HEARD + 1] = "";
    assert_in_range(reader->heard, 0, MOST_HEARD);
    for (unsigned i = 0; i < reader->heard; i++)
        said[i] = (char)('0' + (reader->refs[i] >> 32) - 1);
    assert_string_equal(said, whose);
}

#define OPERATORS "0"

static void a_user_who_asks_much_has_turns_as_others_do(void **state) {
    struct world world;
    (void)state;
    if (!begin_with_users(&world, 0))
        return;
    ask_as(&world, ANNS, 1, 8);
    expect_asked(&world, "11");
    ask_as(&world, BENS, 1, 2);
    expect_asked(&world, "11");
    answer_on(&world, 0, 4);
    expect_asked(&world, "112121");
    answer_on(&world, 4, 6);
    expect_asked(&world, "1121211111");
    assert_int_equal(world.ends[ANNS].heard, 8);
    assert_int_equal(world.ends[BENS].heard, 2);
    for (uint64_t i = 1; i <= 8; i++)
        assert_int_equal(world.ends[ANNS].refs[i - 1], i);
    end(&world);
}

static void every_other_turn_is_an_operators(void **state) {
    struct world world;
    (void)state;
    if (!begin_with_users(&world, 0))
        return;
    ask_as(&world, ANNS, 1, 6);
    ask_as(&world, BENS, 1, 2);
    ask_as(&world, CLIENT, 1, 4);
    answer_on(&world, 0, 10);
    expect_asked(&world, "11" OPERATORS "2" OPERATORS "1" OPERATORS "2" OPERATORS "111");
    end(&world);
}

/* As long as it may be, nearly. */
#define LONG_REQUEST ((size_t)60 * 1024)

static void ask_at_length(struct world *world, unsigned client) {
    struct buf text;
    buf_init(&text, 0);
    buf_append_span(&text, SPAN_LIT("{\"operation\":\"mailbox-list\",\"mailbox\":\""));
    while (text.len < LONG_REQUEST)
        buf_append_byte(&text, 'x');
    buf_append_span(&text, SPAN_LIT("\"}"));
    for (uint64_t ref = 1; ref <= CROWD_ASKS; ref++) {
        assert_true(
            ipc_send(world->ends[client].channel, IPC_REQUEST, ref, buf_span(&text), (struct span){NULL, 0}));
        run(world);
    }
    buf_free(&text);
}

/* What waits is bounded: above that nobody is read but operators, whoever comes anew neither; as there is
 * room again the others are. */
static void above_what_may_wait_operators_alone_are_read(void **state) {
    enum { BOUND = 16 << 20 };
    struct world world;
    const size_t *waiting;
    unsigned answers = 0;
    (void)state;
    if (!begin_with_users(&world, 0))
        return;
    waiting = &world.clients->waiting;
    world.config.clients_max = 200;
    for (unsigned i = 0; i < CROWD_USERS; i++) {
        open_client_as(&world, CROWDS + i, CROWD + i);
        ask_at_length(&world, CROWDS + i);
    }
    size_t before = *waiting;
    assert_in_range(before, BOUND, BOUND + LONG_REQUEST + 10);
    ask_as(&world, BENS, 1, 1);
    assert_int_equal(*waiting, before);
    ask_as(&world, CLIENT, 1, 1);
    assert_int_equal(*waiting, before + LIST.len);
    for (; !world.ends[BENS].heard && answers < MOST_HEARD - 2; answers++) {
        answer_on(&world, answers, 1);
        assert_in_range(*waiting, 0, BOUND + LONG_REQUEST + 10);
    }
    assert_int_equal(world.ends[CLIENT].heard, 1);
    assert_int_equal(world.ends[BENS].heard, 1);
    end(&world);
}

/* Who comes again for each request is no newcomer, before whom others wait. */
static void who_comes_anew_comes_last(void **state) {
    struct world world;
    (void)state;
    if (!begin_with_users(&world, 0))
        return;
    ask_as(&world, ANNS, 1, 2);
    ask_as(&world, BENS, 1, 1);
    ipc_channel_free(world.ends[ANNS].channel);
    run(&world);
    open_client_as(&world, ANNS, ANN);
    ask_as(&world, ANNS, 1, 1);
    answer_on(&world, 0, 1);
    expect_asked(&world, "112");
    answer_on(&world, 1, 1);
    expect_asked(&world, "1123");
    end(&world);
}

static void what_waits_goes_to_the_reader_that_follows(void **state) {
    struct world world;
    (void)state;
    if (!begin_with_users(&world, 0))
        return;
    ask_as(&world, ANNS, 1, 3);
    ask_as(&world, BENS, 1, 1);
    ipc_channel_free(world.ends[READER].channel);
    world.ends[READER].channel = NULL;
    run(&world);
    assert_int_equal(world.ends[ANNS].heard, 2);
    assert_non_null(strstr(world.ends[ANNS].text, "ended"));
    assert_int_equal(world.ends[BENS].heard, 0);
    start_reader(&world, READER);
    run(&world);
    assert_int_equal(world.ends[READER].heard, 2);
    answer_on(&world, 0, 2);
    assert_string_equal(world.ends[ANNS].text, "{}");
    assert_string_equal(world.ends[BENS].text, "{}");
    assert_int_equal(world.ends[ANNS].heard, 3);
    end(&world);
}

static void what_waits_of_a_client_that_goes_is_asked_of_nobody(void **state) {
    struct world world;
    (void)state;
    if (!begin_with_users(&world, 0))
        return;
    open_client_as(&world, ANNS_OTHER, ANN);
    ask_as(&world, ANNS, 1, 8);
    ipc_channel_free(world.ends[ANNS].channel);
    world.ends[ANNS].channel = NULL;
    run(&world);
    ask_as(&world, BENS, 1, 1);
    answer_on(&world, 0, 3);
    expect_asked(&world, "112");
    assert_int_equal(world.ends[BENS].heard, 1);
    end(&world);
}

/* It has too much to do, but does not hang: the others' requests still go to it. */
static void a_reader_that_answers_is_asked_on_though_some_waited_too_long(void **state) {
    struct world world;
    (void)state;
    if (!begin_with_users(&world, 2000))
        return;
    ask_as(&world, ANNS, 1, 3);
    usleep(1000000);
    answer_on(&world, 0, 1);
    for (int64_t until = clock_monotonic_us() + 20000000;
         world.ends[ANNS].heard < 3 && clock_monotonic_us() < until; usleep(10000))
        run(&world);
    assert_int_equal(world.ends[ANNS].heard, 3); /* the second and the third, that their time is over */
    assert_non_null(strstr(world.ends[ANNS].text, "in time"));
    ask_as(&world, BENS, 1, 1);
    assert_int_equal(world.ends[BENS].heard, 0);
    answer_on(&world, 1, 3);
    assert_string_equal(world.ends[BENS].text, "{}");
    assert_int_equal(world.ends[ANNS].heard, 3);
    end(&world);
}

static void what_waits_for_its_turn_is_told_in_time(void **state) {
    struct world world;
    (void)state;
    if (!begin_with_users(&world, SOON))
        return;
    ask_as(&world, ANNS, 1, 8);
    ask_as(&world, BENS, 1, 1);
    for (int64_t until = clock_monotonic_us() + 20000000;
         world.ends[BENS].heard < 1 && clock_monotonic_us() < until; usleep(10000))
        run(&world);
    assert_int_equal(world.ends[BENS].heard, 1);
    assert_non_null(strstr(world.ends[BENS].text, "in time"));
    assert_int_equal(world.ends[ANNS].heard, 8);
    assert_int_equal(world.ends[READER].heard, 2);
    end(&world);
}

static void more_fetches_than_requests_go_at_a_time(void **state) {
    static const uint8_t fetch[4 + 1 + 8 + 8 + 4 + 1] = {[3] = 1, [4] = 'x'};
    struct world world;
    (void)state;
    begin(&world, 1, 0);
    open_client(&world, ANNS);
    for (uint64_t ref = 1; ref <= 12; ref++)
        assert_true(ipc_send(world.ends[ref > 6 ? ANNS : CLIENT].channel, IPC_FETCH, ref,
                             span_of(fetch, sizeof fetch), (struct span){NULL, 0}));
    run(&world);
    assert_int_equal(world.ends[READER].heard, 8);
    end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_who_asks_much_has_turns_as_others_do),
        cmocka_unit_test(every_other_turn_is_an_operators),
        cmocka_unit_test(above_what_may_wait_operators_alone_are_read),
        cmocka_unit_test(who_comes_anew_comes_last),
        cmocka_unit_test(what_waits_goes_to_the_reader_that_follows),
        cmocka_unit_test(what_waits_of_a_client_that_goes_is_asked_of_nobody),
        cmocka_unit_test(a_reader_that_answers_is_asked_on_though_some_waited_too_long),
        cmocka_unit_test(what_waits_for_its_turn_is_told_in_time),
        cmocka_unit_test(more_fetches_than_requests_go_at_a_time),
    };
    return cmocka_run_group_tests_name("clients-turns", tests, NULL, NULL);
}
