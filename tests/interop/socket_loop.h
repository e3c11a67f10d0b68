/* One association of the product behind a socket, until it is over. */
#ifndef TEST_INTEROP_SOCKET_LOOP_H
#define TEST_INTEROP_SOCKET_LOOP_H

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "osi/association.h"

struct socket_loop {
    int fd;
    struct osi_association *association;
    void (*handle)(void *owner, const struct osi_event *event);
    void *owner;
};

static void loop_events(struct socket_loop *loop) {
    struct osi_event event;
    while (osi_association_next_event(loop->association, &event))
        loop->handle(loop->owner, &event);
}

static bool loop_flush(struct socket_loop *loop) {
    struct span out;
    while ((out = osi_association_output(loop->association)).len) {
        ssize_t wrote = send(loop->fd, out.data, out.len, MSG_NOSIGNAL);
        if (wrote <= 0)
            return false;
        osi_association_output_taken(loop->association, (size_t)wrote, clock_monotonic_us());
        loop_events(loop);
    }
    return true;
}

/* Gives the association what was read; returns how much of it is left for the next turn. */
static size_t loop_feed(struct socket_loop *loop, uint8_t *buffer, size_t held) {
    size_t at = 0, used;
    do {
        loop_events(loop);
        used = osi_association_input(loop->association, (struct span){buffer + at, held - at},
                                     clock_monotonic_us());
        at += used;
        loop_events(loop);
    } while (loop_flush(loop) && used && at < held);
    memmove(buffer, buffer + at, held - at);
    return held - at;
}

/* The association is `loop->association` meanwhile, and freed at the end, as the socket is closed. */
static void loop_run(struct socket_loop *loop, const struct osi_parameters *parameters) {
    static uint8_t buffer[1 << 20];
    struct error err = {0};
    size_t held = 0;
    loop->association = osi_association_new(parameters, clock_monotonic_us(), &err);
    while (loop->association && loop_flush(loop) && !osi_association_is_over(loop->association)) {
        struct pollfd readable = {loop->fd, POLLIN, 0};
        ssize_t got =
            poll(&readable, 1, 20000) > 0 ? recv(loop->fd, buffer + held, sizeof buffer - held, 0) : -1;
        if (got <= 0) {
            osi_association_disconnected(loop->association, clock_monotonic_us());
            loop_events(loop);
            break;
        }
        held = loop_feed(loop, buffer, held + (size_t)got);
    }
    if (loop->association)
        loop_flush(loop);
    osi_association_free(loop->association);
    loop->association = NULL;
    close(loop->fd);
}

/* A listening socket on a free port, which is printed; -1 without. */
static int loop_listen(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8) ||
        getsockname(listener, (struct sockaddr *)&address, &length))
        return -1;
    printf("port %u\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

/* A connection to the port on this machine; -1 without. */
static int loop_dial(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof address) ? -1 : fd;
}

#endif
