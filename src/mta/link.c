#include "mta/link.h"

#include "base/clock.h"
#include "base/log.h"
#include "mta/clients.h"
#include "mta/mta_private.h"

bool link_goes_on(struct ipc_channel *channel) {
    if (ipc_is_full(channel))
        ipc_pause(channel);
    return true;
}

bool link_stops(const struct net_process *net) {
    const struct mta *mta = net->mta;
    return mta->stopping && (net->stops || clock_monotonic_us() - mta->stop_begun >= LINK_STOPS_MOST);
}

static const struct timeval look = {.tv_usec = 5000};

void link_brought(struct mta *mta, struct ipc_channel *channel) {
    if (store_takes_octets(mta->view.store))
        return;
    mta->held = true;
    ipc_pause(channel);
    event_add(mta->release, &look);
}

static void release(struct ipc_channel *channel) {
    if (!ipc_is_full(channel))
        ipc_resume(channel);
}

void links_release(struct mta *mta) {
    if (!mta->held || !store_takes_octets(mta->view.store))
        return;
    mta->held = false;
    for (struct net_process *net = mta->nets; net; net = net->next)
        release(net->channel);
    for (struct clients_process *process = mta->view.processes; process; process = process->next)
        release(process->channel);
    event_active(mta->release, EV_TIMEOUT, 0);
}

void links_look(struct mta *mta) {
    store_proceed(mta->view.store, false);
    links_release(mta);
    if (mta->held)
        event_add(mta->release, &look);
}

void link_on_writable(void *context, struct ipc_channel *channel) {
    (void)context;
    ipc_resume(channel);
}

bool link_broke_rules(struct ipc_channel *channel, const char *why) {
    log_error("process %s broke the rules by %s; its channel is closed", ipc_name(channel), why);
    return false;
}

void link_is_replaced(struct ipc_channel *channel, const struct ipc_holder *former,
                      const struct ipc_holder *holder) {
    if (former->end == holder->end && former->number == holder->number)
        ipc_give_up(channel, "another process has come in its place");
}

struct net_process *net_with_fewest(const struct mta *mta) {
    struct net_process *best = NULL;
    for (struct net_process *net = mta->nets; net; net = net->next)
        if (!best || net->out < best->out)
            best = net;
    return best;
}

struct association *association_numbered(const struct mta *mta, uint64_t number) {
    return map_get(&mta->associations, number);
}

struct association *association_find(const struct net_process *net, uint64_t ref) {
    return map_get(&net->associations, ref);
}

struct association *association_next(struct association_walk *walk) {
    for (; walk->net; walk->net = walk->net->next, walk->slot = 0)
        while (walk->slot < walk->net->associations.room) {
            struct association *association = walk->net->associations.slots[walk->slot++].value;
            if (association)
                return association;
        }
    return NULL;
}

void association_idle(struct association *association, bool idle) {
    struct peer *peer = association->peer;
    if (association->idle == idle)
        return;
    association->idle = idle;
    if (!idle) {
        *(association->prev_idle ? &association->prev_idle->next_idle : &peer->idle) = association->next_idle;
        if (association->next_idle)
            association->next_idle->prev_idle = association->prev_idle;
        return;
    }
    association->idle_since = clock_monotonic_us();
    association->prev_idle = NULL;
    association->next_idle = peer->idle;
    if (peer->idle)
        peer->idle->prev_idle = association;
    peer->idle = association;
}

void association_answer(struct association *association, uint32_t transfer, enum ipc_result result,
                        const char *cause) {
    struct buf *head = &association->net->mta->head;
    buf_clear(head);
    buf_append_u32(head, transfer);
    buf_append_byte(head, (uint8_t)result);
    payload_put_octets(head, span_str(cause));
    ipc_send(association->net->channel, IPC_TRANSFER_RESULT, association->ref, buf_span(head),
             (struct span){NULL, 0});
}

void association_end(struct association *association, enum ipc_close how, const char *cause) {
    struct buf *head = &association->net->mta->head;
    if (association->state == ASSOCIATION_CLOSING)
        return;
    association->state = ASSOCIATION_CLOSING;
    association_idle(association, false);
    buf_clear(head);
    buf_append_byte(head, (uint8_t)how);
    payload_put_octets(head, span_str(cause));
    ipc_send(association->net->channel, IPC_ASSOCIATION_CLOSE, association->ref, buf_span(head),
             (struct span){NULL, 0});
}
