/* P1, the protocol between MTAs, as a service of the net process. */
#ifndef PROTOCOL_P1_H
#define PROTOCOL_P1_H

#include "protocol/connection.h"

extern const struct service p1_service;

/* Frames of the store process that are about no connection yet: an association, or a ping, is asked for. */
bool p1_connect(struct net *net, uint64_t ref, struct span payload);
bool p1_ping(struct net *net, uint64_t ping, struct span payload);

#endif
