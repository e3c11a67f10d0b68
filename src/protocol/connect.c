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
#include "protocol/p1_private.h"

static void dial(struct p1 *p1);

/* ---- the result ---- */

static void tell_failed(struct p1 *p1) {
    struct connection *c = p1->connection;
    struct call *call = &p1->call;
    struct buf payload;
    buf_init(&payload, 0);
    payload_put_octets(&payload, span_str(c->name));
    buf_append_byte(&payload, (uint8_t)call->failure_layer);
    payload_put_octets(&payload, span_str(call->failure));
    payload_put_octets(&payload, buf_span(&call->recover_id));
    net_tell(c->net, IPC_CONNECT_FAILED, 0, &payload);
}

static void say_failed(struct p1 *p1) {
    connection_warn(p1->connection, "no association: %s", p1->call.failure);
    if (p1->call.ping)
        ping_failed(p1);
    else
        tell_failed(p1);
}

static void give_up(struct p1 *p1) {
    say_failed(p1);
    connection_free(p1->connection);
}

/* ---- the tries ---- */

static void forget_found(struct p1 *p1) {
    struct call *call = &p1->call;
    if (call->found)
        evutil_freeaddrinfo(call->found);
    call->found = call->found_at = NULL;
}

/* The first of the peer's contexts from `context_at` on that this address is called with. Without one: false,
 * and the next address begins with the first. */
static bool find_context(struct p1 *p1) {
    struct call *call = &p1->call;
    const struct protocol_peer *peer = call->peer;
    while (call->endpoint < peer->endpoint_count && call->context_at < peer->context_count) {
        unsigned contexts = peer->endpoints[call->endpoint].contexts;
        if (!contexts || contexts & peer->contexts[call->context_at])
            return true;
        call->context_at++;
    }
    call->context_at = 0;
    return false;
}

/* A reload may have taken it away. */
static bool is_configured(const struct p1 *p1) {
    const struct call *call = &p1->call;
    return call->endpoint < call->peer->endpoint_count && call->context_at < call->peer->context_count;
}

/* An address that can't be reached by TCP is not tried with the peer's other contexts; one that is reached
 * may take another. */
static bool next_try(struct p1 *p1, enum ipc_layer layer) {
    struct call *call = &p1->call;
    bool reached = layer != IPC_LAYER_NAME && layer != IPC_LAYER_TCP;
    if (layer == IPC_LAYER_BIND || call->recovery_refused)
        return false;
    if (reached && ++call->context_at && find_context(p1))
        return true;
    call->context_at = 0;
    if (call->found_at && (call->found_at = call->found_at->ai_next))
        return find_context(p1);
    forget_found(p1);
    while (++call->endpoint < call->peer->endpoint_count)
        if (find_context(p1))
            return true;
    return false;
}

void connect_failed(struct p1 *p1, enum ipc_layer layer, const char *cause) {
    struct connection *c = p1->connection;
    struct call *call = &p1->call;
    if (cause != call->failure) {
        snprintf(call->failure, sizeof call->failure, "%s", cause);
        call->failure_parameter[0] = '\0';
    }
    call->failure_layer = layer;
    connection_stop(c);
    if (!c->net->stopping && next_try(p1, layer)) {
        connection_log(c, LOG_LEVEL_INFO, "%s; the next way is tried", call->failure);
        dial(p1);
    } else {
        give_up(p1);
    }
}

void connect_forget(struct p1 *p1) {
    resolve_cancel(p1->question);
    p1->question = NULL;
    forget_found(p1);
    buf_free(&p1->call.recover_id);
    buf_free(&p1->call.ours);
}

static bool start(struct p1 *p1) {
    struct connection *c = p1->connection;
    struct call *call = &p1->call;
    const struct protocol_peer *peer = call->peer;
    const struct protocol_config *config = c->net->config;
    struct reader given = reader_of(buf_span(&call->ours));
    struct ipc_credentials ours;
    struct arena arena;
    arena_init_secret(&arena, 64 * 1024);
    char calling[33], common[14];
    ipc_credentials_read(&given, &ours);
    p1->context = peer->contexts[call->context_at];
    struct osi_parameters parameters = {
        .role = OSI_INITIATOR,
        .contexts = p1->context,
        .calling = peer->calling,
        .called = peer->endpoints[call->endpoint].called,
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
        call->recover_id.len > 0 && connection_id_read(buf_span(&call->recover_id), &parameters.recovered);
    if (!parameters.recover)
        parameters.user_data = bind_argument(&ours, p1->context, &arena);
    bool ok = connection_id_new(&parameters.id, calling, common) && connection_start(c, &parameters);
    arena_free(&arena);
    mem_wipe_stack();
    return ok;
}

/* `TCP connection to beta.example (192.0.2.7) port 102: Connection refused` */
static void tcp_failed(struct p1 *p1, int error) {
    struct connection *c = p1->connection;
    struct call *call = &p1->call;
    char cause[sizeof call->failure];
    if (call->found_at)
        snprintf(cause, sizeof cause, "TCP connection to %.80s (%s) port %u: %s", call->host, c->address,
                 call->port, strerror(error));
    else
        snprintf(cause, sizeof cause, "TCP connection to %s port %u: %s", c->address, call->port,
                 strerror(error));
    connect_failed(p1, IPC_LAYER_TCP, cause);
}

static void on_connected(evutil_socket_t fd, short what, void *arg) {
    struct p1 *p1 = arg;
    struct connection *c = p1->connection;
    int error = ETIMEDOUT;
    socklen_t length = sizeof error;
    if (!(what & EV_TIMEOUT))
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) {
        tcp_failed(p1, error);
        return;
    }
    event_free(c->writable);
    c->writable = NULL;
    c->state = CONNECTION_OPENING;
    if (!is_configured(p1)) /* a reload was quicker */
        connect_failed(p1, IPC_LAYER_TCP, "the peer's address is no longer configured");
    else if (!start(p1))
        connect_failed(p1, IPC_LAYER_TRANSPORT, "no memory for the association");
}

