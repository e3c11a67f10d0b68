/* Channels to net processes: what each frame is for. A process that breaks the rules is cut off, alone and by
 * name. */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "ipc/frame.h"
#include "mta/admission.h"
#include "mta/association.h"
#include "mta/clients.h"
#include "mta/inbound.h"
#include "mta/link.h"
#include "mta/mta_private.h"
#include "mta/net.h"
#include "mta/ping.h"
#include "mta/pump.h"
#include "mta/receive.h"
#include "mta/send.h"

/* What is done with a frame: by its number, and by what it is about. Frames of associations are taken from
 * net processes alone, those of clients from the process of the clients (clients.c): neither can speak for
 * the other. */
static const struct row {
    bool (*association)(struct association *association, struct span payload);
    bool (*net)(struct net *net, uint64_t ref, struct span payload);
} rows[IPC_NUMBERS] = {
    [IPC_BIND] = {.net = admission_bind},
    [IPC_ASSOCIATION_CLOSE] = {.net = admission_close},
    [IPC_CONNECT_FAILED] = {.net = admission_connect_failed},
    [IPC_PING_RESULT] = {.net = ping_result},
    [IPC_TRANSFER_WHOLE] = {.association = receive_whole},
    [IPC_TRANSFER_BEGIN] = {.association = receive_begin},
    [IPC_TRANSFER_ENVELOPE] = {.association = receive_envelope},
    [IPC_TRANSFER_CONTENT] = {.association = receive_content},
    [IPC_TRANSFER_CHECKPOINT] = {.association = receive_checkpoint},
    [IPC_TRANSFER_END] = {.association = receive_end},
    [IPC_TRANSFER_STOP] = {.association = receive_stop},
    [IPC_RESUME] = {.association = receive_resume},
    [IPC_SEND_READ] = {.association = send_read},
    [IPC_SEND_CHECKPOINT] = {.association = send_checkpoint},
    [IPC_SEND_RESULT] = {.association = send_ended},
};

/* The store may have ended an association, or asked for its end, while a frame was on its way: what still
 * comes of a transfer in is of no use, and no breach. What became of one out counts. */
static unsigned association_state(const struct association *association) {
    if (!association)
        return IPC_STATE_NEW | IPC_STATE_GONE;
    unsigned out = !association->sending     ? IPC_STATE_NO_OUTBOUND
                   : association->committing ? 0
                                             : IPC_STATE_SENDING;
    if (association->state == ASSOCIATION_CLOSING)
        return IPC_STATE_CLOSING | IPC_STATE_GONE | out;
    return IPC_STATE_UP | inbound_state(association->inbound) | out;
}

static bool dispatch(struct net *net, enum ipc_type type, uint64_t ref, struct span payload,
                     char why[static IPC_WHY]) {
    static const struct ipc_side side = {.self = IPC_STORE, .other = IPC_NET};
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    if (!frame)
        return false;
    bool about = frame->about == IPC_ABOUT_ASSOCIATION;
    struct association *association = about ? association_find(net, ref) : NULL;
    enum ipc_judgement judgement =
        ipc_frame_judge(frame, about ? association_state(association) : IPC_STATE_UP, why);
    if (judgement != IPC_LEGAL)
        return judgement == IPC_LATE;
    const struct row *row = &rows[type];
    if (row->association ? row->association(association, payload) : row->net(net, ref, payload))
        return true;
    snprintf(why, IPC_WHY, "frame %s (ref %llu, %zu octets), which does not fit", frame->name,
             (unsigned long long)ref, payload.len);
    return false;
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct net *net = context;
    char why[IPC_WHY];
    batch_request(net->mta);
    if (dispatch(net, type, ref, payload, why))
        return link_goes_on(channel);
    return link_broke_rules(channel, why);
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

static const struct ipc_handler net_handler = {on_frame, on_closed, link_on_writable};

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
