/*
 * Submissions that are kept (X.413 §6.3): as entries of class submission in the originator's mailbox, beside
 * what is delivered there, for as long as `timers { submitted }` says. Such an entry stands for the same
 * message as its copies, so that its content is stored once; it is an entry like others (its number, its
 * status, its room), but `mailbox-list` shows delivered ones alone. A mailbox that is full keeps none, and
 * the submission goes on.
 */
#ifndef MTA_KEPT_H
#define MTA_KEPT_H

#include "mts/process.h"
#include "schema/x411.h"

struct mta;

/* The name of the mailbox that keeps what this originator, an address, submits, in mta->arena; absent: none
 * does. */
struct span kept_for(struct mta *mta, const struct x411_ORName *originator);

/* Adds the entry of the object, whose message that is, with the batch. False without memory. */
bool kept_add(struct mta *mta, struct arena *arena, struct span mailbox, const struct mts_object *object,
              uint64_t content_length, uint64_t message);

/* Each second: looks at one user's mailbox, and removes what was kept there for long enough. */
void kept_expire(struct mta *mta);

#endif
