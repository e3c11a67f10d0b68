/* Inbound associations: TCP accept, and room for those that come. Who may bind is asked in admission.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/host.h"
#include "base/log.h"
#include "protocol/connection.h"
#include "protocol/p7.h"
#include "protocol/strangers.h"

/* Those of the services that are for such callers. */
static unsigned contexts_at(const struct net *net, const struct protocol_listener *listener) {
    unsigned contexts = 0;
    for (const struct service *const *at = net->services; *at; at++)
        if ((*at)->users == listener->users)
            contexts |= (*at)->contexts;
    return contexts;
}

static size_t listener_index(const struct net *net, int fd) {
    size_t i = 0;
    while (i + 1 < net->listener_count && event_get_fd(net->listeners[i]) != fd)
        i++;
    return i;
}

static bool start(struct connection *c, const struct protocol_listener *listener) {
    const struct protocol_config *config = c->net->config;
    size_t count;
    const struct osi_operation *operations = user_operations(&count);
    struct osi_parameters parameters = {
        .role = OSI_RESPONDER,
        .contexts = contexts_at(c->net, listener),
        .called = listener->selectors,
        .others = listener->others,
        .other_count = listener->other_count,
        .connect_us = config->connect_us,
        .transfer_us = config->transfer_us,
        .release_us = config->release_us,
        .operations = listener->users ? operations : NULL,
        .operation_count = listener->users ? count : 0,
    };
    return connection_start(c, &parameters);
}

/* When there are too many that have not bound, the newcomer is let in, and the host that has the most of them
 * loses one: however many a stranger opens and says nothing, others come to bind. */
static void make_room(struct net *net) {
    unsigned count;
    struct connection *oldest = net->opening >= net->config->opening_max ? crowd_oldest(net, &count) : NULL;
    if (!oldest)
        return;
    connection_warn(oldest, "connection closed: too many without a bind, %u of them from its network %s",
                    count, oldest->site);
    connection_free(oldest);
}

/* Want of descriptors lasts, and each newcomer finds it again. */
#define EXHAUSTED_LOGGED_EVERY ((int64_t)10 * 1000000)

/* The kernel keeps the newcomers: to ask again at once would find the same. Who only lingers makes room.
 * Where another process has shut the listener there are none until the parent has seen that, and says so. */
static void not_taken(struct net *net, int cause) {
    unsigned untold;
    if (cause == EINVAL)
        listeners_rest(net);
    if (cause != EMFILE && cause != ENFILE && cause != ENOBUFS && cause != ENOMEM)
        return;
    if (burst_line(&net->exhausted, EXHAUSTED_LOGGED_EVERY, clock_monotonic_us(), &untold))
        log_error("new connections wait: %s; raise LimitNOFILE of the service, or lower 'connections'",
                  strerror(cause));
    linger_end_oldest(net);
    listeners_rest(net);
}

void accept_ready(evutil_socket_t listener, short what, void *arg) {
    (void)what;
    struct net *net = arg;
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    int fd = accept4(listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        not_taken(net, errno);
        return;
    }
    char host[HOST_TEXT_SIZE];
    host_text(&address, host);
    make_room(net);
    struct connection *c = net->stopping ? NULL : connection_new(net, CONNECTION_INBOUND);
    if (!c) {
        strangers_warn(host, net->stopping ? "connection refused: stopping"
                                           : "connection refused: too many connections");
        close(fd);
        return;
    }
    c->fd = fd;
    snprintf(c->address, sizeof c->address, "%s", host);
    crowd_place(c);
    if (!start(c, &net->config->listeners[listener_index(net, listener)]))
        connection_free(c);
}
