/* Local clients: who is there, and who has gone. False: against the rules. */
#ifndef MTA_CLIENTS_H
#define MTA_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct net;

bool client_open(struct net *net, uint64_t ref, struct span payload);
bool client_close(struct net *net, uint64_t ref, struct span payload);
/* The process of the clients is gone. */
void clients_leave(struct net *net);

#endif
