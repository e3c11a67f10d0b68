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

/*
 * An IPM-identifier's local part leads to its message by the content-identifier, under which the MTA finds
 * that again: receipts and replies have nothing else. It is the end of what ipm_new_identifier made, or one
 * that the user gave, which then stands behind that and a full stop (`20261130215817Z.5fade869.MYCID`; in it
 * `==` is `=` and
 * `=-` a blank).
 */
const char *correlator_identifier(const char *made, const char *content_identifier, struct arena *arena);

/* What it leads to, in `out` or `identifier`. */
struct correlator_content_identifier {
    char text[64];
};
const char *correlator_content_identifier(const char *identifier, struct correlator_content_identifier *out);

/* True of either form. */
bool correlator_is_ours(const char *identifier);

#endif
