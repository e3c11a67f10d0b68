#include "mhsd/parent_child.h"

#include <signal.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

/* A child that keeps dying is started less and less often. */
#define FIRST_PAUSE_US   ((int64_t)200000)
#define LONGEST_PAUSE_US ((int64_t)30 * 1000000)

/* An honest process that loses a channel ends by itself, well before this. The store process gives its store
 * back first. */
#define LINGER_SECONDS       5
#define STORE_LINGER_SECONDS 15

struct child *child_next(struct child_walk *walk) {
    while (walk->kind < KINDS && walk->number >= walk->parent->count[walk->kind]) {
        walk->kind++;
        walk->number = 0;
    }
    return walk->kind < KINDS ? &walk->parent->children[walk->kind][walk->number++] : NULL;
}

const char *child_name(const struct child *child) {
    return child_kinds[child->kind].name;
}

unsigned children_running(const struct parent *parent, enum child_kind kind) {
    unsigned count = 0;
    struct child_walk walk = {.parent = (struct parent *)parent};
    for (struct child *child; (child = child_next(&walk));)
        count += child->pid != 0 && (kind == KINDS || kind == child->kind);
    return count;
}

void child_end(struct child *child) {
    child->condemned = true;
    if (child->pid > 0)
        kill(child->pid, SIGKILL);
}

void child_await_end(struct child *child) {
    struct timeval most = {.tv_sec = child->kind == KIND_STORE ? STORE_LINGER_SECONDS : LINGER_SECONDS};
    if (child->pid > 0 && !child->condemned && !child->parent->stopping &&
        !event_pending(child->lingers, EV_TIMEOUT, NULL))
        event_add(child->lingers, &most);
}

static void on_lingers(evutil_socket_t fd, short what, void *arg) {
    struct child *child = arg;
    (void)fd;
    (void)what;
    if (child->pid == 0 || child->parent->stopping)
        return;
    log_error("the %s process has lost a channel and does not end by itself; it is ended", child_name(child));
    child_end(child);
}

void child_restart_later(struct child *child) {
    struct timeval tv = {.tv_sec = child->pause / 1000000, .tv_usec = child->pause % 1000000};
    event_add(child->restart, &tv);
    child->pause = child->pause * 2 > LONGEST_PAUSE_US ? LONGEST_PAUSE_US : child->pause * 2;
}

void child_shorten_pause(struct child *child) {
    child->pause = FIRST_PAUSE_US;
}

void child_close_door(struct child *child) {
    if (child->door >= 0)
        close(child->door);
    child->door = -1;
}

bool children_add(struct parent *parent, enum child_kind kind, unsigned count, event_callback_fn restart) {
    parent->children[kind] = mem_alloc((count + 1) * sizeof(struct child));
    if (!parent->children[kind])
        return false;
    for (; parent->count[kind] < count; parent->count[kind]++) {
        struct child *child = &parent->children[kind][parent->count[kind]];
        *child = (struct child){.parent = parent,
                                .kind = kind,
                                .number = (int)parent->count[kind],
                                .door = -1,
                                .pause = FIRST_PAUSE_US};
        child->restart = event_new(parent->loop, -1, 0, restart, child);
        child->lingers = event_new(parent->loop, -1, 0, on_lingers, child);
        if (!child->restart || !child->lingers)
            return false;
    }
    return true;
}

void children_free(struct parent *parent) {
    struct child_walk walk = {.parent = parent};
    for (struct child *child; (child = child_next(&walk));) {
        if (child->restart)
            event_free(child->restart);
        if (child->lingers)
            event_free(child->lingers);
        child_close_door(child);
    }
    for (unsigned kind = 0; kind < KINDS; kind++)
        mem_free(parent->children[kind]);
}
