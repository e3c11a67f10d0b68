/* The filters of runs, joined: asked together they say what each would say, and few are asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/alloc.h"
#include "store/sqlite/filters.h"

enum { HASHES = 300, MOST = 650, OCTETS = 128 * 1024 };

/* Hash number `n` of a run: spread over 63 bits, as keyed hashes are. */
static uint64_t hash_of(uint64_t run, uint64_t n) {
    uint64_t hash = (run * 1000003 + n + 1) * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ (hash >> 29)) * UINT64_C(0xBF58476D1CE4E5B9);
    return (hash ^ (hash >> 32)) >> 1;
}

static void add_run(struct filters *filters, uint64_t run) {
    uint8_t *filter = filter_new(filters);
    assert_non_null(filter);
    for (uint64_t n = 0; n < HASHES; n++)
        filter_set(filters, filter, hash_of(run, n));
    assert_true(filters_reserve(filters));
    filters_add(filters, run, filter);
}

struct answer {
    uint64_t buckets[MOST];
    size_t count, most;
};

static bool take(void *context, uint64_t bucket) {
    struct answer *answer = context;
    assert_true(answer->count < MOST);
    assert_true(answer->count == 0 || answer->buckets[answer->count - 1] < bucket); /* oldest first */
    answer->buckets[answer->count++] = bucket;
    return !answer->most || answer->count < answer->most;
}

static bool names(const struct filters *filters, uint64_t hash, uint64_t bucket) {
    struct answer answer = {.count = 0};
    assert_true(filters_ask(filters, hash, take, &answer));
    for (size_t i = 0; i < answer.count; i++)
        if (answer.buckets[i] == bucket)
            return true;
    return false;
}

/* Runs first..last are named for their own hashes; nobody but them ever. */
static void expect_runs(const struct filters *filters, uint64_t first, uint64_t last) {
    size_t others = 0;
    for (uint64_t run = first; run <= last; run++)
        for (uint64_t n = 0; n < HASHES; n += 97)
            assert_true(names(filters, hash_of(run, n), run));
    for (uint64_t n = 0; n < 1000; n++) {
        struct answer answer = {.count = 0};
        assert_true(filters_ask(filters, hash_of(1000000, n), take, &answer));
        others += answer.count;
        for (size_t i = 0; i < answer.count; i++)
            assert_true(answer.buckets[i] >= first && answer.buckets[i] <= last);
    }
    assert_true(others < 10); /* filters as thin as these hardly ever err */
}

static void few_are_asked(void **state) {
    struct filters filters = {.octets = OCTETS};
    (void)state;
    for (uint64_t run = 1; run <= MOST; run++) {
        add_run(&filters, run);
        assert_true(filters.slab_count <= 22);
    }
    assert_int_equal(filters.bucket_count, MOST);
    assert_int_equal(filters.slab_count, 1 + 2 + 1 + 2); /* 512 + 2 * 64 + 8 + 2 */
    assert_int_equal(filters.slabs[0].width, 512);
    expect_runs(&filters, 1, MOST);
    filters_free(&filters);
}

static void dropped_runs_are_not_named(void **state) {
    struct filters filters = {.octets = OCTETS};
    (void)state;
    for (uint64_t run = 1; run <= 90; run++)
        add_run(&filters, run);
    for (uint64_t run = 1; run <= 90; run++) {
        assert_int_equal(filters_oldest(&filters), run);
        filters_drop_oldest(&filters);
        assert_false(names(&filters, hash_of(run, 7), run));
        if (run == 3 || run == 64 || run == 70)
            expect_runs(&filters, run + 1, 90);
    }
    assert_int_equal(filters_oldest(&filters), 0);
    assert_int_equal(filters.slab_count, 0);
    filters_drop_oldest(&filters);
    for (uint64_t run = 100; run <= 109; run++)
        add_run(&filters, run);
    expect_runs(&filters, 100, 109);
    filters_free(&filters);
}

static void the_asker_may_stop(void **state) {
    struct filters filters = {.octets = OCTETS};
    struct answer answer = {.most = 2};
    (void)state;
    for (uint64_t run = 1; run <= 20; run++) {
        uint8_t *filter = filter_new(&filters);
        assert_non_null(filter);
        memset(filter, 0xFF, OCTETS);
        assert_true(filters_reserve(&filters));
        filters_add(&filters, run, filter);
    }
    assert_false(filters_ask(&filters, 12345, take, &answer));
    assert_int_equal(answer.count, 2);
    assert_int_equal(answer.buckets[1], 2);
    filters_free(&filters);
}

/* Without memory for a wider slab the narrow ones stay, and are joined later. */
static void joining_can_wait(void **state) {
    struct filters filters = {.octets = OCTETS};
    uint8_t *filter = filter_new(&filters);
    (void)state;
    for (uint64_t run = 1; run <= 7; run++)
        add_run(&filters, run);
    assert_non_null(filter);
    for (uint64_t n = 0; n < HASHES; n++)
        filter_set(&filters, filter, hash_of(8, n));
    assert_true(filters_reserve(&filters));
    mem_fail_after(0);
    filters_add(&filters, 8, filter);
    mem_fail_after(-1);
    assert_int_equal(filters.slab_count, 8);
    expect_runs(&filters, 1, 8);
    for (uint64_t run = 9; run <= 16; run++)
        add_run(&filters, run);
    assert_true(filters.slab_count < 16);
    expect_runs(&filters, 1, 16);
    filters_free(&filters);
}

/* Rows of tracking's runs were four times as long once. */
static void long_rows_are_folded(void **state) {
    struct filters filters = {.octets = OCTETS}, thin = {.octets = OCTETS / 4};
    uint8_t *filter = filter_new(&filters);
    (void)state;
    assert_non_null(filter);
    for (uint64_t n = 0; n < HASHES; n++)
        filter_set(&filters, filter, hash_of(1, n));
    const struct span rows[] = {span_of(filter, OCTETS), span_of(filter, OCTETS / 8), span_of("", 0)};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *folded = filter_of(&thin, rows[i]);
        assert_non_null(folded);
        assert_true(filters_reserve(&thin));
        filters_add(&thin, i + 1, folded);
    }
    for (uint64_t n = 0; n < HASHES; n++)
        assert_true(names(&thin, hash_of(1, n), 1));
    for (uint64_t n = 0; n < 100; n++) {
        assert_false(names(&thin, hash_of(2, n), 1));
        assert_true(names(&thin, hash_of(2, n), 2)); /* what is no filter is always asked */
        assert_true(names(&thin, hash_of(2, n), 3));
    }
    mem_free(filter);
    filters_free(&filters);
    filters_free(&thin);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_are_asked),        cmocka_unit_test(dropped_runs_are_not_named),
        cmocka_unit_test(the_asker_may_stop),   cmocka_unit_test(joining_can_wait),
        cmocka_unit_test(long_rows_are_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