static void name_address(struct p1 *p1, const struct sockaddr *address, socklen_t length) {
    struct connection *c = p1->connection;
    struct call *call = &p1->call;
    char port[8] = "0";
    getnameinfo(address, length, c->address, sizeof c->address, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    call->port = (uint16_t)strtoul(port, NULL, 10);
}

static void connect_to(struct p1 *p1, const struct sockaddr *address, socklen_t length) {
    struct connection *c = p1->connection;
    name_address(p1, address, length);
    c->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || (connect(c->fd, address, length) != 0 && errno != EINPROGRESS)) {
        tcp_failed(p1, errno);
        return;
    }
    c->writable = event_new(c->net->loop, c->fd, EV_WRITE, on_connected, p1);
    int64_t limit = c->net->config->connect_us;
    struct timeval tv = {.tv_sec = limit / 1000000, .tv_usec = limit % 1000000};
    if (!c->writable || event_add(c->writable, &tv) != 0)
        connect_failed(p1, IPC_LAYER_TCP, "no memory for the connection");
}

static void on_resolved(void *context, struct evutil_addrinfo *found, const char *why) {
    struct p1 *p1 = context;
    struct call *call = &p1->call;
    p1->question = NULL;
    if (found) {
        call->found = call->found_at = found;
        connect_to(p1, found->ai_addr, (socklen_t)found->ai_addrlen);
        return;
    }
    char cause[sizeof call->failure];
    snprintf(cause, sizeof cause, "name resolution: the host name '%.100s' does not resolve: %.40s",
             call->host, why);
    connect_failed(p1, IPC_LAYER_NAME, cause);
}

static void resolve_host(struct p1 *p1, const struct protocol_endpoint *endpoint) {
    struct connection *c = p1->connection;
    struct call *call = &p1->call;
    snprintf(call->host, sizeof call->host, "%s", endpoint->host);
    snprintf(c->address, sizeof c->address, "%.60s", endpoint->host);
    p1->question =
        resolve_begin(c->net->resolver, c->net->loop, endpoint->host, endpoint->port, on_resolved, p1);
    if (!p1->question)
        connect_failed(p1, IPC_LAYER_NAME, "no memory to resolve the host's name");
}

/* The next try begins in the next turn of the loop at the earliest: nobody's pointer to `c` is in use then. A
 * reload may have taken addresses away meanwhile. */
static void dial(struct p1 *p1) {
    struct connection *c = p1->connection;
    struct call *call = &p1->call;
    c->state = CONNECTION_DIALING;
    if (call->found_at) {
        connect_to(p1, call->found_at->ai_addr, (socklen_t)call->found_at->ai_addrlen);
        return;
    }
    if (!is_configured(p1)) {
        connect_failed(p1, IPC_LAYER_TCP, "the peer's address is no longer configured");
        return;
    }
    const struct protocol_endpoint *endpoint = &call->peer->endpoints[call->endpoint];
    if (endpoint->length > 0)
        connect_to(p1, (const struct sockaddr *)&endpoint->address, endpoint->length);
    else
        resolve_host(p1, endpoint);
}

#define UNCONFIGURED "the peer is not configured any more"

static const char *why_not(const struct protocol_peer *peer) {
    return !peer                       ? UNCONFIGURED
           : peer->endpoint_count == 0 ? "the peer has no address in the configuration; it can only call us"
                                       : NULL;
}

void connect_never_begun(struct net *net, struct span name, struct span recover_id, uint64_t ping) {
    struct connection none = {.net = net};
    struct p1 p1 = {.connection = &none, .call = {.failure_layer = IPC_LAYER_TCP, .ping = ping}};
    snprintf(p1.call.failure, sizeof p1.call.failure, "too many connections, or no memory");
    if (connection_name(&none, name) && buf_append_span(&p1.call.recover_id, recover_id))
        say_failed(&p1);
    else
        net_lose_store(net, "no memory to say that a call failed");
    mem_free(none.name);
    buf_free(&p1.call.recover_id);
}

