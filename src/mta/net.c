/* Channels to net processes: what each frame is for. A process that breaks the rules is cut off, alone and by
 * name. */
#include <stdio.h>

#include "base/alloc.h"
#include "ipc/frame.h"
#include "mta/admission.h"
#include "mta/aside.h"
#include "mta/association.h"
#include "mta/clients.h"
#include "mta/inbound.h"
#include "mta/link.h"
#include "mta/lost.h"
#include "mta/ms_change.h"
#include "mta/mta_private.h"
#include "mta/net.h"
#include "mta/outcome.h"
#include "mta/ping.h"
#include "mta/pump.h"
#include "mta/receive.h"
#include "mta/send.h"
#include "mta/user_association.h"
#include "mta/user_delivery.h"
#include "mta/user_end.h"
#include "mta/user_port.h"

static uint64_t nothing(const struct net_process *net, uint64_t ref, struct span payload) {
    (void)net, (void)ref, (void)payload;
    return 0;
}

static bool is_stopping(struct net_process *net, uint64_t ref, struct span payload) {
    (void)ref, (void)payload;
    net->stops = true;
    if (net->mta->stopping)
        event_active(net->mta->tick, EV_TIMEOUT, 0);
    return true;
}

/* What is done with a frame: by its number, and by what it is about. Frames of associations are taken from
 * net processes alone, those of clients from the process of the clients (clients.c): neither can speak for
 * the other. */
