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

/* Frames of clients are taken from the process of the clients alone, those of associations from net processes
 * alone: neither can speak for the other. */
static bool dispatch_clients(struct net *net, enum ipc_type type, uint64_t ref, struct span payload) {
    switch ((int)type) {
    case IPC_CLIENT_OPEN:
        return client_open(net, ref, payload);
    case IPC_CLIENT_CLOSE:
        return client_close(net, ref);
    case IPC_SUBMIT_BEGIN:
    case IPC_SUBMIT_CONTENT:
    case IPC_SUBMIT_END:
        return !net->mta->reader && client_frame(net, type, ref, payload);
    case IPC_REQUEST:
    case IPC_FETCH:
        return client_frame(net, type, ref, payload);
    default:
        return false;
    }
}

static bool dispatch_net(struct net *net, enum ipc_type type, uint64_t ref, struct span payload) {
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
    bool right =
        net->for_clients ? dispatch_clients(net, type, ref, payload) : dispatch_net(net, type, ref, payload);
    if (right) {
        if (ipc_is_full(channel))
            ipc_pause(channel);
        return true;
    }
    log_error("process %s sent a frame of type %d (ref %llu, %zu octets) that is against the rules; its "
              "channel is closed",
              ipc_name(channel), (int)type, (unsigned long long)ref, payload.len);
    return false;
}

static void on_writable(void *context, struct ipc_channel *channel) {
    (void)context;
    ipc_resume(channel);
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
    clients_leave(net);
    batch_forget_net(mta, net);
    mem_free(net);
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct net *net = context;
    struct mta *mta = net->mta;
    if (!mta->stopping)
        log_warning("the channel to process %s ended: %s", ipc_name(channel), cause);
    net_free(net, cause);
}

/* Octets of clients' frames between the turns of the net processes, who get 1 MiB in each: local users may
 * send as much as they like, and peers wait for answers. */
#define CLIENTS_TURN ((size_t)64 * 1024)

static const struct ipc_handler net_handler = {on_frame, NULL, on_closed, on_writable};

static struct net *attach(struct mta *mta, int fd, const char *name) {
    struct net *net = mem_alloc(sizeof *net);
    if (!net)
        return NULL;
    net->mta = mta;
    net->channel = ipc_channel_new(mta->loop, fd, name, &net_handler, net);
    if (!net->channel) {
        mem_free(net);
        return NULL;
    }
    net->next = mta->nets;
    mta->nets = net;
    return net;
}

bool mta_attach_net(struct mta *mta, int fd, const char *name) {
    if (!attach(mta, fd, name))
        return false;
    for (size_t i = 0; i < mta->peer_count; i++)
        peer_mark(mta, mta->peers[i]);
    return true;
}

bool mta_attach_clients(struct mta *mta, int fd, const char *name) {
    struct net *net = attach(mta, fd, name);
    if (!net)
        return false;
    net->for_clients = true;
    ipc_turn(net->channel, CLIENTS_TURN);
    return true;
}

void net_free_all(struct mta *mta) {
    while (mta->nets) {
        struct net *net = mta->nets;
        struct ipc_channel *channel = net->channel;
        net_free(net, "the store process ends");
        ipc_channel_free(channel);
    }
}