bool connect_prepare(struct p1 *p1, struct span name, struct span recover_id,
                     const struct ipc_credentials *ours, uint64_t ping) {
    struct call *call = &p1->call;
    call->peer = protocol_peer_named(p1->connection->net->config, name);
    call->ping = ping;
    buf_init_secret(&call->ours, 0);
    return connection_name(p1->connection, name) && buf_append_span(&call->recover_id, recover_id) &&
           ipc_credentials_write(ours, &call->ours);
}

void connect_begin(struct p1 *p1) {
    struct call *call = &p1->call;
    const char *obstacle = why_not(call->peer);
    if (obstacle) {
        call->failure_layer = IPC_LAYER_TCP;
        snprintf(call->failure, sizeof call->failure, "%s", obstacle);
        give_up(p1);
        return;
    }
    while (call->endpoint < call->peer->endpoint_count && !find_context(p1))
        call->endpoint++;
    dial(p1);
}

/* ---- the answer ---- */

static void opened(struct p1 *p1) {
    struct connection *c = p1->connection;
    struct call *call = &p1->call;
    connection_bound(c);
    connection_log(c, LOG_LEVEL_INFO, "association opened (%s)", osi_context_row(p1->context)->name);
    if (call->ping)
        osi_association_release(c->association, (struct span){0}, clock_monotonic_us());
}

static void refused(struct p1 *p1, const char *parameter, const char *cause) {
    struct connection *c = p1->connection;
    struct call *call = &p1->call;
    call->failure_layer = IPC_LAYER_BIND;
    snprintf(call->failure_parameter, sizeof call->failure_parameter, "%s", parameter);
    snprintf(call->failure, sizeof call->failure, "%s", cause);
    connection_warn(c, "no association: %s", call->failure);
    if (call->ping)
        ping_failed(p1);
    call->ping = 0;
    osi_association_user_abort(c->association, (struct span){NULL, 0});
}

/* The responder proves itself too: a wrong name or password ends the association (X.411 §12.1.1.1.2). */
void connect_confirmed(struct p1 *p1, const struct osi_open *open) {
    struct connection *c = p1->connection;
    struct call *call = &p1->call;
    struct ipc_credentials given = {.form = IPC_CREDENTIALS_NONE};
    struct arena arena;
    char why[200];
    arena_init_secret(&arena, 64 * 1024);
    buf_free(&call->ours);
    if (open->recover || bind_read_result(open->user_data, open->context, &arena, &given, why)) {
        struct ipc_bind bind = {.direction = call->ping ? IPC_DIRECTION_PING : IPC_DIRECTION_OUT,
                                .peer = span_str(c->name),
                                .credentials = given};
        p1_ask(p1, open, &bind);
    } else {
        call->failure_layer = IPC_LAYER_BIND;
        call->failure_parameter[0] = '\0';
        snprintf(call->failure, sizeof call->failure, "bind: the result is not valid: %.150s", why);
        osi_association_user_abort(c->association,
                                   (struct span){NULL, 0}); /* the close that follows keeps this cause */
    }
    arena_free(&arena);
}

void connect_answer(struct p1 *p1, const struct ipc_bind_answer *answer) {
    char cause[LOG_TEXT_SIZE], parameter[LOG_TEXT_SIZE];
    if (answer->verdict == IPC_BIND_ADMITTED) {
        opened(p1);
        return;
    }
    p1->connection->announced = false; /* the store process has counted it as failed */
    refused(p1, log_text(answer->parameter, parameter), log_text(answer->cause, cause));
}

/* RT-RECOVER carries no bind: whatever error its refusal comes with says nothing of names and passwords, and
 * another context would not be told otherwise. */
static void note_failure(struct call *call, const struct osi_cause *cause) {
    const char *bind_error = bind_error_name(cause->user_data);
    const char *parameter = bind_error ? bind_error_parameter(bind_error) : cause->parameter;
    enum ipc_layer layer = p1_layer(cause);
    call->failure_layer = layer;
    call->recovery_refused = call->recover_id.len > 0 && cause->end == OSI_END_REFUSED && cause->by_peer &&
                             (layer == IPC_LAYER_RTSE || layer == IPC_LAYER_BIND);
    if (call->recovery_refused) {
        call->failure_layer = IPC_LAYER_RTSE;
        parameter = "session connection identifier";
        snprintf(call->failure, sizeof call->failure,
                 "RTSE: the peer does not recover the association that broke (%.80s); a new one is opened",
                 bind_error ? bind_error : cause->text);
    } else if (bind_error) {
        snprintf(call->failure, sizeof call->failure, "bind: the peer refused it: %s", bind_error);
    } else {
        snprintf(call->failure, sizeof call->failure, "%s", cause->text);
    }
    snprintf(call->failure_parameter, sizeof call->failure_parameter, "%s", parameter);
}

void connect_unconfigured(struct p1 *p1) {
    snprintf(p1->call.failure, sizeof p1->call.failure, UNCONFIGURED);
    p1->call.failure_layer = IPC_LAYER_TCP;
    p1->call.failure_parameter[0] = '\0';
}

void connect_ended(struct p1 *p1, const struct osi_cause *cause) {
    /* An abort of ours has its cause there already: the bind's result did not match, say. */
    if (cause->end != OSI_END_LOCAL || !p1->call.failure[0])
        note_failure(&p1->call, cause);
}
