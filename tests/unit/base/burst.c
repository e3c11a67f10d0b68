/* What others cause can't fill the log, and what is left out is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/burst.h"
#include "base/log.h"

#define SECOND ((int64_t)1000000)
#define MOST   30

static unsigned lines(struct bursts *bursts, const char *name, int64_t now, unsigned times) {
    unsigned written = 0, untold;
    for (unsigned i = 0; i < times; i++)
        written += burst_take(bursts_of(bursts, name), MOST, 60 * SECOND, now, &untold) != BURST_NONE;
    return written;
}

static void each_has_a_few_lines_in_a_period(void **state) {
    struct bursts bursts = {0};
    unsigned untold;
    int64_t now = 100 * SECOND;
    (void)state;
    assert_int_equal(lines(&bursts, "a", now, MOST - 1), MOST - 1);
    assert_int_equal(burst_take(bursts_of(&bursts, "a"), MOST, 60 * SECOND, now, &untold), BURST_LAST);
    assert_int_equal(lines(&bursts, "a", now + 59 * SECOND, 1000), 0);
    assert_int_equal(lines(&bursts, "b", now + 59 * SECOND, 1), 1); /* another one has his own */
    assert_int_equal(burst_take(bursts_of(&bursts, "a"), MOST, 60 * SECOND, now + 60 * SECOND, &untold),
                     BURST_LINE);
    assert_int_equal(untold, 1000);
    assert_int_equal(burst_take(bursts_of(&bursts, "a"), MOST, 60 * SECOND, now + 61 * SECOND, &untold),
                     BURST_LINE);
    assert_int_equal(untold, 0);
}

static void many_share_the_places(void **state) {
    struct bursts bursts = {0};
    char name[200];
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "network=10.0.%u.%u", i / 250, i % 250);
        assert_int_equal(lines(&bursts, name, (100 + i) * SECOND, 1), 1);
    }
    memset(name, 'x', sizeof name); /* a long one has one place, too */
    name[sizeof name - 1] = 0;
    assert_int_equal(lines(&bursts, name, 5000 * SECOND, 1000), MOST);
}

static void once_in_a_period(void **state) {
    struct burst burst = {0};
    unsigned untold = 7;
    (void)state;
    assert_true(burst_line(&burst, 10 * SECOND, 1000, &untold));
    assert_int_equal(untold, 0);
    for (int64_t i = 1; i <= 5; i++)
        assert_false(burst_line(&burst, 10 * SECOND, 1000 + i * SECOND, &untold));
    assert_true(burst_line(&burst, 10 * SECOND, 1000 + 10 * SECOND, &untold));
    assert_int_equal(untold, 5);
}

/* How many lines of the file hold the words. */
static unsigned count(const char *path, const char *words) {
    char line[2000];
    unsigned found = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        found += strstr(line, words) != NULL;
    fclose(file);
    return found;
}

/* One who causes many lines uses up his own and nobody else's; strangers share theirs. */
static void nobody_uses_up_the_lines_of_others(void **state) {
    char path[] = "/tmp/chasqui-log-XXXXXX", who[40];
    int file = mkstemp(path), kept = dup(STDERR_FILENO);
    (void)state;
    assert_true(file >= 0 && kept >= 0);
    dup2(file, STDERR_FILENO);
    for (unsigned i = 0; i < 1000; i++)
        log_caused_by("uid=1", LOG_LEVEL_NOTICE, "uid=1 message %u", i);
    log_caused_by("uid=2", LOG_LEVEL_NOTICE, "uid=2 message");
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(who, sizeof who, "network=10.0.0.%u", i % 10);
        log_caused_by_stranger(who, LOG_LEVEL_NOTICE, "address=x");
    }
    log_caused(LOG_LEVEL_NOTICE, "nobody knows");
    log_caused_by("uid=3", LOG_LEVEL_NOTICE, "uid=3 message");
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(file);
    assert_int_equal(count(path, "uid=1 message"), LOG_CAUSED_MOST_BY);
    assert_int_equal(count(path, "uid=1: 30 lines in a minute, the next are left out"), 1);
    assert_int_equal(count(path, "uid=2 message"), 1);
    assert_int_equal(count(path, "address=x"), LOG_CAUSED_MOST);
    assert_int_equal(count(path, "nobody knows"), 0);
    assert_int_equal(count(path, "uid=3 message"), 1);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_in_a_period),
        cmocka_unit_test(each_has_a_few_lines_in_a_period),
        cmocka_unit_test(many_share_the_places),
        cmocka_unit_test(nobody_uses_up_the_lines_of_others),
    };
    return cmocka_run_group_tests_name("burst", tests, NULL, NULL);
}
