#include "mta/reader_net.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/frame.h"
#include "mta/ms_answer.h"
#include "mta/view.h"

struct reader_net {
    struct reader_net *next, **list;
    struct view *view;
    struct ipc_channel *channel;
    struct ipc_holder holder;
};

/* Of the user who asks this process knows no association: his seal says that he has one. */
static bool dispatch(struct reader_net *net, enum ipc_type type, uint64_t ref, struct span payload,
                     char why[static IPC_WHY]) {
    static const struct ipc_side side = {.self = IPC_READER, .other = IPC_NET};
    if (!ipc_frame_take(&side, type, ref, payload, why))
        return false;
    users_follow(net->view);
    if (type == IPC_MS_ASK ? ms_answer_ask(net->view, net->channel, ref, payload)
                           : ms_answer_read(net->view, net->channel, ref, payload))
        return true;
    snprintf(why, IPC_WHY, "frame %s, which does not fit", ipc_frame(type)->name);
    return false;
}

/* The net process asks the store process then, which knows its associations. */
static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct reader_net *net = context;
    char why[IPC_WHY];
    (void)channel;
    bool right = dispatch(net, type, ref, payload, why);
    if (!right)
        log_error("net%u broke the rules by %s", (unsigned)net->holder.number, why);
    return right;
}

static void leave(struct reader_net *net) {
    struct reader_net **at = net->list;
    while (*at != net)
        at = &(*at)->next;
    *at = net->next;
    mem_free(net);
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    (void)channel;
    (void)cause;
    leave(context);
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed};

bool reader_net_attach(struct event_base *loop, struct view *view, int fd, const struct ipc_holder *holder,
                       struct reader_net **list) {
    struct reader_net *net = mem_alloc(sizeof *net);
    char name[IPC_HOLDER_NAME];
    if (!net)
        return false;
    *net = (struct reader_net){.next = *list, .list = list, .view = view, .holder = *holder};
    ipc_holder_name(holder, name);
    net->channel = ipc_channel_new(loop, fd, name, &handler, net);
    if (!net->channel) {
        mem_free(net);
        return false;
    }
    ipc_turn(net->channel, 1); /* between two questions all others have their turn */
    *list = net;
    return true;
}

void reader_nets_close(struct reader_net **list) {
    while (*list) {
        ipc_channel_free((*list)->channel);
        leave(*list);
    }
}
