/* Strangers can't fill the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/log.h"
#include "protocol/strangers.h"

#define SECOND ((int64_t)1000000)

static unsigned lines(struct strangers *strangers, const char *network, int64_t now, unsigned times) {
    unsigned written = 0, left_out;
    for (unsigned i = 0; i < times; i++)
        written += strangers_line(strangers, network, now, &left_out) != STRANGERS_NO_LINE;
    return written;
}

static void a_network_gets_a_few_lines_a_minute(void **state) {
    struct strangers strangers = {0};
    unsigned left_out;
    int64_t now = 100 * SECOND;
    (void)state;
    assert_int_equal(lines(&strangers, "192.0.2.1", now, STRANGERS_LINES - 1), STRANGERS_LINES - 1);
    assert_int_equal(strangers_line(&strangers, "192.0.2.1", now, &left_out), STRANGERS_LAST_LINE);
    assert_int_equal(lines(&strangers, "192.0.2.1", now + 59 * SECOND, 1000), 0);
    assert_int_equal(lines(&strangers, "192.0.2.2", now, 1), 1); /* another one has his own */
    assert_int_equal(strangers_line(&strangers, "192.0.2.1", now + 60 * SECOND, &left_out), STRANGERS_LINE);
    assert_int_equal(left_out, 1000);
    assert_int_equal(strangers_line(&strangers, "192.0.2.1", now + 61 * SECOND, &left_out), STRANGERS_LINE);
    assert_int_equal(left_out, 0);
}

static void many_networks_share_the_places(void **state) {
    struct strangers strangers = {0};
    char name[32];
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "10.0.%u.%u", i / 250, i % 250);
        assert_int_equal(lines(&strangers, name, (100 + i) * SECOND, 1), 1);
    }
}

/* What strangers from many networks cause is bounded too, and what was left out is told. */
static void all_lines_have_a_budget(void **state) {
    struct log_budget budget = {0};
    unsigned left_out, written = 0;
    (void)state;
    for (int i = 0; i < 1000; i++)
        written += log_budget_take(&budget, 5 * SECOND, &left_out);
    assert_int_equal(written, LOG_CAUSED_MOST);
    assert_true(log_budget_take(&budget, 65 * SECOND, &left_out));
    assert_int_equal(left_out, 1000 - LOG_CAUSED_MOST);
    assert_true(log_budget_take(&budget, 66 * SECOND, &left_out));
    assert_int_equal(left_out, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_lines_have_a_budget),
        cmocka_unit_test(a_network_gets_a_few_lines_a_minute),
        cmocka_unit_test(many_networks_share_the_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
