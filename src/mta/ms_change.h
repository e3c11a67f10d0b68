/* Users of a message store: how they are let in, and what they change in their mailbox. */
#ifndef MTA_MS_CHANGE_H
#define MTA_MS_CHANGE_H

#include <stdbool.h>

#include "base/span.h"

struct user_association;

/* Before the bind is answered: the net process gets what it needs for him. False: it can't be had now. */
bool ms_open(const struct user_association *association);

/* Frames. False: against the rules of the frames. */
bool ms_ask(struct user_association *association, struct span payload);
bool ms_read(struct user_association *association, struct span payload);
bool ms_change(struct user_association *association, struct span payload);

#endif
