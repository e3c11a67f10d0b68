/*
 * One TCP connection and its association: octets in, events, octets out, one
 * timer. The association decides everything that the Recommendations decide;
 * here is only the plumbing.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "protocol/bind.h"
#include "protocol/net_private.h"

/* One buffer serves all reads of the process: an idle connection holds none. */
#define READ_SIZE ((size_t)64 * 1024)
static uint8_t read_buffer[READ_SIZE];

/* Takes a free slot; slots grow up to the limit of the configuration. */
static bool take_slot(struct net *net, struct connection *c) {
    if (net->connections >= net->config->connections_max && !linger_end_oldest(net))
        return false;
    if (net->connections == net->slot_count) {
        uint32_t count = net->slot_count ? net->slot_count * 2 : 64;
        struct slot *slots = mem_resize(net->slots, count * sizeof *slots);
        if (!slots)
            return false;
        memset(slots + net->slot_count, 0, (count - net->slot_count) * sizeof *slots);
        net->slot_hint = net->slot_count;
        net->slots = slots;
        net->slot_count = count;
    }
    while (net->slots[net->slot_hint % net->slot_count].connection)
        net->slot_hint++;
    uint32_t index = net->slot_hint++ % net->slot_count;
    net->slots[index].connection = c;
    net->slots[index].generation++;
    c->ref = (uint64_t)net->slots[index].generation << 32 | index;
    net->connections++;
    net->opening += c->inbound;
    return true;
}

struct connection *connection_new(struct net *net, bool inbound) {
    struct connection *c = mem_alloc(sizeof *c);
    if (!c)
        return NULL;
    c->net = net;
    c->fd = -1;
    c->inbound = inbound;
    c->since = clock_monotonic_us();
    c->state = inbound ? CONNECTION_OPENING : CONNECTION_DIALING;
    buf_init(&c->input, 0);
    buf_init(&c->recover_id, 0);
    buf_init(&c->ours, 0);
    if (!take_slot(net, c)) {
        mem_free(c);
        return NULL;
    }
    return c;
}

static void free_event(struct event **event) {
    if (*event)
        event_free(*event);
    *event = NULL;
}

void connection_free(struct connection *c) {
    struct net *net = c->net;
    if (c->state == CONNECTION_LINGERING)
        linger_forget(c);
    free_event(&c->readable);
    free_event(&c->writable);
    free_event(&c->timer);
    osi_association_free(c->association);
    if (c->fd >= 0)
        close(c->fd);
    buf_free(&c->input);
    buf_free(&c->recover_id);
    buf_wipe(&c->ours);
    mem_free(c->name);
    admission_forget(c);
    connect_forget(c);
    transfer_in_free(c);
    transfer_out_free(&c->out);
    net->slots[(uint32_t)c->ref].connection = NULL;
    net->connections--;
    if (c->inbound && c->state < CONNECTION_OPEN)
        net->opening--;
    mem_free(c);
}

/* ---- the end ---- */

static void tell_close(struct connection *c, const struct osi_cause *cause) {
    struct buf payload;
    buf_init(&payload, 0);
    enum ipc_close how = cause->end == OSI_END_RELEASED       ? IPC_CLOSE_RELEASED
                         : cause->end == OSI_END_DISCONNECTED ? IPC_CLOSE_BROKEN
                                                              : IPC_CLOSE_ABORTED;
    buf_append_byte(&payload, (uint8_t)how);
    payload_put_octets(&payload, span_str(cause->text));
    net_tell(c->net, IPC_ASSOCIATION_CLOSE, c->ref, &payload);
}

/* What became of the copy under way. The receiver's abort may say it (X.228 §7.8): a resume of what it
 * doesn't know begins anew, and what it had completed is done. */
static enum ipc_sent sent_at_end(const struct connection *c, const struct osi_cause *cause) {
    bool abort = cause->by_peer && cause->end == OSI_END_PROVIDER_ABORT;
    if (abort && cause->code == OSI_ABORT_TRANSFER_COMPLETED)
        return IPC_SENT;
    if (abort && cause->code == OSI_ABORT_UNRECOGNIZED_ACTIVITY)
        return IPC_SENT_DEFERRED;
    return c->out.last_taken ? IPC_SENT_IN_DOUBT : IPC_SENT_BROKEN;
}

/* Who ended a transfer, and how; nobody when the network did. Where the peer's ability is jeopardized, or it
 * aborts for another problem of the moment, it is not the transfer's fault. */
static unsigned sent_flags(const struct osi_cause *cause) {
    bool abort = cause->by_peer && cause->end == OSI_END_PROVIDER_ABORT;
    if (abort && cause->code == OSI_ABORT_TEMPORARY_PROBLEM)
        return IPC_SENT_FOR_NOW;
    if (cause->end == OSI_END_PROTOCOL_ERROR || cause->end == OSI_END_TIMEOUT)
        return IPC_SENT_GIVEN_UP;
    return abort || cause->end == OSI_END_USER_ABORT ? IPC_SENT_ABORTED : 0;
}

