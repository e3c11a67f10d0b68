/* The association decides everything that the Recommendations decide; here is only the plumbing. */
#include "protocol/connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/loop.h"
#include "protocol/strangers.h"

/* One buffer serves all reads of the process: an idle connection holds none. */
#define READ_SIZE ((size_t)64 * 1024)
static uint8_t read_buffer[READ_SIZE];

struct connection *connection_new(struct net *net, const struct service *service) {
    struct connection *c = mem_alloc(sizeof *c);
    if (!c)
        return NULL;
    c->net = net;
    c->fd = -1;
    c->inbound = !service;
    c->service = service;
    c->since = clock_monotonic_us();
    c->state = c->inbound ? CONNECTION_OPENING : CONNECTION_DIALING;
    buf_init_secret(&c->input, 0);
    if ((!service || service->open(c)) && slots_take(net, c))
        return c;
    if (c->user)
        service->close(c);
    mem_free(c);
    return NULL;
}

static void free_event(struct event **event) {
    if (*event)
        event_free(*event);
    *event = NULL;
}

/* What the service has of it goes; it is nobody's any more. */
static void leave_service(struct connection *c) {
    if (c->user)
        c->service->close(c);
    c->user = NULL;
    c->service = NULL;
}

static void close_socket(struct connection *c) {
    free_event(&c->readable);
    free_event(&c->writable);
    free_event(&c->timer);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_free(&c->input);
}

void connection_free(struct connection *c) {
    struct net *net = c->net;
    if (c->state == CONNECTION_LINGERING)
        linger_forget(c);
    osi_association_free(c->association);
    close_socket(c);
    leave_service(c);
    mem_free(c->name);
    slots_leave(net, c);
    if (c->inbound && c->state < CONNECTION_OPEN)
        net->opening--;
    mem_free(c);
}

void connection_stop(struct connection *c) {
    osi_association_free(c->association);
    c->association = NULL;
    close_socket(c);
}

void connection_bound(struct connection *c) {
    c->state = CONNECTION_OPEN;
    buf_no_secret(&c->input);
    if (c->inbound)
        c->net->opening--;
}

/* ---- events ---- */

/* Whose is a bind? Its application context says so. */
static bool find_service(struct connection *c, enum osi_context context) {
    const struct service *const *at = c->net->services;
    while (*at && !((*at)->contexts & context))
        at++;
    c->service = *at;
    return c->service && c->service->open(c);
}

static void handle(struct connection *c, struct osi_event *event) {
    if (event->type == OSI_EVENT_OPEN_INDICATION && !find_service(c, event->u.open.context))
        osi_association_user_abort(c->association,
                                   (struct span){NULL, 0}); /* no memory: a known context it is */
    else if (c->user)
        c->service->event(c, event);
    else if (event->type == OSI_EVENT_CLOSED)
        connection_warn(c, "association ended: %s", event->u.cause->text);
}

/* ---- octets ---- */

/* Writes what the association has. True when all is gone. */
static bool flush(struct connection *c) {
    struct span out = osi_association_output(c->association);
    while (out.len > 0) {
        ssize_t sent = send(c->fd, out.data, out.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(c->writable, NULL);
            return false;
        }
        if (sent < 0) { /* nobody will read what is left */
            osi_association_disconnected(c->association, clock_monotonic_us());
            osi_association_output_taken(c->association, out.len, clock_monotonic_us());
            return true;
        }
        osi_association_output_taken(c->association, (size_t)sent, clock_monotonic_us());
        out = osi_association_output(c->association);
    }
    return true;
}

static void drain_events(struct connection *c) {
    struct osi_event event;
    while (osi_association_next_event(c->association, &event))
        handle(c, &event);
}

/* TPDUs of one connection in a turn of the loop: small ones must not hold up the others for long. */
#define TPDUS_A_TURN 256

static bool is_sated(const struct connection *c) {
    return c->user && c->service->sated && c->service->sated(c);
}

