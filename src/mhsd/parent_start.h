/* Starting the children: the store process first, all others once it is ready (parent_frames.h). */
#ifndef MHSD_PARENT_START_H
#define MHSD_PARENT_START_H

#include "mhsd/parent_child.h"

/* Executes another process in the child's place, with the descriptors and the configuration of its kind. What
 * can't be started is tried again later. */
void child_start(struct child *child);

/* All but the store process that do not run. */
void parent_start_others(struct parent *parent);

/* The event child->restart. */
void child_on_restart(evutil_socket_t fd, short what, void *child);

#endif
