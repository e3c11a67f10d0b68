/* Whose a bind is: names, passwords, addresses, contexts and selectors, of one peer and of several with one
 * name. */
#include "mta/bind.h"

#include "world.h"

#define MODES(a) (1u << (a))

/* Three sections of one MTA, and one that gives no name. */
static const struct mta_host plain[] = {{"192.0.2.1", false}},
                             far[] = {{"192.0.2.9", false}, {"far.test", true}};

static const struct mta_peer peers[] = {
    {.name = "any",
     .bind = {.mta_name = SPAN_LIT("BETA"),
              .passwords = {SPAN_LIT("new"), SPAN_LIT("old")},
              .modes = ANY_MODE}},
    {.name = "old-context",
     .bind = {.mta_name = SPAN_LIT("TWO"),
              .passwords = {SPAN_LIT("p")},
              .modes = MODES(IPC_MODE_1984),
              .two_way_alternate = true}},
    {.name = "new-context",
     .bind = {.mta_name = SPAN_LIT("TWO"), .passwords = {SPAN_LIT("p")}, .modes = MODES(IPC_MODE_NORMAL)}},
    {.name = "far",
     .bind = {.mta_name = SPAN_LIT("FAR"),
              .passwords = {SPAN_LIT("f")},
              .modes = ANY_MODE,
              .check_address = true,
              .hosts = far,
              .host_count = 2}},
    {.name = "nameless",
     .bind = {.unauthenticated = true,
              .mta_name = SPAN_LIT("nameless"),
              .modes = ANY_MODE,
              .check_address = true,
              .hosts = plain,
              .host_count = 1}},
    {.name = "door-1",
     .bind = {.mta_name = SPAN_LIT("DOOR"), .modes = ANY_MODE, .calling = {.t = SPAN_LIT("one")}}},
    {.name = "door-2",
     .bind = {.mta_name = SPAN_LIT("DOOR"), .modes = ANY_MODE, .calling = {.t = SPAN_LIT("two")}}},
    {.name = "door-at-home",
     .bind = {.mta_name = SPAN_LIT("DOOR"), .modes = ANY_MODE, .hosts = far, .host_count = 1}},
};

static struct ipc_bind bind_by(const char *name, const char *password) {
    return (struct ipc_bind){
        .address = SPAN_LIT("192.0.2.1"),
        .mode = IPC_MODE_NORMAL,
        .credentials = {IPC_CREDENTIALS_OCTET_STRING, span_str(name), span_str(password)}};
}

static struct bind_judgement judge_with(const struct ipc_bind *bind, struct buf *hosts) {
    struct bind_judgement judgement;
    bind_judge(peers, sizeof peers / sizeof *peers, bind, hosts, &judgement);
    return judgement;
}

static struct bind_judgement judge(const struct ipc_bind *bind) {
    struct buf hosts;
    buf_init(&hosts, 0);
    struct bind_judgement judgement = judge_with(bind, &hosts);
    buf_free(&hosts);
    return judgement;
}

static void is_admitted(const struct ipc_bind *bind, const char *peer) {
    struct bind_judgement judgement = judge(bind);
    assert_int_equal(judgement.verdict, IPC_BIND_ADMITTED);
    assert_string_equal(judgement.peer->name, peer);
}

static void is_refused(const struct ipc_bind *bind, enum ipc_bind_verdict verdict, const char *parameter,
                       const char *says) {
    struct bind_judgement judgement = judge(bind);
    assert_int_equal(judgement.verdict, verdict);
    assert_string_equal(judgement.parameter, parameter);
    assert_non_null(strstr(judgement.cause, says));
}

static void name_and_password_are_compared(void **state) {
    (void)state;
    struct ipc_bind bind = bind_by("BETA", "new");
    is_admitted(&bind, "any");
    assert_false(judge(&bind).former_password);
    bind = bind_by("BETA", "old");
    is_admitted(&bind, "any");
    assert_true(judge(&bind).former_password);
    bind = bind_by("BETA", "ne");
    is_refused(&bind, IPC_BIND_AUTHENTICATION_ERROR, "initiator-credentials",
               "the MTA name is that of peer 'any', the password is not");
    bind = bind_by("BETA", "");
    is_refused(&bind, IPC_BIND_AUTHENTICATION_ERROR, "initiator-credentials", "the password is not");
    bind = bind_by("beta", "new");
    is_refused(&bind, IPC_BIND_AUTHENTICATION_ERROR, "initiator-name", "no peer has the MTA name 'beta'");
    bind.credentials = (struct ipc_credentials){.form = IPC_CREDENTIALS_STRONG, .name = SPAN_LIT("BETA")};
    is_refused(&bind, IPC_BIND_AUTHENTICATION_ERROR, "initiator-credentials", "strong credentials");
    bind.credentials = (struct ipc_credentials){.form = IPC_CREDENTIALS_STRONG, .name = SPAN_LIT("DOOR")};
    is_refused(&bind, IPC_BIND_AUTHENTICATION_ERROR, "initiator-credentials", "strong credentials");
    bind = bind_by("DOOR", "whatever"); /* none is asked */
    assert_int_equal(judge(&bind).verdict, IPC_BIND_ADMITTED);
}

