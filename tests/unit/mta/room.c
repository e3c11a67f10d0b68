/* While a commit hangs the batch that fills has room for so much, and no more is begun: what waits for room.
 */
#include "hold.h"

#define REQUESTS_MOST 2
#define HANDED        3

static void open_world(struct world *world) {
    world_begin(world);
    world_stop(world);
    world->config.limits.requests = REQUESTS_MOST;
    begin_again(world);
    associate(world, 1, "beta");
    associate(world, 2, "beta");
}

static void hand_over(struct world *world, uint64_t ref, size_t length) {
    static const uint8_t content[2000];
    send_whole(world, ref, envelope_to(world, WANTS_NDN, JONES, NULL), span_of(content, length));
}

/* One flies, and the one that fills has no room: gamma's associations from 100 on wait for their answers. */
static void fill_up(struct world *world) {
    for (uint64_t ref = 100; ref < 100 + HANDED; ref++)
        associate(world, ref, "gamma");
    hold_commits(true);
    for (uint64_t ref = 100; ref < 100 + HANDED; ref++) {
        hand_over(world, ref, 100);
        json_decref(ask(world, "{\"operation\":\"status\"}"));
        if (ref == 100)
            usleep(50000);
    }
}

static void all_is_taken(struct world *world) {
    for (uint64_t ref = 100; ref < 100 + HANDED; ref++)
        assert_int_equal(result_of(world, ref), IPC_ACCEPTED);
}

/* The checkpoint that it goes on from waited for room as well, before it: that one is on disk first (I7). */
static void a_resume_that_waited_for_room_looks_again(void **state) {
    struct world world;
    uint8_t kind = IPC_APDU_MESSAGE;
    (void)state;
    open_world(&world);
    say_transfer(&world, 1, "\2\1\1");
    tell(&world, IPC_TRANSFER_ENVELOPE, 1, span_of(&kind, 1), envelope_to(&world, WANTS_NDN, JONES, NULL));
    tell(&world, IPC_TRANSFER_CONTENT, 1, SPAN_LIT("the first half"), NOTHING);
    say_checkpoint(&world, 1, 1, 1000, "state");
    expect_checkpoint(&world, 1, 1);
    fill_up(&world);
    tell(&world, IPC_TRANSFER_CONTENT, 1, SPAN_LIT(", more"), NOTHING);
    say_checkpoint(&world, 1, 2, 2000, "state");
    ask_resume(&world, 2, "in-1", "\2\1\1", 2);
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    expect_none(&world, IPC_RESUME_RESULT);
    hold_commits(false);
    struct reader r = expect(&world, IPC_RESUME_RESULT, 2);
    reader_u32(&r);
    assert_int_equal(reader_u8(&r), IPC_RESUME_FROM);
    assert_int_equal(reader_u32(&r), 2);
    all_is_taken(&world);
    tell(&world, IPC_TRANSFER_CONTENT, 2, SPAN_LIT(" and the rest"), NOTHING);
    tell(&world, IPC_TRANSFER_END, 2, NOTHING, NOTHING);
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    world_end(&world);
}

/* ---- local clients ---- */

static void submit(struct world *world, uint64_t ref) {
    uint64_t of_client = (uint64_t)1 << 32 | ref;
    tell(world, IPC_SUBMIT_BEGIN, of_client, SPAN_LIT("\1"), submission_to(world, SMITH, NULL));
    tell(world, IPC_SUBMIT_CONTENT, of_client, SPAN_LIT("content"), NOTHING);
    tell(world, IPC_SUBMIT_END, of_client, NOTHING, NOTHING);
    tell(world, IPC_SUBMIT_CONTENT, of_client, SPAN_LIT("too late"), NOTHING);
}

/* "": it was taken; else the code of the error. */
static const char *submitted(struct world *world, uint64_t ref) {
    static char code[40];
    struct reader r = expect(world, IPC_SUBMIT_RESULT, (uint64_t)1 << 32 | ref);
    code[0] = '\0';
    if (!reader_u8(&r)) {
        struct span text = payload_rest(&r);
        json_t *error = json_loadb((const char *)text.data, text.len, 0, NULL);
        snprintf(code, sizeof code, "%s", code_of(error));
        json_decref(error);
    }
    return code;
}

static json_int_t commits(struct world *world) {
    json_t *status = ask(world, "{\"operation\":\"status\"}");
    json_int_t count = number_at(status, "store", "commits");
    json_decref(status);
    return count;
}

#define SUBMITTED 20

/* What flies takes one, the next ones as many as there is room for. */
static void what_clients_ask_for_waits_for_room(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    fill_up(&world);
    json_int_t before = commits(&world);
    client(&world, 2, 0);
    for (uint64_t ref = 30; ref < 30 + SUBMITTED; ref++)
        submit(&world, ref);
    tell(&world, IPC_REQUEST, (uint64_t)2 << 32 | 1, NOTHING,
         SPAN_LIT("{\"operation\":\"user-add\",\"address\":\"" OURS "/S=gone\"}"));
    tell(&world, IPC_CLIENT_CLOSE, 2, NOTHING, NOTHING); /* nobody asks for that any more */
    ask_under(&world, 8, "{\"operation\":\"user-add\",\"address\":\"" OURS "/S=new\"}");
    ask_under(&world, 9, "{\"operation\":\"user-remove\",\"address\":\"" OURS "/S=new\"}");
    expect_none(&world, IPC_SUBMIT_RESULT);
    hold_commits(false);
    for (uint64_t ref = 30; ref < 30 + SUBMITTED; ref++)
        assert_string_equal(submitted(&world, ref), "");
    for (uint64_t ref = 8; ref < 10; ref++) { /* in their order */
        json_t *answer = late_answer(&world, ref);
        assert_int_equal(number_at(answer, "changed", NULL), 1);
        json_decref(answer);
    }
    all_is_taken(&world);
    assert_true(commits(&world) - before >= SUBMITTED / 2 / REQUESTS_MOST);
    assert_int_equal(entries_of(&world, SMITH), SUBMITTED);
    json_t *users = ask(&world, "{\"operation\":\"user-list\"}");
    assert_int_equal(json_array_size(json_object_get(users, "users")), 2);
    json_decref(users);
    world_end(&world);
}

