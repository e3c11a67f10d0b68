/* Requests to a store process that does not answer: each has an answer all the same, and what comes late goes
 * to nobody. */
#include "stage.h"

static void a_store_process_that_says_nothing_keeps_nobody_waiting(void **state) {
    struct world world;
    const struct end *client = &world.ends[CLIENT];
    (void)state;
    begin(&world, 0, SOON);
    int64_t asked = clock_monotonic_us();
    ask_for(&world, 1, "queue-list");
    uint64_t first = world.ends[STORE].ref;
    await_asked(&world, 2); /* for a sign */
    assert_int_equal(client->heard, 0);
    assert_int_equal(world.ends[STORE].clients, 1); /* and who asked for it is no client any more */
    await(&world, 1);
    assert_true(ms_since(asked) >= 2 * SOON);
    assert_non_null(strstr(client->text, "\"timed-out\""));
    assert_non_null(strstr(client->text, "does not answer"));
    ask_for(&world, 2, "queue-hold");
    await(&world, 2);
    assert_non_null(strstr(client->text, "it may still be done"));
    answer(&world, STORE, first, true, "{\"late\":1}");
    assert_int_equal(client->heard, 2);
    ask_for(&world, 1, "queue-list"); /* and it is as good as before */
    answer(&world, STORE, world.ends[STORE].ref, true, "{}");
    assert_string_equal(client->text, "{}");
    assert_int_equal(world.ends[STORE].closed, 0);
    end(&world);
}

/* Whose commits take long answers what is only looked at. */
static void nobody_is_told_while_the_store_process_gives_a_sign(void **state) {
    struct world world;
    (void)state;
    begin(&world, 0, SOON);
    int64_t asked = clock_monotonic_us();
    ask_for(&world, 1, "queue-hold");
    uint64_t first = world.ends[STORE].ref;
    for (unsigned signs = 1; signs <= 4; signs++) {
        await_asked(&world, 1 + signs);
        answer(&world, STORE, world.ends[STORE].ref, true, "{\"sign\":1}");
    }
    assert_int_equal(world.ends[CLIENT].heard, 0);
    assert_true(ms_since(asked) >= 4 * SOON); /* it is not asked for them again and again */
    answer(&world, STORE, first, true, "{}");
    assert_string_equal(world.ends[CLIENT].text, "{}");
    end(&world);
}

/* A client that was told may use the ref again: the answers come in any order then. */
static void a_late_answer_is_not_given_to_another_request(void **state) {
    struct world world;
    const struct end *client = &world.ends[CLIENT];
    (void)state;
    begin(&world, 0, SOON);
    ask_for(&world, 1, "queue-delete");
    uint64_t first = world.ends[STORE].ref;
    await(&world, 1);
    ask_for(&world, 1, "queue-show");
    uint64_t second = world.ends[STORE].ref;
    answer(&world, STORE, first, true, "{\"late\":1}");
    assert_int_equal(client->heard, 1);
    answer(&world, STORE, second, true, "{\"shown\":1}");
    assert_int_equal(client->heard, 2);
    assert_int_equal(client->ref, 1);
    assert_string_equal(client->text, "{\"shown\":1}");
    end(&world);
}

/* Both of one ref are answered, each once. */
static void a_client_may_use_a_ref_twice_at_a_time(void **state) {
    struct world world;
    const struct end *client = &world.ends[CLIENT];
    (void)state;
    begin(&world, 0, 0);
    ask_for(&world, 1, "queue-list");
    uint64_t first = world.ends[STORE].ref;
    ask_for(&world, 1, "queue-show");
    uint64_t second = world.ends[STORE].ref;
    answer(&world, STORE, second, true, "{\"shown\":1}");
    assert_string_equal(client->text, "{\"shown\":1}");
    answer(&world, STORE, first, true, "{\"listed\":1}");
    assert_string_equal(client->text, "{\"listed\":1}");
    assert_int_equal(client->heard, 2);
    end(&world);
}

/* And where one is at a reader, the other at the store process, whichever was asked and answers first: more
 * often than a client may have requests open. */
