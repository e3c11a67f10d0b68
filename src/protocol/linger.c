/*
 * The end of a TCP connection. Octets of the peer that nobody reads would make
 * TCP reset the connection, and drop our last PDU on its way: so read on until
 * the peer closes too, but only for a while, only so much, and only with so many;
 * nobody who was refused keeps a place that another could have.
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/log.h"
#include "protocol/connection.h"

#define LINGER_OCTETS ((size_t)1024 * 1024)

void linger_forget(struct connection *c) {
    struct net *net = c->net;
    *(c->prev_lingering ? &c->prev_lingering->next_lingering : &net->lingering_first) = c->next_lingering;
    *(c->next_lingering ? &c->next_lingering->prev_lingering : &net->lingering_last) = c->prev_lingering;
    net->lingering--;
}

bool linger_end_oldest(struct net *net) {
    if (!net->lingering_first)
        return false;
    net->lingering_first->lingered_out(net->lingering_first);
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    static uint8_t thrown_away[64 * 1024];
    struct connection *c = arg;
    (void)what;
    ssize_t got = recv(fd, thrown_away, sizeof thrown_away, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    c->lingered += got > 0 ? (size_t)got : 0;
    if (got <= 0 || c->lingered > LINGER_OCTETS)
        c->lingered_out(c);
}

static void on_end(evutil_socket_t fd, short what, void *arg) {
    struct connection *c = arg;
    (void)fd;
    (void)what;
    c->lingered_out(c);
}

static void append(struct connection *c) {
    struct net *net = c->net;
    c->prev_lingering = net->lingering_last;
    c->next_lingering = NULL;
    *(net->lingering_last ? &net->lingering_last->next_lingering : &net->lingering_first) = c;
    net->lingering_last = c;
    net->lingering++;
}

void linger_begin(struct connection *c, void (*over)(struct connection *c)) {
    static const struct timeval limit = {.tv_sec = LINGER_US / 1000000};
    struct net *net = c->net;
    if (net->lingering >= net->config->opening_max)
        linger_end_oldest(net);
    if (c->inbound && c->state < CONNECTION_OPEN)
        net->opening--;
    c->state = CONNECTION_LINGERING;
    c->lingered_out = over;
    append(c);
    c->readable = event_new(net->loop, c->fd, EV_READ | EV_PERSIST, on_readable, c);
    c->timer = event_new(net->loop, -1, 0, on_end, c); /* whatever the peer sends meanwhile */
    if (shutdown(c->fd, SHUT_WR) != 0 || !c->readable || !c->timer || event_add(c->readable, NULL) != 0 ||
        event_add(c->timer, &limit) != 0)
        over(c);
}
