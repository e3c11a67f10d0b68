/*
 * Deliveries by P3 (X.411 §8.3.1.1, §8.3.1.2): one at a time on each association of a user. Responsibility
 * goes to him with his result alone (I2); the argument leaves when the row is on disk with the mark of his
 * destination and the time of delivery (I3), so that a repeat of what is in doubt is the same octets (I4).
 */
#ifndef MTA_USER_DELIVERY_H
#define MTA_USER_DELIVERY_H

#include <stdbool.h>

#include "base/span.h"

struct mta;
struct user_association;
struct work;

/* Takes it a delivery now? */
bool user_delivery_may_begin(const struct user_association *association);
/* Gives it the copy, which waits with its agent; or the rules know something else to do with that. False: not
 * now. */
bool user_delivery_begin(struct user_association *association, struct work *work);
/* The user has confirmed the copy, and that is to be written. */
void user_delivery_note(struct mta *mta, struct work *work);

/* Frames. False: against the rules of the frames. */
bool user_delivery_read(struct user_association *association, struct span payload);
bool user_delivery_ended(struct user_association *association, struct span payload);
/* The association is gone with its delivery: in doubt, if it had begun. */
void user_delivery_lost(struct user_association *association);

#endif
