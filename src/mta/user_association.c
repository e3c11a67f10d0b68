#include "mta/user_association.h"

#include "base/alloc.h"
#include "base/log.h"
#include "mta/mta_private.h"

struct user_association *user_association_find(const struct net_process *net, uint64_t ref) {
    return map_get(&net->users, ref);
}

struct user_association *user_association_numbered(const struct mta *mta, uint64_t number) {
    return map_get(&mta->user_associations, number);
}

void user_association_free(struct user_association *association) {
    map_remove(&association->net->users, association->ref);
    map_remove(&association->net->mta->user_associations, association->number);
    bytes_drop(association->names);
    mem_free(association);
}

struct user_association *user_association_add(struct net_process *net, uint64_t ref, struct span address,
                                              struct span host) {
    struct mta *mta = net->mta;
    struct user_association *association = mem_alloc(sizeof *association);
    if (!association)
        return NULL;
    *association = (struct user_association){.net = net, .ref = ref, .number = ++mta->association_number};
    association->names = bytes_new(address, host);
    if (association->names && map_put(&mta->user_associations, association->number, association) &&
        map_put(&net->users, ref, association))
        return association;
    user_association_free(association);
    return NULL;
}

static unsigned delivery_state(const struct user_association *association) {
    return !association->delivering  ? IPC_STATE_NO_DELIVERY
           : association->committing ? 0
                                     : IPC_STATE_DELIVERING;
}

unsigned user_association_frame_state(const struct user_association *association) {
    switch (association->state) {
    case USER_ASKED:
        return IPC_STATE_ASKED;
    case USER_CLOSING:
        return IPC_STATE_CLOSING | IPC_STATE_GONE | delivery_state(association);
    case USER_UP:
        break;
    }
    return IPC_STATE_USER | (association->invocation ? IPC_STATE_SUBMITTING : IPC_STATE_NO_SUBMISSION) |
           delivery_state(association);
}

struct span user_association_address(const struct user_association *association) {
    return bytes_head(association->names);
}

unsigned user_associations_of(const struct mta *mta, struct span address) {
    unsigned count = 0;
    for (size_t i = 0; i < mta->user_associations.room; i++) {
        const struct user_association *association = mta->user_associations.slots[i].value;
        count += association && association->state == USER_UP &&
                 span_eq(user_association_address(association), address);
    }
    return count;
}

unsigned user_deliveries(const struct mta *mta) {
    unsigned count = 0;
    for (size_t i = 0; i < mta->user_associations.room; i++) {
        const struct user_association *association = mta->user_associations.slots[i].value;
        count += association && association->delivering;
    }
    return count;
}

void user_association_end(struct user_association *association, const char *cause) {
    struct buf *head = &association->net->mta->head;
    if (association->state == USER_CLOSING)
        return;
    association->state = USER_CLOSING;
    buf_clear(head);
    buf_append_byte(head, IPC_CLOSE_ABORTED);
    payload_put_octets(head, span_str(cause));
    ipc_send(association->net->channel, IPC_ASSOCIATION_CLOSE, association->ref, buf_span(head),
             (struct span){NULL, 0});
}
