/* Whether the store takes anything: the log tells, and what waits for that goes on. */
#ifndef MTA_WATCH_H
#define MTA_WATCH_H

struct mta;

/* Each second. */
void watch_store(struct mta *mta);

#endif
