/* The queue in an operator's hands, over restarts, and when its peers leave the configuration. */
#include "world.h"

/* The only copy of the queue is in this state after so many tries; its id. */
static json_int_t expect_copy(struct world *world, const char *state, json_int_t tries) {
    json_t *list = ask(world, "{\"operation\":\"queue-list\"}");
    json_t *entry = entry_at(list, 0);
    assert_int_equal(json_array_size(json_object_get(list, "entries")), 1);
    assert_string_equal(json_string_value(json_object_get(entry, "state")), state);
    assert_int_equal(number_at(entry, "tries", NULL), tries);
    json_int_t id = number_at(entry, "id", NULL);
    json_decref(list);
    return id;
}

/* How often gamma was called in vain. */
static json_int_t failed_calls(struct world *world) {
    json_t *list = ask(world, "{\"operation\":\"peer-status\",\"peer\":\"gamma\"}");
    json_int_t count = number_at(json_array_get(json_object_get(list, "peers"), 0), "tries", NULL);
    json_decref(list);
    return count;
}

static json_t *change(struct world *world, const char *operation, json_int_t id) {
    char request[200];
    snprintf(request, sizeof request, "{\"operation\":\"queue-%s\",\"id\":%lld,\"reason\":\"a test\"}",
             operation, (long long)id);
    return ask(world, request);
}

static void changes(struct world *world, const char *operation, json_int_t id) {
    json_t *answer = change(world, operation, id);
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
}

static void refuses(struct world *world, const char *operation, json_int_t id, const char *word) {
    json_t *answer = change(world, operation, id), *error = json_object_get(answer, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "wrong-state");
    if (!strstr(json_string_value(json_object_get(error, "text")), word))
        fail_msg("no '%s' in: %s", word, json_string_value(json_object_get(error, "text")));
    json_decref(answer);
}

/* The next CONNECT, which must be to this peer, fails. */
/* ---- deferred delivery ---- */

static void a_held_copy_keeps_its_deferred_delivery_time(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    world.deferred = clock_now_us() / 1000000 + 6;
    comes_in(&world, FRANK);
    json_int_t id = expect_copy(&world, "deferred", 0);
    refuses(&world, "retry", id, "deferred it until");
    refuses(&world, "release", id, "not held");
    changes(&world, "hold", id);
    refuses(&world, "hold", id, "already");
    world_kill(&world);
    begin_again(&world);
    expect_copy(&world, "held", 0);
    changes(&world, "release", id);
    expect_copy(&world, "deferred", 0);
    expect_none(&world, IPC_CONNECT);
    world_kill(&world);
    begin_again(&world);
    expect_copy(&world, "deferred", 0);
    expect_none(&world, IPC_CONNECT);
    connect_out(&world, 2, "gamma");
    assert_true(clock_now_us() / 1000000 >= world.deferred);
    outgoing_of(&world, 2);
    sent(&world, 2, IPC_SENT);
    expect_drained(&world);
    world_end(&world);
}

/* ---- tries ---- */

static void tries_survive_a_restart(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, FRANK);
    sets_out(&world, 2, "gamma");
    sent(&world, 2, IPC_SENT_DEFERRED);
    expect_copy(&world, "backing-off", 1);
    expect_committed(&world);
    world_kill(&world);
    begin_again(&world);
    associate(&world, 1, "beta");
    json_int_t id = expect_copy(&world, "backing-off", 1); /* not in doubt: the peer refused it */
    expect_none(&world, IPC_CONNECT);                      /* nor is it tried before its time */
    changes(&world, "retry", id);
    sets_out(&world, 2, "gamma");
    close_association(&world, 2, IPC_CLOSE_BROKEN);
    expect_copy(&world, "in-doubt", 2);
    expect_committed(&world);
    world_kill(&world);
    begin_again(&world);
    expect_copy(&world, "in-doubt", 2);
    world_end(&world);
}

