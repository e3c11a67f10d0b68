/*
 * The reader processes: what only reads rows of the store goes to them, so that
 * it never waits behind a commit. Each has a channel; one that ends takes its
 * requests with it, which are answered with an error that says to try again.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "protocol/net_private.h"

/* From the connection to IPC_READER_READY. Within it a reader that is being started again takes what waits.
 */
#define READY_SECONDS 2

struct pending {
    struct pending *next;
    uint64_t ref;
};

struct reader_link {
    struct net *net;
    const struct net_reader *address;
    struct ipc_channel *channel; /* NULL: gone, `timer` tries again */
    struct event *timer;
    struct pending *pending; /* requests that were not answered yet */
    bool ready;
    uint32_t life; /* of the channels: clients are announced to each anew */
};

static void later(struct reader_link *link, int seconds) {
    struct timeval tv = {.tv_sec = seconds};
    event_add(link->timer, &tv);
}

static void respond_gone(struct reader_link *link) {
    while (link->pending) {
        struct pending *pending = link->pending;
        link->pending = pending->next;
        local_respond(link->net, pending->ref,
                      SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"the process that reads the "
                               "store ended; try again\"}}"));
        mem_free(pending);
    }
}

static void lose(struct reader_link *link) {
    link->channel = NULL;
    link->ready = false;
    respond_gone(link);
    local_resume_all(link->net);
    later(link, 1);
}

static void answered(struct reader_link *link, uint64_t ref) {
    for (struct pending **at = &link->pending; *at; at = &(*at)->next)
        if ((*at)->ref == ref) {
            struct pending *pending = *at;
            *at = pending->next;
            mem_free(pending);
            return;
        }
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct reader_link *link = context;
    (void)channel;
    if (type == IPC_READER_READY && !link->ready && payload.len == 0) {
        link->ready = true;
        event_del(link->timer);
        return true;
    }
    if (!link->ready || (type != IPC_RESPONSE && type != IPC_FETCH_DATA)) {
        log_error("a reader process sent a frame of type %d that is against the rules", (int)type);
        return false;
    }
    if (type == IPC_FETCH_DATA || (payload.len && payload.data[0]))
        answered(link, ref);
    return local_frame_from_store(link->net, type, ref, payload);
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct reader_link *link = context;
    (void)channel;
    if (!link->net->stopping)
        log_warning("the channel to a reader process is gone: %s", cause);
    lose(link);
}

static void on_writable(void *context, struct ipc_channel *channel) {
    struct reader_link *link = context;
    (void)channel;
    local_resume_all(link->net);
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed, .writable = on_writable};

static void connect_link(struct reader_link *link) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&link->address->address, link->address->length) == 0)
        link->channel = ipc_channel_new(link->net->loop, fd, "reader", &handler, link);
    if (!link->channel && fd >= 0)
        close(fd);
    link->life++;
    later(link, link->channel ? READY_SECONDS : 1);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct reader_link *link = arg;
    (void)fd;
    (void)what;
    if (!link->channel) {
        connect_link(link);
        return;
    }
    struct ipc_channel *channel = link->channel;
    log_warning("a reader process did not take a connection within %d s", READY_SECONDS);
    lose(link);
    ipc_channel_free(channel);
}

bool readers_open(struct net *net, const struct net_reader *addresses, size_t count) {
    net->readers = mem_alloc((count + 1) * sizeof *net->readers);
    if (!net->readers)
        return false;
    for (; net->reader_count < count; net->reader_count++) {
        struct reader_link *link = &net->readers[net->reader_count];
        *link = (struct reader_link){.net = net, .address = &addresses[net->reader_count]};
        link->timer = event_new(net->loop, -1, 0, on_timer, link);
        if (!link->timer)
            return false;
        connect_link(link);
    }
    return true;
}

void readers_close(struct net *net) {
    for (size_t i = 0; i < net->reader_count; i++) {
        struct reader_link *link = &net->readers[i];
        ipc_channel_free(link->channel);
        event_free(link->timer);
        respond_gone(link);
    }
    mem_free(net->readers);
    net->readers = NULL;
    net->reader_count = 0;
}

bool readers_serve(const json_t *request) {
    static const char *const operations[] = {"mailboxes", "mailbox-list", "mailbox-show",
                                             "user-list", "track"};
    const char *name = json_string_value(json_object_get(request, "operation"));
    for (size_t i = 0; name && i < sizeof operations / sizeof *operations; i++)
        if (strcmp(operations[i], name) == 0)
            return true;
    return false;
}

/* One that is there, beginning with the client's own. */
static struct reader_link *choose(struct net *net, uint32_t client) {
    for (size_t i = 0; i < net->reader_count; i++) {
        struct reader_link *link = &net->readers[(client + i) % net->reader_count];
        if (link->channel)
            return link;
    }
    return NULL;
}

static bool note_pending(struct reader_link *link, uint64_t ref) {
    struct pending *pending = mem_alloc(sizeof *pending);
    if (!pending)
        return false;
    *pending = (struct pending){link->pending, ref};
    link->pending = pending;
    return true;
}

/* A client is announced to a reader before its first request there. */
static bool take_seat(struct reader_seat *seat, struct reader_link *link) {
    struct span nothing = {NULL, 0};
    struct buf who;
    if (seat->link == link && seat->life == link->life)
        return true;
    readers_leave(seat);
    buf_init(&who, 0);
    bool ok = buf_append_u32(&who, seat->uid) && buf_append_u32(&who, seat->gid) &&
              ipc_send(link->channel, IPC_CLIENT_OPEN, seat->client, buf_span(&who), nothing);
    buf_free(&who);
    if (!ok)
        return false;
    seat->link = link;
    seat->life = link->life;
    return true;
}

struct ipc_channel *readers_ask(struct net *net, struct reader_seat *seat, enum ipc_type type, uint64_t ref,
                                struct span payload) {
    struct reader_link *link = choose(net, seat->client);
    if (!link || !take_seat(seat, link) || !note_pending(link, ref)) {
        local_respond(net, ref,
                      SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"no process that reads the "
                               "store is there now; try again\"}}"));
        return NULL;
    }
    ipc_send(link->channel, type, ref, payload, (struct span){NULL, 0}); /* if it fails, the channel ends */
    return link->channel;
}

void readers_leave(struct reader_seat *seat) {
    struct span nothing = {NULL, 0};
    if (seat->link && seat->link->channel && seat->life == seat->link->life)
        ipc_send(seat->link->channel, IPC_CLIENT_CLOSE, seat->client, nothing, nothing);
    seat->link = NULL;
}
