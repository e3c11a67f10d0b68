/*
 * The readers: what only reads rows of the store goes to them, so that it never
 * waits behind a commit. Each has a channel, whose end comes through the door
 * when the reader is started, and few requests at a time (turns.c); one that ends
 * takes these with it, which are answered with an error that says to try again,
 * while what waits goes to another, or to the one that follows. What has no answer
 * in time is answered so too, wherever it waited: what a reader still says of that
 * goes to nobody. One that hangs, or has not begun to serve, so that it spends all
 * that time on one request, is asked nothing more until it has answered that; when
 * it has not in as much time again the parent lets another follow it.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "clients/clients_private.h"
#include "ipc/door.h"
#include "ipc/operation.h"

/* How long a request may wait for its answer. A reader's own bound for one is lower (mta/clients.c): its
 * answer, which says more, comes first where no other request was before. */
#define ANSWER_MS 60000

/* What a reader has to do at most before it is asked more: enough that it need not wait for the next, and not
 * more than who comes then can wait for. A fetch costs a piece of a content, a request may cost far more. */
#define WEIGHT_MOST    8u
#define FETCH_WEIGHT   1u
#define REQUEST_WEIGHT 4u

struct pending {
    struct pending *next;
    uint64_t ref;
    unsigned weight;
    int64_t taken; /* monotonic µs: from its client */
    bool told;     /* its client was, that no answer has come */
};

struct reader_link {
    struct clients *clients;
    struct ipc_channel *channel; /* NULL: the reader is gone, or not there yet */
    struct pending *first,
        **last;               /* requests that were not answered yet, in their order, as are the answers */
    unsigned weight;          /* of these */
    int64_t since;            /* monotonic µs: the first of them has been the first since then */
    bool late;                /* for too long: it is asked nothing more */
    uint32_t life;            /* of the channels: clients are announced to each anew */
    struct ipc_holder holder; /* the reader */
};

static void forget(struct reader_link *link, struct pending **at) {
    struct pending *pending = *at;
    if (at == &link->first) {
        link->since = clock_monotonic_us();
        link->late = false;
    }
    link->weight -= pending->weight;
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
}

static void ask_next(struct clients *clients);

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
    bool last = type == IPC_FETCH_DATA || payload.data[0];
    if (last)
        forget(link, at);
    if (!told)
        local_answer(link->clients, type, ref, payload);
    if (last)
        ask_next(link->clients);
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
    ask_next(link->clients);
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed};

/* ---- answers that do not come ---- */

static int64_t patience_us(const struct clients *clients) {
    return (clients->config->answer_ms ? clients->config->answer_ms : ANSWER_MS) * INT64_C(1000);
}

static void respond_overdue(struct clients *clients, uint64_t ref) {
    local_respond(clients, ref,
                  SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"the process that reads the store "
                           "has not answered in time; try again later, or ask for less\"}}"));
}

/* It stands still, or waits for a disk that hangs, and perhaps for ever: without its channel it ends, or is
 * ended by the parent. */
static void give_up(struct reader_link *link) {
    struct ipc_channel *channel = link->channel;
    log_warning("a reader process has not answered in %lld s: its channel is closed, and another follows it",
                (long long)patience_us(link->clients) * 2 / 1000000);
    lose(link);
    ipc_channel_free(channel);
    ipc_parent_channel_gone(link->clients->parent, &link->holder, false);
}

