/*
 * What waits in the store becomes the schedule: all of it when the switch starts, and the work of nodes that
 * are gone as it becomes ours.
 */
#ifndef MTA_LOAD_H
#define MTA_LOAD_H

#include <stdbool.h>

struct error;
struct mta;

/* At the start. False with an error: nothing may be served without the whole queue. */
bool load_queue(struct mta *mta, struct error *err);

/* Now and then: the lease of our work is prolonged, and the work of nodes that are gone is taken over, unless
 * we go as well. That the store can't say is told by watch_store. False with an error when the process must
 * end: what it was given is nobody's in memory, and the next start loads all. */
bool load_keep_lease(struct mta *mta, struct error *err);

#endif
