/* The types that `mhs decode` and `mhs encode` know, and what stands in open types. */
#ifndef MHS_TYPES_H
#define MHS_TYPES_H

#include "asn1/json.h"
#include "asn1/print.h"

/* The type named `MTS-APDU` or `x411.MTS-APDU`, or NULL. Has the form of ber_find_type; `user` plays no part.
 */
const struct ber_type *types_find(void *user, const char *name);

/* What stands in a place: by the extension's number or identifier, the content type, or the outermost tag. */
const struct ber_type *types_open(void *user, const struct ber_place *place, struct span octets);

/* The name by which types_find finds the type: `MTS-APDU`, or `x41184.ContentType` where the name alone is
 * another's. Valid until the next call. Has the form of ber_type_called. */
const char *types_called(void *user, const struct ber_type *type);

/*
 * The type that the octets are most likely a value of: the first of the usual
 * ones that decodes whole, else the one of whose octets the most can be read.
 * NULL: none makes sense of half of them. `arena` is reset.
 */
const struct ber_type *types_guess(struct span octets, struct arena *arena);

#endif