/* An operator said that nothing goes to its peer: a retry changes nothing, and says so. */
static void a_copy_of_a_disabled_peer_is_not_retried(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, FRANK);
    json_decref(ask(&world, "{\"operation\":\"peer-disable\",\"peer\":\"gamma\",\"reason\":\"test\"}"));
    json_int_t id = expect_copy(&world, "peer-disabled", 0);
    refuses(&world, "retry", id, "the peer is disabled: 'mhs peer enable gamma'");
    json_t *answer =
        ask(&world, "{\"operation\":\"queue-retry\",\"all\":true,\"limit\":10,\"reason\":\"a test\"}");
    assert_int_equal(number_at(answer, "changed", NULL), 0);
    assert_int_equal(number_at(answer, "skipped", NULL), 1);
    json_decref(answer);
    json_decref(ask(&world, "{\"operation\":\"peer-enable\",\"peer\":\"gamma\",\"reason\":\"test\"}"));
    changes(&world, "retry", id);
    world_end(&world);
}

static const char *cause_at(json_t *list, size_t i) {
    return json_string_value(json_object_get(entry_at(list, i), "last-error"));
}

/* Its peer is no reason why a copy waits whose time has not come. */
static void a_deferred_copy_waits_for_its_time_alone(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    world.deferred = clock_now_us() / 1000000 + 600;
    comes_in(&world, FRANK);
    world.deferred = 0;
    comes_in(&world, FRANK);
    gamma_is_not_found(&world);
    EVENTUALLY(failed_calls(&world) == 1);
    json_t *list = ask(&world, "{\"operation\":\"queue-list\"}");
    assert_null(cause_at(list, 0));
    assert_non_null(strstr(cause_at(list, 1), "no such host"));
    json_decref(list);
    world_end(&world);
}

/* I3: the mark says that a copy may have been sent. One that was not has none after a clean stop. */
static void what_was_never_sent_is_not_in_doubt_after_a_stop(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_in(&world, FRANK);
    expect(&world, IPC_CONNECT, 0);
    world_stop(&world);
    begin_again(&world);
    json_int_t id = expect_copy(&world, "ready", 0);
    changes(&world, "delete", id);
    expect_drained(&world);
    world_end(&world);
}

/* ---- peers that leave ---- */

/* The same world without gamma; its addresses are beta's, or (`orphaned`) nobody's. */
static struct mts_tables *tables_without_gamma(bool orphaned) {
    struct mts_self self = {.domain = OURS, .mta_name = "alpha-1", NUMBERS_OF_SELF};
    struct mts_tables *tables = mts_tables_new(&self, NULL);
    assert_true(
        mts_tables_add_hop(tables, &(struct mts_hop){.name = "beta", .domain = BETA, .transit = true}, NULL));
    route_to(tables, OURS, NULL);
    route_to(tables, BETA, "beta");
    if (!orphaned)
        route_to(tables, GAMMA, "beta");
    return tables;
}

static void drop_gamma(struct world *world, bool orphaned) {
    mts_tables_free(world->config.tables);
    world->config.tables = tables_without_gamma(orphaned);
    world->config.peer_count = 1;
}

static void put_gamma_back(struct world *world) {
    mts_tables_free(world->config.tables);
    world->config.tables = make_tables();
    world->config.peer_count = 2;
}

static void expect_peer(struct world *world, const char *name, bool configured, json_int_t in_doubt) {
    char request[100];
    snprintf(request, sizeof request, "{\"operation\":\"peer-status\",\"peer\":\"%s\"}", name);
    json_t *answer = ask(world, request);
    json_t *peer = json_array_get(json_object_get(answer, "peers"), 0);
    assert_int_equal(json_is_true(json_object_get(peer, "configured")), configured);
    assert_int_equal(number_at(peer, "in-doubt", NULL), in_doubt);
    json_decref(answer);
}

static void copies_of_a_peer_that_is_gone_at_the_start_are_routed_anew(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_in(&world, FRANK);
    expect(&world, IPC_CONNECT, 0);
    world_stop(&world);
    drop_gamma(&world, false);
    begin_again(&world);
    goes_out(&world, 2, "beta");
    expect_drained(&world);
    world_end(&world);
}

