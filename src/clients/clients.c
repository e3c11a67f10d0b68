/* The process of the clients: its loop and its channels. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "clients/clients_private.h"

/* Octets on their way to the store process, above which no client is read: what waits here is worked off
 * before what comes later, whoever's it is. */
#define STORE_MOST ((size_t)256 * 1024)

static void close_local(struct clients *clients) {
    if (!clients->local)
        return;
    close(event_get_fd(clients->local));
    event_free(clients->local);
    clients->local = NULL;
    event_del(clients->breath);
}

/* Without the store process there is nothing to do but end and be started again; or, while both stop, to end
 * with it. The loop goes on for a moment: the order to stop may be seen later than the end of this channel.
 */
static void lose_store(struct clients *clients, const char *cause) {
    static const struct timeval moment = {.tv_usec = 200000};
    if (clients->status != 0)
        return;
    event_base_loopexit(clients->loop, clients->stopping ? NULL : &moment);
    if (clients->stopping)
        return;
    close_local(clients);
    snprintf(clients->lost, sizeof clients->lost, "%s", cause);
    clients->status = 1;
}

/* When it can't be told the process ends. */
static void tell_store(struct clients *clients, enum ipc_type type, uint64_t ref, struct span payload) {
    if (!clients->store || !ipc_send(clients->store, type, ref, payload, (struct span){NULL, 0}))
        lose_store(clients, "a frame could not be sent");
}

/* ---- the local socket ---- */

static void on_enter(struct local_client *client) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, client->uid);
    buf_append_u32(&payload, client->gid);
    tell_store(client->clients, IPC_CLIENT_OPEN, client->number, buf_span(&payload));
    buf_free(&payload);
}

static void on_leave(struct local_client *client) {
    turns_leave(client);
    readers_leave(client);
    tell_store(client->clients, IPC_CLIENT_CLOSE, client->number, (struct span){NULL, 0});
}

static void on_client_frame(struct local_client *client, enum ipc_type type, uint64_t ref,
                            struct span payload) {
    if (manage_serves(type, payload))
        manage_ask(client, ref, payload);
    else if (readers_serve(client->clients, type, payload))
        readers_ask(client, type, ref, payload);
    else if (!silence_refuses(client, type, ref)) {
        tell_store(client->clients, type, silence_asked(client, type, ref, payload), payload);
        silence_sent(client->clients);
    }
}

static bool is_full(const struct local_client *client) {
    const struct clients *clients = client->clients;
    return !clients->store || silence_waits(client) ||
           (turns_are_full(clients) && !visitor_is_operator(clients, client->uid, client->gid));
}

static const struct local_calls local_calls = {
    .enter = on_enter, .leave = on_leave, .frame = on_client_frame, .is_full = is_full};

/* ---- the store process ---- */

static bool on_store_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                           struct span payload) {
    static const struct ipc_side side = {.self = IPC_CLIENTS, .other = IPC_STORE};
    char why[IPC_WHY];
    (void)channel;
    if (!ipc_frame_take(&side, type, ref, payload, why)) {
        log_error("the store process broke the rules by %s", why);
        return false;
    }
    silence_heard(context, type, ref, payload);
    return true;
}

static void on_store_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct clients *clients = context;
    (void)channel;
    clients->store = NULL;
    lose_store(clients, cause);
}

static void on_store_writable(void *context, struct ipc_channel *channel) {
    (void)channel;
    silence_sent(context);
    local_resume_all(context);
}

static const struct ipc_handler store_handler = {
    .frame = on_store_frame, .closed = on_store_closed, .writable = on_store_writable};

/* ---- the parent ---- */

/* True: it is in use. */
static bool reload(void *context, struct span slice, struct buf *remarks) {
    (void)remarks;
    struct clients *clients = context;
    struct error err = {0};
    const struct clients_config *config =
        clients->reload && slice.data ? clients->reload->read(clients->reload->context, slice, &err) : NULL;
    if (!config) {
        log_error("the configuration was not reloaded: %s",
                  slice.data ? err.text : "it is too long, or there is no memory");
        return false;
    }
    const struct clients_config *old = clients->config;
    clients->config = config;
    clients->reload->release(clients->reload->context, old);
    log_notice("configuration reloaded");
    return true;
}

