/*
 * A stop of the daemon: transfers under way may end, and the store process goes last, for it commits what the
 * others still tell it.
 */
#ifndef MHSD_PARENT_STOP_H
#define MHSD_PARENT_STOP_H

#include "mhsd/parent_child.h"

/* Begins it. The loop ends when the last process has. */
void parent_stop(struct parent *parent);

/* While all stop this one has ended, with that status of wait(2). */
void parent_note_stopped(const struct child *child, int status);

/* A signal asks for a stop; a second one, not to wait. */
void parent_on_stop(evutil_socket_t signal_number, short what, void *parent);

/* The event parent->patience: who takes longer is ended, and its unfinished transfers are tried again later.
 */
void parent_on_impatience(evutil_socket_t fd, short what, void *parent);

#endif
