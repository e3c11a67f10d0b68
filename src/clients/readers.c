/*
 * The readers: what only reads rows of the store goes to them, so that it never
 * waits behind a commit. Each has a channel, whose end comes through the door
 * when the reader is started; one that ends takes its requests with it, which are
 * answered with an error that says to try again. So is what one has not answered
 * in time, be it that it hangs, has not begun to serve, or has too much to do: what
 * it still says of that goes to nobody, and until it has said it, it is asked
 * nothing more.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "clients/clients_private.h"
#include "ipc/door.h"

/* How long a request may wait for its answer. A reader's own bound for one is lower (mta/clients.c): its
 * answer, which says more, comes first where no other request was before. */
#define ANSWER_MS 60000

struct pending {
    struct pending *next;
    uint64_t ref;
    int64_t asked; /* monotonic µs */
    bool told;     /* its client was, that no answer has come */
};

struct reader_link {
    struct clients *clients;
    struct ipc_channel *channel; /* NULL: the reader is gone, or not there yet */
    struct pending *first,
        **last;               /* requests that were not answered yet, in their order, as are the answers */
    uint32_t life;            /* of the channels: clients are announced to each anew */
    struct ipc_holder holder; /* the reader */
};

static void forget(struct reader_link *link, struct pending **at) {
    struct pending *pending = *at;
    *at = pending->next;
    if (!pending->next)
        link->last = at;
    mem_free(pending);
}

static void respond_gone(struct reader_link *link) {
    while (link->first) {
        if (!link->first->told)
            local_respond(
                link->clients, link->first->ref,
                SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"the process that reads the "
                         "store ended; try again\"}}"));
        forget(link, &link->first);
    }
}

static void lose(struct reader_link *link) {
    link->channel = NULL;
    respond_gone(link);
    local_resume_all(link->clients);
}

/* ---- answers ---- */

/* The first of that name: a client may have used it again since it was told that no answer has come. */
static struct pending **asked_as(struct reader_link *link, uint64_t ref) {
    struct pending **at = &link->first;
    while (*at && (*at)->ref != ref)
        at = &(*at)->next;
    return at;
}

static void take_answer(struct reader_link *link, struct pending **at, enum ipc_type type,
                        struct span payload) {
    uint64_t ref = (*at)->ref;
    bool told = (*at)->told;
    if (type == IPC_FETCH_DATA || payload.data[0])
        forget(link, at);
    if (!told)
        local_answer(link->clients, type, ref, payload);
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    static const struct ipc_side side = {.self = IPC_CLIENTS, .other = IPC_READER};
    struct reader_link *link = context;
    char why[IPC_WHY];
    (void)channel;
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    struct pending **at = asked_as(link, ref);
    if (frame && !*at) {
        snprintf(why, sizeof why, "frame %s, for which nobody asked", frame->name);
        frame = NULL;
    }
    if (frame)
        take_answer(link, at, type, payload);
    else
        log_error("a reader process broke the rules by %s", why);
    return frame;
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct reader_link *link = context;
    if (!link->clients->stopping) {
        log_warning("the channel to a reader process is gone: %s", cause);
        ipc_parent_channel_gone(link->clients->parent, &link->holder, ipc_broke_rules(channel));
    }
    lose(link);
}

static void on_writable(void *context, struct ipc_channel *channel) {
    struct reader_link *link = context;
    (void)channel;
    local_resume_all(link->clients);
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed, .writable = on_writable};

/* ---- answers that do not come ---- */

static int64_t patience_us(const struct clients *clients) {
    return (clients->config->answer_ms ? clients->config->answer_ms : ANSWER_MS) * INT64_C(1000);
}

/* Those before it were told, as they were asked earlier. */
static struct pending *first_untold(const struct reader_link *link) {
    struct pending *pending = link->first;
    while (pending && pending->told)
        pending = pending->next;
    return pending;
}

static bool is_late(const struct reader_link *link) {
    return link->first && link->first->told;
}

static void tell_overdue(struct reader_link *link, int64_t before) {
    struct pending *pending = first_untold(link);
    if (pending && pending->asked <= before && !is_late(link))
        log_warning("a reader process has not answered in %lld s: it is asked nothing until it does",
                    (long long)patience_us(link->clients) / 1000000);
    for (; pending && pending->asked <= before; pending = pending->next) {
        pending->told = true;
        local_respond(
            link->clients, pending->ref,
            SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"the process that reads the store has "
                     "not answered in time; try again later, or ask for less\"}}"));
    }
}

