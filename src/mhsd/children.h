/* What runs in the children: each enters its sandbox and serves. */
#ifndef MHSD_CHILDREN_H
#define MHSD_CHILDREN_H

#include "mhsd/sockets.h"

struct child_context {
    struct config *config; /* the child's own copy after the fork */
    struct sockets *sockets;
    int parent; /* the channel to the parent */
};

/* Each returns the process's exit status. MTA_EXIT_IN_VAIN comes from child_store only. */
int child_store(struct child_context *context);
int child_net(struct child_context *context, int number);
int child_reader(struct child_context *context, int number);
int child_work(struct child_context *context, int number);

#endif