/* I4 */
static void a_copy_in_doubt_waits_for_its_peer_to_come_back(void **state) {
    struct world world;
    struct buf first;
    struct outgoing out;
    (void)state;
    killed_in_doubt(&world, &first);
    drop_gamma(&world, false);
    begin_again(&world);
    expect_none(&world, IPC_CONNECT);
    json_int_t id = expect_copy(&world, "in-doubt", 0);
    expect_peer(&world, "gamma", false, 1);
    refuses(&world, "retry", id, "put it back");
    refuses(&world, "delete", id, "put it back");
    world_stop(&world);
    put_gamma_back(&world);
    begin_again(&world);
    expect_peer(&world, "gamma", true, 1);
    out = sets_out(&world, 2, "gamma");
    assert_true(span_eq(out.prefix, buf_span(&first)));
    sent(&world, 2, IPC_SENT);
    expect_drained(&world);
    buf_free(&first);
    world_end(&world);
}

static void without_another_route_a_copy_stays(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_in(&world, FRANK);
    expect(&world, IPC_CONNECT, 0);
    world_stop(&world);
    drop_gamma(&world, true);
    begin_again(&world);
    expect_none(&world, IPC_CONNECT);
    json_int_t id = expect_copy(&world, "peer-removed", 0);
    refuses(&world, "retry", id, "not in the configuration any more");
    changes(&world, "hold", id);
    world_stop(&world);
    put_gamma_back(&world);
    begin_again(&world);
    changes(&world, "release", id);
    goes_out(&world, 2, "gamma");
    expect_drained(&world);
    world_end(&world);
}

/* ---- reload ---- */

static struct mta_config reloaded;

static const struct mta_config *read_reload(void *context, struct span text, struct error *err) {
    struct world *world = context;
    if (!span_eq(text, SPAN_LIT("without gamma"))) {
        error_set(err, 1, "nobody can read that");
        return NULL;
    }
    reloaded = world->config;
    reloaded.tables = tables_without_gamma(false);
    reloaded.peer_count = 1;
    return &reloaded;
}

static void release_reload(void *context, const struct mta_config *old) {
    (void)context;
    (void)old;
}

static void a_reload_routes_anew_and_loses_no_association(void **state) {
    struct world world;
    struct mta_reload reload = {read_reload, release_reload, &world};
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.reload = &reload;
    begin_again(&world);
    associate(&world, 1, "beta");
    comes_in(&world, FRANK);
    sets_out(&world, 2, "gamma");
    sent(&world, 2, IPC_SENT_DEFERRED);
    expect_copy(&world, "backing-off", 1);
    put(world.parent, IPC_CONFIG, 0, SPAN_LIT("rubbish"), NOTHING);
    comes_in(&world, EVA); /* by an association that was there before */
    goes_out(&world, 3, "beta");
    put(world.parent, IPC_CONFIG, 0, SPAN_LIT("without gamma"), NOTHING);
    outgoing_of(&world, 3); /* what waited for gamma goes by beta's association, at once */
    sent(&world, 3, IPC_SENT);
    expect_drained(&world);
    comes_in(&world, FRANK);
    outgoing_of(&world, 3);
    sent(&world, 3, IPC_SENT);
    expect_drained(&world);
    world_end(&world);
}

/* What a peer still sends when a reload takes it away was not looked at by any rule: it is not at fault. */
static void a_peer_that_a_reload_takes_away_is_refused_for_now(void **state) {
    struct world world;
    struct mta_reload reload = {read_reload, release_reload, &world};
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.reload = &reload;
    begin_again(&world);
    associate(&world, 1, "beta");
    associate(&world, 2, "gamma");
    comes_in(&world, FRANK);
    expect(&world, IPC_CONNECT, 0);
    put(world.parent, IPC_CONFIG, 0, SPAN_LIT("without gamma"), NOTHING);
    expect(&world, IPC_CONNECT, 0); /* by beta now: it was read */
    send_whole(&world, 2, envelope_to(&world, WANTS_NDN, EVA, NULL), SPAN_LIT("content"));
    assert_int_equal(result_of(&world, 2), IPC_REFUSED_TEMPORARILY);
    world_end(&world);
}

