/* Guessed names and passwords: what is counted together, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "mta/guesses.h"

#define SECOND ((int64_t)1000000)

static unsigned wrong(struct guesses *guesses, const char *address, const char *name, unsigned times,
                      int64_t now) {
    struct guess guess = {.address = span_str(address),
                          .name = span_str(name),
                          .parameter = "initiator-credentials",
                          .cause = "the password"};
    unsigned lines = 0;
    for (unsigned i = 0; i < times; i++)
        lines += guesses_wrong(guesses, &guess, now);
    return lines;
}

static bool refused(struct guesses *guesses, const char *address, const char *name, int64_t now) {
    return guesses_are_too_many(guesses, &(struct guess){span_str(address), span_str(name)}, now);
}

static void one_name_from_one_network(void **state) {
    (void)state;
    struct guesses *guesses = guesses_new();
    int64_t now = 1000 * SECOND;
    assert_int_equal(wrong(guesses, "192.0.2.1", "BETA", 9, now), 1); /* one line for the burst */
    assert_false(refused(guesses, "192.0.2.1", "BETA", now));
    wrong(guesses, "192.0.2.1", "BETA", 1, now);
    assert_true(refused(guesses, "192.0.2.1", "BETA", now));
    assert_false(refused(guesses, "192.0.2.2", "BETA", now)); /* the peer itself, say */
    assert_false(refused(guesses, "192.0.2.1", "GAMMA", now));
    assert_true(refused(guesses, "192.0.2.1", "BETA", now + 59 * SECOND));
    assert_false(refused(guesses, "192.0.2.1", "BETA", now + 60 * SECOND));
    assert_int_equal(wrong(guesses, "192.0.2.1", "BETA", 3, now + 61 * SECOND), 1);
    guesses_tick(guesses, now + 200 * SECOND);
    assert_int_equal(wrong(guesses, "192.0.2.1", "BETA", 1, now + 200 * SECOND), 1);
    guesses_free(guesses);
}

/* Who is counted by something else, another password say, begins anew; people are told the name. */
static void a_name_is_counted_by_what_the_caller_says(void **state) {
    (void)state;
    struct guesses *guesses = guesses_new();
    int64_t now = 1000 * SECOND;
    struct guess guess = {.address = SPAN_LIT("192.0.2.1"),
                          .name = SPAN_LIT("/S=Ann"),
                          .user = true,
                          .counted = SPAN_LIT("first /s=ann"),
                          .parameter = "initiator-credentials",
                          .cause = "the password"};
    for (unsigned i = 0; i < 10; i++)
        guesses_wrong(guesses, &guess, now);
    guess.name = SPAN_LIT("/s=ANN"); /* another spelling */
    assert_true(guesses_are_too_many(guesses, &guess, now));
    guess.counted = SPAN_LIT("second /s=ann");
    assert_false(guesses_are_too_many(guesses, &guess, now));
    for (unsigned i = 0; i < 20; i++) /* the network has thirty in all */
        guesses_wrong(guesses, &guess, now);
    guess.counted = SPAN_LIT("third /s=ann");
    assert_true(guesses_are_too_many(guesses, &guess, now));
    guesses_free(guesses);
}

/* Each cause has its line, up to a few: else a second fault stays hidden behind the first. */
static void each_cause_is_told(void **state) {
    (void)state;
    struct guesses *guesses = guesses_new();
    int64_t now = 1000 * SECOND;
    char cause[20];
    struct guess guess = {.address = SPAN_LIT("192.0.2.1"),
                          .name = SPAN_LIT("BETA"),
                          .peer = "beta",
                          .parameter = "initiator-name",
                          .cause = cause};
    for (unsigned i = 0; i < 9; i++) {
        snprintf(cause, sizeof cause, "cause %u", i / 2);
        assert_int_equal(guesses_wrong(guesses, &guess, now), i % 2 == 0 && i / 2 < GUESSES_CAUSES_MOST);
    }
    snprintf(cause, sizeof cause, "cause 0");
    assert_false(guesses_wrong(guesses, &guess, now));
    assert_true(guesses_wrong(guesses, &guess, now + 60 * SECOND));
    guesses_free(guesses);
}

