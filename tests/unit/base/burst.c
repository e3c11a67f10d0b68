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
#include <time.h>
#include <unistd.h>

#include "base/burst.h"
#include "base/log.h"

#define SECOND ((int64_t)1000000)
#define MOST   30

static unsigned taken(struct burst *burst, int64_t now, unsigned times) {
    unsigned written = 0, untold;
    for (unsigned i = 0; i < times; i++)
        written += burst_take(burst, MOST, 60 * SECOND, now, &untold) != BURST_NONE;
    return written;
}

static void a_few_in_a_period(void **state) {
    struct burst burst = {0};
    unsigned untold;
    int64_t now = 100 * SECOND;
    (void)state;
    assert_int_equal(taken(&burst, now, MOST - 1), MOST - 1);
    assert_int_equal(burst_take(&burst, MOST, 60 * SECOND, now, &untold), BURST_LAST);
    assert_int_equal(taken(&burst, now + 59 * SECOND, 1000), 0);
    assert_int_equal(burst_take(&burst, MOST, 60 * SECOND, now + 60 * SECOND, &untold), BURST_LINE);
    assert_int_equal(untold, 1000);
    assert_int_equal(burst_take(&burst, MOST, 60 * SECOND, now + 61 * SECOND, &untold), BURST_LINE);
    assert_int_equal(untold, 0);
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

/* What is written meanwhile goes to a file, which the test removes. */
struct quiet {
    char path[32];
    int kept;
};

static void quiet_begin(struct quiet *quiet) {
    snprintf(quiet->path, sizeof quiet->path, "/tmp/chasqui-log-XXXXXX");
    int file = mkstemp(quiet->path);
    quiet->kept = dup(STDERR_FILENO);
    assert_true(file >= 0 && quiet->kept >= 0);
    dup2(file, STDERR_FILENO);
    close(file);
}

static void quiet_end(struct quiet *quiet) {
    dup2(quiet->kept, STDERR_FILENO);
    close(quiet->kept);
}

/* One who causes many lines uses up his own and nobody else's; strangers share theirs. */
static void nobody_uses_up_the_lines_of_others(void **state) {
    char who[40];
    struct quiet quiet;
    struct log_causer peer = {0}, other = {0};
    (void)state;
    log_causer_name(&peer, "peer=", "BETA");
    log_causer_name(&other, "peer=", "GAMMA");
    quiet_begin(&quiet);
    for (unsigned i = 0; i < 1000; i++) {
        log_caused_by(&peer, LOG_LEVEL_NOTICE, "peer=BETA message %u", i);
        log_caused_by_user("uid=1", LOG_LEVEL_NOTICE, "uid=1 message %u", i);
    }
    log_caused_by(&other, LOG_LEVEL_NOTICE, "peer=GAMMA message");
    log_caused_by_user("uid=2", LOG_LEVEL_NOTICE, "uid=2 message");
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(who, sizeof who, "network=10.0.0.%u", i % 10);
        log_caused_by_stranger(who, LOG_LEVEL_NOTICE, "address=x");
    }
    log_caused(LOG_LEVEL_NOTICE, "nobody knows");
    log_caused_by_user("uid=3", LOG_LEVEL_NOTICE, "uid=3 message");
    log_causer_forget(&peer);
    quiet_end(&quiet);
    assert_int_equal(count(quiet.path, "peer=BETA message"), LOG_CAUSED_MOST_BY);
    assert_int_equal(count(quiet.path, "peer=BETA: 30 lines in a minute, the next are left out"), 1);
    assert_int_equal(count(quiet.path, "peer=BETA: 970 lines were left out in a minute"), 1);
    assert_int_equal(count(quiet.path, "peer=GAMMA message"), 1);
    assert_int_equal(count(quiet.path, "uid=1 message"), LOG_CAUSED_MOST_BY);
    assert_int_equal(count(quiet.path, "uid=1: 30 lines in a minute, the next are left out"), 1);
    assert_int_equal(count(quiet.path, "uid=2 message"), 1);
    assert_int_equal(count(quiet.path, "address=x"), LOG_CAUSED_MOST);
    assert_int_equal(count(quiet.path, "nobody knows"), 0);
    assert_int_equal(count(quiet.path, "uid=3 message"), 1);
    unlink(quiet.path);
}

/* However many names somebody has, whose lines are used up stays without, and so does whoever comes with a
 * new name. */
