/* Peers that refuse for now: the peer is left alone, not each copy tried by itself; others are unharmed. */
#include "world.h"

#define COPIES 20

static void take_in(struct world *world, const char *recipient, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        comes_in(world, recipient);
    }
}

/* COPIES wait for gamma, whose retry times are these; it has refused three. */
static void begin(struct world *world, unsigned retry_first, unsigned retry_most) {
    world_begin(world);
    world_stop(world);
    world->peers[1].retry_first = retry_first;
    world->peers[1].retry_most = retry_most;
    world_start(world);
    client(world, 1, 0);
    associate(world, 1, "beta");
    take_in(world, FRANK, COPIES);
    connect_out(world, 2, "gamma");
    for (unsigned i = 0; i < 3; i++) {
        outgoing_of(world, 2);
        sent(world, 2, IPC_SENT_DEFERRED);
    }
}

static json_int_t tries_of(struct world *world, const char *peer) {
    char request[80];
    snprintf(request, sizeof request, "{\"operation\":\"peer-status\",\"peer\":\"%s\"}", peer);
    json_t *answer = ask(world, request);
    json_t *first = json_array_get(json_object_get(answer, "peers"), 0);
    json_int_t tries = number_at(first, "tries", NULL);
    assert_true(tries == 0 || json_string_value(json_object_get(first, "next-try")));
    json_decref(answer);
    return tries;
}

/* An operator wants copy number `index` of the queue to be tried now. */
static void retry(struct world *world, size_t index) {
    char request[100];
    json_t *list = ask(world, "{\"operation\":\"queue-list\"}");
    json_t *entry = json_array_get(json_object_get(list, "entries"), index);
    assert_non_null(entry);
    snprintf(request, sizeof request, "{\"operation\":\"queue-retry\",\"id\":%lld,\"reason\":\"a test\"}",
             (long long)number_at(entry, "id", NULL));
    json_decref(list);
    json_decref(ask(world, request));
}

/* `count` copies go out on association 2, one after another. */
static void takes(struct world *world, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        outgoing_of(world, 2);
        sent(world, 2, IPC_SENT);
    }
}

static void the_peer_is_left_alone(void **state) {
    struct world world;
    (void)state;
    begin(&world, 3600, 3600);
    expect_none(&world, IPC_SEND_BEGIN);
    assert_int_equal(tries_of(&world, "gamma"), 1);
    take_in(&world, FRANK, 1);
    expect_none(&world, IPC_SEND_BEGIN);

    retry(&world, COPIES); /* one that was not refused: the peer's time is over for all */
    outgoing_of(&world, 2);
    announce(&world, 3, true, "gamma", "out-3", ""); /* asked for while the queue grew */
    expect_none(&world, IPC_SEND_BEGIN);             /* one copy tries it, not each */
    sent(&world, 2, IPC_SENT_DEFERRED);
    expect_none(&world, IPC_SEND_BEGIN);
    assert_int_equal(tries_of(&world, "gamma"), 2);
    world_end(&world);
}

/* Others were asked for while the queue grew. */
static void await_connect(struct world *world, const char *peer) {
    struct reader r;
    do
        r = expect(world, IPC_CONNECT, 0);
    while (!span_eq(payload_octets(&r), span_str(peer)));
}

static void others_are_unharmed(void **state) {
    struct world world;
    (void)state;
    begin(&world, 3600, 3600);
    take_in(&world, EVA, 1);
    await_connect(&world, "beta");
    announce(&world, 4, true, "beta", "out-4", "");
    outgoing_of(&world, 4);
    sent(&world, 4, IPC_SENT);
    assert_int_equal(tries_of(&world, "beta"), 0);
    assert_int_equal(tries_of(&world, "gamma"), 1);
    world_end(&world);
}

static void it_ends_when_the_peer_takes_in_again(void **state) {
    struct world world;
    (void)state;
    begin(&world, 1, 1);
    outgoing_of(&world, 2); /* by itself, when the time has come */
    sent(&world, 2, IPC_SENT_DEFERRED);
    outgoing_of(&world, 2);
    sent(&world, 2, IPC_SENT);
    takes(&world, COPIES - 5);
    assert_int_equal(tries_of(&world, "gamma"), 0);
    world_end(&world);
}

#define BOTH GAMMA "/O=both"

/* Another way there is taken when the first probe was refused too, not sooner. */
static void another_way_is_taken(void **state) {
    struct mts_choice choices[] = {{"gamma", 1, 1}, {"beta", 2, 1}};
    struct mts_route route = {.pattern = BOTH, .choices = choices, .choice_count = 2};
    struct world world;
    struct error err = {0};
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.peers[1].retry_first = world.peers[1].retry_most = 2;
    if (!mts_tables_add_route(world.config.tables, &route, &err))
        fail_msg("%s", err.text);
    world_start(&world);
    client(&world, 1, 0);
    associate(&world, 1, "beta");
    take_in(&world, BOTH "/S=frank", 10);
    connect_out(&world, 2, "gamma");
    for (unsigned i = 0; i < 4; i++) { /* three, and the probe */
        outgoing_of(&world, 2);
        assert_false(await(&world, IPC_CONNECT, 0, 0)); /* nobody else is asked for */
        sent(&world, 2, IPC_SENT_DEFERRED);
    }
    await_connect(&world, "beta");
    announce(&world, 4, true, "beta", "out-4", "");
    for (unsigned i = 0; i < 6; i++) {
        outgoing_of(&world, 4);
        sent(&world, 4, IPC_SENT);
    }
    world_end(&world);
}

static void a_single_copy_holds_up_nobody(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    client(&world, 1, 0);
    associate(&world, 1, "beta");
    take_in(&world, FRANK, 1);
    connect_out(&world, 2, "gamma");
    for (unsigned i = 0; i < 5; i++) {
        outgoing_of(&world, 2);
        sent(&world, 2, IPC_SENT_DEFERRED);
        if (i < 4)
            retry(&world, 0);
    }
    assert_int_equal(tries_of(&world, "gamma"), 0);
    take_in(&world, FRANK, 1);
    takes(&world, 1);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_is_left_alone),
        cmocka_unit_test(others_are_unharmed),
        cmocka_unit_test(it_ends_when_the_peer_takes_in_again),
        cmocka_unit_test(another_way_is_taken),
        cmocka_unit_test(a_single_copy_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
