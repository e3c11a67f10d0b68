/*
 * Outbound associations: each of the peer's application contexts is tried at
 * each of its addresses, in the configured order, until one is accepted. A name
 * stands for all the addresses that it resolves to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "protocol/bind.h"
#include "protocol/net_private.h"

static void dial(struct connection *c);

/* ---- the result ---- */

const char *connect_context_name(enum osi_context context) {
    return osi_context_row(context)->name;
}

static void tell_failed(struct connection *c) {
    struct buf payload;
    buf_init(&payload, 0);
    payload_put_octets(&payload, span_str(c->name));
    buf_append_byte(&payload, (uint8_t)c->failure_layer);
    payload_put_octets(&payload, span_str(c->failure));
    payload_put_octets(&payload, buf_span(&c->recover_id));
    net_tell(c->net, IPC_CONNECT_FAILED, 0, &payload);
}

static void say_failed(struct connection *c) {
    log_warning("peer=%s no association: %s", connection_peer(c), c->failure);
    if (c->ping)
        ping_failed(c);
    else
        tell_failed(c);
}

static void give_up(struct connection *c) {
    say_failed(c);
    connection_free(c);
}

/* ---- the tries ---- */

static void close_try(struct connection *c) {
    osi_association_free(c->association);
    c->association = NULL;
    if (c->readable)
        event_free(c->readable);
    if (c->writable)
        event_free(c->writable);
    if (c->timer)
        event_free(c->timer);
    c->readable = c->writable = c->timer = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_free(&c->input);
}

static void forget_found(struct connection *c) {
    if (c->found)
        evutil_freeaddrinfo(c->found);
    c->found = c->found_at = NULL;
}

/* The first of the peer's contexts from `context_at` on that this address is called with. Without one: false,
 * and the next address begins with the first. */
static bool find_context(struct connection *c) {
    const struct protocol_peer *peer = c->peer;
    while (c->endpoint < peer->endpoint_count && c->context_at < peer->context_count) {
        unsigned contexts = peer->endpoints[c->endpoint].contexts;
        if (!contexts || contexts & peer->contexts[c->context_at])
            return true;
        c->context_at++;
    }
    c->context_at = 0;
    return false;
}

/* A reload may have taken it away. */
static bool is_configured(const struct connection *c) {
    return c->endpoint < c->peer->endpoint_count && c->context_at < c->peer->context_count;
}

/* An address that can't be reached by TCP is not tried with the peer's other contexts; one that is reached
 * may take another. */
static bool next_try(struct connection *c, enum ipc_layer layer) {
    bool reached = layer != IPC_LAYER_NAME && layer != IPC_LAYER_TCP;
    if (layer == IPC_LAYER_BIND || c->recovery_refused)
        return false;
    if (reached && ++c->context_at && find_context(c))
        return true;
    c->context_at = 0;
    if (c->found_at && (c->found_at = c->found_at->ai_next))
        return find_context(c);
    forget_found(c);
    while (++c->endpoint < c->peer->endpoint_count)
        if (find_context(c))
            return true;
    return false;
}

void connect_failed(struct connection *c, enum ipc_layer layer, const char *cause) {
    if (cause != c->failure) {
        snprintf(c->failure, sizeof c->failure, "%s", cause);
        c->failure_parameter[0] = '\0';
    }
    c->failure_layer = layer;
    close_try(c);
    if (!c->net->stopping && next_try(c, layer)) {
        log_info("peer=%s %s; the next way is tried", connection_peer(c), c->failure);
        dial(c);
    } else {
        give_up(c);
    }
}

void connect_forget(struct connection *c) {
    resolve_cancel(c->question);
    c->question = NULL;
    forget_found(c);
}

