/*
 * The readers: what only reads rows of the store goes to them, so that it never
 * waits behind a commit. Each has a channel, whose end comes through the door
 * when the reader is started; one that ends takes its requests with it, which are
 * answered with an error that says to try again.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "clients/clients_private.h"
#include "ipc/door.h"

struct pending {
    struct pending *next;
    uint64_t ref;
};

struct reader_link {
    struct clients *clients;
    struct ipc_channel *channel; /* NULL: the reader is gone, or not there yet */
    struct pending *pending;     /* requests that were not answered yet */
    uint32_t life;               /* of the channels: clients are announced to each anew */
};

static void respond_gone(struct reader_link *link) {
    while (link->pending) {
        struct pending *pending = link->pending;
        link->pending = pending->next;
        local_respond(link->clients, pending->ref,
                      SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"the process that reads the "
                               "store ended; try again\"}}"));
        mem_free(pending);
    }
}

static void lose(struct reader_link *link) {
    link->channel = NULL;
    respond_gone(link);
    local_resume_all(link->clients);
}

/* False: nothing of that name was asked. */
static bool answered(struct reader_link *link, uint64_t ref) {
    for (struct pending **at = &link->pending; *at; at = &(*at)->next)
        if ((*at)->ref == ref) {
            struct pending *pending = *at;
            *at = pending->next;
            mem_free(pending);
            return true;
        }
    return false;
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    static const struct ipc_side side = {.self = IPC_CLIENTS, .other = IPC_READER};
    struct reader_link *link = context;
    char why[IPC_WHY];
    (void)channel;
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    bool last = frame && (type == IPC_FETCH_DATA || payload.data[0]);
    if (frame && last && !answered(link, ref)) {
        snprintf(why, sizeof why, "frame %s, for which nobody asked", frame->name);
        frame = NULL;
    }
    if (frame)
        local_answer(link->clients, type, ref, payload);
    else
        log_error("a reader process broke the rules by %s", why);
    return frame;
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct reader_link *link = context;
    (void)channel;
    if (!link->clients->stopping)
        log_warning("the channel to a reader process is gone: %s", cause);
    lose(link);
}

static void on_writable(void *context, struct ipc_channel *channel) {
    struct reader_link *link = context;
    (void)channel;
    local_resume_all(link->clients);
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed, .writable = on_writable};

/* ---- life ---- */

/* A reader was started; what an earlier one of the number owes is lost. */
static bool meet(struct clients *clients, unsigned number, int fd) {
    if (number >= clients->reader_count)
        return false;
    struct reader_link *link = &clients->readers[number];
    struct ipc_channel *old = link->channel;
    if (old)
        lose(link);
    ipc_channel_free(old);
    link->channel = ipc_channel_new(clients->loop, fd, "reader", &handler, link);
    link->life++;
    return link->channel != NULL;
}

static void on_door(evutil_socket_t door, short what, void *arg) {
    struct clients *clients = arg;
    enum ipc_end end;
    uint8_t number;
    int fd, took;
    (void)what;
    while ((took = ipc_door_take(door, &end, &number, &fd)) > 0)
        if (end != IPC_END_READER || !meet(clients, number, fd)) {
            log_error("a channel that the parent handed over can't be used");
            close(fd);
        }
    if (took < 0)
        event_del(clients->door); /* the parent is gone: its channel tells */
}

bool readers_open(struct clients *clients, int door, unsigned count) {
    clients->readers = mem_alloc((count + 1) * sizeof *clients->readers);
    if (!clients->readers)
        return false;
    for (; clients->reader_count < count; clients->reader_count++)
        clients->readers[clients->reader_count] = (struct reader_link){.clients = clients};
    if (door < 0)
        return true;
    clients->door = event_new(clients->loop, door, EV_READ | EV_PERSIST, on_door, clients);
    if (!clients->door || event_add(clients->door, NULL) != 0)
        return false;
    on_door(door, EV_READ, clients);
    return true;
}

void readers_close(struct clients *clients) {
    for (size_t i = 0; i < clients->reader_count; i++) {
        ipc_channel_free(clients->readers[i].channel);
        lose(&clients->readers[i]);
    }
    if (clients->door) {
        close(event_get_fd(clients->door));
        event_free(clients->door);
    }
    mem_free(clients->readers);
    clients->door = NULL;
    clients->readers = NULL;
    clients->reader_count = 0;
}

/* ---- requests ---- */

static bool reads(const json_t *request) {
    static const char *const operations[] = {"mailboxes", "mailbox-list", "mailbox-show", "user-list",
                                             "track"};
    const char *name = json_string_value(json_object_get(request, "operation"));
    for (size_t i = 0; name && i < sizeof operations / sizeof *operations; i++)
        if (strcmp(operations[i], name) == 0)
            return true;
    return false;
}

bool readers_serve(const struct clients *clients, enum ipc_type type, struct span payload) {
    if (clients->reader_count == 0 || type != IPC_REQUEST)
        return clients->reader_count > 0 && type == IPC_FETCH;
    json_t *request = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    bool serves = reads(request);
    json_decref(request);
    return serves;
}

/* One that is there, beginning with the client's own. */
static struct reader_link *choose(struct clients *clients, uint32_t client) {
    for (size_t i = 0; i < clients->reader_count; i++) {
        struct reader_link *link = &clients->readers[(client + i) % clients->reader_count];
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
static bool take_seat(struct local_client *client, struct reader_link *link) {
    struct seat *seat = &client->seat;
    struct span nothing = {NULL, 0};
    struct buf who;
    if (seat->link == link && seat->life == link->life)
        return true;
    readers_leave(client);
    buf_init(&who, 0);
    bool ok = buf_append_u32(&who, client->uid) && buf_append_u32(&who, client->gid) &&
              ipc_send(link->channel, IPC_CLIENT_OPEN, client->number, buf_span(&who), nothing);
    buf_free(&who);
    if (!ok)
        return false;
    *seat = (struct seat){link, link->life};
    return true;
}

void readers_ask(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload) {
    struct reader_link *link = choose(client->clients, client->number);
    if (link && take_seat(client, link) && note_pending(link, ref)) {
        ipc_send(link->channel, type, ref, payload,
                 (struct span){NULL, 0}); /* if it fails, the channel ends */
        return;
    }
    local_respond(
        client->clients, ref,
        SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"no process that reads the store is "
                 "there now; try again\"}}"));
}

bool readers_are_full(const struct local_client *client) {
    return client->seat.link && client->seat.link->channel && ipc_is_full(client->seat.link->channel);
}

void readers_leave(struct local_client *client) {
    struct seat *seat = &client->seat;
    struct span nothing = {NULL, 0};
    if (seat->link && seat->link->channel && seat->life == seat->link->life)
        ipc_send(seat->link->channel, IPC_CLIENT_CLOSE, client->number, nothing, nothing);
    seat->link = NULL;
}
