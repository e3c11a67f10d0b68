/*
 * The sockets that the children share with the parent (sockets.h): what one leaves of them when it ends, what
 * is seen of them meanwhile, and who answers at the local socket while nobody serves it (absence.h).
 */
#ifndef MHSD_PARENT_SOCKETS_H
#define MHSD_PARENT_SOCKETS_H

#include "mhsd/parent_child.h"

/* Opens all, and answers callers of the local socket until somebody serves it. False with an error; what is
 * open stays for parent_close_sockets. */
bool parent_open_sockets(struct parent *parent, struct error *err);
void parent_close_sockets(struct parent *parent);

/* From now on the listeners are looked at now and then. False without memory. */
bool parent_watch_sockets(struct parent *parent);

/* The child is about to be started: the sockets of its kind are mended, or opened anew where they do not
 * serve. */
void child_look_at_sockets(struct child *child);

/* It has ended, and another follows. Who calls meanwhile waits for that one. */
void child_give_sockets_back(struct child *child);

/* The process of the clients has those who had called the local socket before (sockets.former_local). */
void parent_drop_former_local(struct parent *parent);

/* Callers are answered by the parent from now on, if the store process is not ready and no process has the
 * local socket: none takes away then what the parent was told is there. */
void parent_begin_absence(struct parent *parent);

#endif
