/* The body of an IPM: finding its parts and what they are. Used by ipm.c; its contract is content/ipm.h. */
#ifndef CONTENT_BODY_H
#define CONTENT_BODY_H

#include "content/ipm.h"

/* Object identifiers of X.420 annex B as contents octets: id-et (2.6.1.4) and id-ep (2.6.1.11) with one more
 * arc. */
#define BODY_ID_ET(arc) SPAN_LIT("\x56\x01\x04" arc)
#define BODY_ID_EP(arc) SPAN_LIT("\x56\x01\x0B" arc)

/* Finds the parts in the contents of a Body SEQUENCE. False without memory. */
bool body_read(struct span contents, struct arena *arena, struct ipm *ipm);

#endif
