/* `mhs ping`: a net process calls a peer, binds, and releases. */
#ifndef MTA_PING_H
#define MTA_PING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct net_process;
struct peer;

bool ping_result(struct net_process *net, uint64_t ref, struct span payload);
/* True for the one bind of each ping: the net process may ask whether the responder is the peer. */
bool ping_binds(struct net_process *net, const struct peer *peer);
/* The net process is gone: who asked for a ping by it is told so. */
void pings_net_gone(struct net_process *net);

#endif
