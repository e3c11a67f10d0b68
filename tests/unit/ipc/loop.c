/* A process looks on where that pays, and sleeps where not; whatever ends libevent's loop ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ipc/loop.h"

/* ---- how it waits: libevent's calls come here ---- */

static struct { unsigned sleeps, looks; } waits;

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    if (timeout)
        waits.sleeps++;
    else
        waits.looks++;
    return (int)syscall(SYS_epoll_wait, fd, events, most, timeout);
}

/* ---- a process that speaks with itself ---- */

struct talk {
    struct event_base *loop;
    struct event *event;
    int pipe[2];
    unsigned left; /* how often it answers */
    bool is_heard;
};

static void on_octet(evutil_socket_t fd, short what, void *arg) {
    struct talk *talk = arg;
    char octet;
    (void)what;
    assert_int_equal(read(fd, &octet, 1), 1);
    if (talk->is_heard)
        loop_heard();
    if (talk->left-- == 0) {
        event_base_loopexit(talk->loop, NULL);
        return;
    }
    assert_int_equal(write(talk->pipe[1], &octet, 1), 1);
    if (talk->left == 0)
        waits.sleeps = waits.looks = 0;
}

static void converse(struct talk *talk) {
    talk->loop = event_base_new();
    assert_int_equal(pipe(talk->pipe), 0);
    talk->event = event_new(talk->loop, talk->pipe[0], EV_READ | EV_PERSIST, on_octet, talk);
    event_add(talk->event, NULL);
    assert_int_equal(write(talk->pipe[1], "x", 1), 1);
    waits.sleeps = waits.looks = 0;
    loop_run(talk->loop);
    event_free(talk->event);
    event_base_free(talk->loop);
    close(talk->pipe[0]);
    close(talk->pipe[1]);
}

static bool has_two_processors(void) {
    return sysconf(_SC_NPROCESSORS_ONLN) > 1;
}

/* ---- cases ---- */

static void most_of_the_last_waits_were_short(void **state) {
    struct loop_patience patience = {0};
    (void)state;
    assert_false(loop_may_look_on(&patience));
    for (int i = 0; i < 100; i++)
        loop_waited(&patience, LOOP_SHORT_US);
    assert_true(loop_may_look_on(&patience));
    for (int i = 0; i < 100; i++) {
        loop_waited(&patience, LOOP_SHORT_US + 1);
        loop_waited(&patience, 0);
    }
    assert_true(loop_may_look_on(&patience));
    for (int i = 0; i < 9; i++)
        loop_waited(&patience, LOOP_SHORT_US + 1);
    assert_false(loop_may_look_on(&patience));
    for (int i = 0; i < 100; i++)
        loop_waited(&patience, INT64_MAX);
    for (int i = 0; i < 7; i++)
        loop_waited(&patience, 0);
    assert_false(loop_may_look_on(&patience));
    loop_waited(&patience, 0);
    assert_true(loop_may_look_on(&patience));
}

static void who_is_spoken_to_again_and_again_does_not_sleep(void **state) {
    struct talk talk = {.left = 200, .is_heard = true};
    (void)state;
    if (!has_two_processors())
        skip();
    converse(&talk);
    assert_true(waits.looks > 10 * waits.sleeps); /* another process may have kept it from the processor */
}

/* Timers and what else is no talk leave it asleep. */
static void who_is_not_spoken_to_sleeps(void **state) {
    struct talk talk = {.left = 200};
    (void)state;
    converse(&talk);
    assert_int_equal(waits.looks, 0);
    assert_true(waits.sleeps > 0);
}

static void on_time(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

static void stays_silent(evutil_socket_t fd, short what, void *arg) {
    char octet;
    (void)what;
    (void)arg;
    assert_int_equal(read(fd, &octet, 1), 1);
    loop_heard();
    waits.sleeps = waits.looks = 0;
}

static void looks_on_for_a_moment_alone(void **state) {
    const struct timeval moment = {.tv_usec = 100000}, before = {.tv_usec = 50000};
    struct event_base *loop = event_base_new();
    int ends[2];
    bool rang = false;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    struct event *event = event_new(loop, ends[0], EV_READ | EV_PERSIST, stays_silent, NULL);
    struct event *timer = event_new(loop, -1, EV_TIMEOUT, on_time, &rang);
    event_add(event, NULL);
    event_add(timer, &before);
    assert_int_equal(write(ends[1], "0123456789abcdef", 16), 16);
    event_base_loopexit(loop, &moment);
    clock_t used = clock();
    loop_run(loop);
    assert_true(rang);
    assert_true(waits.sleeps >= 1);
    assert_true((clock() - used) * 4 < CLOCKS_PER_SEC / 10); /* it did not look on for those 100 ms */
    event_free(event);
    event_free(timer);
    event_base_free(loop);
    close(ends[0]);
    close(ends[1]);
}

static void breaks_off(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    event_base_loopbreak(arg);
}

static void ends_as_libevent_s_does(void **state) {
    const struct timeval moment = {.tv_usec = 1000};
    struct event_base *loop = event_base_new();
    (void)state;
    loop_run(loop); /* nothing to wait for */
    struct event *timer = event_new(loop, -1, EV_PERSIST, breaks_off, loop);
    event_add(timer, &moment);
    loop_run(loop);
    event_base_loopexit(loop, NULL);
    loop_run(loop);
    event_free(timer);
    event_base_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_of_the_last_waits_were_short),
        cmocka_unit_test(who_is_spoken_to_again_and_again_does_not_sleep),
        cmocka_unit_test(who_is_not_spoken_to_sleeps),
        cmocka_unit_test(looks_on_for_a_moment_alone),
        cmocka_unit_test(ends_as_libevent_s_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
