/*
 * Channels to other processes that ended without an order. While the daemon stops, the processes have theirs
 * one after the other, and the end of one may be seen before the own order: an end is warned of only when no
 * order has come in the moment after it.
 */
#ifndef MTA_LOST_H
#define MTA_LOST_H

#include <event2/event.h>

/* Most octets of lines of one moment. */
#define LOST_LINES 8192

struct ipc_channel;
struct ipc_holder;
struct mta;

/* The channel to that process ended because of `cause`. The parent hears of it at once. */
void lost_note(struct mta *mta, const struct ipc_channel *channel, const struct ipc_holder *holder,
               const char *cause);
/* Its timer. */
void lost_on_moment(evutil_socket_t fd, short what, void *arg);

#endif