/* ---- a peer that refuses for now, with another way ---- */

/* Another way gives no more time: the copy expires when it would have. */
static json_int_t expect_expiry(struct world *world, const char *hop, const char *expires) {
    json_t *list = ask(world, "{\"operation\":\"queue-list\"}");
    json_int_t id = number_at(entry_at(list, 0), "id", NULL);
    assert_string_equal(json_string_value(json_object_get(entry_at(list, 0), "next-hop")), hop);
    assert_string_equal(json_string_value(json_object_get(entry_at(list, 0), "expires")), expires);
    json_decref(list);
    return id;
}

static void rerouting_does_not_put_off_the_expiry(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, FRANK);
    json_t *list = ask(&world, "{\"operation\":\"queue-list\"}");
    char *expires = strdup(json_string_value(json_object_get(entry_at(list, 0), "expires")));
    json_int_t id = number_at(entry_at(list, 0), "id", NULL);
    json_decref(list);
    sleep(2);
    char request[200];
    snprintf(request, sizeof request,
             "{\"operation\":\"queue-redirect\",\"id\":%lld,\"by-peer\":\"beta\",\"force\":true,"
             "\"reason\":\"a test\"}",
             (long long)id);
    json_t *answer = ask(&world, request);
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    id = expect_expiry(&world, "beta", expires);
    snprintf(request, sizeof request,
             "{\"operation\":\"queue-redirect\",\"id\":%lld,\"address\":\"" GAMMA
             "/S=other\",\"reason\":\"a test\"}",
             (long long)id);
    answer = ask(&world, request);
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    expect_expiry(&world, "gamma", expires);
    free(expires);
    world_end(&world);
}

/* ---- redirections ---- */

static json_t *redirect(struct world *world, json_int_t id, const char *how) {
    char request[1200];
    snprintf(request, sizeof request,
             "{\"operation\":\"queue-redirect\",\"id\":%lld,%s,\"reason\":\"a test\"}", (long long)id, how);
    return ask(world, request);
}

static void expect_refusal(json_t *answer, const char *word) {
    const char *text = json_string_value(json_object_get(json_object_get(answer, "error"), "text"));
    if (!text || !strstr(text, word))
        fail_msg("no '%s' in: %s", word, text ? text : "(no error)");
    json_decref(answer);
}

#define OE8  "\u00f6\u00f6\u00f6\u00f6\u00f6\u00f6\u00f6\u00f6"
#define OE32 OE8 OE8 OE8 OE8

/* The refusal names it, as far as there is room, and cuts no character of it. */
static void a_long_address_is_told_in_whole_characters(void **state) {
    static const char *const odd[] = {"", "a"};
    struct world world;
    char how[1000];
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, FRANK);
    json_int_t id = expect_copy(&world, "ready", 0);
    for (size_t i = 0; i < 2; i++) {
        snprintf(how, sizeof how,
                 "\"address\":\"" OURS "/O=%s" OE32 "/OU1=" OE8 OE8 OE8 "/OU2=" OE32 "/OU3=" OE32 "/OU4=" OE32
                 "/S=annn\"",
                 odd[i]);
        expect_refusal(redirect(&world, id, how), "it would be non-delivered to /C=GB");
    }
    world_end(&world);
}