static bool start(struct connection *c) {
    const struct protocol_peer *peer = c->peer;
    const struct protocol_config *config = c->net->config;
    struct reader given = reader_of(buf_span(&c->ours));
    struct ipc_credentials ours;
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    char calling[33], common[14];
    ipc_credentials_read(&given, &ours);
    c->context = peer->contexts[c->context_at];
    struct osi_parameters parameters = {
        .role = OSI_INITIATOR,
        .contexts = c->context,
        .calling = peer->calling,
        .called = peer->endpoints[c->endpoint].called,
        .dialogue = peer->dialogue,
        .tpdu_size = peer->tpdu_size,
        .no_checkpoints = peer->no_checkpoints,
        .checkpoint_size = peer->checkpoint_size,
        .window_size = peer->window_size,
        .connect_us = config->connect_us,
        .transfer_us = config->transfer_us,
        .release_us = config->release_us,
    };
    parameters.recover =
        c->recover_id.len > 0 && connection_id_read(buf_span(&c->recover_id), &parameters.recovered);
    if (!parameters.recover)
        parameters.user_data = bind_argument(&ours, c->context, &arena);
    bool ok = connection_id_new(&parameters.id, calling, common) && connection_start(c, &parameters);
    arena_free(&arena);
    return ok;
}

/* `TCP connection to beta.example (192.0.2.7) port 102: Connection refused` */
static void tcp_failed(struct connection *c, int error) {
    char cause[sizeof c->failure];
    if (c->found_at)
        snprintf(cause, sizeof cause, "TCP connection to %.80s (%s) port %u: %s", c->host, c->address,
                 c->port, strerror(error));
    else
        snprintf(cause, sizeof cause, "TCP connection to %s port %u: %s", c->address, c->port,
                 strerror(error));
    connect_failed(c, IPC_LAYER_TCP, cause);
}

static void on_connected(evutil_socket_t fd, short what, void *arg) {
    struct connection *c = arg;
    int error = ETIMEDOUT;
    socklen_t length = sizeof error;
    if (!(what & EV_TIMEOUT))
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) {
        tcp_failed(c, error);
        return;
    }
    event_free(c->writable);
    c->writable = NULL;
    c->state = CONNECTION_OPENING;
    if (!is_configured(c)) /* a reload was quicker */
        connect_failed(c, IPC_LAYER_TCP, "the peer's address is no longer configured");
    else if (!start(c))
        connect_failed(c, IPC_LAYER_TRANSPORT, "no memory for the association");
}

static void name_address(struct connection *c, const struct sockaddr *address, socklen_t length) {
    char port[8] = "0";
    getnameinfo(address, length, c->address, sizeof c->address, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    c->port = (uint16_t)strtoul(port, NULL, 10);
}

static void connect_to(struct connection *c, const struct sockaddr *address, socklen_t length) {
    name_address(c, address, length);
    c->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || (connect(c->fd, address, length) != 0 && errno != EINPROGRESS)) {
        tcp_failed(c, errno);
        return;
    }
    c->writable = event_new(c->net->loop, c->fd, EV_WRITE, on_connected, c);
    int64_t limit = c->net->config->connect_us;
    struct timeval tv = {.tv_sec = limit / 1000000, .tv_usec = limit % 1000000};
    if (!c->writable || event_add(c->writable, &tv) != 0)
        connect_failed(c, IPC_LAYER_TCP, "no memory for the connection");
}

static void on_resolved(void *context, struct evutil_addrinfo *found, const char *why) {
    struct connection *c = context;
    c->question = NULL;
    if (found) {
        c->found = c->found_at = found;
        connect_to(c, found->ai_addr, (socklen_t)found->ai_addrlen);
        return;
    }
    char cause[sizeof c->failure];
    snprintf(cause, sizeof cause, "name resolution: the host name '%.100s' does not resolve: %.40s", c->host,
             why);
    connect_failed(c, IPC_LAYER_NAME, cause);
}

static void resolve_host(struct connection *c, const struct protocol_endpoint *endpoint) {
    snprintf(c->host, sizeof c->host, "%s", endpoint->host);
    snprintf(c->address, sizeof c->address, "%.60s", endpoint->host);
    c->question =
        resolve_begin(c->net->resolver, c->net->loop, endpoint->host, endpoint->port, on_resolved, c);
    if (!c->question)
        connect_failed(c, IPC_LAYER_NAME, "no memory to resolve the host's name");
}

/* The next try begins in the next turn of the loop at the earliest: nobody's pointer to `c` is in use then. A
 * reload may have taken addresses away meanwhile. */