/* An initiator that does not believe our bind result has no other way to say so (X.411 §12.1.1.1.2). */
static bool refused_us(const struct connection *c, const struct osi_cause *cause) {
    return c->inbound && c->announced && cause->by_peer && cause->end == OSI_END_USER_ABORT &&
           !c->transfers_in;
}

/* An association that was up (or asked for admission) is gone: nothing of its transfers may stay open. */
static void report_close(struct connection *c, const struct osi_cause *cause) {
    static const char doubt[] = "; perhaps it does not know our name or password: see 'our-mta-name' and "
                                "'our-password' of the peer here";
    bool refused = refused_us(c, cause);
    if (c->in.active)
        transfer_in_stopped(c, true);
    if (c->out.active)
        transfer_out_ended(c, sent_at_end(c, cause), cause->text, sent_flags(cause) | IPC_SENT_CLOSING);
    if (c->announced)
        tell_close(c, cause);
    c->announced = false;
    if (cause->end != OSI_END_RELEASED && cause->end != OSI_END_LOCAL)
        connection_warn(c, "association ended: %s%s", cause->text, refused ? doubt : "");
}

static enum ipc_layer layer_of(const struct osi_cause *cause) {
    switch (cause->layer) {
    case OSI_LAYER_TRANSPORT:
        return IPC_LAYER_TRANSPORT;
    case OSI_LAYER_SESSION:
        return IPC_LAYER_SESSION;
    case OSI_LAYER_PRESENTATION:
        return IPC_LAYER_PRESENTATION;
    case OSI_LAYER_ACSE:
        return IPC_LAYER_ACSE;
    case OSI_LAYER_RTSE:
        return IPC_LAYER_RTSE;
    case OSI_LAYER_USER:
        return IPC_LAYER_BIND;
    }
    return IPC_LAYER_TCP;
}

/* ---- events ---- */

/* Why a call failed, from what the peer answered. RT-RECOVER carries no bind: whatever error its refusal
 * comes with says nothing of names and passwords, and another context would not be told otherwise. */
static void note_failure(struct connection *c, const struct osi_cause *cause) {
    const char *bind_error = bind_error_name(cause->user_data);
    const char *parameter = bind_error ? bind_error_parameter(bind_error) : cause->parameter;
    enum ipc_layer layer = layer_of(cause);
    c->failure_layer = layer;
    c->recovery_refused = c->recover_id.len > 0 && cause->end == OSI_END_REFUSED && cause->by_peer &&
                          (layer == IPC_LAYER_RTSE || layer == IPC_LAYER_BIND);
    if (c->recovery_refused) {
        c->failure_layer = IPC_LAYER_RTSE;
        parameter = "session connection identifier";
        snprintf(c->failure, sizeof c->failure,
                 "RTSE: the peer does not recover the association that broke (%.80s); a new one is opened",
                 bind_error ? bind_error : cause->text);
    } else if (bind_error) {
        snprintf(c->failure, sizeof c->failure, "bind: the peer refused it: %s", bind_error);
    } else {
        snprintf(c->failure, sizeof c->failure, "%s", cause->text);
    }
    snprintf(c->failure_parameter, sizeof c->failure_parameter, "%s", parameter);
}

static void on_closed(struct connection *c, const struct osi_cause *cause) {
    if (!c->inbound && c->state < CONNECTION_ADMISSION) {
        /* An abort of ours has its cause there already: the bind's result did not match. */
        if (cause->end != OSI_END_LOCAL || !c->failure[0])
            note_failure(c, cause);
        return; /* connection_pump sees that the association is over, and tries the next way */
    }
    if (c->ping)
        ping_ended(c, cause->end == OSI_END_RELEASED, layer_of(cause), cause->parameter, cause->text);
    report_close(c, cause);
}

