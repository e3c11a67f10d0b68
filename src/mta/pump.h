/* What each peer gets to send: its associations out, and the ready copies for them. */
#ifndef MTA_PUMP_H
#define MTA_PUMP_H

#include <stdbool.h>
#include <stdint.h>

struct destination_operations;
struct mta;
struct net_process;
struct peer;

/* Ready copies go to the peer's idle associations, and more associations are opened as there is need; each
 * second idle ones are released and permanent ones opened. */
extern const struct destination_operations peer_operations;

/* The answer to a CONNECT has come. False: the net process was not asked. */
bool pump_connected(struct net_process *net, struct peer *peer);
/* The net process is gone with what it was opening. */
void pump_net_gone(struct net_process *net);

#endif