/* Beta would find its own domain in the trace, and the recipient would be non-delivered. */
static void a_redirection_that_would_loop_wants_force(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, FRANK);
    json_int_t id = expect_copy(&world, "ready", 0);
    expect_refusal(redirect(&world, id, "\"by-peer\":\"beta\""), "would loop");
    expect_refusal(redirect(&world, id, "\"address\":\"" FRANK "\""), "would loop");
    expect_refusal(redirect(&world, id, "\"by-peer\":\"beta\",\"anew\":true"), "give one of");
    expect_refusal(redirect(&world, id, "\"anew\":true"), "no better way");
    expect_copy(&world, "ready", 0);
    json_t *answer = redirect(&world, id, "\"by-peer\":\"beta\",\"force\":true");
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    world_end(&world);
}

/* What waited for gamma by an operator's wish goes where the rules say, when they are asked anew. */
static void a_copy_can_be_routed_anew(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    associate(&world, 1, "gamma");
    client(&world, 1, 0);
    comes_in(&world, FRANK);
    json_int_t id = expect_copy(&world, "ready", 0);
    json_decref(redirect(&world, id, "\"by-peer\":\"beta\",\"force\":true"));
    json_t *list = ask(&world, "{\"operation\":\"queue-list\",\"next-hop\":\"beta\"}");
    id = number_at(entry_at(list, 0), "id", NULL);
    json_decref(list);
    json_t *answer = redirect(&world, id, "\"anew\":true");
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    list = ask(&world, "{\"operation\":\"queue-list\"}");
    assert_string_equal(json_string_value(json_object_get(entry_at(list, 0), "next-hop")), "gamma");
    json_decref(list);
    world_end(&world);
}

/* It has not gone to the peer for which it is held then, though that one is up: nothing is in doubt. */
static void what_takes_the_place_of_a_held_copy_has_not_gone(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, FRANK);
    json_int_t id = expect_copy(&world, "ready", 0);
    changes(&world, "hold", id);
    json_decref(redirect(&world, id, "\"by-peer\":\"beta\",\"force\":true"));
    for (int restarts = 0; restarts < 2; restarts++) {
        expect_copy(&world, "held", 0);
        json_t *list = ask(&world, "{\"operation\":\"queue-list\",\"next-hop\":\"beta\"}");
        assert_true(json_is_false(json_object_get(entry_at(list, 0), "in-doubt")));
        json_decref(list);
        world_kill(&world);
        begin_again(&world);
    }
    world_end(&world);
}

/* ---- what a change leaves behind ---- */

static json_int_t copy_in(struct world *world, const char *state) {
    char request[100];
    snprintf(request, sizeof request, "{\"operation\":\"queue-list\",\"state\":\"%s\"}", state);
    json_t *list = ask(world, request);
    assert_int_equal(json_array_size(json_object_get(list, "entries")), 1);
    json_int_t id = number_at(entry_at(list, 0), "id", NULL);
    json_decref(list);
    return id;
}

/* Its row lost the mark with which it came in, its peer being up: it gets a new one before it goes (I3). */
static void what_was_held_is_marked_anew(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, FRANK);
    sets_out(&world, 2, "gamma");
    comes_in(&world, FRANK);
    json_int_t id = copy_in(&world, "ready");
    changes(&world, "hold", id);
    sent(&world, 2, IPC_SENT);
    EVENTUALLY(queued(&world) == 1);
    changes(&world, "release", id);
    outgoing_of(&world, 2);
    expect_committed(&world);
    world_kill(&world);
    begin_again(&world);
    expect_copy(&world, "in-doubt", 0);
    world_end(&world);
}

static json_int_t copies_for(struct world *world, const char *peer) {
    char request[100];
    snprintf(request, sizeof request, "{\"operation\":\"queue-list\",\"next-hop\":\"%s\"}", peer);
    return listed(world, request);
}

/* Held, it was passed over when the others were routed anew. */
static void what_is_released_for_a_peer_that_is_gone_is_routed_anew(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, FRANK);
    json_int_t id = expect_copy(&world, "ready", 0);
    changes(&world, "hold", id);
    world_kill(&world);
    drop_gamma(&world, false);
    begin_again(&world);
    expect_copy(&world, "held", 0);
    usleep(1500000); /* all others have gone another way */
    assert_int_equal(copies_for(&world, "gamma"), 1);
    changes(&world, "release", id);
    EVENTUALLY(copies_for(&world, "beta") == 1);
    world_end(&world);
}

