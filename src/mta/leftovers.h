/* What is stored of transfers in that broke off, and that nobody has resumed: how long it is kept, and how
 * much of each peer. */
#ifndef MTA_LEFTOVERS_H
#define MTA_LEFTOVERS_H

#include <stdint.h>

struct mta;
struct peer;

/* A transfer of the peer is about to be stored: where the peer has left more than the limits, the oldest go,
 * with the batch. Their senders begin anew. */
void leftovers_limit(struct mta *mta, struct peer *peer);

/* What is too old goes; `now` is a time by jump_steady. */
void leftovers_expire(struct mta *mta, int64_t now);

#endif
