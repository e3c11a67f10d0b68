/* Peers that refuse for now: the peer is left alone, not each copy tried by itself; others are unharmed. */
#include "world.h"

#define COPIES 20

static void take_in(struct world *world, const char *recipient, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        comes_in(world, recipient);
    }
}

static const struct mta_reload *reloading; /* NULL: nobody reloads */

/* COPIES wait for gamma, whose retry times are these; it has refused three. */
static void begin(struct world *world, unsigned retry_first, unsigned retry_most) {
    world_begin(world);
    world_stop(world);
    world->peers[1].retry_first = retry_first;
    world->peers[1].retry_most = retry_most;
    world->reload = reloading;
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

/* What gamma is said to be doing. */
static bool is_state(struct world *world, const char *state) {
    json_t *answer = ask(world, "{\"operation\":\"peer-status\",\"peer\":\"gamma\"}");
    json_t *first = json_array_get(json_object_get(answer, "peers"), 0);
    bool is = strcmp(json_string_value(json_object_get(first, "state")), state) == 0;
    json_decref(answer);
    return is;
}

/* Seconds until the peer is tried again. */
static json_int_t wait_of(struct world *world, const char *peer) {
    char request[80];
    int64_t next = 0;
    snprintf(request, sizeof request, "{\"operation\":\"peer-status\",\"peer\":\"%s\"}", peer);
    json_t *answer = ask(world, request);
    json_t *first = json_array_get(json_object_get(answer, "peers"), 0);
    clock_parse(json_string_value(json_object_get(first, "next-try")), &next);
    json_decref(answer);
    return next - clock_now_us() / 1000000;
}

/* An operator wants copy number `index` of the queue to be tried now; its id. */
static json_int_t retry(struct world *world, size_t index) {
    char request[100];
    json_t *list = ask(world, "{\"operation\":\"queue-list\"}");
    json_t *entry = json_array_get(json_object_get(list, "entries"), index);
    assert_non_null(entry);
    snprintf(request, sizeof request, "{\"operation\":\"queue-retry\",\"id\":%lld,\"reason\":\"a test\"}",
             (long long)number_at(entry, "id", NULL));
    json_int_t id = number_at(entry, "id", NULL);
    json_decref(list);
    json_decref(ask(world, request));
    return id;
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

/* The copy that is under way. */
static json_int_t sending(struct world *world) {
    json_t *list = ask(world, "{\"operation\":\"queue-list\",\"state\":\"sending\"}");
    assert_int_equal(json_array_size(json_object_get(list, "entries")), 1);
    json_int_t id = number_at(entry_at(list, 0), "id", NULL);
    json_decref(list);
    return id;
}

/* Neither the copy that is due first, nor a longer wait afterwards. */
static void what_an_operator_wants_goes_first(void **state) {
    struct world world;
    (void)state;
    begin(&world, 300, 3600);
    assert_in_range(wait_of(&world, "gamma"), 200, 300);
    for (size_t i = 0; i < 3; i++) {
        json_int_t wanted = retry(&world, COPIES - 2 * i - 1);
        outgoing_of(&world, 2);
        assert_int_equal(sending(&world), wanted);
        sent(&world, 2, IPC_SENT_DEFERRED);
        expect_none(&world, IPC_SEND_BEGIN);
        assert_in_range(wait_of(&world, "gamma"), 200, 300);
    }
    world_end(&world);
}

static const struct mta_config *read_same(void *context, struct span text, struct error *err) {
    const struct world *world = context;
    (void)text;
    (void)err;
    return &world->config;
}

static void release_nothing(void *context, const struct mta_config *old) {
    (void)context;
    (void)old;
}

/* A reload has what is left alone tried, and does not lengthen the wait that follows. */
static void reloads_lengthen_no_wait(void **state) {
    struct world world;
    struct mta_reload reload = {read_same, release_nothing, &world};
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.reload = &reload;
    world.peers[1].retry_first = 300;
    world.peers[1].retry_most = 3600;
    begin_again(&world);
    associate(&world, 1, "beta");
    comes_in(&world, FRANK);
    gamma_is_not_found(&world);
    for (unsigned i = 1; i < 5; i++) {
        EVENTUALLY(is_state(&world, "backing-off"));
        assert_int_equal(tries_of(&world, "gamma"), i);
        assert_in_range(wait_of(&world, "gamma"), 200, 300);
        put(world.parent, IPC_CONFIG, 0, SPAN_LIT("x"), NOTHING);
        EVENTUALLY(is_state(&world, "calling"));
        gamma_is_not_found(&world);
    }
    world_end(&world);
}

/* Nor where it refuses. */
static void reloads_lengthen_no_pause(void **state) {
    struct world world;
    struct mta_reload reload = {read_same, release_nothing, &world};
    (void)state;
    reloading = &reload;
    begin(&world, 300, 3600);
    for (unsigned i = 0; i < 3; i++) {
        put(world.parent, IPC_CONFIG, 0, SPAN_LIT("x"), NOTHING);
        outgoing_of(&world, 2);
        sent(&world, 2, IPC_SENT_DEFERRED);
        EVENTUALLY(wait_of(&world, "gamma") > 0);
        assert_in_range(wait_of(&world, "gamma"), 200, 300);
    }
    reloading = NULL;
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
        cmocka_unit_test(the_peer_is_left_alone),   cmocka_unit_test(what_an_operator_wants_goes_first),
        cmocka_unit_test(reloads_lengthen_no_wait), cmocka_unit_test(reloads_lengthen_no_pause),
        cmocka_unit_test(others_are_unharmed),      cmocka_unit_test(it_ends_when_the_peer_takes_in_again),
        cmocka_unit_test(another_way_is_taken),     cmocka_unit_test(a_single_copy_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
