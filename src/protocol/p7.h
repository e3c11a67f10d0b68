/* P7, the access of users to their message store (X.419 §10, X.413), as a service of the net process. */
#ifndef PROTOCOL_P7_H
#define PROTOCOL_P7_H

#include "protocol/connection.h"

extern const struct service p7_service;

/* The operations that P7 has beside those of P3: retrieval, and submission to a store. */
#define P7_OPERATIONS 17
extern const struct osi_operation p7_operations[P7_OPERATIONS];

/* The operations of all users: P3's and these. */
const struct osi_operation *user_operations(size_t *count);

#endif
