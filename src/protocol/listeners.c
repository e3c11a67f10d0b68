/* The listening sockets. */
#include <unistd.h>

#include "base/alloc.h"
#include "protocol/net_private.h"

static void listen_again(evutil_socket_t fd, short what, void *arg) {
    struct net *net = arg;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < net->listener_count; i++)
        if (net->listeners[i])
            event_add(net->listeners[i], NULL);
}

void listeners_rest(struct net *net) {
    static const struct timeval moment = {.tv_usec = 200000};
    for (size_t i = 0; i < net->listener_count; i++)
        if (net->listeners[i])
            event_del(net->listeners[i]);
    event_add(net->rest, &moment);
}

static struct event *listen_event(struct net *net, int fd, event_callback_fn ready) {
    evutil_make_socket_nonblocking(fd);
    struct event *event = event_new(net->loop, fd, EV_READ | EV_PERSIST, ready, net);
    if (event)
        event_add(event, NULL);
    return event;
}

bool listeners_open(struct net *net, const int *sockets, event_callback_fn ready) {
    net->listener_count = net->config->listener_count;
    net->listeners = mem_alloc((net->listener_count + 1) * sizeof *net->listeners);
    net->rest = event_new(net->loop, -1, 0, listen_again, net);
    if (!net->listeners || !net->rest)
        return false;
    for (size_t i = 0; i < net->listener_count; i++)
        if (!(net->listeners[i] = listen_event(net, sockets[i], ready)))
            return false;
    return true;
}

void listeners_close(struct net *net) {
    for (size_t i = 0; net->listeners && i < net->listener_count; i++) {
        if (!net->listeners[i])
            continue;
        evutil_socket_t fd = event_get_fd(net->listeners[i]);
        event_free(net->listeners[i]);
        close(fd);
        net->listeners[i] = NULL;
    }
}
