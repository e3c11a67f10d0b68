/*
 * The local socket: clients' frames go on to the store process, or to a reader
 * process, with the client's number in the upper half of their ref; answers
 * come back the same way.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "protocol/net_private.h"

struct client {
    struct client *next;
    struct net *net;
    struct ipc_channel *channel;
    uint32_t number;
    struct reader_seat seat;
};

static uint64_t ref_of(const struct client *client, uint64_t ref) {
    return (uint64_t)client->number << 32 | (uint32_t)ref;
}

static struct client *find(struct net *net, uint64_t ref) {
    struct client *client = net->clients;
    while (client && client->number != (uint32_t)(ref >> 32))
        client = client->next;
    return client;
}

static void unlink_client(struct client *client) {
    struct client **at = &client->net->clients;
    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
    client->net->client_count--;
}

/* True for what only reads: a reader's, where there are any. */
static bool is_for_reader(const struct client *client, enum ipc_type type, struct span payload) {
    if (client->net->reader_count == 0 || type != IPC_REQUEST)
        return client->net->reader_count > 0 && type == IPC_FETCH;
    json_t *request = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    bool reads = readers_serve(request);
    json_decref(request);
    return reads;
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct client *client = context;
    if (ref > UINT32_MAX || type < IPC_REQUEST || type > IPC_FETCH || type == IPC_RESPONSE ||
        type == IPC_SUBMIT_RESULT) {
        log_warning("%s: a frame of type %d, ref %llu is not one for clients", ipc_name(channel), (int)type,
                    (unsigned long long)ref);
        return false;
    }
    if (is_for_reader(client, type, payload)) {
        struct ipc_channel *reader =
            readers_ask(client->net, &client->seat, type, ref_of(client, ref), payload);
        if (reader && ipc_is_full(reader))
            ipc_pause(channel);
        return true;
    }
    if (net_store_is_full(client->net))
        ipc_pause(channel);
    return net_store_send(client->net, type, ref_of(client, ref), payload, (struct span){NULL, 0});
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct client *client = context;
    (void)channel;
    (void)cause;
    readers_leave(&client->seat);
    net_tell_empty(client->net, IPC_CLIENT_CLOSE, client->number);
    unlink_client(client);
    mem_free(client);
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed};

static void announce(struct client *client, const struct ucred *who) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, who->uid);
    buf_append_u32(&payload, who->gid);
    net_tell(client->net, IPC_CLIENT_OPEN, client->number, &payload);
}

static bool add_client(struct net *net, int fd) {
    struct ucred who;
    socklen_t length = sizeof who;
    char name[48];
    struct client *client = mem_alloc(sizeof *client);
    if (!client || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0) {
        mem_free(client);
        return false;
    }
    if (++net->next_client == 0)
        net->next_client = 1;
    *client = (struct client){.next = net->clients,
                              .net = net,
                              .number = net->next_client,
                              .seat = {.client = net->next_client, .uid = who.uid, .gid = who.gid}};
    snprintf(name, sizeof name, "local client %u (uid %u)", client->number, client->seat.uid);
    client->channel = ipc_channel_new(net->loop, fd, name, &handler, client);
    if (!client->channel) {
        mem_free(client);
        return false;
    }
    ipc_limit(client->channel, IPC_CLIENT_MAX);
    net->clients = client;
    net->client_count++;
    announce(client, &who);
    return true;
}

void local_ready(evutil_socket_t listener, short what, void *arg) {
    (void)what;
    struct net *net = arg;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (net->stopping || net->client_count >= net->config->clients_max || !add_client(net, fd)) {
        log_warning("a local client was refused: %s",
                    net->stopping ? "stopping" : "too many clients, or no memory");
        close(fd);
    }
}

bool local_frame_from_store(struct net *net, enum ipc_type type, uint64_t ref, struct span payload) {
    struct client *client = find(net, ref);
    if (client) /* one that is gone meanwhile gets nothing */
        ipc_send(client->channel, type, (uint32_t)ref, payload, (struct span){NULL, 0});
    return true;
}

void local_respond(struct net *net, uint64_t ref, struct span json) {
    struct client *client = find(net, ref);
    if (client)
        ipc_send(client->channel, IPC_RESPONSE, (uint32_t)ref, SPAN_LIT("\1"), json);
}

void local_resume_all(struct net *net) {
    for (struct client *client = net->clients; client; client = client->next)
        ipc_resume(client->channel);
}

void local_free_all(struct net *net) {
    while (net->clients) {
        struct client *client = net->clients;
        unlink_client(client);
        ipc_channel_free(client->channel);
        mem_free(client);
    }
}
