/* IPC_BIND and its answer: what is written is read again, and what is cut or too long is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ipc/bind.h"
#include "ipc/payload.h"

static const struct ipc_bind sample = {
    .direction = IPC_DIRECTION_IN,
    .address = SPAN_LIT("192.0.2.1"),
    .mode = IPC_MODE_1984,
    .two_way_alternate = true,
    .id = SPAN_LIT("id"),
    .credentials = {IPC_CREDENTIALS_OCTET_STRING, SPAN_LIT("BETA"), SPAN_LIT("p")},
    .called = {.t = SPAN_LIT("T"), .p = SPAN_LIT("P")},
    .calling = {.s = SPAN_LIT("S")},
    .resolved = true};

static bool reads(const struct ipc_bind *bind) {
    struct buf payload;
    struct ipc_bind again;
    buf_init(&payload, 0);
    ipc_bind_write(bind, &payload);
    bool ok = ipc_bind_read(buf_span(&payload), &again);
    buf_free(&payload);
    return ok;
}

static void a_bind_is_read_as_it_was_written(void **state) {
    struct buf payload, hosts;
    struct ipc_bind again, bind = sample;
    struct span host;
    (void)state;
    buf_init(&payload, 0);
    buf_init(&hosts, 0);
    payload_put_octets(&hosts, SPAN_LIT("one.test"));
    payload_put_octets(&hosts, SPAN_LIT("two.test"));
    bind.hosts = buf_span(&hosts);
    assert_true(ipc_bind_write(&bind, &payload));
    assert_true(ipc_bind_read(buf_span(&payload), &again));
    assert_int_equal(again.mode, IPC_MODE_1984);
    assert_true(again.two_way_alternate && again.resolved && !again.security_context);
    assert_true(span_eq(again.credentials.name, SPAN_LIT("BETA")));
    assert_true(span_eq(again.credentials.password, SPAN_LIT("p")));
    assert_true(span_eq(again.called.t, SPAN_LIT("T")) && span_eq(again.called.p, SPAN_LIT("P")));
    assert_true(span_eq(again.calling.s, SPAN_LIT("S")) && again.calling.t.len == 0);
    assert_true(ipc_bind_host(&again.hosts, &host) && span_eq(host, SPAN_LIT("one.test")));
    assert_true(ipc_bind_host(&again.hosts, &host) && span_eq(host, SPAN_LIT("two.test")));
    assert_false(ipc_bind_host(&again.hosts, &host));
    size_t names = payload.len - hosts.len;
    for (size_t len = 0; len < payload.len; len++) /* between two names it may end */
        assert_true(ipc_bind_read(span_of(payload.data, len), &again) == (len == names || len == names + 12));
    buf_free(&payload);
    buf_free(&hosts);
}

/* Users of the MTS and of a message store bind, too: by name, O/R address or both. */
static void users_have_an_address(void **state) {
    static const uint8_t octets[IPC_BIND_ADDRESS_MAX + 1] = {0};
    struct buf payload;
    struct ipc_bind again, bind = sample;
    (void)state;
    buf_init(&payload, 0);
    bind.binder = IPC_BINDER_MS_USER;
    bind.user = SPAN_LIT("/C=GB/A=GOLD/P=ALPHA/S=ann");
    assert_true(ipc_bind_write(&bind, &payload) && ipc_bind_read(buf_span(&payload), &again));
    assert_int_equal(again.binder, IPC_BINDER_MS_USER);
    assert_true(span_eq(again.user, bind.user) && span_eq(again.credentials.name, SPAN_LIT("BETA")));
    buf_free(&payload);
    bind.direction = IPC_DIRECTION_OUT; /* we call MTAs alone */
    assert_false(reads(&bind));
    bind.direction = IPC_DIRECTION_IN;
    bind.user = span_of(octets, sizeof octets);
    assert_false(reads(&bind));
    bind.user.len--;
    assert_true(reads(&bind));
    bind.binder = IPC_BINDER_MS_USER + 1;
    assert_false(reads(&bind));
    bind.binder = IPC_BINDER_MTA; /* which has no O/R address */
    assert_false(reads(&bind));
}

static void what_breaks_the_rules_is_not_read(void **state) {
    static const uint8_t octets[IPC_IDENTIFIER_MAX + 1] = {0};
    (void)state;
    struct ipc_bind bind = sample;
    assert_true(reads(&bind));
    bind.direction = IPC_DIRECTION_PING + 1;
    assert_false(reads(&bind));
    bind = sample;
    bind.mode = 0;
    assert_false(reads(&bind));
    bind = sample;
    bind.credentials.form = IPC_CREDENTIALS_STRONG; /* with a password */
    assert_false(reads(&bind));
    bind.credentials = (struct ipc_credentials){.form = IPC_CREDENTIALS_NONE, .name = SPAN_LIT("BETA")};
    assert_false(reads(&bind));
    bind = sample;
    bind.credentials.password = span_of(octets, IPC_BIND_TEXT_MAX);
    assert_true(reads(&bind));
    bind.credentials.password = span_of(octets, IPC_BIND_TEXT_MAX + 1);
    assert_false(reads(&bind));
    bind = sample;
    bind.recover_id = span_of(octets, IPC_IDENTIFIER_MAX + 1);
    assert_false(reads(&bind));
}

static bool answer_reads(struct ipc_bind_answer answer, unsigned hosts) {
    struct buf payload, names;
    struct ipc_bind_answer again;
    buf_init(&payload, 0);
    buf_init(&names, 0);
    for (unsigned i = 0; i < hosts; i++)
        payload_put_octets(&names, SPAN_LIT("h"));
    answer.hosts = buf_span(&names);
    ipc_bind_answer_write(&answer, &payload);
    bool ok = ipc_bind_answer_read(buf_span(&payload), &again) && again.verdict == answer.verdict;
    buf_free(&payload);
    buf_free(&names);
    return ok;
}

static void an_answer_is_bounded_too(void **state) {
    (void)state;
    assert_true(answer_reads((struct ipc_bind_answer){.verdict = IPC_BIND_RESOLVE}, IPC_BIND_HOSTS_MAX));
    assert_false(answer_reads((struct ipc_bind_answer){.verdict = IPC_BIND_RESOLVE}, IPC_BIND_HOSTS_MAX + 1));
    assert_false(answer_reads((struct ipc_bind_answer){.verdict = 0}, 0));
    assert_false(answer_reads((struct ipc_bind_answer){.verdict = IPC_BIND_CANNOT_RECOVER + 1}, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bind_is_read_as_it_was_written),
        cmocka_unit_test(users_have_an_address),
        cmocka_unit_test(what_breaks_the_rules_is_not_read),
        cmocka_unit_test(an_answer_is_bounded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
