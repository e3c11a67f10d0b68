/* Channels to net processes: what each frame is for. A process that breaks the rules is cut off, alone and by
 * name. */
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "mta/admission.h"
#include "mta/association.h"
#include "mta/clients.h"
#include "mta/mta_private.h"
#include "mta/net.h"
#include "mta/ping.h"
#include "mta/pump.h"
#include "mta/receive.h"
#include "mta/send.h"

typedef bool association_frame(struct association *association, struct span payload);

static association_frame *const association_frames[] = {
    [IPC_TRANSFER_WHOLE] = receive_whole,
    [IPC_TRANSFER_BEGIN] = receive_begin,
    [IPC_TRANSFER_ENVELOPE] = receive_envelope,
    [IPC_TRANSFER_CONTENT] = receive_content,
    [IPC_TRANSFER_CHECKPOINT] = receive_checkpoint,
    [IPC_TRANSFER_END] = receive_end,
    [IPC_TRANSFER_STOP] = receive_stop,
    [IPC_RESUME] = receive_resume,
    [IPC_SEND_ACTIVITY] = send_activity,
    [IPC_SEND_READ] = send_read,
    [IPC_SEND_CHECKPOINT] = send_checkpoint,
    [IPC_SEND_RESULT] = send_ended,
};

/* Frames of associations are taken from net processes alone, those of clients from the process of the clients
 * (clients.c): neither can speak for the other. */
static bool dispatch(struct net *net, enum ipc_type type, uint64_t ref, struct span payload) {
    switch ((int)type) {
    case IPC_BIND:
        return admission_bind(net, ref, payload);
    case IPC_ASSOCIATION_CLOSE:
        return admission_close(net, ref, payload);
    case IPC_CONNECT_FAILED:
        return admission_connect_failed(net, payload);
    case IPC_PING_RESULT:
        return ping_result(net, ref, payload);
    default:
        break;
    }
    if ((size_t)type >= sizeof association_frames / sizeof association_frames[0] || !association_frames[type])
        return false;
    struct association *association = association_find(net, ref);
    /* The store may have ended it, or asked for its end, while this frame was on its way: what still comes of
     * a transfer in is of no use, and no breach. What became of one out counts. */
    bool late = !association || (association->state == ASSOCIATION_CLOSING && type <= IPC_RESUME_RESULT);
    return late || association_frames[type](association, payload);
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct net *net = context;
    batch_request(net->mta);
    if (dispatch(net, type, ref, payload))
        return link_goes_on(channel);
    return link_broke_rules(channel, type, ref, payload);
}

static void drop_associations(struct net *net, const char *cause) {
    for (size_t i = 0; i < net->associations.room; i++) {
        struct association *association = net->associations.slots[i].value;
        if (!association)
            continue;
        net->associations.slots[i] = (struct map_slot){0};
        association_gone(association, cause);
    }
    map_free(&net->associations);
}

static void net_free(struct net *net, const char *cause) {
    struct mta *mta = net->mta;
    for (struct net **at = &mta->nets; *at; at = &(*at)->next)
        if (*at == net) {
            *at = net->next;
            break;
        }
    drop_associations(net, cause);
    pump_net_gone(net);
    pings_net_gone(net);
    mem_free(net);
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct net *net = context;
    struct mta *mta = net->mta;
    if (!mta->stopping)
        log_warning("the channel to process %s ended: %s", ipc_name(channel), cause);
    net_free(net, cause);
}

static const struct ipc_handler net_handler = {on_frame, NULL, on_closed, link_on_writable};

bool mta_attach_net(struct mta *mta, int fd, const char *name) {
    struct net *net = mem_alloc(sizeof *net);
    if (!net)
        return false;
    net->mta = mta;
    net->channel = ipc_channel_new(mta->loop, fd, name, &net_handler, net);
    if (!net->channel) {
        mem_free(net);
        return false;
    }
    net->next = mta->nets;
    mta->nets = net;
    for (size_t i = 0; i < mta->destination_count; i++)
        destination_mark(mta, mta->destinations[i]);
    return true;
}

bool mta_attach_clients(struct mta *mta, int fd, const char *name) {
    return clients_attach(mta->loop, &mta->view, mta, fd, name);
}

void net_free_all(struct mta *mta) {
    while (mta->nets) {
        struct net *net = mta->nets;
        struct ipc_channel *channel = net->channel;
        net_free(net, "the store process ends");
        ipc_channel_free(channel);
    }
}
