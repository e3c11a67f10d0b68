/* A clock that jumps does not expire the queue. */
#ifndef MTA_JUMP_H
#define MTA_JUMP_H

#include "mta/mta_private.h"

/* Before the queue is read; then what is read of each unit's expiry goes through jump_expiry; then
 * jump_started, which logs what was found. */
void jump_start(struct mta *mta);
int64_t jump_expiry(struct mta *mta, uint64_t work, int64_t expires);
void jump_started(struct mta *mta);

/* Each second, before anything is due: `now` is the clock's. */
void jump_tick(struct mta *mta, int64_t now);

#endif
