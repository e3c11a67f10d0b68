/* The net process: its loop, its channels, its table of connections. */
#include <signal.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/loop.h"
#include "ipc/parent.h"
#include "protocol/mailbox_readers.h"
#include "protocol/p1.h"
#include "protocol/p3.h"
#include "protocol/p7.h"

/* Who takes an association is found by its application context. */
static const struct service *const services[] = {&p1_service, &p3_service, &p7_service, NULL};

/* ---- frames of the store process ---- */

/* The store process wants an association to go: released when nothing is under way, else aborted. */
static bool on_close(struct connection *c, enum ipc_type type, struct span payload) {
    struct reader r = reader_of(payload);
    uint8_t how = reader_u8(&r);
    char text[LOG_TEXT_SIZE];
    struct span cause = payload_octets(&r);
    (void)type;
    if (how != IPC_CLOSE_RELEASED ||
        !osi_association_release(c->association, (struct span){0}, clock_monotonic_us())) {
        if (c->net->stopping && c->user && c->service->tell_cut)
            c->service->tell_cut(c);
        connection_log(c, LOG_LEVEL_INFO, "association aborted: %s", log_text(cause, text));
        osi_association_user_abort(c->association, (struct span){NULL, 0});
    }
    connection_pump(c);
    return true;
}

static bool to_service(struct connection *c, enum ipc_type type, struct span payload) {
    return c->service->frame(c, type, payload);
}

/* What is done with a frame, by its number. */
static const struct row {
    bool (*connection)(struct connection *c, enum ipc_type type, struct span payload);
    bool (*net)(struct net *net, uint64_t ref, struct span payload);
} rows[IPC_NUMBERS] = {
    [IPC_ASSOCIATION_CLOSE] = {.connection = on_close},
    [IPC_BIND_ANSWER] = {.connection = to_service},
    [IPC_TRANSFER_CHECKPOINT_DONE] = {.connection = to_service},
    [IPC_TRANSFER_RESULT] = {.connection = to_service},
    [IPC_RESUME_RESULT] = {.connection = to_service},
    [IPC_SEND_BEGIN] = {.connection = to_service},
    [IPC_SEND_DATA] = {.connection = to_service},
    [IPC_USER_ANSWER] = {.connection = to_service},
    [IPC_USER_CONTROL] = {.connection = to_service},
    [IPC_USER_DELIVER] = {.connection = to_service},
    [IPC_USER_DELIVER_DATA] = {.connection = to_service},
    [IPC_MS_OPEN] = {.connection = to_service},
    [IPC_MS_ANSWER] = {.connection = to_service},
    [IPC_MS_DATA] = {.connection = to_service},
    [IPC_CONNECT] = {.net = p1_connect},
    [IPC_PING] = {.net = p1_ping},
};

static bool dispatch(struct net *net, enum ipc_type type, uint64_t ref, struct span payload,
                     char why[static IPC_WHY]) {
    static const struct ipc_side side = {.self = IPC_NET, .other = IPC_STORE};
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    if (!frame)
        return false;
    struct connection *c = frame->about == IPC_ABOUT_ASSOCIATION ? slots_find(net, ref) : NULL;
    unsigned state = frame->about != IPC_ABOUT_ASSOCIATION ? IPC_STATE_UP
                     : c && c->user                        ? c->service->state(c)
                                                           : IPC_STATE_GONE;
    enum ipc_judgement judgement = ipc_frame_judge(frame, state, why);
    if (judgement != IPC_LEGAL)
        return judgement == IPC_LATE;
    if (c ? rows[type].connection(c, type, payload) : rows[type].net(net, ref, payload))
        return true;
    snprintf(why, IPC_WHY, "frame %s (%zu octets), which does not fit", frame->name, payload.len);
    return false;
}