/* Gives `in` to the association as far as it takes it; returns the octets used. */
static size_t feed(struct connection *c, struct span in) {
    size_t total = 0;
    c->more = false;
    for (unsigned tpdus = 0;; tpdus++) {
        drain_events(c);
        if (net_store_is_full(c->net) || is_sated(c))
            return total;
        c->more = tpdus >= TPDUS_A_TURN && total < in.len;
        if (c->more)
            return total;
        size_t used = total < in.len ? osi_association_input(c->association, span_sub(in, total, in.len),
                                                             clock_monotonic_us())
                                     : 0;
        if (used == 0)
            return total;
        total += used;
    }
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void arm_timer_for(struct connection *c, int64_t deadline) {
    int64_t wait = deadline - clock_monotonic_us();
    if (wait < 0)
        wait = 0;
    struct timeval tv = {.tv_sec = wait / 1000000, .tv_usec = wait % 1000000};
    event_add(c->timer, &tv);
}

static int64_t service_due(const struct connection *c) {
    return c->user ? c->service->due(c) : INT64_MAX;
}

static void arm_timer(struct connection *c) {
    int64_t deadline = earlier(osi_association_deadline(c->association), service_due(c));
    deadline = earlier(deadline, c->read_after ? c->read_after : INT64_MAX);
    if (c->more)
        deadline = 0;
    if (deadline == INT64_MAX)
        event_del(c->timer);
    else
        arm_timer_for(c, deadline);
}

/* ---- the end ---- */

static void end_association(struct connection *c) {
    leave_service(c);
    osi_association_free(c->association);
    c->association = NULL;
    free_event(&c->readable);
    free_event(&c->writable);
    free_event(&c->timer);
    linger_begin(c, connection_free);
}

/* The association is over, its last octets are not written: a peer that does not take them is not waited for.
 */
static void wait_for_output(struct connection *c) {
    if (!c->over_since)
        c->over_since = clock_monotonic_us();
    event_del(c->readable);
    arm_timer_for(c, c->over_since + LINGER_US);
}

static bool waited_for_output(const struct connection *c) {
    return c->over_since && clock_monotonic_us() - c->over_since >= LINGER_US;
}

/* That octets were taken is an event, too, upon which its owner may give more of them. True when all are
 * gone.
 */
static bool drain(struct connection *c) {
    drain_events(c);
    while (osi_association_output(c->association).len > 0) {
        bool flushed = flush(c);
        drain_events(c);
        if (!flushed)
            return false;
    }
    return true;
}

/* What follows each change: events, output, timer, and the end when it has come. May free `c`. */
static void settle(struct connection *c) {
    bool flushed = drain(c);
    if (osi_association_is_over(c->association)) {
        if (!flushed && !waited_for_output(c))
            wait_for_output(c);
        else if (!c->user || !c->service->over(c))
            end_association(c);
        return;
    }
    if (c->input.len > 0 && !net_store_is_full(c->net) && !is_sated(c) &&
        osi_association_takes_input(c->association))
        c->more = true; /* the last event, or that octets were written, ended what it waited for */
    /* Octets that were not taken wait for an answer: TCP holds the rest back until then. */
    if (c->input.len > 0 || c->read_after || net_store_is_full(c->net) || is_sated(c))
        event_del(c->readable);
    else
        event_add(c->readable, NULL);
    arm_timer(c);
}

void connection_pump(struct connection *c) {
    if (!c->association)
        return;
    if (c->input.len > 0) {
        buf_consume(&c->input, feed(c, buf_span(&c->input)));
        if (c->input.len == 0)
            buf_free(&c->input);
    }
    settle(c);
}

/*
 * A segment costs a wake-up and a call, however little is in it. Who sends an APDU
 * octet by octet is read as often as follows, and finds TCP gathering the rest:
 * a stranger 50 times a second, for his bind fits into a few segments; a peer, of
 * whose segments only those count that can hold no TPDU, 2,000 times.
 */
#define TPDU_LEAST   7 /* TPKT's header and the shortest of COTP's (RFC 1006 §6, X.224 §13.7) */
#define BIND_SEGMENT 64

static void count_segment(struct connection *c, size_t octets) {
    bool stranger = c->inbound && c->state < CONNECTION_OPEN;
    int64_t now = clock_monotonic_us(), window = stranger ? 1000000 : 10000;
    if (octets >= (stranger ? BIND_SEGMENT : TPDU_LEAST))
        return;
    if (now - c->segments_since >= window) {
        c->segments_since = now;
        c->segments = 0;
    }
    if (++c->segments >= (stranger ? 50 : 20))
        c->read_after = c->segments_since + window;
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct connection *c = arg;
    /* A bind, or the answer to ours; or a user may change his password. */
    bool secret = c->state < CONNECTION_OPEN || (c->service && c->service->users);
    ssize_t got = recv(fd, read_buffer, READ_SIZE, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        osi_association_disconnected(c->association, clock_monotonic_us());
    } else {
        struct span in = span_of(read_buffer, (size_t)got);
        loop_heard();
        count_segment(c, in.len);
        size_t used = feed(c, in);
        if (used < in.len && !buf_append_span(&c->input, span_sub(in, used, in.len)))
            osi_association_abort(c->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
    }
    settle(c);
    if (secret && got > 0) {
        explicit_bzero(read_buffer, (size_t)got);
        mem_wipe_stack();
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    settle(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct connection *c = arg;
    if (osi_association_deadline(c->association) <= clock_monotonic_us())
        osi_association_timeout(c->association, clock_monotonic_us());
    if (c->read_after && c->read_after <= clock_monotonic_us())
        c->read_after = 0;
    if (service_due(c) <= clock_monotonic_us())
        c->service->wake(c);
    connection_pump(c);
}

void connection_kick(struct connection *c) {
    if (c->timer)
        event_active(c->timer, EV_TIMEOUT, 0);
}

bool connection_name(struct connection *c, struct span peer) {
    char *name = mem_alloc(peer.len + 1);
    if (!name)
        return false;
    if (peer.len)
        memcpy(name, peer.data, peer.len);
    mem_free(c->name);
    c->name = name;
    return true;
}

const char *connection_peer(const struct connection *c) {
    return c->name ? c->name : "?";
}

#define TEXT_SIZE 400
#define LINE_SIZE (TEXT_SIZE + HOST_TEXT_SIZE + 200)

static void put_line(const struct connection *c, const char *text, char line[static LINE_SIZE]) {
    bool user = c->service && c->service->users;
    snprintf(line, LINE_SIZE, "%s=%s%s%s %s", user ? "user" : "peer", connection_peer(c),
             c->address[0] ? " address=" : "", c->address, text);
}

void connection_log(struct connection *c, enum log_level level, const char *format, ...) {
    char text[TEXT_SIZE], line[LINE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!c->name) {
        strangers_warn(c->address, text);
        return;
    }
    put_line(c, text, line);
    peer_lines_write(c->net, c->name, level, line);
}

void connection_log_once(struct connection *c, enum log_level level, const char *format, ...) {
    char text[TEXT_SIZE], line[LINE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_line(c, text, line);
    log_write(level, "%s", line);
}

/* A host that went down without a word would hold its associations for ever: TCP finds out within 2 minutes.
 */
static void watch_host(int fd) {
    static const struct {
        int level, option, value;
    } settings[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                    {IPPROTO_TCP, TCP_KEEPIDLE, 60},
                    {IPPROTO_TCP, TCP_KEEPINTVL, 15},
                    {IPPROTO_TCP, TCP_KEEPCNT, 4},
                    {IPPROTO_TCP, TCP_NODELAY, 1}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        setsockopt(fd, settings[i].level, settings[i].option, &settings[i].value, sizeof settings[i].value);
}

bool connection_start(struct connection *c, const struct osi_parameters *parameters) {
    struct error err = {0};
    struct event_base *loop = c->net->loop;
    watch_host(c->fd);
    c->association = osi_association_new(parameters, clock_monotonic_us(), &err);
    c->readable = event_new(loop, c->fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(loop, c->fd, EV_WRITE, on_writable, c);
    c->timer = event_new(loop, -1, 0, on_timer, c);
    if (!c->association || !c->readable || !c->writable || !c->timer) {
        connection_log(c, LOG_LEVEL_ERROR, "no association: %s", err.text[0] ? err.text : "no memory");
        return false;
    }
    connection_kick(c);
    return true;
}
