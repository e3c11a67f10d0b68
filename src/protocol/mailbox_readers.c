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
    bool asked;      /* it has a question */
};

/* ---- turns ---- */

static struct mailbox_reader *free_reader(const struct net *net) {
    struct mailbox_reader *reader = net->readers;
    while (reader && reader->asked)
        reader = reader->next;
    return reader;
}

static bool waits(const struct connection *c) {
    return c && c->user && c->association && !osi_association_is_over(c->association) &&
           c->service->waits_for_reader && c->service->waits_for_reader(c);
}

/* When whose association it is asked last. */
static uint64_t *turn_of(struct net *net, const struct connection *c) {
    return &net->mailbox_turns[span_hash(span_str(connection_peer(c))) % MAILBOX_TURNS];
}

/* Of those who wait the user who was asked for longest ago, however many associations he has; of these the
 * next behind the last. NULL: nobody waits. */
static struct connection *next_in_turn(struct net *net) {
    struct connection *chosen = NULL;
    for (uint32_t i = 0, first = net->mailbox_turn; i < net->slot_count; i++) {
        struct connection *c = net->slots[(first + i) % net->slot_count].connection;
        if (waits(c) && (!chosen || *turn_of(net, c) < *turn_of(net, chosen))) {
            chosen = c;
            net->mailbox_turn = (first + i + 1) % net->slot_count;
        }
    }
    return chosen;
}

/* Those who wait ask as far as there is somebody to answer. */
static void ask_in_turn(struct net *net) {
    while (net->mailbox_waits && free_reader(net)) {
        struct connection *c = next_in_turn(net);
        net->mailbox_waits = c;
        if (c)
            c->service->reader_free(c);
    }
}

/* ---- one that has gone ---- */

static void leave(struct mailbox_reader *reader) {
    struct net *net = reader->net;
    struct mailbox_reader **at = &net->readers;
    while (*at != reader)
        at = &(*at)->next;
    *at = reader->next;
    for (uint32_t i = 0; i < net->slot_count; i++) {
        struct connection *c = net->slots[i].connection;
        if (c && c->user && c->association && c->service->reader_lost)
            c->service->reader_lost(c, reader);
    }
    mem_free(reader);
    ask_in_turn(net);
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
    struct mailbox_reader *reader = context;
    char why[IPC_WHY];
    (void)channel;
    if (!dispatch(reader->net, type, ref, payload, why)) {
        log_error("reader%u broke the rules by %s", reader->number, why);
        return false;
    }
    reader->asked = false;
    ask_in_turn(reader->net);
    return true;
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
    ask_in_turn(net);
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

enum mailbox_asked mailbox_readers_ask(struct net *net, const struct mailbox_question *question,
                                       const void **reader) {
    struct mailbox_reader *chosen = free_reader(net);
    const struct connection *c = slots_find(net, question->ref);
    bool sent = false;
    *reader = chosen;
    if (!chosen && net->config->readers) { /* one will come, again or yet */
        net->mailbox_waits = true;
        return MAILBOX_WAITS;
    }
    if (c)
        *turn_of(net, c) = ++net->mailbox_questions;
    if (chosen)
        sent = chosen->asked =
            ipc_send(chosen->channel, question->type, question->ref, question->head, question->body);
    else
        sent = net_store_send(net, question->type, question->ref, question->head, question->body);
    return sent ? MAILBOX_ASKED : MAILBOX_FAILED;
}
