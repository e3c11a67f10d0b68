#include "mhsd/parent_start.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/door.h"
#include "mhsd/parent_channels.h"
#include "mhsd/parent_sockets.h"
#include "mhsd/spawn.h"

/* A child's descriptors besides these are the network's listeners and the local socket. */
#define DESCRIPTORS (CHILD_LISTENERS - CHILD_PARENT)

static void close_all(const int *descriptors, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
}

static bool open_door(struct child *child, int *end) {
    int door[2];
    *end = -1;
    if (!child_kinds[child->kind].door)
        return true;
    if (!ipc_door(door))
        return false;
    child->door = door[0];
    *end = door[1];
    child_introduce_readers(child);
    return true;
}

/* Executes the child with `ends` and the sockets of its kind. */
static pid_t execute(struct child *child, const int ends[DESCRIPTORS]) {
    struct parent *parent = child->parent;
    const struct sockets *sockets = &parent->sockets;
    const struct child_kind_entry *kind = &child_kinds[child->kind];
    int *descriptors = mem_alloc((DESCRIPTORS + sockets->listener_count + 2) * sizeof *descriptors);
    if (!descriptors)
        return -1;
    size_t count = 0;
    char number[12];
    snprintf(number, sizeof number, "%d", child->number);
    for (; count < DESCRIPTORS; count++)
        descriptors[count] = ends[count];
    for (size_t i = 0; kind->listeners && i < sockets->listener_count; i++)
        descriptors[count++] = sockets->listeners[i];
    if (kind->local) {
        descriptors[count++] = sockets->local;
        descriptors[count++] = sockets->former_local;
    }
    char *arguments[] = {"mhsd", (char *)child_name(child), number, NULL};
    pid_t pid = spawn(parent->program, arguments, descriptors, count);
    mem_free(descriptors);
    return pid;
}

static void not_started(struct child *child) {
    log_error("the %s process can't be started: %s", child_name(child), strerror(errno));
    child_close_door(child);
    child_restart_later(child);
}

void child_start(struct child *child) {
    int pair[2], ends[DESCRIPTORS] = {-1, -1, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        not_started(child);
        return;
    }
    ends[CHILD_PARENT - CHILD_PARENT] = pair[1];
    child->life++;
    child_look_at_sockets(child);
    pid_t pid = open_door(child, &ends[CHILD_DOOR - CHILD_PARENT]) &&
                        child_open_store_end(child, &ends[CHILD_STORE - CHILD_PARENT])
                    ? execute(child, ends)
                    : -1;
    int cause = errno;
    close_all(ends, DESCRIPTORS);
    child->ready = child->excused = child->condemned = false;
    child->pid = pid > 0 ? pid : 0;
    child->begun = clock_monotonic_us();
    child->channel = pid > 0 ? ipc_channel_new(child->parent->loop, pair[0], child_name(child),
                                               child->parent->handler, child)
                             : NULL;
    if (!child->channel)
        close(pair[0]);
    else
        ipc_turn(child->channel, 1); /* a frame may bring work: between two all others have their turn */
    errno = cause;
    if (pid < 0) {
        not_started(child);
        return;
    }
    if (child_kinds[child->kind].local)
        parent_drop_former_local(child->parent);
    if (!child_tell_config(child->kind, child->parent->config, child->channel)) {
        log_error("the %s process can't be told its configuration: no memory", child_name(child));
        child_end(child);
    }
}

void parent_start_others(struct parent *parent) {
    struct child_walk walk = {.parent = parent};
    for (struct child *child; (child = child_next(&walk));)
        if (child->pid == 0 && child->kind != KIND_STORE && !parent->stopping)
            child_start(child);
}

void child_on_restart(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct child *child = arg;
    /* The others follow the store process: net processes end with it. */
    if (!child->parent->stopping && child->pid == 0 &&
        (child->kind == KIND_STORE || child->parent->store_ready))
        child_start(child);
}
