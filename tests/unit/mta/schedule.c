/* The scheduler against a plain model: lanes in order, timers by time, states counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "mta/schedule.h"

static struct work *add(struct schedule *schedule, uint64_t id, enum work_lane lane, enum work_state state,
                        int64_t due) {
    struct work work = {
        .id = id, .lane = (uint8_t)lane, .state = (uint8_t)state, .due = due, .expires = INT64_MAX};
    struct work *added = schedule_add(schedule, &work);
    assert_non_null(added);
    return added;
}

static void test_lanes(void **state) {
    struct schedule schedule;
    (void)state;
    assert_true(schedule_init(&schedule, 2));
    add(&schedule, 1, LANE_NON_URGENT, WORK_READY, 0);
    add(&schedule, 2, LANE_NORMAL, WORK_READY, 0);
    add(&schedule, 3, LANE_URGENT, WORK_READY, 0);
    add(&schedule, 4, LANE_URGENT, WORK_READY, 0);
    static const uint64_t order[] = {3, 4, 2, 1};
    for (size_t i = 0; i < 4; i++) {
        struct work *first = schedule_first(&schedule, 0);
        assert_int_equal(first->id, order[i]);
        schedule_set(&schedule, first, WORK_SENDING, 0, false);
    }
    assert_null(schedule_first(&schedule, 0));
    schedule_set(&schedule, schedule_find(&schedule, 1), WORK_READY, 0, false);
    schedule_set(&schedule, schedule_find(&schedule, 2), WORK_HELD, 0, false);
    assert_int_equal(schedule_first(&schedule, 0)->id, 1);
    assert_null(schedule_first(&schedule, 1));
    assert_int_equal(schedule.queues[0].counted[COUNTED_HELD], 1);
    schedule_free(&schedule);
}

/* A repeat goes before the others of its lane. */
static void test_front(void **state) {
    struct schedule schedule;
    (void)state;
    assert_true(schedule_init(&schedule, 1));
    struct work *first = add(&schedule, 1, LANE_NORMAL, WORK_READY, 0);
    add(&schedule, 2, LANE_NORMAL, WORK_READY, 0);
    schedule_set(&schedule, first, WORK_SENDING, 0, false);
    schedule_set(&schedule, first, WORK_READY, 0, true);
    assert_int_equal(schedule_first(&schedule, 0)->id, 1);
    schedule_free(&schedule);
}

#define UNITS 3000

/* Timers in random order, with removals and changes between: they fire in the order of time, each once. */
static void test_timers(void **state) {
    struct schedule schedule;
    (void)state;
    assert_true(schedule_init(&schedule, 1));
    srand(7);
    size_t left = 0;
    for (uint64_t id = 1; id <= UNITS; id++)
        add(&schedule, id, LANE_NORMAL, WORK_WAITING, 1 + rand() % 1000);
    for (uint64_t id = 1; id <= UNITS; id++) {
        struct work *work = schedule_find(&schedule, id);
        if (id % 3 == 0)
            schedule_remove(&schedule, work);
        else if (id % 3 == 1)
            schedule_set(&schedule, work, WORK_WAITING, 1 + rand() % 1000, false);
        left += id % 3 != 0;
    }
    assert_int_equal(schedule.count, left);
    int64_t last = 0;
    for (int64_t now = 0; now <= 1000; now++) {
        struct work *work;
        while ((work = schedule_due(&schedule, now))) {
            assert_true(work->due <= now && work->due >= last);
            last = work->due;
            left--;
            schedule_remove(&schedule, work);
        }
        assert_true(schedule_wake(&schedule) > now);
    }
    assert_int_equal(left, 0);
    assert_int_equal(schedule.count, 0);
    schedule_free(&schedule);
}

/* What is ready still expires; what is held does not. */
static void test_expiry(void **state) {
    struct schedule schedule;
    (void)state;
    assert_true(schedule_init(&schedule, 1));
    struct work work = {.id = 1, .state = WORK_READY, .expires = 50};
    struct work *ready = schedule_add(&schedule, &work);
    work.id = 2;
    work.state = WORK_HELD;
    assert_non_null(schedule_add(&schedule, &work));
    assert_ptr_equal(schedule_due(&schedule, 50), ready);
    assert_null(schedule_due(&schedule, 1000));
    schedule_free(&schedule);
}

struct tally {
    size_t count, in_doubt, barred, oldest;
    size_t counted[WORK_COUNTS];
};