/* A name that a peer has wrong is told with the peer, where only one calls from there. */
static void a_wrong_name_is_told_with_the_peer_of_the_address(void **state) {
    (void)state;
    struct ipc_bind bind = bind_by("NOBODY", "p");
    bind.address = span_str(far[0].is_name ? far[1].text : far[0].text);
    struct bind_judgement judgement = judge(&bind);
    assert_non_null(strstr(judgement.cause, "no peer has the MTA name 'NOBODY'"));
    assert_null(judgement.peer); /* two are there */
    bind.address = span_str(plain[0].text);
    judgement = judge(&bind);
    assert_string_equal(judgement.peer->name, "nameless");
    assert_non_null(strstr(judgement.cause, "'NOBODY'; it calls from where peer 'nameless' is"));
    bind.address = SPAN_LIT("192.0.2.77");
    assert_null(judge(&bind).peer);
}

static void a_mark_tells_what_changed(void **state) {
    (void)state;
    const struct mta_host host = {.text = "192.0.2.9"};
    const struct mta_bind *old = &peers[0].bind;
    struct mta_bind changed[] = {*old, *old, *old, *old, *old, *old, *old};
    changed[0].mta_name = SPAN_LIT("BETA-2");
    changed[1].passwords[0] = SPAN_LIT("newer");
    changed[2].passwords[1] = (struct span){NULL, 0};
    changed[3].check_address = !old->check_address;
    changed[4].modes ^= MODES(IPC_MODE_1984);
    changed[5].hosts = &host;
    changed[5].host_count = 1;
    changed[6].two_way_alternate = !old->two_way_alternate;
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
        assert_int_not_equal(bind_mark(&changed[i]), bind_mark(old));
    changed[0].mta_name = old->mta_name;
    assert_int_equal(bind_mark(&changed[0]), bind_mark(old));
    assert_int_not_equal(bind_mark(old), 0);
}

static void one_without_a_name_is_known_by_its_address(void **state) {
    (void)state;
    struct ipc_bind bind = bind_by("", "");
    bind.credentials = (struct ipc_credentials){.form = IPC_CREDENTIALS_NONE};
    is_admitted(&bind, "nameless");
    bind.address = SPAN_LIT("192.0.2.2");
    is_refused(&bind, IPC_BIND_AUTHENTICATION_ERROR, "initiator-credentials",
               "no address of peer 'nameless'");
}

static void the_context_chooses_among_peers_of_one_name(void **state) {
    (void)state;
    struct ipc_bind bind = bind_by("TWO", "p");
    is_admitted(&bind, "new-context");
    bind.mode = IPC_MODE_1984;
    is_admitted(&bind, "old-context");
    bind.mode = IPC_MODE_X410_1988;
    is_refused(&bind, IPC_BIND_AUTHENTICATION_ERROR, "initiator-credentials",
               "does not have mts-transfer-protocol");
    bind.mode = IPC_MODE_NORMAL;
    bind.two_way_alternate = true;
    is_refused(&bind, IPC_BIND_UNACCEPTABLE_DIALOGUE_MODE, "dialogue mode", "two-way alternate");
    bind.two_way_alternate = false;
    bind.security_context = true;
    is_refused(&bind, IPC_BIND_UNACCEPTABLE_SECURITY_CONTEXT, "security-context", "security context");
    bind.credentials.password = SPAN_LIT("x"); /* who is unknown is told no more */
    is_refused(&bind, IPC_BIND_AUTHENTICATION_ERROR, "initiator-credentials", "the password is not");
}

static void selectors_and_addresses_choose_too(void **state) {
    (void)state;
    struct ipc_bind bind = bind_by("DOOR", "");
    is_admitted(&bind, "door-1"); /* nothing says more than the order */
    bind.called.t = SPAN_LIT("two");
    is_admitted(&bind, "door-2");
    bind.address = SPAN_LIT("192.0.2.9"); /* an address says more than a selector */
    is_admitted(&bind, "door-at-home");
}

static void names_of_hosts_are_asked_for(void **state) {
    (void)state;
    struct buf hosts;
    struct span left, host;
    buf_init(&hosts, 0);
    struct ipc_bind bind = bind_by("FAR", "f");
    for (int wrong = 0; wrong < 2; wrong++) { /* the question tells nothing of the password */
        bind.credentials.password = wrong ? SPAN_LIT("x") : SPAN_LIT("f");
        buf_clear(&hosts);
        assert_int_equal(judge_with(&bind, &hosts).verdict, IPC_BIND_RESOLVE);
        left = buf_span(&hosts);
        assert_true(ipc_bind_host(&left, &host) && span_eq(host, SPAN_LIT("far.test")));
        assert_false(ipc_bind_host(&left, &host));
    }
    bind.resolved = true;
    is_refused(&bind, IPC_BIND_AUTHENTICATION_ERROR, "initiator-credentials", "the password is not");
    bind.credentials.password = SPAN_LIT("f");
    is_refused(&bind, IPC_BIND_AUTHENTICATION_ERROR, "initiator-credentials", "no address of peer 'far'");
    bind.hosts = buf_span(&hosts);
    is_admitted(&bind, "far");
    bind = bind_by("FAR", "f");
    bind.address = SPAN_LIT("192.0.2.9"); /* no name server is needed */
    is_admitted(&bind, "far");
    buf_free(&hosts);
}

