#include "mhsd/parent_stop.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/log.h"
#include "mhsd/parent_sockets.h"
#include "mhsd/patience.h"
#include "mhsd/supervisor.h"

/* The store process last: when it ends, the others have their order to stop already. Work processes are ended
 * without. */
static void tell_to_stop(struct parent *parent) {
    struct span nothing = {NULL, 0};
    for (unsigned kind = KINDS; kind-- > 0;)
        for (unsigned i = 0; i < parent->count[kind] && kind != KIND_WORK; i++)
            if (parent->children[kind][i].channel)
                ipc_send(parent->children[kind][i].channel, IPC_STOP, 0, nothing, nothing);
}

/* The store process goes last: it commits what the net processes still tell it. */
static void stop_store_when_alone(struct parent *parent) {
    struct child *store = parent->children[KIND_STORE];
    if (parent->stopping && store->channel && children_running(parent, KINDS) == 1 && store->pid != 0)
        ipc_send(store->channel, IPC_STOP, 0, (struct span){NULL, 0}, (struct span){NULL, 0});
    if (parent->stopping && children_running(parent, KINDS) == 0)
        event_base_loopbreak(parent->loop);
}

void parent_on_impatience(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct parent *parent = arg;
    parent->status = 1;
    log_warning("not all processes stopped in time; they are ended now");
    struct child_walk walk = {.parent = parent};
    for (struct child *child; (child = child_next(&walk));)
        if (child->pid)
            kill(child->pid, SIGKILL);
}

/* Work processes have nothing to finish, and what is starting yet has begun nothing. */
static void end_idle_processes(struct parent *parent) {
    struct child_walk walk = {.parent = parent};
    for (struct child *child; (child = child_next(&walk));)
        if (child->pid && (child->kind == KIND_WORK || (child->kind != KIND_STORE && !child->ready))) {
            child->excused = true;
            kill(child->pid, SIGKILL);
        }
}

void parent_stop(struct parent *parent) {
    const struct timeval limit = {.tv_sec = patience_seconds(parent->config)};
    parent->stopping = true;
    tell_to_stop(parent);
    end_idle_processes(parent);
    event_add(parent->patience, &limit);
    parent_begin_absence(parent);
    stop_store_when_alone(parent);
}

void parent_on_stop(evutil_socket_t signal_number, short what, void *arg) {
    (void)what;
    struct parent *parent = arg;
    if (parent->stopping) { /* somebody does not want to wait */
        patience_shorten(parent->patience);
        tell_to_stop(parent);
        return;
    }
    log_notice("stopping (signal %d)", (int)signal_number);
    supervisor_tell_stopping(patience_seconds(parent->config));
    parent_stop(parent);
}

void parent_note_stopped(const struct child *child, int status) {
    struct parent *parent = child->parent;
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!clean && !child->excused)
        parent->status = 1;
    if (children_running(parent, KIND_NET) == 0) /* no transfer is waited for */
        patience_shorten(parent->patience);
    parent_begin_absence(parent);
    stop_store_when_alone(parent);
}
