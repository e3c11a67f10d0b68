/* How operators, and who submitted it, are told of a copy that waits: in which state it is, why, and until
 * when. */
#ifndef MTA_WAITING_H
#define MTA_WAITING_H

#include <stdbool.h>

#include "mta/mta_private.h"

struct destination *waiting_destination(const struct mta *mta, const struct work *work);

/* Its state in queue-list. A copy that is ready waits all the same while its peer is left alone. */
const char *waiting_state(const struct mta *mta, const struct work *work);
/* That of those of a destination which count so. */
const char *waiting_state_counted(const struct mta *mta, const struct destination *destination,
                                  enum work_count how);

/* `urgent`, `normal` or `non-urgent`. */
const char *waiting_lane(const struct work *work);

/* The originator's deferred delivery time has not come. A copy that was tried is past it. */
bool waiting_is_deferred(const struct work *work);

/* Why its last try failed, of a copy that an earlier run of the process tried, or why it is held, is read
 * from its history into work->cause. */
void waiting_recall_cause(struct mta *mta, struct work *work);

/* Why the copy waits; absent when nothing failed. What is wrong with its peer concerns it while the peer is
 * left alone only, and not before its time, where its originator deferred it; that nothing is tried there any
 * more, more than why its last try failed. */
struct span waiting_cause(struct mta *mta, struct work *work);

/* µs; now: it goes at once; INT64_MAX: nobody knows; 0: it is under way, or not tried at all. */
int64_t waiting_next_try(const struct mta *mta, const struct work *work);

/* When its lifetime ends; null: never. */
json_t *waiting_expiry(const struct work *work);

#endif