static bool on_store_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                           struct span payload) {
    char why[IPC_WHY];
    (void)channel;
    if (dispatch(context, type, ref, payload, why))
        return true;
    log_error("the store process broke the rules by %s", why);
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

static void tell_reloaded(struct connection *c) {
    if (c->user)
        c->service->reloaded(c);
}

/* True: it is in use. */
static bool reload(void *context, struct span text, struct buf *remarks) {
    (void)remarks;
    struct net *net = context;
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
            tell_reloaded(net->slots[i].connection);
    net->reload->release(net->reload->context, old);
    log_notice("configuration reloaded");
    return true;
}

static void stop(void *context) {
    net_stop(context);
}

static const struct ipc_parent_calls parent_calls = {.reload = reload, .stop = stop};

/* ---- life ---- */

static void tell_left_out(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
    log_tell_left_out();
}

static bool attach(struct net *net, const struct net_descriptors *descriptors) {
    static const struct timeval now_and_then = {.tv_sec = 15};
    net->store = ipc_channel_new(net->loop, descriptors->store, "store", &store_handler, net);
    if (net->store)
        ipc_wipe(net->store);
    if (descriptors->parent >= 0)
        net->parent = ipc_parent_new(net->loop, descriptors->parent, IPC_NET, &parent_calls, net);
    net->tell = event_new(net->loop, -1, EV_PERSIST, tell_left_out, net);
    return net->store && net->tell && event_add(net->tell, &now_and_then) == 0 &&
           (descriptors->parent < 0 || net->parent) && mailbox_readers_open(net, descriptors->door) &&
           listeners_open(net, descriptors->listeners, accept_ready);
}

struct net *net_new(struct event_base *loop, const struct protocol_config *config,
                    const struct net_reload *reload_, const struct net_descriptors *descriptors) {
    struct net *net = mem_alloc(sizeof *net);
    if (!net)
        return NULL;
    *net = (struct net){.loop = loop,
                        .config = config,
                        .reload = reload_,
                        .services = services,
                        .resolver = descriptors->resolver};
    if (!attach(net, descriptors)) {
        net_free(net);
        return NULL;
    }
    if (net->parent)
        ipc_parent_ready(net->parent);
    return net;
}

void net_free(struct net *net) {
    if (!net)
        return;
    listeners_close(net);
    for (uint32_t i = 0; i < net->slot_count; i++)
        if (net->slots[i].connection)
            connection_free(net->slots[i].connection);
    mailbox_readers_close(net);
    resolver_free(net->resolver);
    ipc_channel_free(net->store);
    ipc_parent_free(net->parent);
    if (net->rest)
        event_free(net->rest);
    if (net->tell)
        event_free(net->tell);
    peer_lines_free(net);
    mem_free(net->listeners);
    mem_free(net->slots);
    mem_free(net);
}

/* The store process ends when it has heard of all of them, and its channel is the sign to end here. */
static void out_of_patience(evutil_socket_t fd, short what, void *arg) {
    static const struct timeval moment = {.tv_sec = 2};
    struct net *net = arg;
    (void)fd;
    (void)what;
    for (uint32_t i = 0; i < net->slot_count; i++) {
        struct connection *c = net->slots[i].connection;
        if (!c)
            continue;
        if (c->user)
            c->service->cut(c);
        connection_free(c);
    }
    event_base_loopexit(net->loop, &moment);
}

/* It lets those transfers end of which it hears before it hears of the stop. */
static void tell_stopping(struct net *net) {
    for (uint32_t i = 0; i < net->slot_count; i++) {
        struct connection *c = net->slots[i].connection;
        if (c && c->user && c->service->stops)
            c->service->stops(c);
    }
    if (net->store)
        net_tell_empty(net, IPC_STOPPING, 0);
}

/* The store process hands out no more work once it was told to stop, lets the transfers end, and has the
 * associations released or aborted; what is left after a while, or when it is told again, is cut. */
void net_stop(struct net *net) {
    struct timeval patience = {.tv_sec = net->config->stop_us / 1000000,
                               .tv_usec = net->config->stop_us % 1000000};
    if (net->stopping) {
        out_of_patience(-1, 0, net);
        return;
    }
    bool alone = net->status != 0;
    net->stopping = true;
    net->status = 0; /* the store process, told to stop as well, may have gone first */
    listeners_close(net);
    tell_stopping(net);
    if (net->connections == 0 || alone ||
        event_base_once(net->loop, -1, EV_TIMEOUT, out_of_patience, net, &patience) != 0)
        event_base_loopexit(net->loop, NULL);
}

int net_run(struct event_base *loop, const struct protocol_config *config, const struct net_reload *reload_,
            const struct net_descriptors *descriptors) {
    signal(SIGPIPE, SIG_IGN);
    struct net *net = net_new(loop, config, reload_, descriptors);
    if (!net) {
        log_error("the net process can't start: no memory");
        return 1;
    }
    loop_run(loop);
    int status = net->status;
    if (status) /* said late: while both stop, the store process may have gone first */
        log_error("the channel to the store process is gone: %s", net->lost);
    net_free(net);
    event_base_free(loop);
    return status;
}
