/* Passwords that wait to be compared: whose turn it is, who gives way, and who is not compared any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mta/hashing.h"
#include "mta/mta_private.h"
#include "security/password.h"
#include "store/thread.h"

/* What became of those who asked, in this order; nothing is heard before the loop runs. */
static struct heard {
    uint64_t done[64], gave_way[64];
    size_t done_count, gave_way_count, mays, begun;
    uint64_t refused; /* who may not, once his turn has come */
    bool matched;
} heard;

static bool may(struct mta *mta, uint64_t number) {
    (void)mta;
    heard.mays++;
    assert_int_equal(heard.done_count, heard.begun); /* what came of those before is known */
    heard.begun += number != heard.refused;
    return number != heard.refused;
}

static void done(struct mta *mta, uint64_t number, const struct bytes *names, const char *hash,
                 bool matches) {
    (void)mta, (void)hash;
    assert_true(span_eq(bytes_head(names), SPAN_LIT("user")));
    heard.done[heard.done_count++] = number;
    heard.matched = heard.matched || matches;
}

static void gave_way(struct mta *mta, uint64_t number) {
    (void)mta;
    heard.gave_way[heard.gave_way_count++] = number;
}

static const struct hashing_calls calls = {may, done, gave_way};

static struct mta *begin(void) {
    static struct mta mta;
    struct error err;
    heard = (struct heard){0};
    mta = (struct mta){.loop = event_base_new()};
    mta.hashing = hashing_new(&mta, store_thread_start(&err));
    assert_non_null(mta.hashing);
    return &mta;
}

static void end(struct mta *mta) {
    hashing_free(mta->hashing);
    event_base_free(mta->loop);
}

static bool asks(struct mta *mta, uint64_t number, const char *host) {
    struct bytes *names = bytes_new(SPAN_LIT("user"), span_str(host));
    struct hashing_question question = {.password = SPAN_LIT("x"), .number = number, .names = names};
    bool taken = hashing_compare(mta->hashing, &question, &calls);
    bytes_drop(names);
    return taken;
}

static void hear(struct mta *mta, size_t count) {
    while (heard.done_count < count)
        event_base_loop(mta->loop, EVLOOP_ONCE);
}

static void who_asks_often_waits_for_himself(void **state) {
    (void)state;
    struct mta *mta = begin();
    for (uint64_t i = 1; i <= 10; i++)
        assert_true(asks(mta, i, "192.0.2.1"));
    assert_true(asks(mta, 11, "192.0.2.2") && asks(mta, 12, "2001:db8::1") && asks(mta, 13, "192.0.2.2"));
    hear(mta, 6);
    const uint64_t order[] = {1, 2, 11, 12, 3, 13};
    assert_memory_equal(heard.done, order, sizeof order);
    hear(mta, 13);
    assert_false(heard.matched);
    end(mta);
}

/* All places are one network's: its last gives way, and then the last of the larger network of a site. */
static void the_site_with_most_gives_way(void **state) {
    (void)state;
    struct mta *mta = begin();
    for (uint64_t i = 0; i <= HASHING_MOST; i++)
        assert_true(asks(mta, i + 1, i < 20 ? "2001:db8:1:1::1" : "2001:db8:1:2::1"));
    assert_false(asks(mta, 100, "2001:db8:1:1::2"));
    assert_int_equal(heard.gave_way_count, 0);
    assert_true(asks(mta, 101, "2001:db8:2::1"));
    assert_int_equal(heard.gave_way_count, 1);
    assert_int_equal(heard.gave_way[0], 20);
    assert_true(asks(mta, 102, "2001:db8:1:2::2")); /* the one that grows is the smaller of the site */
    assert_int_equal(heard.gave_way_count, 2);
    assert_int_equal(heard.gave_way[1], 19);
    hear(mta, 3);
    assert_true(heard.done[1] == 101 || heard.done[2] == 101);
    end(mta);
}

/* Whoever has gone takes no place and no time; what runs is heard of all the same. */
static void what_is_forgotten_is_not_compared(void **state) {
    (void)state;
    struct mta *mta = begin();
    for (uint64_t i = 1; i <= HASHING_MOST + 1; i++)
        assert_true(asks(mta, i, "192.0.2.1"));
    for (uint64_t i = 1; i <= HASHING_MOST; i++)
        hashing_forget(mta->hashing, i);
    assert_true(asks(mta, 100, "192.0.2.1"));
    hear(mta, 3);
    const uint64_t order[] = {1, HASHING_MOST + 1, 100};
    assert_memory_equal(heard.done, order, sizeof order);
    assert_int_equal(heard.mays, 3);
    end(mta);
}

/* Asked when its turn comes, not when it comes in: till then others may have been wrong. */
static void who_may_not_any_more_is_passed_over(void **state) {
    (void)state;
    struct mta *mta = begin();
    for (uint64_t i = 1; i <= 4; i++)
        assert_true(asks(mta, i, "192.0.2.1"));
    assert_int_equal(heard.mays, 1);
    heard.refused = 3;
    hear(mta, 3);
    const uint64_t order[] = {1, 2, 4};
    assert_memory_equal(heard.done, order, sizeof order);
    assert_int_equal(heard.mays, 4);
    end(mta);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_often_waits_for_himself),
        cmocka_unit_test(the_site_with_most_gives_way),
        cmocka_unit_test(what_is_forgotten_is_not_compared),
        cmocka_unit_test(who_may_not_any_more_is_passed_over),
    };
    if (!password_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
