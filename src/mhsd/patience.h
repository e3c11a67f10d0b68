/* How long a stop of the daemon waits for its processes. */
#ifndef MHSD_PATIENCE_H
#define MHSD_PATIENCE_H

#include <event2/event.h>

#include "mhsd/config.h"

/* Seconds in all: a net process waits for transfers as long as it is told, and the store commits what came of
 * them. */
unsigned patience_seconds(const struct config *config);

/* No transfer is waited for any more: the event that ends the wait comes as if none had been. Said again it
 * changes nothing. */
void patience_shorten(struct event *event);

#endif
