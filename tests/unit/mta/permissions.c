/* Who may do what over the local socket (docs/local-protocol.md), by the uid that the kernel tells of. */
#include "world.h"

static void as(struct world *world, uint32_t uid) {
    tell(world, IPC_CLIENT_CLOSE, 1, NOTHING, NOTHING);
    client(world, 1, uid);
}

/* The error's code, or "" for an answer. */
static const char *code_of(struct world *world, const char *request) {
    static char code[64];
    json_t *answer = ask(world, request);
    const char *text = json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
    snprintf(code, sizeof code, "%s", text ? text : "");
    json_decref(answer);
    return code;
}

static const char *const operators_only[] = {
    "{\"operation\":\"peer-status\"}",
    "{\"operation\":\"queue-list\"}",
    "{\"operation\":\"queue-show\",\"id\":1}",
    "{\"operation\":\"queue-hold\",\"all\":true,\"reason\":\"x\"}",
    "{\"operation\":\"queue-release\",\"all\":true,\"reason\":\"x\"}",
    "{\"operation\":\"queue-retry\",\"all\":true,\"reason\":\"x\"}",
    "{\"operation\":\"queue-redirect\",\"id\":1,\"by-peer\":\"beta\",\"reason\":\"x\"}",
    "{\"operation\":\"queue-delete\",\"all\":true,\"reason\":\"x\"}",
    "{\"operation\":\"queue-nondeliver\",\"all\":true,\"reason\":\"x\"}",
    "{\"operation\":\"user-list\"}",
    "{\"operation\":\"user-add\",\"address\":\"" OURS "/S=new\"}",
    "{\"operation\":\"user-remove\",\"address\":\"" OURS "/S=new\"}",
};

static void operators_are_root_the_service_and_the_group(void **state) {
    static const uint32_t members[] = {2001, 2002};
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.config.service_uid = 999;
    world.config.operators_gid = 3000; /* client() gives the uid as gid too */
    world.config.operator_uids = members;
    world.config.operator_uid_count = 2;
    world_start(&world);
    client(&world, 1, 1001);
    for (size_t i = 0; i < sizeof operators_only / sizeof *operators_only; i++)
        assert_string_equal(code_of(&world, operators_only[i]), "not-permitted");
    static const uint32_t may[] = {0, 999, 3000, 2001, 2002};
    for (size_t i = 0; i < sizeof may / sizeof *may; i++) {
        as(&world, may[i]);
        assert_string_equal(code_of(&world, "{\"operation\":\"queue-list\"}"), "");
        assert_string_equal(code_of(&world, "{\"operation\":\"user-list\"}"), "");
        assert_string_equal(code_of(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" JONES "\"}"),
                            "");
    }
    as(&world, 2003);
    assert_string_equal(code_of(&world, "{\"operation\":\"queue-list\"}"), "not-permitted");
    world_end(&world);
}

/* Whatever may be done with a mailbox, only its user may. */
static void a_mailbox_is_its_users(void **state) {
    static const char *const requests[] = {
        "{\"operation\":\"mailbox-list\",\"mailbox\":\"" JONES "\"}",
        "{\"operation\":\"mailbox-show\",\"mailbox\":\"" JONES "\",\"entry\":1}",
        "{\"operation\":\"mailbox-mark\",\"mailbox\":\"" JONES "\",\"entry\":1,\"seen\":true}",
        "{\"operation\":\"mailbox-delete\",\"mailbox\":\"" JONES "\",\"entry\":1}",
    };
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_in(&world, JONES);
    client(&world, 1, 1002);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        assert_string_equal(code_of(&world, requests[i]), "not-permitted");
    as(&world, 1001);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        assert_string_equal(code_of(&world, requests[i]), "");
    json_t *answer = ask(&world, "{\"operation\":\"mailboxes\"}");
    assert_int_equal(json_array_size(json_object_get(answer, "mailboxes")), 1);
    json_decref(answer);
    world_end(&world);
}