static void dial(struct connection *c) {
    c->state = CONNECTION_DIALING;
    if (c->found_at) {
        connect_to(c, c->found_at->ai_addr, (socklen_t)c->found_at->ai_addrlen);
        return;
    }
    if (!is_configured(c)) {
        connect_failed(c, IPC_LAYER_TCP, "the peer's address is no longer configured");
        return;
    }
    const struct protocol_endpoint *endpoint = &c->peer->endpoints[c->endpoint];
    if (endpoint->length > 0)
        connect_to(c, (const struct sockaddr *)&endpoint->address, endpoint->length);
    else
        resolve_host(c, endpoint);
}

static const char *why_not(const struct connection *c) {
    return !c->peer ? "the peer is not configured any more"
           : c->peer->endpoint_count == 0
               ? "the peer has no address in the configuration; it can only call us"
               : NULL;
}

/* There is no connection to speak for itself. */
static void never_begun(struct net *net, struct span name, struct span recover_id, uint64_t ping) {
    struct connection none = {.net = net, .failure_layer = IPC_LAYER_TCP, .ping = ping};
    snprintf(none.failure, sizeof none.failure, "too many connections, or no memory");
    if (connection_name(&none, name) && buf_append_span(&none.recover_id, recover_id))
        say_failed(&none);
    else
        net_lose_store(net, "no memory to say that a call failed");
    mem_free(none.name);
    buf_free(&none.recover_id);
}

void connect_begin(struct net *net, struct span name, struct span recover_id,
                   const struct ipc_credentials *ours, uint64_t ping) {
    struct connection *c = connection_new(net, false);
    if (!c || !connection_name(c, name) || !buf_append_span(&c->recover_id, recover_id) ||
        !ipc_credentials_write(ours, &c->ours)) {
        if (c)
            connection_free(c);
        never_begun(net, name, recover_id, ping);
        return;
    }
    c->peer = net_peer_by_name(net, name);
    c->ping = ping;
    if (why_not(c)) {
        c->failure_layer = IPC_LAYER_TCP;
        snprintf(c->failure, sizeof c->failure, "%s", why_not(c));
        give_up(c);
        return;
    }
    while (c->endpoint < c->peer->endpoint_count && !find_context(c))
        c->endpoint++;
    dial(c);
}

/* ---- the answer ---- */

void connect_opened(struct connection *c) {
    c->state = CONNECTION_OPEN;
    log_info("peer=%s address=%s association opened (%s)", connection_peer(c), c->address,
             connect_context_name(c->context));
    if (c->ping)
        osi_association_release(c->association, (struct span){0}, clock_monotonic_us());
}

void connect_refused(struct connection *c, const char *parameter, const char *cause) {
    c->failure_layer = IPC_LAYER_BIND;
    snprintf(c->failure_parameter, sizeof c->failure_parameter, "%s", parameter);
    snprintf(c->failure, sizeof c->failure, "%s", cause);
    log_warning("peer=%s no association: %s", connection_peer(c), c->failure);
    if (c->ping)
        ping_failed(c);
    c->ping = 0;
    osi_association_user_abort(c->association, (struct span){NULL, 0});
}

/* The responder proves itself too: a wrong name or password ends the association (X.411 §12.1.1.1.2). */
void connect_confirmed(struct connection *c, const struct osi_open *open) {
    struct ipc_credentials given = {.form = IPC_CREDENTIALS_NONE};
    struct arena arena;
    char why[200];
    arena_init(&arena, 64 * 1024);
    buf_wipe(&c->ours);
    if (open->recover || bind_read_result(open->user_data, open->context, &arena, &given, why)) {
        admission_ask_result(c, open, &given);
    } else {
        c->failure_layer = IPC_LAYER_BIND;
        c->failure_parameter[0] = '\0';
        snprintf(c->failure, sizeof c->failure, "bind: the result is not valid: %.150s", why);
        osi_association_user_abort(c->association,
                          (struct span){NULL, 0}); /* the close that follows keeps this cause */
    }
    arena_free(&arena);
}
