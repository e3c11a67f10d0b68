#include "protocol/mailbox_readers.h"

#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "ipc/door.h"
#include "protocol/connection.h"

struct mailbox_reader {
    struct mailbox_reader *next;
    struct net *net;
    struct ipc_channel *channel;
    unsigned number; /* among its kind */
};

/* ---- one that has gone ---- */

static void leave(struct mailbox_reader *reader) {
    struct net *net = reader->net;
    struct mailbox_reader **at = &net->readers;
    while (*at != reader)
        at = &(*at)->next;
    *at = reader->next;
    net->reader_count--;
    for (uint32_t i = 0; i < net->slot_count; i++) {
        struct connection *c = net->slots[i].connection;
        if (c && c->user && c->association && c->service->reader_lost)
            c->service->reader_lost(c, reader);
    }
    mem_free(reader);
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct mailbox_reader *reader = context;
    (void)channel;
    if (!reader->net->stopping)
        log_warning("the channel to reader%u is gone: %s; what it was asked is asked anew", reader->number,
                    cause);
    leave(reader);
}

/* ---- answers ---- */

static bool dispatch(struct net *net, enum ipc_type type, uint64_t ref, struct span payload,
                     char why[static IPC_WHY]) {
    static const struct ipc_side side = {.self = IPC_NET, .other = IPC_READER};
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    if (!frame)
        return false;
    struct connection *c = slots_find(net, ref);
    enum ipc_judgement judgement =
        ipc_frame_judge(frame, c && c->user ? c->service->state(c) : IPC_STATE_GONE, why);
    if (judgement != IPC_LEGAL)
        return judgement == IPC_LATE;
    if (c->service->frame(c, type, payload))
        return true;
    snprintf(why, IPC_WHY, "frame %s (%zu octets), which does not fit", frame->name, payload.len);
    return false;
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    const struct mailbox_reader *reader = context;
    char why[IPC_WHY];
    (void)channel;
    bool right = dispatch(reader->net, type, ref, payload, why);
    if (!right)
        log_error("reader%u broke the rules by %s", reader->number, why);
    return right;
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed};

/* ---- life ---- */

/* One that was started in the place of another: what that owed is lost. */
static void replace(struct net *net, unsigned number) {
    for (struct mailbox_reader *reader = net->readers; reader; reader = reader->next)
        if (reader->number == number) {
            ipc_channel_free(reader->channel);
            leave(reader);
            return;
        }
}

static bool meet(struct net *net, const struct ipc_holder *holder, int fd) {
    if (holder->end != IPC_END_READER)
        return false;
    replace(net, holder->number);
    struct mailbox_reader *reader = mem_alloc(sizeof *reader);
    if (!reader)
        return false;
    *reader = (struct mailbox_reader){.net = net, .number = holder->number};
    reader->channel = ipc_channel_new(net->loop, fd, "reader", &handler, reader);
    if (!reader->channel) {
        mem_free(reader);
        return false;
    }
    reader->next = net->readers;
    net->readers = reader;
    net->reader_count++;
    return true;
}

static void on_door(evutil_socket_t door, short what, void *arg) {
    struct net *net = arg;
    struct ipc_holder holder;
    int fd, took;
    (void)what;
    while ((took = ipc_door_take(door, &holder, &fd)) > 0)
        if (!meet(net, &holder, fd)) {
            log_error("a channel that the parent handed over can't be used");
            close(fd);
        }
    if (took < 0)
        event_del(net->door); /* the parent is gone: its channel tells */
}

bool mailbox_readers_open(struct net *net, int door) {
    if (!door)
        return true;
    net->door = event_new(net->loop, door, EV_READ | EV_PERSIST, on_door, net);
    return net->door && event_add(net->door, NULL) == 0;
}

void mailbox_readers_close(struct net *net) {
    while (net->readers)
        replace(net, net->readers->number);
    if (net->door) {
        close(event_get_fd(net->door));
        event_free(net->door);
    }
    net->door = NULL;
}

/* ---- questions ---- */

bool mailbox_readers_ask(struct net *net, enum ipc_type type, uint64_t ref, struct span head,
                         struct span body, const void **reader) {
    struct mailbox_reader *chosen = net->readers;
    for (uint64_t skip = net->reader_count ? ref % net->reader_count : 0; skip; skip--)
        chosen = chosen->next;
    *reader = chosen;
    return chosen ? ipc_send(chosen->channel, type, ref, head, body)
                  : net_store_send(net, type, ref, head, body);
}