/* A user sees his own settings, and of others not even whether they are there. */
static void settings_are_shown_to_their_user(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    client(&world, 1, 1001);
    json_t *answer = ask(&world, "{\"operation\":\"user-list\",\"address\":\"" JONES "\"}");
    assert_int_equal(json_array_size(json_object_get(answer, "users")), 1);
    json_decref(answer);
    assert_string_equal(code_of(&world, "{\"operation\":\"user-list\",\"address\":\"" OURS "/S=none\"}"),
                        "not-permitted");
    as(&world, 1002);
    assert_string_equal(code_of(&world, "{\"operation\":\"user-list\",\"address\":\"" JONES "\"}"),
                        "not-permitted");
    as(&world, 0);
    assert_string_equal(code_of(&world, "{\"operation\":\"user-list\",\"address\":\"" OURS "/S=none\"}"),
                        "not-found");
    world_end(&world);
}

/* A stranger learns that the MTA is there, and nothing of what goes through it. */
static void a_stranger_sees_little(void **state) {
    struct world world;
    char request[200];
    (void)state;
    begin_with_beta(&world);
    comes_in(&world, JONES);
    client(&world, 1, 5000);
    json_t *answer = ask(&world, "{\"operation\":\"status\"}");
    assert_non_null(json_object_get(answer, "state"));
    assert_null(json_object_get(answer, "peers"));
    assert_null(json_object_get(answer, "counters"));
    json_decref(answer);
    answer = ask(&world, "{\"operation\":\"track\",\"recent\":10}");
    assert_int_equal(json_array_size(json_object_get(answer, "messages")), 0);
    json_decref(answer);
    as(&world, 0);
    answer = ask(&world, "{\"operation\":\"track\",\"recent\":10}");
    json_t *message = json_array_get(json_object_get(answer, "messages"), 0);
    snprintf(request, sizeof request, "{\"operation\":\"track\",\"mts-identifier\":\"%s\"}",
             json_string_value(json_object_get(message, "mts-identifier")));
    json_decref(answer);
    assert_string_equal(code_of(&world, request), "");
    as(&world, 5000);
    assert_string_equal(code_of(&world, request), "not-found");
    char waiting[200];
    snprintf(waiting, sizeof waiting, "{\"operation\":\"waiting%s", strchr(request, ',') - 1);
    assert_string_equal(code_of(&world, waiting), "not-found");
    as(&world, 1001); /* to whom it came, and who did not submit it */
    assert_string_equal(code_of(&world, waiting), "not-found");
    as(&world, 0);
    assert_string_equal(code_of(&world, waiting), "");
    assert_string_equal(code_of(&world, "{\"operation\":\"waiting\"}"), "bad-request");
    world_end(&world);
}

/* ---- many users ---- */

enum { MANY = 5000 };

/* The number of mailboxes in the answer's parts. */
static size_t count_mailboxes(struct world *world) {
    size_t count = 0;
    bool last = false;
    tell(world, IPC_REQUEST, (uint64_t)1 << 32 | 5, NOTHING, SPAN_LIT("{\"operation\":\"mailboxes\"}"));
    while (!last) {
        struct reader r = expect(world, IPC_RESPONSE, (uint64_t)1 << 32 | 5);
        last = reader_u8(&r);
        struct span text = payload_rest(&r);
        json_t *part = json_loadb((const char *)text.data, text.len, 0, NULL);
        json_t *list = json_is_array(part) ? part : json_object_get(part, "mailboxes");
        assert_true(json_is_array(list));
        count += json_array_size(list);
        json_decref(part);
    }
    return count;
}

/* Where each user's mailbox was found by a look at every user, this took minutes. */
static void an_operator_sees_the_mailboxes_of_many_users(void **state) {
    static struct mta_user users[MANY];
    static char addresses[MANY][48];
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(addresses[i], sizeof addresses[i], OURS "/S=user%zu", i);
        users[i] = (struct mta_user){.address = addresses[i]};
    }
    world.config.users = users;
    world.config.user_count = MANY;
    world_start(&world);
    client(&world, 1, 0);
    assert_int_equal(count_mailboxes(&world), MANY);
    world_end(&world);
}

static const char *user_request(const char *operation, const char *member, unsigned number) {
    static char request[160];
    snprintf(request, sizeof request, "{\"operation\":\"%s\",\"%s\":\"" OURS "/S=user%u\"}", operation,
             member, number);
    return request;
}

