/* Copies whose destination is down, or left the configuration, go by others. */
#ifndef MTA_REROUTE_H
#define MTA_REROUTE_H

#include <stdbool.h>

struct mta;

/* Looks at what waits for destinations that are to be rerouted; at some of it with each call. True when all
 * was looked at. */
bool destinations_reroute(struct mta *mta);

/* After the queue or a configuration was read: copies of destinations that are not in it are to be routed
 * anew, those in doubt stay; the log tells. */
void destinations_left(struct mta *mta);

#endif