static void what_waits_for_a_peer_that_is_disabled_goes_another_way(void **state) {
    struct mts_choice choices[] = {{"gamma", 1, 1}, {"beta", 2, 1}};
    struct mts_route route = {.pattern = GAMMA "/O=BOTH", .choices = choices, .choice_count = 2};
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    assert_true(mts_tables_add_route(world.config.tables, &route, NULL));
    begin_again(&world);
    associate(&world, 1, "beta");
    comes_in(&world, GAMMA "/O=BOTH/S=frank");
    assert_int_equal(copies_for(&world, "gamma"), 1);
    json_decref(ask(&world, "{\"operation\":\"peer-disable\",\"peer\":\"gamma\",\"reason\":\"test\"}"));
    EVENTUALLY(copies_for(&world, "beta") == 1);
    world_end(&world);
}

/* ---- changes of many ---- */

/* The count changes nothing, and what comes later is not meant by it. */
static void a_change_of_many_can_be_counted_first(void **state) {
    struct world world;
    char request[200];
    (void)state;
    begin_with_operator(&world);
    for (unsigned i = 0; i < 3; i++)
        comes_in(&world, FRANK);
    json_t *answer = ask(&world, "{\"operation\":\"queue-hold\",\"all\":true,\"next-hop\":\"gamma\","
                                 "\"count\":true,\"reason\":\"a test\"}");
    assert_int_equal(number_at(answer, "changed", NULL), 3);
    json_int_t last = number_at(answer, "last", NULL);
    json_decref(answer);
    answer = ask(&world, "{\"operation\":\"queue-list\",\"state\":\"held\"}");
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 0);
    json_decref(answer);
    comes_in(&world, FRANK);
    snprintf(request, sizeof request,
             "{\"operation\":\"queue-hold\",\"all\":true,\"until\":%lld,\"reason\":\"a test\"}",
             (long long)last);
    answer = ask(&world, request);
    assert_int_equal(number_at(answer, "changed", NULL), 3);
    json_decref(answer);
    answer = ask(&world, "{\"operation\":\"queue-list\",\"state\":\"held\"}");
    assert_int_equal(json_array_size(json_object_get(answer, "entries")), 3);
    assert_non_null(strstr(json_string_value(json_object_get(entry_at(answer, 0), "last-error")), "a test"));
    json_decref(answer);
    world_end(&world);
}

/* ---- what a list tells ---- */

/* A copy that nothing is wrong with waits for its peer, which can't be reached: it says so, and until when.
 */
static void a_ready_copy_of_a_peer_in_back_off_backs_off(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, FRANK);
    expect_copy(&world, "ready", 0);
    gamma_is_not_found(&world);
    EVENTUALLY(failed_calls(&world)); /* the failure comes by another channel than the requests */
    expect_copy(&world, "backing-off", 0);
    json_t *list = ask(&world, "{\"operation\":\"queue-list\",\"state\":\"backing-off\"}");
    assert_string_equal(json_string_value(json_object_get(entry_at(list, 0), "last-error")), "no such host");
    assert_true(json_is_string(json_object_get(entry_at(list, 0), "next-try")));
    json_decref(list);
    json_t *status = ask(&world, "{\"operation\":\"status\"}");
    assert_int_equal(number_at(status, "work", "backing-off"), 1);
    assert_int_equal(number_at(status, "work", "ready"), 0);
    json_decref(status);
    world_end(&world);
}

/* ---- pages ---- */

