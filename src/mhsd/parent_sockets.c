#include "mhsd/parent_sockets.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "mhsd/absence.h"

/* How often the listeners are looked at while processes have them. */
#define LOOK_SECONDS 10

static bool has_other(const struct child *child) {
    bool other = false;
    for (unsigned i = 0; i < child->parent->count[child->kind]; i++)
        other = other || (i != (unsigned)child->number && child->parent->children[child->kind][i].pid != 0);
    return other;
}

/* Who has a listener that is another's by now is started with that, once its transfers have ended. */
static void mend_listeners(struct parent *parent) {
    bool anew;
    sockets_mend_listeners(&parent->sockets, &anew);
    for (unsigned i = 0; anew && i < parent->count[KIND_NET]; i++)
        if (parent->children[KIND_NET][i].channel)
            ipc_send(parent->children[KIND_NET][i].channel, IPC_STOP, 0, (struct span){NULL, 0},
                     (struct span){NULL, 0});
}

static void on_look(evutil_socket_t fd, short what, void *arg) {
    struct parent *parent = arg;
    (void)fd;
    (void)what;
    log_tell_left_out();
    if (!parent->stopping)
        mend_listeners(parent);
}

static void renew_local(struct parent *parent) {
    parent->local_failed = !sockets_renew_local(&parent->sockets, parent->config->socket);
    absence_move(parent->absence, parent->sockets.local, parent->sockets.former_local);
}

void parent_drop_former_local(struct parent *parent) {
    sockets_drop_former_local(&parent->sockets);
    absence_move(parent->absence, parent->sockets.local, -1);
}

void child_give_sockets_back(struct child *child) {
    const struct child_kind_entry *kind = &child_kinds[child->kind];
    if (kind->listeners && !has_other(child))
        sockets_renew_listeners(&child->parent->sockets);
    if (kind->local)
        renew_local(child->parent);
}

void child_look_at_sockets(struct child *child) {
    const struct child_kind_entry *kind = &child_kinds[child->kind];
    if (kind->listeners)
        mend_listeners(child->parent);
    if (kind->local && child->parent->local_failed)
        renew_local(child->parent);
}

/* Why the local socket is not served, for whoever calls there. */
static void tell_cause(const void *context, char *text, size_t size) {
    const struct parent *parent = context;
    const struct child *store = parent->children[KIND_STORE];
    char ended[64] = "";
    if (parent->stopping) {
        snprintf(text, size, "the daemon is stopping");
        return;
    }
    if (store->failures)
        snprintf(ended, sizeof ended, "it ended %u time%s", store->failures, store->failures == 1 ? "" : "s");
    if (store->pid == 0)
        snprintf(text, size,
                 "the store process is not there yet: %s and is started again; the daemon's log says why",
                 ended);
    else
        snprintf(
            text, size,
            "the store process is not there yet: %s%sit has been starting for %lld s; the daemon's log may "
            "say why; ask again later",
            ended, ended[0] ? ", and now " : "", (long long)(clock_monotonic_us() - store->begun) / 1000000);
}

void parent_begin_absence(struct parent *parent) {
    if ((!parent->store_ready || parent->stopping) && parent->children[KIND_CLIENTS]->pid == 0)
        absence_begin(parent->absence);
}

bool parent_watch_sockets(struct parent *parent) {
    parent->look = event_new(parent->loop, -1, EV_PERSIST, on_look, parent);
    return parent->look && event_add(parent->look, &(struct timeval){.tv_sec = LOOK_SECONDS}) == 0;
}

bool parent_open_sockets(struct parent *parent, struct error *err) {
    if (!sockets_open(&parent->sockets, parent->config, err))
        return false;
    parent->absence = absence_new(parent->loop, parent->sockets.local, tell_cause, parent);
    absence_begin(parent->absence);
    return true;
}

void parent_close_sockets(struct parent *parent) {
    if (parent->look)
        event_free(parent->look);
    absence_free(parent->absence);
    sockets_close(&parent->sockets, parent->config);
}
