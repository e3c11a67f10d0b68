/* What runs in the children: each enters its sandbox and serves. */
#ifndef MHSD_CHILDREN_H
#define MHSD_CHILDREN_H

#include "mhsd/sockets.h"

struct child_context {
    struct config *config; /* the child's own copy after the fork */
    const char *path;      /* of the configuration, for messages */
    struct sockets *sockets;
    int parent; /* the channel to the parent */
};

/* What waiting will not mend: the store's folder is out of reach for the user, or the store is
 * of a version that this program doesn't know. */
#define CHILD_CANT_START 77

/* Each returns the process's exit status. CHILD_CANT_START comes from child_store only. */
int child_store(struct child_context *context);
int child_net(struct child_context *context, int number);
int child_reader(struct child_context *context, int number);
int child_work(struct child_context *context, int number);

#endif