static void handle(struct connection *c, struct osi_event *event) {
    switch (event->type) {
    case OSI_EVENT_OPEN_INDICATION:
        admission_indication(c, &event->u.open);
        break;
    case OSI_EVENT_OPEN_CONFIRM:
        connect_confirmed(c, &event->u.open);
        break;
    case OSI_EVENT_TRANSFER_BEGIN:
        transfer_in_begin(c, &event->u.begin);
        break;
    case OSI_EVENT_TRANSFER_DATA:
        transfer_in_data(c, event->u.data);
        break;
    case OSI_EVENT_CHECKPOINT:
        transfer_in_checkpoint(c, &event->u.checkpoint);
        break;
    case OSI_EVENT_TRANSFER_END:
        transfer_in_end(c);
        break;
    case OSI_EVENT_TRANSFER_CUT_SHORT:
        log_warning("peer=%s address=%s transfer refused: its activity ended before the lengths in its APDU "
                    "said so",
                    connection_peer(c), c->address);
        break;
    case OSI_EVENT_TRANSFER_INTERRUPTED:
        transfer_in_stopped(c, true);
        break;
    case OSI_EVENT_TRANSFER_DISCARDED:
        transfer_in_stopped(c, false);
        break;
    case OSI_EVENT_MAY_SEND:
        transfer_out_push(c);
        break;
    case OSI_EVENT_CHECKPOINT_CONFIRMED:
        transfer_out_checkpoint(c, &event->u.checkpoint);
        break;
    case OSI_EVENT_TRANSFER_CONFIRMED:
        transfer_out_ended(c, IPC_SENT, "", 0);
        break;
    case OSI_EVENT_TRANSFER_REFUSED:
        transfer_out_refused(c, event->u.refused.what, event->u.refused.reason);
        break;
    case OSI_EVENT_TURN_PLEASE:
        if (!c->out.active)
            osi_rt_turn_give(c->association, clock_monotonic_us());
        break;
    case OSI_EVENT_TURN_GIVE:
        transfer_out_push(c);
        break;
    case OSI_EVENT_CLOSE_INDICATION:
        break;
    case OSI_EVENT_CLOSED:
        on_closed(c, event->u.cause);
        break;
    }
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

/* Gives `in` to the association as far as it takes it; returns the octets used. */
static size_t feed(struct connection *c, struct span in) {
    size_t total = 0;
    c->more = false;
    for (unsigned tpdus = 0;; tpdus++) {
        drain_events(c);
        if (net_store_is_full(c->net))
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

static void arm_timer(struct connection *c) {
    int64_t deadline = earlier(osi_association_deadline(c->association), transfer_in_deadline(c));
    deadline = earlier(deadline, c->read_after ? c->read_after : INT64_MAX);
    deadline = earlier(deadline, c->refuse_at ? c->refuse_at : INT64_MAX);
    if (c->more)
        deadline = 0;
    if (deadline == INT64_MAX)
        event_del(c->timer);
    else
        arm_timer_for(c, deadline);
}

/* ---- the end ---- */

static void end_association(struct connection *c) {
    admission_forget(c);
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

/* What follows each change: events, output, timer, and the end when it has come. May free `c`. */
static void settle(struct connection *c) {
    bool flushed;
    do {
        drain_events(c);
        flushed = flush(c);
    } while (flushed && osi_association_output(c->association).len > 0);
    drain_events(c);
    if (osi_association_is_over(c->association)) {
        if (!flushed && !waited_for_output(c))
            wait_for_output(c);
        else if (!c->inbound && c->state < CONNECTION_ADMISSION)
            connect_failed(c, c->failure_layer, c->failure);
        else
            end_association(c);
        return;
    }
    /* Octets that were not taken wait for an answer: TCP holds the rest back until then. */
    if (c->input.len > 0 || c->read_after || net_store_is_full(c->net))
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
    ssize_t got = recv(fd, read_buffer, READ_SIZE, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        osi_association_disconnected(c->association, clock_monotonic_us());
    } else {
        struct span in = span_of(read_buffer, (size_t)got);
        count_segment(c, in.len);
        size_t used = feed(c, in);
        if (used < in.len && !buf_append_span(&c->input, span_sub(in, used, in.len)))
            osi_association_abort(c->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
    }
    settle(c);
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
    if (transfer_in_deadline(c) <= clock_monotonic_us())
        transfer_in_timeout(c);
    if (c->read_after && c->read_after <= clock_monotonic_us())
        c->read_after = 0;
    if (c->refuse_at && c->refuse_at <= clock_monotonic_us())
        admission_refuse_now(c);
    connection_pump(c);
}

void connection_kick(struct connection *c) {
    if (c->timer)
        event_active(c->timer, EV_TIMEOUT, 0);
}

void connection_rename_peer(struct connection *c) {
    static const struct protocol_peer removed = {.name = "(removed)"};
    admission_ask_again(c);
    if (!c->name)
        return;
    const struct protocol_peer *peer = net_peer_by_name(c->net, span_str(c->name));
    if (!peer) {
        log_notice("peer=%s is no longer configured: its association ends", c->name);
        if (c->association)
            osi_association_user_abort(c->association, (struct span){NULL, 0});
        connection_kick(c);
    }
    c->peer = peer ? peer : &removed;
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

void connection_warn(struct connection *c, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (c->name)
        log_warning("peer=%s address=%s %s", c->name, c->address, text);
    else
        strangers_warn(&c->net->strangers, c->address, text);
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
        log_error("address=%s no association: %s", c->address, err.text[0] ? err.text : "no memory");
        return false;
    }
    connection_kick(c);
    return true;
}
