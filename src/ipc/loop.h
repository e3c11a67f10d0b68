/*
 * The loop of a process that others speak with. Where one message at a time is under way, each process on its
 * way falls asleep and is woken some times for it, and a wake-up takes as long as the work: on a virtual
 * processor some 50 µs. So a process that is spoken to again and again within a moment looks on for that
 * moment before it sleeps, and lets who else is ready have the processor meanwhile.
 */
#ifndef IPC_LOOP_H
#define IPC_LOOP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

/* How long it looks on, and the longest wait that speaks for it: it may have slept, and been woken. */
#define LOOP_LOOK_ON_US 100
#define LOOP_SHORT_US   120

/* Whether looking on pays: most of the last waits were short. {0}: none was yet, it sleeps at once. */
struct loop_patience {
    unsigned short_waits;
};

/* A wait of so long came to its end. */
void loop_waited(struct loop_patience *patience, int64_t microseconds);
bool loop_may_look_on(const struct loop_patience *patience);

/* Somebody has spoken: who reads from channels and connections says so, from inside the loop. */
void loop_heard(void);

/* As event_base_dispatch: until event_base_loopexit or event_base_loopbreak, or nothing is left to wait for.
 */
void loop_run(struct event_base *loop);

#endif
