/* Marks of destinations, upon kinds of the test's own: who is pumped, in which order, and when again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "mta/mta_private.h"

enum { MOST = 32, HERE = 3 };

struct stage {
    struct mta mta;
    char did[MOST + 1]; /* the digit of each that was pumped, a letter for its tick */
    size_t count;
    unsigned left[HERE]; /* times that its pump says that there is more */
    int marks[HERE];     /* whom its pump marks; -1: nobody */
    struct destination *all[HERE];
};

static void note(struct mta *mta, char sign) {
    struct stage *stage = (struct stage *)mta;
    assert_true(stage->count < MOST);
    stage->did[stage->count++] = sign;
}

static bool pump(struct mta *mta, struct destination *destination) {
    struct stage *stage = (struct stage *)mta;
    note(mta, (char)('0' + destination->number));
    if (stage->marks[destination->number] >= 0)
        destination_mark(mta, stage->all[stage->marks[destination->number]]);
    return stage->left[destination->number] && stage->left[destination->number]--;
}

static void tick(struct mta *mta, struct destination *destination, int64_t now) {
    (void)now;
    note(mta, (char)('a' + destination->number));
}

static bool waits(const struct destination *destination) {
    return destination->number == 0;
}

static const char *trouble(const struct destination *destination) {
    return destination->number == 0 ? "away" : NULL;
}

static void release(struct mta *mta, struct destination *destination) {
    (void)mta;
    mem_free(destination);
}

static const struct destination_operations talkative = {
    .pump = pump, .tick = tick, .waits = waits, .trouble = trouble, .release = release, .fixed = "it stays"};
static const struct destination_operations silent = {.pump = pump, .release = release};
static const struct destination_operations *const kinds[DESTINATION_KINDS] = {&talkative, &silent, NULL};

static void on_more(evutil_socket_t fd, short what, void *arg) {
    (void)fd, (void)what;
    destinations_pump(arg);
}

static int begin(void **state) {
    struct stage *stage = calloc(1, sizeof *stage);
    struct mta *mta = &stage->mta;
    mta->loop = event_base_new();
    mta->kinds = kinds;
    mta->pump = event_new(mta->loop, -1, 0, destinations_on_mark, mta);
    mta->more = event_new(mta->loop, -1, 0, on_more, mta);
    assert_true(schedule_init(&mta->schedule, 0));
    for (int i = 0; i < HERE; i++) {
        stage->marks[i] = -1;
        stage->all[i] = mem_alloc(sizeof *stage->all[i]);
        stage->all[i]->kind = i == 2 ? DESTINATION_MAILBOX : DESTINATION_MTA;
        assert_true(destination_add(mta, stage->all[i], SPAN_LIT("")));
    }
    *state = stage;
    return 0;
}

static int end(void **state) {
    struct stage *stage = *state;
    destinations_free(&stage->mta);
    schedule_free(&stage->mta.schedule);
    event_free(stage->mta.pump);
    event_free(stage->mta.more);
    event_base_free(stage->mta.loop);
    free(stage);
    return 0;
}

static void turn(struct stage *stage) {
    event_base_loop(stage->mta.loop, EVLOOP_NONBLOCK);
}

static void nobody_is_pumped_before_the_turn_ends(void **state) {
    struct stage *stage = *state;
    destination_mark(&stage->mta, stage->all[1]);
    destination_mark(&stage->mta, stage->all[0]);
    destination_mark(&stage->mta, stage->all[1]);
    assert_string_equal(stage->did, "");
    turn(stage);
    assert_string_equal(stage->did, "10"); /* each once, in the order of the marks */
    turn(stage);
    assert_string_equal(stage->did, "10");
}

static void a_commit_pumps_what_is_marked(void **state) {
    struct stage *stage = *state;
    destination_mark(&stage->mta, stage->all[2]);
    destinations_pump(&stage->mta);
    assert_string_equal(stage->did, "2");
    turn(stage);
    assert_string_equal(stage->did, "2");
}

/* What is marked by a pump waits for the next. */
static void a_pump_marks_another(void **state) {
    struct stage *stage = *state;
    stage->marks[0] = 1;
    destination_mark(&stage->mta, stage->all[0]);
    destinations_pump(&stage->mta);
    assert_string_equal(stage->did, "0");
    turn(stage);
    assert_string_equal(stage->did, "01");
}

static void who_has_more_comes_again_after_the_others(void **state) {
    struct stage *stage = *state;
    stage->left[0] = 2;
    destination_mark(&stage->mta, stage->all[0]);
    destination_mark(&stage->mta, stage->all[1]);
    turn(stage); /* on a slow machine the next one, which nothing delays, has begun within it */
    while (event_pending(stage->mta.more, EV_TIMEOUT, NULL))
        event_base_loop(stage->mta.loop, EVLOOP_ONCE);
    assert_string_equal(stage->did, "0100");
}

/* Each second, also what was ready before is tried: its mark may have come while nothing could take it. */
static void a_tick_marks_what_is_ready(void **state) {
    struct stage *stage = *state;
    struct work unit = {.id = 1, .destination = 2, .expires = INT64_MAX};
    assert_non_null(schedule_add(&stage->mta.schedule, &unit));
    destinations_tick(&stage->mta);
    assert_string_equal(stage->did, "ab");
    turn(stage);
    assert_string_equal(stage->did, "ab2");
}

static void an_operation_that_a_kind_lacks_says_nothing(void **state) {
    struct stage *stage = *state;
    const struct mta *mta = &stage->mta;
    assert_true(destination_waits(mta, stage->all[0]));
    assert_string_equal(destination_trouble(mta, stage->all[0]), "away");
    assert_string_equal(destination_fixed(mta, stage->all[0]), "it stays");
    assert_false(destination_waits(mta, stage->all[2]) || destination_is_gone(mta, stage->all[2]));
    assert_null(destination_trouble(mta, stage->all[2]));
    assert_null(destination_fixed(mta, stage->all[2]));
    assert_int_equal(destination_next_try(mta, stage->all[2]), 0);
    assert_ptr_equal(destination_of_kind(mta, DESTINATION_MAILBOX), stage->all[2]);
    assert_null(destination_of_kind(mta, DESTINATION_CONVERSION));
    destination_try_now(&stage->mta, stage->all[2], 1);
    turn(stage);
    assert_string_equal(stage->did, "2");
}

#define SCENE(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(nobody_is_pumped_before_the_turn_ends),
        SCENE(a_commit_pumps_what_is_marked),
        SCENE(a_pump_marks_another),
        SCENE(who_has_more_comes_again_after_the_others),
        SCENE(a_tick_marks_what_is_ready),
        SCENE(an_operation_that_a_kind_lacks_says_nothing),
    };
    return cmocka_run_group_tests_name("destination", tests, NULL, NULL);
}
