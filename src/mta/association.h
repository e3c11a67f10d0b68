/* Associations that come and go, with what is under way on them. */
#ifndef MTA_ASSOCIATION_H
#define MTA_ASSOCIATION_H

#include "ipc/bind.h"
#include "mta/link.h"

/* The association of an admitted bind, up from now on. NULL without memory. */
struct association *association_add(struct net_process *net, uint64_t ref, struct peer *peer, bool out,
                                    const struct ipc_bind *bind);

/* It is gone, and no longer in its net process's map: what is under way on it is interrupted or in doubt.
 * Frees it. */
void association_gone(struct association *association, const char *cause);

#endif
