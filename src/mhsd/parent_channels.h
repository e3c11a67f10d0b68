/* The channels between children: the parent makes them, and hands an end to each through its door. */
#ifndef MHSD_PARENT_CHANNELS_H
#define MHSD_PARENT_CHANNELS_H

#include "mhsd/parent_child.h"

/* A reader and those who ask it, the process of the clients and the net processes, learn of each other when
 * either is started. One that is ending meanwhile takes no end; whoever follows it is introduced again. */
void child_introduce_readers(struct child *child);

/* Passes the one end of a channel to the store process: `*end` is the child's, -1 for a kind that has none.
 * False with errno. */
bool child_open_store_end(const struct child *child, int *end);

#endif
