/*
 * The content-correlator of what `mhs` submits (X.411 §8.2.1.1.1.36): it comes back
 * in reports and is seen by no recipient, so a list of reports can say what each
 * is about. Ours is the local part of the IPM-identifier, which has no space, and
 * the subject behind a space; one that begins otherwise says nothing here.
 */
#ifndef MHS_CORRELATOR_H
#define MHS_CORRELATOR_H

#include "base/arena.h"
#include "schema/x411.h"

/* Octets of one; `subject` may be NULL, and is cut to what there is room for. The absent span without memory.
 */
struct span correlator_make(const char *identifier, const char *subject, struct arena *arena);

struct correlator {
    const char *identifier, *subject; /* "": there is none */
};

/* Reads that of an envelope's extensions. False when there is none, or it is not ours. */
bool correlator_read(const struct x411_Extensions *extensions, struct arena *arena, struct correlator *out);

/* For content-identifiers, by which the MTA finds a message again: the end of the local part of its
 * IPM-identifier. */
const char *correlator_content_identifier(const char *identifier);

#endif