static void tell_overdue(struct reader_link *link, int64_t before) {
    if (link->late && link->since <= before - patience_us(link->clients)) {
        give_up(link);
        return;
    }
    if (link->first && !link->late && link->since <= before) {
        link->late = true;
        log_warning("a reader process has not answered in %lld s: it is asked nothing until it does",
                    (long long)patience_us(link->clients) / 1000000);
    }
    for (struct pending *pending = link->first; pending; pending = pending->next)
        if (!pending->told && pending->taken <= before) {
            pending->told = true;
            respond_overdue(link->clients, pending->ref);
        }
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* What is looked at next when its time is over. */
static void await_first(struct clients *clients) {
    int64_t first = turns_oldest(clients);
    for (size_t i = 0; i < clients->reader_count; i++) {
        const struct reader_link *link = &clients->readers[i];
        if (link->first)
            first = earlier(first, link->since + (link->late ? patience_us(clients) : 0));
        for (const struct pending *pending = link->first; pending; pending = pending->next)
            if (!pending->told)
                first = earlier(first, pending->taken);
    }
    if (first == INT64_MAX)
        return;
    int64_t left = first + patience_us(clients) - clock_monotonic_us();
    left = left < 0 ? 0 : left;
    struct timeval wait = {.tv_sec = left / 1000000, .tv_usec = left % 1000000};
    event_add(clients->overdue, &wait);
}

static void on_overdue(evutil_socket_t fd, short what, void *arg) {
    struct clients *clients = arg;
    int64_t before = clock_monotonic_us() - patience_us(clients);
    struct waiting *waiting;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < clients->reader_count; i++)
        tell_overdue(&clients->readers[i], before);
    while ((waiting = turns_take_overdue(clients, before))) {
        respond_overdue(clients, waiting->ref);
        mem_free(waiting);
    }
    ask_next(clients);
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
    ask_next(clients);
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

bool readers_serve(const struct clients *clients, enum ipc_type type, struct span payload) {
    if (clients->reader_count == 0 || type != IPC_REQUEST)
        return clients->reader_count > 0 && type == IPC_FETCH;
    json_t *request = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(request, "operation"));
    bool serves = ipc_operation_of(name) == IPC_OPERATION_READS;
    json_decref(request);
    return serves;
}

/* One that is there and answers, beginning with the client's own. */
static struct reader_link *choose(struct clients *clients, uint32_t client) {
    for (size_t i = 0; i < clients->reader_count; i++) {
        struct reader_link *link = &clients->readers[(client + i) % clients->reader_count];
        if (link->channel && !link->late)
            return link;
    }
    return NULL;
}

static bool note_pending(struct reader_link *link, const struct waiting *waiting) {
    struct pending *pending = mem_alloc(sizeof *pending);
    if (!pending)
        return false;
    *pending = (struct pending){.ref = waiting->ref,
                                .weight = waiting->type == IPC_FETCH ? FETCH_WEIGHT : REQUEST_WEIGHT,
                                .taken = waiting->taken};
    if (!link->first)
        link->since = clock_monotonic_us();
    link->weight += pending->weight;
    *link->last = pending;
    link->last = &pending->next;
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

static void respond_none(struct clients *clients, uint64_t ref) {
    local_respond(
        clients, ref,
        clients->stopping
            ? SPAN_LIT(
                  "{\"error\":{\"code\":\"unavailable\",\"text\":\"the daemon is stopping: try again when "
                  "it runs\"}}")
            : SPAN_LIT("{\"error\":{\"code\":\"unavailable\",\"text\":\"no process that reads the store is "
                       "there now, or answers; try again\"}}"));
}

static bool has_room(const struct waiting *waiting) {
    const struct reader_link *link = choose(waiting->client->clients, waiting->client->number);
    return link && link->weight < WEIGHT_MOST;
}

static void pass(const struct waiting *waiting) {
    struct local_client *client = waiting->client;
    struct reader_link *link = choose(client->clients, client->number);
    if (take_seat(client, link) && note_pending(link, waiting))
        ipc_send(link->channel, waiting->type, waiting->ref, span_of(waiting->octets, waiting->length),
                 (struct span){NULL, 0}); /* if it fails, the channel ends */
    else
        respond_none(client->clients, waiting->ref);
}

/* Gives the readers what they have room for. */
static void ask_next(struct clients *clients) {
    struct waiting *waiting;
    while ((waiting = turns_take(clients, has_room))) {
        pass(waiting);
        mem_free(waiting);
    }
}

void readers_ask(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload) {
    struct clients *clients = client->clients;
    if (!choose(clients, client->number) || !turns_wait(client, type, ref, payload)) {
        respond_none(clients, ref);
        return;
    }
    ask_next(clients);
    if (!event_pending(clients->overdue, EV_TIMEOUT, NULL))
        await_first(clients);
}

void readers_leave(struct local_client *client) {
    struct seat *seat = &client->seat;
    struct span nothing = {NULL, 0};
    if (seat->link && seat->link->channel && seat->life == seat->link->life)
        ipc_send(seat->link->channel, IPC_CLIENT_CLOSE, client->number, nothing, nothing);
    seat->link = NULL;
}