static const struct row {
    bool (*association)(struct association *association, struct span payload);
    bool (*user)(struct user_association *association, struct span payload);
    bool (*net)(struct net_process *net, uint64_t ref, struct span payload);
    /* The number of the batch that has to land first; 0: none. Not
     * NULL: it goes behind what was put aside. */
    uint64_t (*awaits)(const struct net_process *net, uint64_t ref, struct span payload);
    bool adds; /* to the batch: it waits while that is full */
} rows[IPC_NUMBERS] = {
    [IPC_BIND] = {.net = admission_bind, .awaits = admission_awaits},
    [IPC_ASSOCIATION_CLOSE] = {.net = admission_close},
    [IPC_CONNECT_FAILED] = {.net = admission_connect_failed},
    [IPC_PING_RESULT] = {.net = ping_result},
    [IPC_STOPPING] = {.net = is_stopping},
    [IPC_TRANSFER_WHOLE] = {.association = receive_whole, .awaits = outcome_awaits, .adds = true},
    [IPC_TRANSFER_BEGIN] = {.association = receive_begin, .awaits = outcome_awaits, .adds = true},
    [IPC_TRANSFER_ENVELOPE] = {.association = receive_envelope, .awaits = nothing},
    [IPC_TRANSFER_CONTENT] = {.association = receive_content, .awaits = nothing},
    [IPC_TRANSFER_CHECKPOINT] = {.association = receive_checkpoint, .awaits = nothing, .adds = true},
    [IPC_TRANSFER_END] = {.association = receive_end, .awaits = nothing, .adds = true},
    [IPC_TRANSFER_STOP] = {.association = receive_stop, .awaits = nothing, .adds = true},
    [IPC_RESUME] = {.association = receive_resume, .awaits = outcome_awaits_any, .adds = true},
    [IPC_SEND_READ] = {.association = send_read},
    [IPC_SEND_CHECKPOINT] = {.association = send_checkpoint},
    [IPC_SEND_RESULT] = {.association = send_ended},
    [IPC_USER_SUBMIT_BEGIN] = {.user = user_submit_begin},
    [IPC_USER_SUBMIT_CONTENT] = {.user = user_submit_content},
    [IPC_USER_SUBMIT_END] = {.user = user_submit_end},
    [IPC_USER_SUBMIT_STOP] = {.user = user_submit_stop},
    [IPC_USER_REQUEST] = {.user = user_request},
    [IPC_USER_DELIVER_READ] = {.user = user_delivery_read},
    [IPC_USER_DELIVER_RESULT] = {.user = user_delivery_ended},
    [IPC_MS_ASK] = {.user = ms_ask},
    [IPC_MS_READ] = {.user = ms_read},
    [IPC_MS_CHANGE] = {.user = ms_change},
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

/* Each time one reason to wait has gone all of them are looked at again: what was put aside before it may
 * have come to say something meanwhile, as another does which is of no concern to it, again and again. After
 * so many looks that is not waited for any more. */
#define WAITS_MOST 8

/* The number of the batch for which a frame waits; 0: it need not. `waited`: the first of it has waited
 * already; or NULL. */
static uint64_t awaited(const struct net_process *net, enum ipc_type type, uint64_t ref, struct span payload,
                        struct aside *waited) {
    const struct row *row = &rows[type];
    bool looks = row->awaits && (!waited || waited->waits_again < WAITS_MOST);
    uint64_t batch = looks ? row->awaits(net, ref, payload) : 0;
    if (batch && waited)
        waited->waits_again++;
    return batch || !row->adds ? batch : batch_awaited(net->mta, waited != NULL);
}

/* False: no more can be put aside. A bind is then answered by what is known. */
static bool put_aside(struct net_process *net, uint64_t ref, uint64_t batch, enum ipc_type type,
                      struct span payload) {
    struct association *association = association_find(net, ref);
    if (aside_put(net, ref, association ? association->peer : NULL, batch, type, payload))
        return true;
    if (association)
        association_end(association, IPC_CLOSE_ABORTED,
                        "the store has not answered for what came before, and no more can wait for it");
    return association != NULL;
}

/* A frame in its turn. `has_waited`: for all that it had to. */
static bool run(struct net_process *net, enum ipc_type type, uint64_t ref, struct span payload,
                bool has_waited, char why[static IPC_WHY]) {
    const struct ipc_frame *frame = ipc_frame(type);
    const struct row *row = &rows[type];
    bool about = frame->about == IPC_ABOUT_ASSOCIATION;
    struct association *association = about ? association_find(net, ref) : NULL;
    struct user_association *user = about && !association ? user_association_find(net, ref) : NULL;
    unsigned state = !about ? IPC_STATE_UP
                     : user ? user_association_frame_state(user)
                            : association_state(association);
    enum ipc_judgement judgement = ipc_frame_judge(frame, state, why);
    if (judgement != IPC_LEGAL)
        return judgement == IPC_LATE;
    uint64_t batch = has_waited ? 0 : awaited(net, type, ref, payload, NULL);
    if (batch && put_aside(net, ref, batch, type, payload))
        return true;
    if (row->association ? row->association(association, payload)
        : row->user      ? row->user(user, payload)
                         : row->net(net, ref, payload))
        return true;
    snprintf(why, IPC_WHY, "frame %s (ref %llu, %zu octets), which does not fit", frame->name,
             (unsigned long long)ref, payload.len);
    return false;
}

static bool dispatch(struct net_process *net, enum ipc_type type, uint64_t ref, struct span payload,
                     char why[static IPC_WHY]) {
    static const struct ipc_side side = {.self = IPC_STORE, .other = IPC_NET};
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    if (!frame)
        return false;
    struct aside *aside = frame->about == IPC_ABOUT_ASSOCIATION ? aside_find(net, ref) : NULL;
    struct association *association = aside ? association_find(net, ref) : NULL;
    if (association && association->state == ASSOCIATION_UP && rows[type].awaits)
        return put_aside(net, ref, 0, type, payload); /* it is judged in its turn */
    if (aside && !association && type == IPC_ASSOCIATION_CLOSE)
        aside_drop(aside); /* a bind: who asked for it has gone */
    else if (aside && !association)
        return ipc_frame_judge(frame, IPC_STATE_ASKED, why) != IPC_BREACH;
    return run(net, type, ref, payload, false, why);
}

static bool brings_octets(enum ipc_type type) {
    return type == IPC_TRANSFER_CONTENT || type == IPC_TRANSFER_WHOLE || type == IPC_USER_SUBMIT_CONTENT;
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct net_process *net = context;
    char why[IPC_WHY];
    batch_request(net->mta);
    bool taken = dispatch(net, type, ref, payload, why);
    if (taken && brings_octets(type))
        link_brought(net->mta, channel);
    return taken ? link_goes_on(channel) : link_broke_rules(channel, why);
}

/* What was put aside may be much, and goes to the store as it takes it: links_release calls again. */
static bool store_is_sated(struct net_process *net, enum ipc_type type) {
    if (!brings_octets(type) || store_takes_octets(net->mta->view.store))
        return false;
    link_brought(net->mta, net->channel);
    return true;
}

/* What was put aside, as far as it need not wait again. False: a frame breaks the rules. */
static bool go_on(struct aside *aside, char why[static IPC_WHY]) {
    struct net_process *net = aside->net;
    uint64_t ref = aside->ref;
    enum ipc_type type;
    struct span payload;
    for (bool first = true; aside_first(aside, &type, &payload); first = false) {
        const struct association *association = association_find(net, ref);
        uint64_t batch = awaited(net, type, ref, payload, first ? aside : NULL);
        if (association && association->state != ASSOCIATION_UP)
            break;
        if (batch || store_is_sated(net, type)) {
            aside_wait(aside, batch);
            return true;
        }
        batch_request(net->mta);
        bool done = run(net, type, ref, payload, true, why);
        if (ipc_frame_is_secret(type))
            mem_wipe_stack();
        if (!done)
            return false;
        aside_take(aside);
    }
    aside_drop(aside);
    return true;
}

static void drop_asides(struct net_process *net) {
    for (size_t i = 0; i < net->asides.room; i++)
        while (net->asides.slots[i].value) /* another may take its place */
            aside_drop(net->asides.slots[i].value);
}

/* Of a process that breaks the rules no frame is taken any more, on no association. */
void net_landed(struct mta *mta) {
    char why[IPC_WHY];
    mta->aside_next = mta->asides;
    for (struct aside *aside; (aside = mta->aside_next);) {
        struct net_process *net = aside->net;
        mta->aside_next = aside->next; /* what one does may end others: aside_drop passes over those */
        if ((batch_is_open(mta, aside->batch) && !batch_is_stuck(mta)) || go_on(aside, why))
            continue;
        link_broke_rules(net->channel, why);
        drop_asides(net);
        ipc_cut(net->channel);
    }
}

static void drop_associations(struct net_process *net, const char *cause) {
    for (size_t i = 0; i < net->associations.room; i++) {
        struct association *association = net->associations.slots[i].value;
        if (!association)
            continue;
        net->associations.slots[i] = (struct map_slot){0};
        association_gone(association, cause);
    }
    map_free(&net->associations);
    user_associations_drop(net);
    drop_asides(net);
    map_free(&net->asides);
}

static void net_free(struct net_process *net, const char *cause) {
    struct mta *mta = net->mta;
    for (struct net_process **at = &mta->nets; *at; at = &(*at)->next)
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
    struct net_process *net = context;
    struct mta *mta = net->mta;
    lost_note(mta, channel, &net->holder, cause);
    net_free(net, cause);
}

static const struct ipc_handler net_handler = {on_frame, on_closed, link_on_writable};

bool mta_attach_net(struct mta *mta, int fd, const struct ipc_holder *holder) {
    char name[IPC_HOLDER_NAME];
    struct net_process *net = mem_alloc(sizeof *net);
    if (!net)
        return false;
    net->mta = mta;
    net->holder = *holder;
    ipc_holder_name(holder, name);
    net->channel = ipc_channel_new(mta->loop, fd, name, &net_handler, net);
    if (!net->channel) {
        mem_free(net);
        return false;
    }
    for (struct net_process *former = mta->nets; former; former = former->next)
        link_is_replaced(former->channel, &former->holder, holder);
    net->next = mta->nets;
    mta->nets = net;
    for (size_t i = 0; i < mta->destination_count; i++)
        destination_mark(mta, mta->destinations[i]);
    return true;
}

bool mta_attach_clients(struct mta *mta, int fd, const struct ipc_holder *holder) {
    return clients_attach(mta->loop, &mta->view, mta, fd, holder);
}

void net_free_all(struct mta *mta) {
    while (mta->nets) {
        struct net_process *net = mta->nets;
        struct ipc_channel *channel = net->channel;
        ipc_flush(channel); /* what the last commit lets be said */
        net_free(net, "the store process ends");
        ipc_channel_free(channel);
    }
}
