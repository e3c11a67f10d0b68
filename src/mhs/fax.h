/* Group 3 facsimile: pages of T.4 between TIFF files (compression 3) and body parts (X.420 §7.4.2). */
#ifndef MHS_FAX_H
#define MHS_FAX_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct fax_page {
    struct span octets; /* T.4, the first bit of the line the highest of its octet */
};

struct fax {
    struct fax_page *pages;
    size_t count;
    bool two_dimensional, fine; /* of all pages */
};

/* Reads the pages of a TIFF file. False when it is none, or holds something other than T.4 of 1728 columns:
 * the error says so. */
bool fax_from_tiff(struct span file, struct arena *arena, struct fax *fax, struct error *err);

/* Writes them as one. */
bool fax_to_tiff(const struct fax *fax, struct buf *out);

#endif