static struct mta_bind peer_at(const struct mta_host *host) {
    return (struct mta_bind){.mta_name = SPAN_LIT("BETA"), .hosts = host, .host_count = host != NULL};
}

/* What an operator does gives one look, where the peer calls from, and not a minute's guesses. */
static void an_operator_ends_the_wait(void **state) {
    (void)state;
    const struct mta_host hosts[] = {
        {.text = "192.0.2.1"}, {.text = "192.0.2.2"}, {.text = "beta.example", .is_name = true}};
    int64_t now = 1000 * SECOND;
    for (size_t i = 0; i < 4; i++) {
        struct guesses *guesses = guesses_new();
        struct mta_bind peer = peer_at(i < 3 ? &hosts[i] : NULL), other = peer;
        wrong(guesses, "192.0.2.1", "BETA", 10, now);
        other.mta_name = SPAN_LIT("GAMMA");
        guesses_look_again(guesses, &other);
        assert_true(refused(guesses, "192.0.2.1", "BETA", now));
        assert_int_equal(guesses_wait_end(guesses, &other, now), 0);
        assert_int_equal(guesses_wait_end(guesses, &peer, now), i == 1 ? 0 : now + 60 * SECOND);
        assert_int_equal(guesses_wait_end(guesses, &peer, now + 60 * SECOND), 0);
        guesses_look_again(guesses, &peer);
        guesses_look_again(guesses, &peer);
        assert_int_equal(guesses_wait_end(guesses, &peer, now), 0);
        assert_int_equal(refused(guesses, "192.0.2.1", "BETA", now), i == 1); /* it calls from elsewhere */
        if (i != 1)
            assert_int_equal(wrong(guesses, "192.0.2.1", "BETA", 1, now), 1); /* told again */
        assert_true(refused(guesses, "192.0.2.1", "BETA", now));
        assert_true(refused(guesses, "192.0.2.1", "BETA", now + 59 * SECOND));
        assert_false(refused(guesses, "192.0.2.1", "BETA", now + 60 * SECOND));
        guesses_free(guesses);
    }
}

/* Also where the whole network waits, of IPv6 too. */
static void an_operator_ends_the_wait_of_the_network(void **state) {
    (void)state;
    const struct mta_host hosts[] = {{.text = "2001:db8:1:2::7"}, {.text = "beta.example", .is_name = true}};
    int64_t now = 1000 * SECOND;
    for (size_t i = 0; i < 2; i++) {
        struct guesses *guesses = guesses_new();
        struct mta_bind peer = peer_at(&hosts[i]);
        char name[16];
        wrong(guesses, "2001:db8:1:2::7", "BETA", 1, now);
        for (unsigned k = 0; k < 99; k++) {
            snprintf(name, sizeof name, "MTA-%u", k);
            wrong(guesses, "2001:db8:1:2::7", name, 1, now);
        }
        assert_true(refused(guesses, "2001:db8:1:2::7", "BETA", now));
        guesses_look_again(guesses, &peer);
        assert_false(refused(guesses, "2001:db8:1:2::7", "BETA", now));
        wrong(guesses, "2001:db8:1:2::9", "ANY", 1, now);
        assert_true(refused(guesses, "2001:db8:1:2::7", "BETA", now));
        guesses_free(guesses);
    }
}

static void many_names_from_one_network(void **state) {
    (void)state;
    struct guesses *guesses = guesses_new();
    int64_t now = 1000 * SECOND;
    char name[16];
    for (unsigned i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "MTA-%u", i);
        assert_false(refused(guesses, "192.0.2.1", name, now));
        assert_int_equal(wrong(guesses, "192.0.2.1", name, 1, now), 1);
    }
    assert_true(refused(guesses, "192.0.2.1", "MTA-77", now));
    assert_false(refused(guesses, "192.0.2.2", "MTA-77", now));
    guesses_free(guesses);
}