static void await_first(struct clients *clients) {
    int64_t first = INT64_MAX, now = clock_monotonic_us();
    for (size_t i = 0; i < clients->reader_count; i++) {
        const struct pending *pending = first_untold(&clients->readers[i]);
        if (pending && pending->asked < first)
            first = pending->asked;
    }
    if (first == INT64_MAX)
        return;
    int64_t left = first + patience_us(clients) - now;
    left = left < 0 ? 0 : left;
    struct timeval wait = {.tv_sec = left / 1000000, .tv_usec = left % 1000000};
    event_add(clients->overdue, &wait);
}

static void on_overdue(evutil_socket_t fd, short what, void *arg) {
    struct clients *clients = arg;
    int64_t before = clock_monotonic_us() - patience_us(clients);
    (void)fd;
    (void)what;
    for (size_t i = 0; i < clients->reader_count; i++)
        tell_overdue(&clients->readers[i], before);
    local_resume_all(clients); /* they wait for no room with one that is late */
    await_first(clients);
}

/* ---- life ---- */

/* A reader was started; what an earlier one of the number owes is lost. */
static bool meet(struct clients *clients, const struct ipc_holder *holder, int fd) {
    if (holder->end != IPC_END_READER || holder->number >= clients->reader_count)
        return false;
    struct reader_link *link = &clients->readers[holder->number];
    struct ipc_channel *old = link->channel;
    if (old)
        lose(link);
    ipc_channel_free(old);
    link->channel = ipc_channel_new(clients->loop, fd, "reader", &handler, link);
    link->life++;
    link->holder = *holder;
    return link->channel != NULL;
}

static void on_door(evutil_socket_t door, short what, void *arg) {
    struct clients *clients = arg;
    struct ipc_holder holder;
    int fd, took;
    (void)what;
    while ((took = ipc_door_take(door, &holder, &fd)) > 0)
        if (!meet(clients, &holder, fd)) {
            log_error("a channel that the parent handed over can't be used");
            close(fd);
            if (holder.end == IPC_END_READER)
                ipc_parent_channel_gone(clients->parent, &holder, false); /* it would stay without one */
        }
    if (took < 0)
        event_del(clients->door); /* the parent is gone: its channel tells */
}

bool readers_open(struct clients *clients, int door, unsigned count) {
    clients->readers = mem_alloc((count + 1) * sizeof *clients->readers);
    clients->overdue = event_new(clients->loop, -1, 0, on_overdue, clients);
    if (!clients->readers || !clients->overdue)
        return false;
    for (; clients->reader_count < count; clients->reader_count++) {
        struct reader_link *link = &clients->readers[clients->reader_count];
        *link = (struct reader_link){.clients = clients, .last = &link->first};
    }
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
    if (clients->overdue)
        event_free(clients->overdue);
    mem_free(clients->readers);
    clients->overdue = NULL;
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

/* One that is there and answers, beginning with the client's own. */
static struct reader_link *choose(struct clients *clients, uint32_t client) {
    for (size_t i = 0; i < clients->reader_count; i++) {
        struct reader_link *link = &clients->readers[(client + i) % clients->reader_count];
        if (link->channel && !is_late(link))
            return link;
    }
    return NULL;
}

static bool note_pending(struct reader_link *link, uint64_t ref) {
    struct pending *pending = mem_alloc(sizeof *pending);
    if (!pending)
        return false;
    *pending = (struct pending){.ref = ref, .asked = clock_monotonic_us()};
    *link->last = pending;
    link->last = &pending->next;
    if (!event_pending(link->clients->overdue, EV_TIMEOUT, NULL))
        await_first(link->clients);
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
                 "there now, or answers; try again\"}}"));
}

/* It would stay so for as long as a reader hangs. */
bool readers_are_full(const struct local_client *client) {
    const struct reader_link *link = client->seat.link;
    return link && link->channel && ipc_is_full(link->channel) && !is_late(link);
}

void readers_leave(struct local_client *client) {
    struct seat *seat = &client->seat;
    struct span nothing = {NULL, 0};
    if (seat->link && seat->link->channel && seat->life == seat->link->life)
        ipc_send(seat->link->channel, IPC_CLIENT_CLOSE, client->number, nothing, nothing);
    seat->link = NULL;
}
