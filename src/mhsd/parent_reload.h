/*
 * A reload: the file is read anew, each process is told its slice, and says when it has taken it. Who asked
 * for it hears then what came of it.
 */
#ifndef MHSD_PARENT_RELOAD_H
#define MHSD_PARENT_RELOAD_H

#include "mhsd/parent_child.h"

/* False without memory. */
bool parent_expect_reloads(struct parent *parent);
void parent_end_reloads(struct parent *parent);

/* SIGHUP asks for one: the log tells what came of it. */
void parent_on_reload(evutil_socket_t signal_number, short what, void *parent);

/* The client of that ref asks; nobody else waits for an answer to his (parent->reload.asked). */
void parent_reload_for(struct parent *parent, uint64_t ref);

/* IPC_CONFIG_TAKEN, as in parent_frames.h. The store process alone knows of users what the configuration does
 * not: of another these would be made up, and go to the log and to an operator as the daemon's own word. */
bool parent_take_answer(struct child *child, uint64_t ref, struct span payload);

/* Who asked is answered if each process has taken the reload, or is gone. */
void parent_answer_reload(struct parent *parent);
/* He is gone. */
void parent_forget_reload(struct parent *parent);

/* Sends `answer`, which is consumed, to the client of that ref. */
void parent_answer(struct parent *parent, uint64_t ref, json_t *answer);

#endif
