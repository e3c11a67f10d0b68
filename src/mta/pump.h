/* What each peer gets to send: its associations out, and the ready copies for them. */
#ifndef MTA_PUMP_H
#define MTA_PUMP_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct mta;
struct net;
struct peer;

/* Hands out ready work to the idle associations of the peers that are marked (peer_mark), and opens more as
 * there is need. The loop does it, and the batch after a commit: nobody else. */
void pump_marked(struct mta *mta);
void pump_on_mark(evutil_socket_t fd, short what, void *arg);

/* Each second: idle associations are released, permanent ones opened, and what is ready is tried. */
void pump_tick(struct mta *mta, int64_t now);

/* The answer to a CONNECT has come. False: the net process was not asked. */
bool pump_connected(struct net *net, struct peer *peer);
/* The net process is gone with what it was opening. */
void pump_net_gone(struct net *net);

/* ---- reroute.c ---- */

/* Looks for other next hops for what waits for a peer that is down or gone; some of it at each call. True
 * when all was looked at. */
bool peers_reroute(struct mta *mta);
/* After the queue or a configuration was read: copies of peers that are not in it are to be routed anew,
 * those in doubt stay; the log tells. */
void peers_left(struct mta *mta);

#endif
