/*
 * The reader processes: what only reads rows of the store goes to them, so that
 * it never waits behind a commit. Each has a channel, whose end comes through the
 * door when the reader is started; one that ends takes its requests with it,
 * which are answered with an error that says to try again.
 */
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "ipc/door.h"
#include "protocol/net_private.h"

struct pending {
    struct pending *next;
    uint64_t ref;
};

struct reader_link {
    struct net *net;
    struct ipc_channel *channel; /* NULL: the reader is gone, or not there yet */
    struct pending *pending;     /* requests that were not answered yet */
    uint32_t life;               /* of the channels: clients are announced to each anew */
};

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
    respond_gone(link);
    local_resume_all(link->net);
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
    if (type != IPC_RESPONSE && type != IPC_FETCH_DATA) {
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

/* A reader was started; what an earlier one of the number owes is lost. */
static bool meet(struct net *net, unsigned number, int fd) {
    if (number >= net->reader_count)
        return false;
    struct reader_link *link = &net->readers[number];
    struct ipc_channel *old = link->channel;
    if (old)
        lose(link);
    ipc_channel_free(old);
    link->channel = ipc_channel_new(net->loop, fd, "reader", &handler, link);
    link->life++;
    return link->channel != NULL;
}

static void on_door(evutil_socket_t door, short what, void *arg) {
    struct net *net = arg;
    enum ipc_end end;
    uint8_t number;
    int fd, took;
    (void)what;
    while ((took = ipc_door_take(door, &end, &number, &fd)) > 0)
        if (end != IPC_END_READER || !meet(net, number, fd)) {
            log_error("a channel that the parent handed over can't be used");
            close(fd);
        }
    if (took < 0)
        event_del(net->door); /* the parent is gone: its channel tells */
}

bool readers_open(struct net *net, int door, unsigned count) {
    net->readers = mem_alloc((count + 1) * sizeof *net->readers);
    if (!net->readers)
        return false;
    for (; net->reader_count < count; net->reader_count++)
        net->readers[net->reader_count] = (struct reader_link){.net = net};
    if (door < 0)
        return true;
    net->door = event_new(net->loop, door, EV_READ | EV_PERSIST, on_door, net);
    if (!net->door || event_add(net->door, NULL) != 0)
        return false;
    on_door(door, EV_READ, net);
    return true;
}

void readers_close(struct net *net) {
    for (size_t i = 0; i < net->reader_count; i++) {
        ipc_channel_free(net->readers[i].channel);
        respond_gone(&net->readers[i]);
    }
    if (net->door) {
        close(event_get_fd(net->door));
        event_free(net->door);
    }
    net->door = NULL;
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