/* The users' numbers change as others go. */
static void users_are_found_when_others_have_gone(void **state) {
    enum { COUNT = 20 };
    static const unsigned order[COUNT] = {19, 0, 7, 18, 1, 12, 3,  17, 5,  2,
                                          16, 8, 4, 15, 6, 9,  14, 10, 13, 11};
    bool there[COUNT] = {false};
    struct world world;
    (void)state;
    world_begin(&world);
    client(&world, 1, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_string_equal(code_of(&world, user_request("user-add", "address", i)), "");
        assert_string_equal(code_of(&world, user_request("user-add", "address", i)), "exists");
        there[i] = true;
    }
    for (unsigned i = 0; i < COUNT; i++) {
        assert_string_equal(code_of(&world, user_request("user-remove", "address", order[i])), "");
        there[order[i]] = false;
        for (unsigned k = 0; k < COUNT; k++)
            assert_string_equal(code_of(&world, user_request("mailbox-list", "mailbox", k)),
                                there[k] ? "" : "not-found");
    }
    assert_string_equal(
        code_of(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"s=JONES; p=alpha; a=gold; c=gb\"}"),
        "");
    world_end(&world);
}

/* ---- a file of users ---- */

enum { FILE_USERS = 4000, A_REQUEST = 500 };

static void give_users(struct world *world, unsigned from, bool more) {
    struct buf request;
    buf_init(&request, 0);
    buf_printf(&request, "{\"operation\":\"user-add\",\"more\":%s,\"users\":[", more ? "true" : "false");
    for (unsigned i = from; i < from + A_REQUEST; i++)
        buf_printf(&request, "%s{\"address\":\"" OURS "/S=u%u\",\"uid\":%u}", i == from ? "" : ",", i,
                   5000 + i);
    buf_printf(&request, "]}");
    tell(world, IPC_REQUEST, (uint64_t)1 << 32 | 9, NOTHING, buf_span(&request));
    buf_free(&request);
    if (more)
        expect(world, IPC_RESPONSE, (uint64_t)1 << 32 | 9);
}

/* Whoever asks while they are added is answered, again and again. */
static void many_users_hold_up_nobody(void **state) {
    struct world world;
    int64_t longest = 0;
    unsigned answered = 0;
    (void)state;
    world_begin(&world);
    client(&world, 1, 0);
    for (unsigned i = 0; i + A_REQUEST < FILE_USERS; i += A_REQUEST)
        give_users(&world, i, true);
    give_users(&world, FILE_USERS - A_REQUEST, false);
    do {
        int64_t before = clock_monotonic_us();
        json_decref(ask(&world, "{\"operation\":\"status\"}"));
        int64_t took = clock_monotonic_us() - before;
        longest = took > longest ? took : longest;
        answered++;
    } while (world.kept_count == 0);
    printf("# %u answers meanwhile, the longest after %lld us\n", answered, (long long)longest);
    assert_true(answered > 20);
    struct reader r = expect(&world, IPC_RESPONSE, (uint64_t)1 << 32 | 9);
    reader_u8(&r);
    struct span text = payload_rest(&r);
    json_t *answer = json_loadb((const char *)text.data, text.len, 0, NULL);
    assert_int_equal(number_at(answer, "changed", NULL), FILE_USERS);
    json_decref(answer);
    assert_string_equal(code_of(&world, user_request("mailbox-list", "mailbox", 1)), "not-found");
    assert_string_equal(code_of(&world, "{\"operation\":\"mailbox-list\",\"mailbox\":\"" OURS "/S=u3999\"}"),
                        "");
    world_kill(&world);
    begin_again(&world);
    assert_string_equal(code_of(&world, "{\"operation\":\"user-remove\",\"address\":\"" OURS "/S=u0\"}"), "");
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_are_root_the_service_and_the_group),
        cmocka_unit_test(a_mailbox_is_its_users),
        cmocka_unit_test(settings_are_shown_to_their_user),
        cmocka_unit_test(a_stranger_sees_little),
        cmocka_unit_test(an_operator_sees_the_mailboxes_of_many_users),
        cmocka_unit_test(many_users_hold_up_nobody),
        cmocka_unit_test(users_are_found_when_others_have_gone),
    };
    return cmocka_run_group_tests_name("permissions", tests, NULL, NULL);
}
