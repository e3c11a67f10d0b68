/* What stands in the open types of the message store (X.413, X.420) and which binds are a store's; for
 * types.c. */
#ifndef MHS_TYPES_MS_H
#define MHS_TYPES_MS_H

#include "asn1/print.h"

/* The type of an attribute's, assertion's, extension's or auto-action's value, by the identifier beside it,
 * or NULL. */
const struct ber_type *types_ms_open(const struct ber_place *place);

/*
 * The argument, result or error of an MS-bind that stands in `place`, a bind's; NULL when it is not a
 * store's: by the application context where one stands around it, else by what only one of P3 and P7 has.
 */
const struct ber_type *types_ms_bind(const struct ber_place *place, struct span octets);

/* The store's form of a submission that P3 has too, where `octets` hold something of the store's; else NULL.
 */
const struct ber_type *types_ms_submission(const struct ber_place *place, struct span octets);

#endif
