/* The net process: its loop, its channels, its table of connections. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "protocol/net_private.h"

struct connection *net_connection(struct net *net, uint64_t ref) {
    uint32_t index = (uint32_t)ref;
    if (index >= net->slot_count || net->slots[index].generation != (uint32_t)(ref >> 32))
        return NULL;
    struct connection *c = net->slots[index].connection;
    return c && c->association ? c : NULL;
}

const struct protocol_peer *net_peer_by_name(struct net *net, struct span name) {
    for (size_t i = 0; i < net->config->peer_count; i++)
        if (span_eq(span_str(net->config->peers[i].name), name))
            return &net->config->peers[i];
    return NULL;
}

static void close_listeners(struct net *net);

void net_lose_store(struct net *net, const char *cause) {
    static const struct timeval moment = {.tv_usec = 200000};
    if (net->status != 0)
        return;
    event_base_loopexit(net->loop, net->stopping ? NULL : &moment);
    if (net->stopping)
        return;
    close_listeners(net);
    log_error("the channel to the store process is gone: %s", cause);
    net->status = 1;
}

bool net_store_send(struct net *net, enum ipc_type type, uint64_t ref, struct span head, struct span body) {
    return net->store && ipc_send(net->store, type, ref, head, body);
}

bool net_store_is_full(const struct net *net) {
    return !net->store || ipc_is_full(net->store);
}

void net_tell(struct net *net, enum ipc_type type, uint64_t ref, struct buf *payload) {
    bool ok = !payload->failed && net_store_send(net, type, ref, buf_span(payload), (struct span){NULL, 0});
    buf_free(payload);
    if (!ok)
        net_lose_store(net, "a frame could not be sent");
}

void net_tell_empty(struct net *net, enum ipc_type type, uint64_t ref) {
    if (!net_store_send(net, type, ref, (struct span){NULL, 0}, (struct span){NULL, 0}))
        net_lose_store(net, "a frame could not be sent");
}

/* ---- frames of the store process ---- */

static bool on_answer(struct connection *c, struct span payload) {
    struct ipc_bind_answer answer;
    if (!ipc_bind_answer_read(payload, &answer))
        return false;
    if (c)
        admission_answer(c, &answer);
    return true;
}

/* The store process wants an association to go: released when nothing is under way, else aborted. */
static bool on_close(struct connection *c, struct reader *r) {
    uint8_t how = reader_u8(r);
    char text[LOG_TEXT_SIZE];
    struct span cause = payload_octets(r);
    if (!payload_done(r))
        return false;
    if (!c || !c->association)
        return true;
    if (how != IPC_CLOSE_RELEASED || !osi_association_release(c->association, (struct span){0}, clock_monotonic_us())) {
        log_info("peer=%s address=%s association aborted: %s", connection_peer(c), c->address,
                 log_text(cause, text));
        osi_association_user_abort(c->association, (struct span){NULL, 0});
    }
    connection_pump(c);
    return true;
}

static bool on_connect(struct net *net, struct reader *r) {
    struct span name = payload_octets(r);
    struct span recover_id = payload_octets(r);
    struct ipc_credentials ours;
    if (!ipc_credentials_read(r, &ours) || !payload_done(r))
        return false;
    connect_begin(net, name, recover_id, &ours, 0);
    return true;
}

static bool on_ping(struct net *net, uint64_t ping, struct reader *r) {
    struct span name = payload_octets(r);
    struct ipc_credentials ours;
    if (!ping || !ipc_credentials_read(r, &ours) || !payload_done(r))
        return false;
    connect_begin(net, name, (struct span){NULL, 0}, &ours, ping);
    return true;
}

static bool dispatch(struct net *net, enum ipc_type type, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    struct connection *c = net_connection(net, ref);
    switch (type) {
    case IPC_BIND_ANSWER:
        return on_answer(c, payload);
    case IPC_ASSOCIATION_CLOSE:
        return on_close(c, &r);
    case IPC_CONNECT:
        return on_connect(net, &r);
    case IPC_PING:
        return on_ping(net, ref, &r);
    case IPC_TRANSFER_CHECKPOINT_DONE:
    case IPC_TRANSFER_RESULT:
    case IPC_RESUME_RESULT:
        return !c || transfer_in_frame(c, type, &r);
    case IPC_SEND_BEGIN:
    case IPC_SEND_DATA:
        return !c || transfer_out_frame(c, type, &r);
    default:
        return false;
    }
}

static bool on_store_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                           struct span payload) {
    (void)channel;
    if (dispatch(context, type, ref, payload))
        return true;
    log_error("the store process sent a frame of type %d that does not read", (int)type);
    return false;
}

static void on_store_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct net *net = context;
    (void)channel;
    net->store = NULL;
    net_lose_store(net, cause);
}

static void pump_all(struct net *net) {
    for (uint32_t i = 0; i < net->slot_count; i++)
        if (net->slots[i].connection)
            connection_pump(net->slots[i].connection);
}

static void on_store_writable(void *context, struct ipc_channel *channel) {
    (void)channel;
    pump_all(context);
}

static const struct ipc_handler store_handler = {
    .frame = on_store_frame, .closed = on_store_closed, .writable = on_store_writable};

/* ---- the parent ---- */

