/* The mailboxes here, as a destination: deliveries that wait, because they were deferred or are too many for
 * the turn in which they came. */
#ifndef MTA_DELIVER_H
#define MTA_DELIVER_H

#include <stdbool.h>

struct destination_operations;
struct mta;

extern const struct destination_operations mailbox_operations;

/* Adds the destination. */
bool deliver_init(struct mta *mta);

#endif
