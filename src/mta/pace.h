/* Back-pressure: answers to transfers in that wait a moment, since their next hop has a queue. */
#ifndef MTA_PACE_H
#define MTA_PACE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct association;
struct mta;
struct peer;

/* Work for the peer was added. */
void pace_work(struct mta *mta, const struct peer *peer);
/* Counts anew when a second is over. */
void pace_tick(struct mta *mta, int64_t now);
/* True: the answer to the transfer in of this number is delayed, because of the peer with this number
 * (DESTINATION_NONE: no). */
bool pace_delay(struct association *association, uint32_t transfer, uint32_t peer);
/* The association is gone. */
void pace_forget(struct association *association);
/* Sends the answers that need to be delayed no more. */
void pace_release(struct mta *mta);
void pace_on_timer(evutil_socket_t fd, short what, void *arg);

#endif