static void a_responder_is_judged_by_the_peer_that_was_called(void **state) {
    static const struct {
        struct ipc_credentials given;
        const char *parameter, *says;
    } results[] = {
        {{IPC_CREDENTIALS_IA5_STRING, SPAN_LIT("BETA"), SPAN_LIT("new")}, "", ""},
        {{IPC_CREDENTIALS_OCTET_STRING, SPAN_LIT("BETA"), SPAN_LIT("old")}, "", ""},
        {{IPC_CREDENTIALS_OCTET_STRING, SPAN_LIT("BETA"), SPAN_LIT("x")},
         "responder-credentials",
         "password of 'BETA'"},
        {{IPC_CREDENTIALS_OCTET_STRING, SPAN_LIT("TWO"), SPAN_LIT("new")}, "responder-name", "name 'TWO'"},
        {{.form = IPC_CREDENTIALS_NONE}, "responder-name", "(none)"},
        {{.form = IPC_CREDENTIALS_STRONG, .name = SPAN_LIT("BETA")}, "responder-credentials", "BETA"}};
    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        struct ipc_bind bind = {.direction = IPC_DIRECTION_OUT, .credentials = results[i].given};
        struct bind_judgement judgement;
        bind_judge_result(&peers[0], &bind, &judgement);
        bool admitted = !results[i].parameter[0];
        assert_int_equal(judgement.verdict, admitted ? IPC_BIND_ADMITTED : IPC_BIND_AUTHENTICATION_ERROR);
        assert_string_equal(judgement.parameter, results[i].parameter);
        assert_true(admitted || strstr(judgement.cause, results[i].says));
    }
}

/* ---- the store process ---- */

static void the_store_process_gives_our_credentials(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    announce(&world, 1, false, "beta", "in-1", "");
    struct ipc_bind_answer answer = bind_answer(&world, 1);
    assert_int_equal(answer.verdict, IPC_BIND_ADMITTED);
    assert_true(span_eq(answer.peer, SPAN_LIT("beta")));
    assert_int_equal(answer.credentials.form, IPC_CREDENTIALS_IA5_STRING);
    assert_true(span_eq(answer.credentials.name, SPAN_LIT("ALPHA-MTA")));
    assert_true(span_eq(answer.credentials.password, SPAN_LIT("a")));
    struct ipc_bind bind = bind_of("beta", false, "in-2");
    bind.credentials.password = SPAN_LIT("x");
    say_bind(&world, 2, &bind);
    answer = bind_answer(&world, 2);
    assert_int_equal(answer.verdict, IPC_BIND_AUTHENTICATION_ERROR);
    assert_int_equal(answer.credentials.form, IPC_CREDENTIALS_NONE);
    world_end(&world);
}

/* A wrong result was the answer to CONNECT: it counts as a failed try, the next CONNECT follows after its
 * time. */
static void a_wrong_result_is_a_failed_try(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    world.peers[1].permanent = true;
    world_start(&world);
    for (uint64_t ref = 1; ref <= 2; ref++) {
        struct reader r = expect(&world, IPC_CONNECT, 0);
        struct ipc_credentials ours;
        assert_true(span_eq(payload_octets(&r), SPAN_LIT("gamma")));
        payload_octets(&r);
        assert_true(ipc_credentials_read(&r, &ours) && span_eq(ours.password, SPAN_LIT("a")));
        struct ipc_bind bind = bind_of("gamma", true, "out");
        bind.credentials.password = SPAN_LIT("x");
        say_bind(&world, ref, &bind);
        struct ipc_bind_answer answer = bind_answer(&world, ref);
        assert_int_equal(answer.verdict, IPC_BIND_AUTHENTICATION_ERROR);
        assert_true(span_eq(answer.parameter, SPAN_LIT("responder-credentials")));
        close_association(&world, ref, IPC_CLOSE_ABORTED);
    }
    expect(&world, IPC_CONNECT, 0);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_and_password_are_compared),
        cmocka_unit_test(a_wrong_name_is_told_with_the_peer_of_the_address),
        cmocka_unit_test(a_mark_tells_what_changed),
        cmocka_unit_test(one_without_a_name_is_known_by_its_address),
        cmocka_unit_test(the_context_chooses_among_peers_of_one_name),
        cmocka_unit_test(selectors_and_addresses_choose_too),
        cmocka_unit_test(names_of_hosts_are_asked_for),
        cmocka_unit_test(a_responder_is_judged_by_the_peer_that_was_called),
        cmocka_unit_test(the_store_process_gives_our_credentials),
        cmocka_unit_test(a_wrong_result_is_a_failed_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
