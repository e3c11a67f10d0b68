#include "mta/user_end.h"

#include "mta/attempt.h"
#include "mta/later.h"
#include "mta/mta_private.h"
#include "mta/user_agent.h"
#include "mta/user_association.h"
#include "mta/user_delivery.h"
#include "mta/users.h"

void user_association_gone(struct user_association *association) {
    struct mta *mta = association->net->mta;
    user_agent_leave(association);
    user_delivery_lost(association);
    if (association->submission)
        submission_free(mta, association->submission);
    later_leave(mta, association);
    user_association_free(association);
}

void user_associations_drop(struct net_process *net) {
    for (size_t i = 0; i < net->users.room; i++)
        while (net->users.slots[i].value) /* another may take its place */
            user_association_gone(net->users.slots[i].value);
    map_free(&net->users);
}

static const char *why_not(const struct mta *mta, const struct user_association *association) {
    if (mta->stopping)
        return "the MTA is stopping";
    const struct local_user *user = user_find(&mta->view, user_association_address(association));
    return !user || user->leaving ? "the user is none any more"
           : !user->password      ? "the user has no password any more"
                                  : NULL;
}

void user_associations_look(struct mta *mta) {
    for (size_t i = 0; i < mta->user_associations.room; i++) {
        struct user_association *association = mta->user_associations.slots[i].value;
        const char *why = association && association->state == USER_UP ? why_not(mta, association) : NULL;
        if (why)
            user_association_end(association, why);
        else if (association && association->state == USER_UP)
            user_agent_follow(association);
    }
}