static void a_ref_may_be_at_a_reader_and_the_store_process(void **state) {
    struct world world;
    const struct end *client = &world.ends[CLIENT];
    (void)state;
    begin(&world, 1, 0);
    for (unsigned i = 0; i < 3 * REQUESTS_MOST; i++) {
        bool reader_first = i & 1, reader_answers_first = i & 2;
        ask_for(&world, 1, reader_first ? "mailbox-list" : "queue-show");
        ask_for(&world, 1, reader_first ? "queue-show" : "mailbox-list");
        for (unsigned turn = 0; turn < 2; turn++) {
            bool of_reader = reader_answers_first == (turn == 0);
            unsigned who = of_reader ? READER : STORE;
            answer(&world, who, world.ends[who].ref, true, of_reader ? "{\"read\":1}" : "{\"shown\":1}");
            assert_int_equal(client->heard, 2 * i + turn + 1);
            assert_string_equal(client->text, of_reader ? "{\"read\":1}" : "{\"shown\":1}");
        }
    }
    end(&world);
}

static struct ipc_channel *another_client(struct world *world, struct end *end) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&world->local, world->local_length), 0);
    *end = (struct end){.channel = ipc_channel_new(world->loop, fd, "end", &handler, end)};
    assert_non_null(end->channel);
    assert_true(ipc_send(end->channel, IPC_HELLO, 0, SPAN_LIT("\0\1\0\0\0\0"), (struct span){NULL, 0}));
    run(world);
    return end->channel;
}

/* Nobody is read while the way to the store process is full; who is there already is told all the same. What
 * begins then is refused, and what is under way waits. */
static void a_submission_that_fills_the_way_keeps_nobody_waiting(void **state) {
    struct world world;
    struct end other;
    static const uint8_t content[200000];
    const struct span nothing = {NULL, 0};
    const struct end *client = &world.ends[CLIENT];
    (void)state;
    begin(&world, 0, SOON);
    struct ipc_channel *submits = another_client(&world, &other);
    ipc_pause(world.ends[STORE].channel);
    ipc_send(submits, IPC_SUBMIT_BEGIN, 9, SPAN_LIT("\1x"), nothing);
    for (unsigned i = 0; i < 8; i++)
        ipc_send(submits, IPC_SUBMIT_CONTENT, 9, span_of(content, sizeof content), nothing);
    ipc_send(submits, IPC_REQUEST, 10, SPAN_LIT("{\"operation\":\"queue-list\"}"), nothing);
    run(&world);
    ask_for(&world, 1, "queue-list");
    assert_int_equal(client->heard, 0);
    await(&world, 1);
    assert_non_null(strstr(client->text, "\"unavailable\""));
    ask_for(&world, 2, "queue-hold");
    assert_int_equal(client->heard, 2);
    assert_int_equal(client->ref, 2);
    ipc_send(world.ends[CLIENT].channel, IPC_SUBMIT_BEGIN, 3, SPAN_LIT("\1x"), nothing);
    run(&world);
    assert_int_equal(client->heard, 3);
    assert_int_equal(client->ref, 3);
    assert_int_equal(other.heard, 0);
    ipc_resume(world.ends[STORE].channel);
    run(&world);
    assert_int_equal(world.ends[STORE].contents, 8);
    answer(&world, STORE, world.ends[STORE].ref, true, "{}");
    ask_for(&world, 4, "queue-show"); /* and it is as good as before */
    answer(&world, STORE, world.ends[STORE].ref, true, "{}");
    assert_string_equal(client->text, "{}");
    ipc_channel_free(submits);
    end(&world);
}

static void fill_the_way(struct world *world, struct ipc_channel *submits) {
    static const uint8_t content[200000];
    const struct span nothing = {NULL, 0};
    ipc_pause(world->ends[STORE].channel);
    ipc_send(submits, IPC_SUBMIT_BEGIN, 9, SPAN_LIT("\1x"), nothing);
    for (unsigned i = 0; i < 8; i++)
        ipc_send(submits, IPC_SUBMIT_CONTENT, 9, span_of(content, sizeof content), nothing);
    run(world);
}

