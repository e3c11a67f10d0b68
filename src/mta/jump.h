/* A clock that jumps does not expire the queue. */
#ifndef MTA_JUMP_H
#define MTA_JUMP_H

#include "mta/mta_private.h"

/* Before the queue is read; then what is read of each unit's expiry goes through jump_expiry; then
 * jump_started, which logs what was found. */
void jump_start(struct mta *mta);
int64_t jump_expiry(struct mta *mta, uint64_t work, int64_t expires);
void jump_started(struct mta *mta);

/* The clock (clock_now_us) for every time that is set or judged: a jump since the last call has moved what
 * waits when this returns. */
int64_t jump_now(struct mta *mta);

/* The same clock less its jumps, for what is kept for a time (I5, I7): to date it, and to find what may be
 * dropped, which is little while a start's clock may be wrong. */
int64_t jump_steady(struct mta *mta);
int64_t jump_drop_before(struct mta *mta);
/* Events, which bear the clock's time, may be dropped if they are of before this time; `keep` µs is how long
 * they are kept. */
int64_t jump_events_before(struct mta *mta, int64_t keep);

/* Adds to the batch what a restart must know of the jumps (mta->jump_note). False without memory. */
bool jump_save(struct mta *mta);

#endif