/* Requests that wait have a bound, in all; what is over it is refused. */
static void what_waits_of_clients_is_bounded(void **state) {
    struct world world;
    char *address;
    unsigned refused = 0;
    (void)state;
    open_world(&world);
    fill_up(&world);
    assert_true(asprintf(&address, "{\"operation\":\"user-add\",\"address\":\"%060000d\"}", 0) > 0);
    for (uint64_t ref = 1000; ref < 1100; ref++) {
        ask_under(&world, ref, address);
        json_decref(ask(&world, "{\"operation\":\"status\"}"));
        if (ref >= 1070) {
            json_t *answer = late_answer(&world, ref);
            refused += strcmp(code_of(answer), "unavailable") == 0;
            json_decref(answer);
        }
    }
    assert_int_equal(refused, 30);
    hold_commits(false);
    for (uint64_t ref = 1000; ref < 1060; ref++) {
        json_t *answer = late_answer(&world, ref);
        assert_string_equal(code_of(answer), "bad-request");
        json_decref(answer);
    }
    all_is_taken(&world);
    free(address);
    world_end(&world);
}

static bool is_refusing(struct world *world) {
    json_t *status = ask(world, "{\"operation\":\"status\"}");
    const char *cause = json_string_value(json_object_get(status, "cause"));
    bool refuses = cause && strstr(cause, "does not end");
    json_decref(status);
    return refuses;
}

/* Once the store is stuck nobody waits: who did is refused by the store's cause. */
static void nobody_waits_for_a_store_that_is_stuck(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    fill_up(&world);
    submit(&world, 30);
    ask_under(&world, 8, "{\"operation\":\"user-add\",\"address\":\"" OURS "/S=new\"}");
    EVENTUALLY(is_refusing(&world));
    assert_string_equal(submitted(&world, 30), "unavailable");
    json_t *answer = late_answer(&world, 8);
    assert_string_equal(code_of(answer), "unavailable");
    assert_non_null(
        strstr(json_string_value(json_object_get(json_object_get(answer, "error"), "text")), "does not end"));
    json_decref(answer);
    hold_commits(false);
    world_abandon(&world);
}

/* Nothing of the peers is under way that the stop would wait for. */
static void peers_go(struct world *world) {
    for (uint64_t ref = 1; ref <= 2; ref++)
        close_association(world, ref, IPC_CLOSE_BROKEN);
    for (uint64_t ref = 100; ref < 100 + HANDED; ref++)
        close_association(world, ref, IPC_CLOSE_BROKEN);
}

/* More than what flies and fills: all that was asked for before it. */
static void a_stop_answers_what_waits_for_room(void **state) {
    struct world world;
    (void)state;
    open_world(&world);
    fill_up(&world);
    for (uint64_t ref = 30; ref < 30 + SUBMITTED; ref++)
        submit(&world, ref);
    ask_under(&world, 8, "{\"operation\":\"user-add\",\"address\":\"" OURS "/S=new\"}");
    peers_go(&world);
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    put(world.parent, IPC_STOP, 0, NOTHING, NOTHING);
    usleep(100000);
    hold_commits(false);
    int net = world.net;
    world.net = world.clients; /* its own channel may end first */
    for (uint64_t ref = 30; ref < 30 + SUBMITTED; ref++)
        assert_string_equal(submitted(&world, ref), "");
    json_t *answer = late_answer(&world, 8);
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    world.net = net;
    assert_int_equal(world_wait(&world), 0);
    world_end(&world);
}

/* For a store that hangs a stop does not wait long; who would wait is told so. */
static void a_stop_refuses_what_can_not_be_done_any_more(void **state) {
    struct world world;
    (void)state;
    setenv("CHASQUI_TEST_PATIENCE", "60", 1);
    open_world(&world);
    fill_up(&world);
    submit(&world, 30);
    ask_under(&world, 8, "{\"operation\":\"user-add\",\"address\":\"" OURS "/S=new\"}");
    peers_go(&world);
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    put(world.parent, IPC_STOP, 0, NOTHING, NOTHING);
    int net = world.net;
    world.net = world.clients;
    assert_string_equal(submitted(&world, 30), "unavailable");
    json_t *answer = late_answer(&world, 8);
    assert_string_equal(code_of(answer), "unavailable");
    json_decref(answer);
    world.net = net;
    world_wait(&world);
    world_end(&world);
    unsetenv("CHASQUI_TEST_PATIENCE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_resume_that_waited_for_room_looks_again), CASE(what_clients_ask_for_waits_for_room),
        CASE(what_waits_of_clients_is_bounded),          CASE(nobody_waits_for_a_store_that_is_stuck),
        CASE(a_stop_answers_what_waits_for_room),        CASE(a_stop_refuses_what_can_not_be_done_any_more),
    };
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