/* A way that was full and is free again is no sign of a store process that hangs. */
static void a_way_that_is_free_again_casts_no_doubt(void **state) {
    static const uint8_t content[200000];
    const struct span nothing = {NULL, 0};
    struct world world;
    struct end other;
    (void)state;
    begin(&world, 0, SOON);
    struct ipc_channel *submits = another_client(&world, &other);
    ipc_pause(world.ends[STORE].channel);
    ipc_send(submits, IPC_SUBMIT_BEGIN, 9, SPAN_LIT("\1x"), nothing);
    for (unsigned i = 0; i < 8 && !world.clients->full_since; i++) { /* and nothing behind what fills it */
        ipc_send(submits, IPC_SUBMIT_CONTENT, 9, span_of(content, sizeof content), nothing);
        run(&world);
    }
    assert_true(world.clients->full_since);
    ipc_resume(world.ends[STORE].channel);
    run(&world);
    let_hear(&world, STORE, 1, 3 * SOON);
    assert_int_equal(world.ends[STORE].heard, 0);
    ipc_channel_free(submits);
    end(&world);
}

/* When the store process says something, and the way to it is full still, nobody is read until it is free. */
static void the_end_of_a_silence_frees_no_way(void **state) {
    struct world world;
    struct end other;
    (void)state;
    begin(&world, 0, 5 * SOON);
    const struct local_client *client = map_get(&world.clients->numbers, 1);
    struct ipc_channel *submits = another_client(&world, &other);
    fill_the_way(&world, submits);
    ask_for(&world, 1, "queue-list");
    await(&world, 1); /* that it is refused */
    assert_true(world.clients->silent);
    answer(&world, STORE, (uint64_t)UINT32_MAX << 32 | 1, true, "{}");
    assert_false(world.clients->silent);
    ask_for(&world, 2, "queue-list");
    assert_int_equal(client->open, 0);
    assert_int_equal(world.ends[CLIENT].heard, 1);
    ipc_channel_free(submits);
    end(&world);
}

/* What was not asked for is not missing: the question needs no memory. */
static void a_sign_is_asked_for_without_memory(void **state) {
    struct world world;
    const struct timeval moment = {.tv_usec = 10000};
    (void)state;
    begin(&world, 0, SOON);
    ask_for(&world, 1, "queue-list");
    mem_fail_after(0);
    for (int i = 0; i < 500 && world.ends[STORE].heard < 2; i++) {
        event_base_loopexit(world.loop, &moment);
        event_base_dispatch(world.loop);
    }
    mem_fail_after(-1);
    assert_int_equal(world.ends[STORE].heard, 2);
    end(&world);
}

/* Nor 0, when all have been given once, nor that of one that is there still (the first is). */
static void no_client_has_the_number_of_the_sign(void **state) {
    struct world world;
    struct end others[3];
    static const uint64_t numbers[] = {UINT32_MAX - 1, 2, 3};
    (void)state;
    begin(&world, 0, 0);
    assert_int_equal(world.ends[STORE].client, 1);
    world.clients->next_number = UINT32_MAX - 2;
    for (size_t i = 0; i < 3; i++) {
        another_client(&world, &others[i]);
        assert_int_equal(world.ends[STORE].client, numbers[i]);
    }
    for (size_t i = 0; i < 3; i++)
        ipc_channel_free(others[i].channel);
    end(&world);
}

/* Of several each is told what it was: one that only counts changes nothing. */
static void each_is_told_whether_it_may_still_be_done(void **state) {
    struct world world;
    (void)state;
    begin(&world, 0, SOON);
    ask_for(&world, 1, "queue-delete");
    ask_with(&world, 2, "queue-delete", ",\"count\":true");
    ask_with(&world, 3, "queue-hold", ",\"count\":false");
    ask_for(&world, 4, "status");
    await(&world, 4);
    assert_int_equal(world.ends[CLIENT].undone, 1 << 1 | 1 << 3);
    end(&world);
}

