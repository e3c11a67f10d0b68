/* P3, the access of users to the MTS (X.419 §9, X.411 §8), as a service of the net process. */
#ifndef PROTOCOL_P3_H
#define PROTOCOL_P3_H

#include "protocol/connection.h"

extern const struct service p3_service;

/* The operations of its three ports, of both editions. */
#define P3_OPERATIONS 14
extern const struct osi_operation p3_operations[P3_OPERATIONS];

#endif