/* User agents of a host, or behind one address, don't keep the MTA there out, nor the other way round. */
static void users_and_mtas_are_counted_apart(void **state) {
    (void)state;
    struct guesses *guesses = guesses_new();
    struct guess user = {.address = SPAN_LIT("192.0.2.1"),
                         .name = SPAN_LIT("BETA"),
                         .user = true,
                         .parameter = "initiator-credentials",
                         .cause = "the password"};
    struct guess any = {.address = user.address, .name = SPAN_LIT("ANY"), .user = true};
    int64_t now = 1000 * SECOND;
    for (unsigned i = 0; i < 30; i++)
        guesses_wrong(guesses, &user, now);
    assert_true(guesses_are_too_many(guesses, &user, now) && guesses_are_too_many(guesses, &any, now));
    assert_false(refused(guesses, "192.0.2.1", "BETA", now));
    guesses_free(guesses);
    guesses = guesses_new();
    wrong(guesses, "192.0.2.1", "BETA", 30, now);
    assert_true(refused(guesses, "192.0.2.1", "ANY", now));
    assert_false(guesses_are_too_many(guesses, &user, now) || guesses_are_too_many(guesses, &any, now));
    guesses_free(guesses);
}

/* An address more costs an IPv6 subscriber nothing; nor does a /64, where he has a /48. */
static void ipv6_is_counted_by_networks(void **state) {
    (void)state;
    struct guesses *guesses = guesses_new();
    int64_t now = 1000 * SECOND;
    char address[64];
    for (unsigned i = 0; i < 10; i++) {
        snprintf(address, sizeof address, "2001:db8:1:2::%x", i + 1);
        wrong(guesses, address, "BETA", 1, now);
    }
    assert_true(refused(guesses, "2001:db8:1:2:ffff::9", "BETA", now));
    assert_false(refused(guesses, "2001:db8:1:3::1", "BETA", now));
    for (unsigned i = 0; i < 90; i++) {
        snprintf(address, sizeof address, "2001:db8:1:%x::1", i + 100);
        wrong(guesses, address, "BETA", 1, now);
    }
    assert_true(refused(guesses, "2001:db8:1:ffff::1", "BETA", now));
    assert_false(refused(guesses, "2001:db8:2::1", "BETA", now));
    guesses_free(guesses);
}

/* However many there are, the memory is the same, and those that guess most are kept. */
static void there_is_room_for_the_worst(void **state) {
    (void)state;
    log_set_level(LOG_LEVEL_ERROR); /* each that is forgotten would say its count */
    struct guesses *guesses = guesses_new();
    int64_t now = 1000 * SECOND;
    char address[64];
    wrong(guesses, "192.0.2.1", "BETA", 10, now);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(address, sizeof address, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        wrong(guesses, address, "BETA", 1, now);
    }
    assert_true(refused(guesses, "192.0.2.1", "BETA", now));
    guesses_free(guesses);
}

/* A reload may change all peers, and so ask for each: a key of each entry for each peer would take seconds
 * here. */
static void many_peers_are_looked_at_again(void **state) {
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    struct guesses *guesses = guesses_new();
    int64_t now = 1000 * SECOND;
    char address[64], name[16];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(address, sizeof address, "10.%u.%u.1", i >> 8, i & 255);
        snprintf(name, sizeof name, "MTA-%u", i);
        wrong(guesses, address, name, 1, now);
    }
    clock_t begun = clock();
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "PEER-%u", i);
        guesses_look_again(guesses, &(struct mta_bind){.mta_name = span_str(name)});
    }
    assert_in_range(clock() - begun, 0, CLOCKS_PER_SEC / 3);
    guesses_free(guesses);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_name_from_one_network),
        cmocka_unit_test(a_name_is_counted_by_what_the_caller_says),
        cmocka_unit_test(each_cause_is_told),
        cmocka_unit_test(an_operator_ends_the_wait),
        cmocka_unit_test(an_operator_ends_the_wait_of_the_network),
        cmocka_unit_test(many_names_from_one_network),
        cmocka_unit_test(users_and_mtas_are_counted_apart),
        cmocka_unit_test(ipv6_is_counted_by_networks),
        cmocka_unit_test(there_is_room_for_the_worst),
        cmocka_unit_test(many_peers_are_looked_at_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