/* When it is known that nobody is answered a request still has a moment, in which the store process may be
 * there again; and when nothing is asked, nothing is looked at. */
static void who_asks_in_the_silence_has_a_moment(void **state) {
    struct world world;
    (void)state;
    begin(&world, 0, 5 * SOON);
    int events = event_base_get_num_events(world.loop, EVENT_BASE_COUNT_ADDED);
    ask_for(&world, 1, "status");
    await(&world, 1);
    let_hear(&world, CLIENT, 2, SOON / 2); /* to the middle between two looks */
    int64_t asked = clock_monotonic_us();
    ask_for(&world, 2, "status");
    await(&world, 2);
    assert_true(ms_since(asked) >= SOON);
    let_hear(&world, CLIENT, 3, 2 * SOON);
    assert_int_equal(event_base_get_num_events(world.loop, EVENT_BASE_COUNT_ADDED), events);
    end(&world);
}

/* What readers were asked does not count: they are watched by themselves. */
static void a_request_to_a_reader_casts_no_doubt_on_the_store_process(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 20000);
    ask(&world, 1);
    assert_int_equal(world.ends[READER].heard, 1);
    ask_for(&world, 2, "queue-hold");
    let_hear(&world, STORE, 2, 4500); /* one look, after a fifth of the time */
    assert_int_equal(world.ends[STORE].heard, 1);
    end(&world);
}

static unsigned times_in(FILE *log, const char *text) {
    static char said[8192];
    unsigned times = 0;
    ssize_t length = pread(fileno(log), said, sizeof said - 1, 0);
    assert_true(length >= 0);
    said[length] = '\0';
    for (const char *at = said; (at = strstr(at, text)); at++)
        times++;
    return times;
}

/* Each silence has a line, and its end one, however many asked meanwhile. */
static void the_log_tells_of_each_silence_once(void **state) {
    struct world world;
    FILE *log = tmpfile();
    int stderr_fd = dup(STDERR_FILENO);
    (void)state;
    assert_true(log && stderr_fd >= 0);
    dup2(fileno(log), STDERR_FILENO);
    begin(&world, 0, SOON);
    for (unsigned silence = 0; silence < 2; silence++) {
        for (unsigned i = 1; i <= 3; i++) {
            ask_for(&world, i, "status");
            let_hear(&world, CLIENT, 3 * silence + i, 20000);
        }
        answer(&world, STORE, world.ends[STORE].ref, true, "{}");
        answer(&world, STORE, world.ends[STORE].ref, true, "{}");
    }
    unsigned answers = world.ends[CLIENT].heard;
    end(&world);
    fflush(stderr);
    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
    assert_int_equal(answers, 6);
    assert_int_equal(times_in(log, "the store process does not answer: what it was asked at"), 2);
    assert_int_equal(times_in(log, "the store process answers again"), 2);
    fclose(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_process_that_says_nothing_keeps_nobody_waiting),
        cmocka_unit_test(nobody_is_told_while_the_store_process_gives_a_sign),
        cmocka_unit_test(a_late_answer_is_not_given_to_another_request),
        cmocka_unit_test(a_client_may_use_a_ref_twice_at_a_time),
        cmocka_unit_test(a_ref_may_be_at_a_reader_and_the_store_process),
        cmocka_unit_test(a_submission_that_fills_the_way_keeps_nobody_waiting),
        cmocka_unit_test(a_way_that_is_free_again_casts_no_doubt),
        cmocka_unit_test(the_end_of_a_silence_frees_no_way),
        cmocka_unit_test(a_sign_is_asked_for_without_memory),
        cmocka_unit_test(no_client_has_the_number_of_the_sign),
        cmocka_unit_test(each_is_told_whether_it_may_still_be_done),
        cmocka_unit_test(who_asks_in_the_silence_has_a_moment),
        cmocka_unit_test(a_request_to_a_reader_casts_no_doubt_on_the_store_process),
        cmocka_unit_test(the_log_tells_of_each_silence_once),
    };
    return cmocka_run_group_tests_name("clients-silence", tests, NULL, NULL);
}