static bool count_unit(void *context, struct work *work) {
    struct tally *tally = &((struct tally *)context)[work->destination];
    tally->count++;
    tally->in_doubt += work->in_doubt;
    tally->barred += work->barred;
    tally->counted[work->state == WORK_HELD      ? COUNTED_HELD
                   : work->in_doubt              ? COUNTED_IN_DOUBT
                   : work->state == WORK_READY   ? COUNTED_READY
                   : work->state == WORK_SENDING ? COUNTED_SENDING
                   : work->barred                ? COUNTED_BARRED
                   : work->tries                 ? COUNTED_RETRIED
                                                 : COUNTED_DEFERRED]++;
    if (!tally->oldest || work->id < tally->oldest)
        tally->oldest = work->id;
    return true;
}

static bool next_by_age(void *context, struct work *work) {
    uint64_t *last = context;
    assert_true(work->id > *last);
    *last = work->id;
    return true;
}

/* What is kept as units change is what a walk through them would find. */
static void compare_counts(const struct schedule *schedule) {
    struct tally tallies[3] = {0};
    size_t barred = 0;
    schedule_each(schedule, count_unit, tallies);
    for (uint32_t i = 0; i < 3; i++) {
        const struct queue *queue = &schedule->queues[i];
        uint64_t last = 0;
        assert_int_equal(queue->count, tallies[i].count);
        assert_int_equal(queue->in_doubt, tallies[i].in_doubt);
        assert_int_equal(queue->oldest ? queue->oldest->id : 0, tallies[i].oldest);
        schedule_each_of(schedule, i, next_by_age, &last);
        assert_memory_equal(queue->counted, tallies[i].counted, sizeof queue->counted);
        barred += tallies[i].barred;
    }
    assert_int_equal(schedule->barred, barred);
}

static void test_counts(void **state) {
    struct schedule schedule;
    (void)state;
    assert_true(schedule_init(&schedule, 3));
    srand(5);
    for (uint64_t id = 1; id <= 3000; id++) {
        struct work unit = {
            .id = id, .destination = (uint32_t)rand() % 3, .expires = INT64_MAX, .in_doubt = rand() % 5 == 0};
        assert_non_null(schedule_add(&schedule, &unit));
        struct work *work = schedule_find(&schedule, 1 + (uint64_t)rand() % id);
        if (work && rand() % 3 == 0)
            schedule_remove(&schedule, work);
        else if (work && rand() % 2)
            schedule_doubt(&schedule, work, rand() % 2);
        else if (work) {
            work->tries = rand() % 2;
            if (rand() % 4 == 0)
                schedule_bar(&schedule, work, 1);
            else
                schedule_set(&schedule, work, (enum work_state)(rand() % WORK_STATES), 1, rand() % 2);
        }
        if (id % 100 == 0)
            compare_counts(&schedule);
    }
    schedule_free(&schedule);
}

static void test_no_memory(void **state) {
    struct schedule schedule;
    (void)state;
    assert_true(schedule_init(&schedule, 1));
    struct work work = {.id = 1, .state = WORK_READY, .expires = INT64_MAX};
    mem_fail_after(0);
    assert_null(schedule_add(&schedule, &work));
    mem_fail_after(-1);
    assert_int_equal(schedule.count, 0);
    assert_non_null(schedule_add(&schedule, &work));
    schedule_free(&schedule);
}

/* A jump moves the end of the span of time, and not that which is a time of day. */
static void a_shift_leaves_latest_delivery(void **state) {
    struct schedule schedule;
    struct work both = {.id = 1, .state = WORK_READY, .expires = 50, .latest = 40};
    struct work one = {.id = 2, .state = WORK_READY, .expires = 45};
    (void)state;
    assert_true(schedule_init(&schedule, 1));
    assert_non_null(schedule_add(&schedule, &both));
    assert_non_null(schedule_add(&schedule, &one));
    schedule_shift(&schedule, 100);
    assert_null(schedule_due(&schedule, 39));
    assert_int_equal(schedule_due(&schedule, 40)->id, 1);
    assert_null(schedule_due(&schedule, 144));
    schedule_set(&schedule, schedule_find(&schedule, 1), WORK_READY, 0, false);
    schedule_shift(&schedule, -120); /* now its span is over first */
    assert_int_equal(schedule_expiry(schedule_find(&schedule, 1)), 30);
    assert_int_equal(schedule_due(&schedule, 25)->id, 2);
    assert_null(schedule_due(&schedule, 29));
    assert_int_equal(schedule_due(&schedule, 30)->id, 1);
    schedule_free(&schedule);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shift_leaves_latest_delivery),
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_front),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