static void pages_reach_every_copy_once(void **state) {
    struct world world;
    json_int_t cursor = 0, seen = 0, last = 0;
    (void)state;
    begin_with_operator(&world);
    for (unsigned i = 0; i < 25; i++)
        comes_in(&world, FRANK);
    do {
        char request[200];
        snprintf(request, sizeof request, "{\"operation\":\"queue-list\",\"limit\":10,\"after\":%lld}",
                 (long long)cursor);
        json_t *answer = ask(&world, request), *entry;
        size_t i;
        json_array_foreach(json_object_get(answer, "entries"), i, entry) {
            assert_true(number_at(entry, "id", NULL) > last);
            last = number_at(entry, "id", NULL);
            seen++;
        }
        cursor = number_at(answer, "cursor", NULL);
        json_decref(answer);
    } while (cursor);
    assert_int_equal(seen, 25);

    json_int_t changed = 0;
    do {
        char request[200];
        snprintf(
            request, sizeof request,
            "{\"operation\":\"queue-hold\",\"all\":true,\"limit\":10,\"after\":%lld,\"reason\":\"a test\"}",
            (long long)cursor);
        json_t *answer = ask(&world, request);
        assert_in_range(number_at(answer, "changed", NULL), 1, 10);
        changed += number_at(answer, "changed", NULL);
        cursor = number_at(answer, "cursor", NULL);
        json_decref(answer);
    } while (cursor);
    assert_int_equal(changed, 25);
    world_end(&world);
}

/* ---- years ---- */

#define DAY ((int64_t)86400 * 1000000)

/* Two digits reach from 10 years back to 40 ahead of the clock, whatever that says. */
static void the_next_half_century_is_served(void **state) {
    struct world world;
    (void)state;
    clock_set_ahead((int64_t)9131 * DAY);
    ber_utctime_set_now(clock_now_us() / 1000000);
    begin_with_operator(&world);
    comes_in(&world, JONES);
    json_t *list = ask(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" JONES "\"}");
    const char *arrival = json_string_value(json_object_get(entry_at(list, 0), "arrival"));
    const char *submitted = json_string_value(json_object_get(entry_at(list, 0), "submitted"));
    assert_memory_equal(arrival, "20", 2);
    assert_true(strncmp(arrival, "2051", 4) >= 0);
    assert_memory_equal(submitted, arrival, 4);
    json_decref(list);
    world_end(&world);
    clock_set_ahead(0);
    ber_utctime_set_now(clock_now_us() / 1000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_held_copy_keeps_its_deferred_delivery_time),
        cmocka_unit_test(tries_survive_a_restart),
        cmocka_unit_test(a_copy_of_a_disabled_peer_is_not_retried),
        cmocka_unit_test(a_deferred_copy_waits_for_its_time_alone),
        cmocka_unit_test(what_was_never_sent_is_not_in_doubt_after_a_stop),
        cmocka_unit_test(copies_of_a_peer_that_is_gone_at_the_start_are_routed_anew),
        cmocka_unit_test(a_copy_in_doubt_waits_for_its_peer_to_come_back),
        cmocka_unit_test(without_another_route_a_copy_stays),
        cmocka_unit_test(a_reload_routes_anew_and_loses_no_association),
        cmocka_unit_test(a_peer_that_a_reload_takes_away_is_refused_for_now),
        cmocka_unit_test(rerouting_does_not_put_off_the_expiry),
        cmocka_unit_test(a_long_address_is_told_in_whole_characters),
        cmocka_unit_test(a_redirection_that_would_loop_wants_force),
        cmocka_unit_test(what_takes_the_place_of_a_held_copy_has_not_gone),
        cmocka_unit_test(what_was_held_is_marked_anew),
        cmocka_unit_test(what_is_released_for_a_peer_that_is_gone_is_routed_anew),
        cmocka_unit_test(what_waits_for_a_peer_that_is_disabled_goes_another_way),
        cmocka_unit_test(a_copy_can_be_routed_anew),
        cmocka_unit_test(a_change_of_many_can_be_counted_first),
        cmocka_unit_test(a_ready_copy_of_a_peer_in_back_off_backs_off),
        cmocka_unit_test(pages_reach_every_copy_once),
        cmocka_unit_test(the_next_half_century_is_served),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
