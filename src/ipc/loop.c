#include "ipc/loop.h"

#include <sched.h>

#include "base/clock.h"

/* Of the last waits, in short: each short one counts up to so many, each long one down. */
#define MOST   16
#define ENOUGH 8

void loop_waited(struct loop_patience *patience, int64_t microseconds) {
    if (microseconds > LOOP_SHORT_US)
        patience->short_waits -= patience->short_waits > 0;
    else
        patience->short_waits += patience->short_waits < MOST;
}

bool loop_may_look_on(const struct loop_patience *patience) {
    return patience->short_waits >= ENOUGH;
}

/* When it was first spoken to in this turn; 0: it was not. */
static int64_t heard;

void loop_heard(void) {
    if (!heard)
        heard = clock_monotonic_us();
}

/* With a single processor whoever is to speak would wait for who looks on. */
static bool others_can_run(void) {
    cpu_set_t processors;
    return sched_getaffinity(0, sizeof processors, &processors) == 0 && CPU_COUNT(&processors) > 1;
}

/* What is ready is done; without `sleeps` nothing is waited for. False: the loop is over. */
static bool turn(struct event_base *loop, bool sleeps) {
    heard = 0;
    return event_base_loop(loop, sleeps ? EVLOOP_ONCE : EVLOOP_NONBLOCK) == 0 && !event_base_got_exit(loop) &&
           !event_base_got_break(loop);
}

void loop_run(struct event_base *loop) {
    struct loop_patience patience = {0};
    bool alone = !others_can_run(), sleeps = true;
    int64_t since = clock_monotonic_us();
    while (turn(loop, sleeps)) {
        int64_t now = clock_monotonic_us();
        if (heard) {
            loop_waited(&patience, heard - since);
            since = now;
        }
        sleeps = alone || !loop_may_look_on(&patience) || now - since > LOOP_LOOK_ON_US;
        if (!sleeps && !heard)
            sched_yield();
    }
}
