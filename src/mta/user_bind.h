/* Binds of users of the MTS (X.411 §8.1.1): who they are, by their passwords; whether there is room. */
#ifndef MTA_USER_BIND_H
#define MTA_USER_BIND_H

#include "ipc/bind.h"

struct net_process;

/* Answers, when the password has been compared or at once. */
void user_bind(struct net_process *net, uint64_t ref, const struct ipc_bind *bind);

#endif