/* True: it is in use. */
static bool reload(struct net *net, struct span text) {
    struct error err = {0};
    const struct protocol_config *config =
        net->reload && text.data ? net->reload->read(net->reload->context, text, &err) : NULL;
    if (!config) {
        log_error("the configuration was not reloaded: %s",
                  text.data ? err.text : "it is too long, or there is no memory");
        return false;
    }
    const struct protocol_config *old = net->config;
    net->config = config;
    resolver_set_servers(net->resolver, config->name_servers, config->name_server_count);
    for (uint32_t i = 0; i < net->slot_count; i++)
        if (net->slots[i].connection)
            connection_rename_peer(net->slots[i].connection);
    net->reload->release(net->reload->context, old);
    log_notice("configuration reloaded");
    return true;
}

static bool on_parent_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                            struct span payload) {
    struct net *net = context;
    struct span text;
    if (type == IPC_CONFIG && payload_config(&net->config_parts, ref, payload, &text)) {
        uint8_t taken = reload(net, text);
        ipc_send(channel, IPC_CONFIG_TAKEN, 0, span_of(&taken, 1), (struct span){NULL, 0});
    } else if (type == IPC_STOP) {
        net_stop(context);
    }
    return type == IPC_CONFIG || type == IPC_STOP;
}

static void on_parent_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct net *net = context;
    (void)channel;
    (void)cause;
    net->parent = NULL;
    net_stop(net);
}

static const struct ipc_handler parent_handler = {.frame = on_parent_frame, .closed = on_parent_closed};

/* ---- listeners ---- */

static void listen_again(evutil_socket_t fd, short what, void *arg) {
    struct net *net = arg;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < net->listener_count; i++)
        if (net->listeners[i])
            event_add(net->listeners[i], NULL);
}

void net_listen_later(struct net *net) {
    static const struct timeval moment = {.tv_usec = 200000};
    for (size_t i = 0; i < net->listener_count; i++)
        if (net->listeners[i])
            event_del(net->listeners[i]);
    event_add(net->rest, &moment);
}

/* ---- life ---- */

static struct event *listen_event(struct net *net, int fd, event_callback_fn ready) {
    evutil_make_socket_nonblocking(fd);
    struct event *event = event_new(net->loop, fd, EV_READ | EV_PERSIST, ready, net);
    if (event)
        event_add(event, NULL);
    return event;
}

static bool attach(struct net *net, const struct net_descriptors *descriptors) {
    net->listener_count = net->config->listener_count;
    net->listeners = mem_alloc((net->listener_count + 1) * sizeof *net->listeners);
    net->store = ipc_channel_new(net->loop, descriptors->store, "store", &store_handler, net);
    if (descriptors->parent >= 0)
        net->parent = ipc_channel_new(net->loop, descriptors->parent, "parent", &parent_handler, net);
    net->rest = event_new(net->loop, -1, 0, listen_again, net);
    if (!net->listeners || !net->rest || !net->store || (descriptors->parent >= 0 && !net->parent))
        return false;
    for (size_t i = 0; i < net->listener_count; i++)
        if (!(net->listeners[i] = listen_event(net, descriptors->listeners[i], accept_ready)))
            return false;
    return true;
}

struct net *net_new(struct event_base *loop, const struct protocol_config *config,
                    const struct net_reload *reload_, const struct net_descriptors *descriptors) {
    struct net *net = mem_alloc(sizeof *net);
    if (!net)
        return NULL;
    *net = (struct net){.loop = loop, .config = config, .reload = reload_, .resolver = descriptors->resolver};
    buf_init(&net->config_parts, IPC_CONFIG_MAX);
    if (!attach(net, descriptors)) {
        net_free(net);
        return NULL;
    }
    if (net->parent)
        ipc_send(net->parent, IPC_READY, 0, (struct span){NULL, 0}, (struct span){NULL, 0});
    return net;
}

static void close_listener(struct event *event) {
    if (!event)
        return;
    evutil_socket_t fd = event_get_fd(event);
    event_free(event);
    close(fd);
}

static void close_listeners(struct net *net) {
    for (size_t i = 0; net->listeners && i < net->listener_count; i++) {
        close_listener(net->listeners[i]);
        net->listeners[i] = NULL;
    }
}

void net_free(struct net *net) {
    if (!net)
        return;
    close_listeners(net);
    for (uint32_t i = 0; i < net->slot_count; i++)
        if (net->slots[i].connection)
            connection_free(net->slots[i].connection);
    resolver_free(net->resolver);
    ipc_channel_free(net->store);
    ipc_channel_free(net->parent);
    if (net->rest)
        event_free(net->rest);
    mem_free(net->listeners);
    mem_free(net->slots);
    buf_free(&net->config_parts);
    mem_free(net);
}

/* The store process hands out no more work once it was told to stop, lets the transfers end, and has the
 * associations released or aborted; what is left after a while is closed when the loop is left. */
void net_stop(struct net *net) {
    static const struct timeval patience = {.tv_sec = 5};
    if (net->stopping)
        return;
    bool alone = net->status != 0;
    net->stopping = true;
    net->status = 0; /* the store process, told to stop as well, may have gone first */
    close_listeners(net);
    if (net->connections == 0 || alone)
        event_base_loopexit(net->loop, NULL);
    else
        event_base_loopexit(net->loop, &patience);
}

int net_run(struct event_base *loop, const struct protocol_config *config, const struct net_reload *reload_,
            const struct net_descriptors *descriptors) {
    signal(SIGPIPE, SIG_IGN);
    struct net *net = net_new(loop, config, reload_, descriptors);
    if (!net) {
        log_error("the net process can't start: no memory");
        return 1;
    }
    event_base_dispatch(loop);
    int status = net->status;
    net_free(net);
    event_base_free(loop);
    return status;
}
