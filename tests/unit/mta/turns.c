/* What users ask for in turns (mta/later.h): whose turn it is, and that each turn of the loop has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "mta/later.h"
#include "mta/mta_private.h"

enum { LONG_US = 6000, MOST = 32 }; /* longer than what a turn of the loop has */

struct stage {
    struct mta mta;
    char directory[64];
    char did[MOST + 1]; /* a letter for each thing that was run; capital: refused; a dot for one dropped */
    size_t count;
};

static struct stage *here;

static void note(char letter) {
    assert_true(here->count < MOST);
    here->did[here->count++] = letter;
}

/* It takes `ref` µs. */
static void run(void *owner, uint64_t ref, struct span payload, void *object) {
    int64_t end = clock_monotonic_us() + (int64_t)ref;
    (void)payload, (void)object;
    note(*(char *)owner);
    while (clock_monotonic_us() < end)
        continue;
}

static void refuse(void *owner, uint64_t ref) {
    (void)ref;
    note((char)(*(char *)owner - 'a' + 'A'));
}

static void drop(struct mta *mta, void *object) {
    (void)mta, (void)object;
    note('.');
}

static const struct later_kind kind = {run, refuse, drop};

static void on_next(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    later_turn(arg);
}

static const struct batch_hooks hooks;

static int begin(void **state) {
    static const struct mta_config config = {.limits = {.requests = 1000, .batch_octets = 1 << 20}};
    struct store_options options = {.create = true};
    struct error err = {0};
    here = calloc(1, sizeof *here);
    snprintf(here->directory, sizeof here->directory, "/tmp/chasqui-turns-XXXXXX");
    assert_non_null(mkdtemp(here->directory));
    struct mta *mta = &here->mta;
    mta->view.config = &config;
    mta->loop = event_base_new();
    mta->view.store = store_open(here->directory, &options, &err);
    assert_non_null(mta->view.store);
    mta->commit = event_new(mta->loop, -1, 0, on_next, mta);
    mta->later_next = event_new(mta->loop, -1, 0, on_next, mta);
    assert_true(batch_init(mta, &hooks));
    *state = here;
    return 0;
}

static int end(void **state) {
    char command[100];
    struct mta *mta = &here->mta;
    (void)state;
    later_refuse(mta);
    assert_null(mta->later_payers);
    assert_int_equal(mta->later_octets, 0);
    batch_free(mta);
    event_free(mta->commit);
    event_free(mta->later_next);
    store_close(mta->view.store);
    event_base_free(mta->loop);
    snprintf(command, sizeof command, "rm -rf %s", here->directory);
    assert_int_equal(system(command), 0);
    free(here);
    return 0;
}

static bool ask(uint64_t payer, char *owner, int64_t takes) {
    struct later_asked asked = {.owner = owner, .kind = &kind, .ref = (uint64_t)takes, .octets = 1 << 20};
    return later_do(&here->mta, payer, &asked);
}

static void expect(const char *did) {
    assert_string_equal(here->did, did);
}

/* Each takes more than a turn of the loop has: one is run in each, and who used least comes first. */
static void users_take_turns(void **state) {
    struct mta *mta = &here->mta;
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        assert_true(ask(1, "a", LONG_US));
    assert_true(ask(2, "b", LONG_US) && ask(2, "b", LONG_US));
    expect("a"); /* nobody waited */
    assert_true(later_awaits(mta));
    for (unsigned turns = 1; turns <= 6; turns++) {
        event_base_loop(mta->loop, EVLOOP_ONCE);
        assert_int_equal(here->count, 1 + turns);
    }
    assert_true(strchr(here->did + 1, 'b') < here->did + 3 && strrchr(here->did, 'b') < here->did + 5);
    event_base_loop(mta->loop, EVLOOP_ONCE);
    assert_false(later_awaits(mta));
}

/* The owner goes, the payer's other one stays; who is over his share is refused, and nobody else. */
static void an_owner_leaves_and_a_share_is_full(void **state) {
    struct mta *mta = &here->mta;
    char one[] = "a", other[] = "b", third[] = "c";
    (void)state;
    assert_true(ask(1, one, LONG_US));
    for (unsigned i = 0; i < 7; i++)
        assert_true(ask(1, one, 0) && ask(1, other, 0));
    assert_true(ask(1, one, 0)); /* with 15 MiB and what holds them */
    assert_false(ask(1, one, 0));
    assert_true(ask(2, third, 0));
    later_leave(mta, one);
    expect("a........");
    event_base_loop(mta->loop, EVLOOP_ONCE);
    assert_int_equal(here->count, 9 + 8);
    assert_null(strchr(here->did + 1, 'a'));
    assert_false(later_waits(mta));
}

static void a_stop_runs_all_at_once_and_an_end_refuses(void **state) {
    struct mta *mta = &here->mta;
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(ask(1, "a", LONG_US));
    mta->stopping = true;
    later_go_on(mta);
    expect("aaa");
    mta->stopping = false;
    assert_true(ask(1, "b", 0));
    later_refuse(mta);
    expect("aaaB.");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(users_take_turns, begin, end),
        cmocka_unit_test_setup_teardown(an_owner_leaves_and_a_share_is_full, begin, end),
        cmocka_unit_test_setup_teardown(a_stop_runs_all_at_once_and_an_end_refuses, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