static void many_names_give_nobody_more(void **state) {
    static struct log_causers causers;
    struct quiet quiet;
    char who[200];
    unsigned written = 0;
    (void)state;
    quiet_begin(&quiet);
    for (unsigned i = 0; i < 40; i++)
        log_caused_by(log_causer_of(&causers, "network=192.0.2.1"), LOG_LEVEL_NOTICE, "the first %u", i);
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(who, sizeof who, "network=10.0.%u.%u", i / 250, i % 250);
        written += log_caused_by(log_causer_of(&causers, who), LOG_LEVEL_NOTICE, "another") != BURST_NONE;
    }
    log_caused_by(log_causer_of(&causers, "network=192.0.2.1"), LOG_LEVEL_NOTICE, "the first again");
    for (size_t i = 0; i < LOG_CAUSERS; i++)
        log_causer_forget(&causers.places[i]);
    log_causer_forget(&causers.others);
    memset(who, 'x', sizeof who); /* a long one has one place, too */
    who[sizeof who - 1] = 0;
    for (size_t i = 0; i < LOG_CAUSERS; i++)
        causers.places[i].burst = (struct burst){0};
    for (unsigned i = 0; i < 1000; i++)
        log_caused_by(log_causer_of(&causers, who), LOG_LEVEL_NOTICE, "a long one");
    log_causer_forget(log_causer_of(&causers, who));
    quiet_end(&quiet);
    assert_int_equal(count(quiet.path, "the first again"), 0);
    assert_int_equal(written, LOG_CAUSERS - 1 + LOG_CAUSED_MOST_BY);
    assert_int_equal(count(quiet.path, "others: 30 lines in a minute, the next are left out"), 1);
    assert_int_equal(count(quiet.path, "others: 1907 lines were left out in a minute"), 1);
    assert_int_equal(count(quiet.path, "a long one"), LOG_CAUSED_MOST_BY);
    unlink(quiet.path);
}

/* Of one who comes and goes all the time it is still told what goes wrong. */
static void information_leaves_room_for_what_is_wrong(void **state) {
    struct log_causer peer = {0};
    struct quiet quiet;
    (void)state;
    log_causer_name(&peer, "peer=", "BETA");
    quiet_begin(&quiet);
    for (unsigned i = 0; i < 1000; i++)
        log_caused_by(&peer, LOG_LEVEL_INFO, "comes and goes");
    for (unsigned i = 0; i < 1000; i++)
        log_caused_by(&peer, LOG_LEVEL_WARNING, "went amiss");
    log_causer_forget(&peer);
    quiet_end(&quiet);
    assert_int_equal(count(quiet.path, "comes and goes"), LOG_CAUSED_ROUTINE);
    assert_int_equal(count(quiet.path, "went amiss"), LOG_CAUSED_MOST_BY - LOG_CAUSED_ROUTINE);
    assert_int_equal(
        count(quiet.path, "20 lines in a minute, the next are left out unless something is wrong"), 1);
    assert_int_equal(count(quiet.path, "peer=BETA: 1970 lines were left out in a minute"), 1);
    unlink(quiet.path);
}

/* Whoever has stopped causes no line that could say it. */
static void what_was_left_out_is_told_when_the_minute_is_over(void **state) {
    struct log_causer peer = {0};
    struct quiet quiet;
    const struct timespec moment = {.tv_nsec = 300000000};
    (void)state;
    log_causer_name(&peer, "peer=", "BETA");
    quiet_begin(&quiet);
    log_caused_by(&peer, LOG_LEVEL_NOTICE, "message");
    peer.burst.since -= BURST_MINUTE - 200000;
    for (unsigned i = 0; i < 99; i++)
        log_caused_by(&peer, LOG_LEVEL_NOTICE, "message");
    log_tell_left_out();
    unsigned before = count(quiet.path, "were left out");
    nanosleep(&moment, NULL);
    log_tell_left_out();
    log_tell_left_out();
    quiet_end(&quiet);
    assert_int_equal(before, 0);
    assert_int_equal(count(quiet.path, "peer=BETA: 70 lines were left out in a minute"), 1);
    assert_int_equal(count(quiet.path, "were left out"), 1);
    unlink(quiet.path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_in_a_period),
        cmocka_unit_test(a_few_in_a_period),
        cmocka_unit_test(nobody_uses_up_the_lines_of_others),
        cmocka_unit_test(many_names_give_nobody_more),
        cmocka_unit_test(information_leaves_room_for_what_is_wrong),
        cmocka_unit_test(what_was_left_out_is_told_when_the_minute_is_over),
    };
    return cmocka_run_group_tests_name("burst", tests, NULL, NULL);
}
