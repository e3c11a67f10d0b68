/* A sieve: no key that was put in is ever missed, few others are asked for, and it keeps being so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "store/postgres/sieve.h"

/* Spread as the hashes of keys are. */
static uint64_t hash_of(uint64_t n) {
    uint64_t hash = (n + 1) * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ (hash >> 29)) * UINT64_C(0xBF58476D1CE4E5B9);
    return hash ^ (hash >> 32);
}

static void expect_all(const struct sieve *sieve, uint64_t from, uint64_t to) {
    for (uint64_t n = from; n < to; n++)
        assert_true(sieve_may_have(sieve, hash_of(n)));
}

/* Of 10,000 that are not there. */
static unsigned asked_in_vain(const struct sieve *sieve) {
    unsigned asked = 0;
    for (uint64_t n = 0; n < 10000; n++)
        asked += sieve_may_have(sieve, hash_of(UINT64_C(1) << 40 | n));
    return asked;
}

/* Fills it with the keys below `keys`, from the beginning when it says so. */
static void fill(struct sieve *sieve, uint64_t guess, uint64_t keys) {
    assert_true(sieve_wants(sieve));
    assert_true(sieve_begin(sieve, guess));
    for (uint64_t n = 0; n < keys; n++)
        if (!sieve_fill(sieve, hash_of(n))) {
            assert_true(sieve_begin(sieve, 4 * n));
            n = UINT64_MAX;
        }
    assert_true(sieve_is_filling(sieve));
    sieve_filled(sieve);
    assert_false(sieve_is_filling(sieve));
    assert_false(sieve_wants(sieve));
}

/* Before the table was read, it may have any key. */
static void an_empty_one_knows_nothing(void **state) {
    struct sieve sieve = {0};
    (void)state;
    assert_int_equal(asked_in_vain(&sieve), 10000);
    sieve_put(&sieve, 1);
    assert_true(sieve_begin(&sieve, 0));
    assert_int_equal(asked_in_vain(&sieve), 10000);
    sieve_filled(&sieve);
    assert_int_equal(asked_in_vain(&sieve), 0);
    sieve_free(&sieve);
}

static void what_was_put_in_is_found(void **state) {
    static const uint64_t guesses[] = {0, 200000, 5000000};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sieve sieve = {0};
        fill(&sieve, guesses[i], 200000);
        expect_all(&sieve, 0, 200000);
        assert_true(asked_in_vain(&sieve) < 100);
        sieve_free(&sieve);
    }
}

/* What is written while it is filled is in the old one and in the new one. */
static void filling_anew_misses_nothing(void **state) {
    struct sieve sieve = {0};
    uint64_t n = 1000;
    (void)state;
    fill(&sieve, 0, n);
    while (!sieve_wants(&sieve))
        sieve_put(&sieve, hash_of(n++));
    assert_true(asked_in_vain(&sieve) < 1000);
    uint64_t filled = n;
    assert_true(sieve_begin(&sieve, filled));
    for (uint64_t at = 500000; at < 501000; at++) { /* the first 500 have gone from the table */
        assert_true(sieve_fill(&sieve, hash_of(at - 499500)));
        sieve_put(&sieve, hash_of(n++));
        expect_all(&sieve, n - 1, n);
    }
    expect_all(&sieve, 0, n);
    sieve_filled(&sieve);
    expect_all(&sieve, 500, 1500);
    expect_all(&sieve, filled, n);
    assert_true(asked_in_vain(&sieve) < 100);
    sieve_free(&sieve);
}

static void without_memory_it_knows_what_it_knew(void **state) {
    struct sieve sieve = {0};
    (void)state;
    fill(&sieve, 0, 1000);
    mem_fail_after(0);
    assert_false(sieve_begin(&sieve, 1000));
    mem_fail_after(-1);
    assert_false(sieve_is_filling(&sieve));
    expect_all(&sieve, 0, 1000);
    assert_true(asked_in_vain(&sieve) < 100);
    sieve_free(&sieve);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_knows_nothing),
        cmocka_unit_test(what_was_put_in_is_found),
        cmocka_unit_test(filling_anew_misses_nothing),
        cmocka_unit_test(without_memory_it_knows_what_it_knew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