static void stop(void *context) {
    clients_stop(context);
}

static void managed(void *context, uint64_t ref, struct span payload) {
    local_answer(context, IPC_RESPONSE, ref, payload);
}

static const struct ipc_parent_calls parent_calls = {.reload = reload, .stop = stop, .managed = managed};

/* ---- life ---- */

static void look_again(evutil_socket_t fd, short what, void *arg) {
    struct clients *clients = arg;
    (void)fd;
    (void)what;
    if (clients->local)
        event_add(clients->local, NULL);
}

static void tell_left_out(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
    log_tell_left_out();
}

static bool attach(struct clients *clients, const struct clients_descriptors *descriptors) {
    static const struct timeval now_and_then = {.tv_sec = 15};
    clients->store = ipc_channel_new(clients->loop, descriptors->store, "store", &store_handler, clients);
    if (descriptors->parent >= 0)
        clients->parent =
            ipc_parent_new(clients->loop, descriptors->parent, IPC_CLIENTS, &parent_calls, clients);
    clients->breath = event_new(clients->loop, -1, 0, look_again, clients);
    if (clients->store)
        ipc_full_at(clients->store, STORE_MOST);
    clients->tell = event_new(clients->loop, -1, EV_PERSIST, tell_left_out, clients);
    if (!clients->store || !clients->breath || !clients->tell ||
        event_add(clients->tell, &now_and_then) != 0 || (descriptors->parent >= 0 && !clients->parent))
        return false;
    evutil_make_socket_nonblocking(descriptors->local);
    clients->local = event_new(clients->loop, descriptors->local, EV_READ | EV_PERSIST, local_ready, clients);
    if (descriptors->former_local >= 0)
        local_take_former(clients, descriptors->former_local);
    return clients->local && event_add(clients->local, NULL) == 0 && silence_open(clients) &&
           readers_open(clients, descriptors->door, clients->config->reader_count);
}

struct clients *clients_new(struct event_base *loop, const struct clients_config *config,
                            const struct clients_reload *reload_,
                            const struct clients_descriptors *descriptors) {
    struct clients *clients = mem_alloc(sizeof *clients);
    if (!clients)
        return NULL;
    *clients = (struct clients){.loop = loop, .config = config, .reload = reload_, .calls = &local_calls};
    if (!attach(clients, descriptors)) {
        clients_free(clients);
        return NULL;
    }
    if (clients->parent)
        ipc_parent_ready(clients->parent);
    return clients;
}

void clients_free(struct clients *clients) {
    if (!clients)
        return;
    close_local(clients);
    local_free_all(clients);
    readers_close(clients);
    silence_close(clients);
    ipc_channel_free(clients->store);
    ipc_parent_free(clients->parent);
    if (clients->breath)
        event_free(clients->breath);
    if (clients->tell)
        event_free(clients->tell);
    mem_free(clients);
}

/* The store process waits for transfers under way, and meanwhile its clients hear of it that it stops: this
 * process ends when that one has. */
void clients_stop(struct clients *clients) {
    if (clients->stopping)
        return;
    bool alone = clients->status != 0 || !clients->store;
    clients->stopping = true;
    clients->status = 0; /* the store process, told to stop as well, may have gone first */
    if (!alone)
        return;
    close_local(clients);
    event_base_loopexit(clients->loop, NULL);
}

int clients_run(const struct clients_config *config, const struct clients_reload *reload_,
                const struct clients_descriptors *descriptors) {
    signal(SIGPIPE, SIG_IGN);
    struct event_base *loop = event_base_new();
    struct clients *clients = loop ? clients_new(loop, config, reload_, descriptors) : NULL;
    if (!clients) {
        log_error("the process of the clients can't start: no memory, or no event loop");
        return 1;
    }
    event_base_dispatch(loop);
    int status = clients->status;
    if (*clients->lost && status) /* said late: while both stop, the store process may have gone first */
        log_error("the channel to the store process is gone: %s", clients->lost);
    clients_free(clients);
    event_base_free(loop);
    return status;
}
