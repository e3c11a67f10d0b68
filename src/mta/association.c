#include "mta/association.h"

#include "base/alloc.h"
#include "base/log.h"
#include "mta/aside.h"
#include "mta/inbound.h"
#include "mta/mta_private.h"
#include "mta/outcome.h"
#include "mta/pace.h"
#include "mta/recovery.h"
#include "mta/send.h"

struct association *association_add(struct net_process *net, uint64_t ref, struct peer *peer, bool out,
                                    const struct ipc_bind *bind) {
    struct mta *mta = net->mta;
    struct association *association = mem_alloc(sizeof *association);
    if (!association)
        return NULL;
    *association = (struct association){.net = net,
                                        .peer = peer,
                                        .number = ++mta->association_number,
                                        .ref = ref,
                                        .out = out,
                                        .state = ASSOCIATION_UP};
    association->id = bytes_new(bind->id, bind->address);
    bool done = association->id && (!bind->recover_id.len || recovery_begin(association, bind->recover_id)) &&
                map_put(&mta->associations, association->number, association);
    if (!done || !map_put(&net->associations, ref, association)) {
        map_remove(&mta->associations, association->number);
        peer->recovering -= out && association->recovers;
        bytes_drop(association->recovers);
        bytes_drop(association->id);
        mem_free(association);
        return NULL;
    }
    if (!out)
        outcome_look(association);
    *(out ? &peer->out : &peer->in) += 1;
    mta->associations_in += !out;
    net->out += out;
    return association;
}

void association_gone(struct association *association, const char *cause) {
    struct mta *mta = association->net->mta;
    struct peer *peer = association->peer;
    association->state = ASSOCIATION_CLOSING;
    association_idle(association, false);
    pace_forget(association);
    log_debug("peer=%s association ended: %s", peer->name, cause);
    aside_drop(aside_find(association->net, association->ref));
    inbound_free(association);
    if (association->sending)
        send_lost(association);
    map_remove(&mta->associations, association->number);
    *(association->out ? &peer->out : &peer->in) -= 1;
    peer->recovering -= association->out && association->recovers;
    mta->associations_in -= !association->out;
    if (association->out)
        association->net->out--;
    store_content_release(association->content);
    bytes_drop(association->prefix);
    bytes_drop(association->ended_names);
    bytes_drop(association->recovers);
    bytes_drop(association->id);
    mem_free(association);
    destination_mark(mta, &peer->destination);
}
