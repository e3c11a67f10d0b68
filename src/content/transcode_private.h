/* The text of a general-text part, as T.61 and in pieces: it may be of any size. */
#ifndef CONTENT_TRANSCODE_PRIVATE_H
#define CONTENT_TRANSCODE_PRIVATE_H

#include "content/scan_private.h"

/* A line may be this long; a longer one is SCAN_LIMIT. */
#define TRANSCODE_LINE (256 * 1024)

struct transcoded {
    bool lossy;     /* a character was lost */
    bool non_ascii; /* it is no ia5-text */
    uint64_t length;
};

/* Converts the string at `place`, whose sets have these registrations, and gives it to `sink` (may be NULL).
 */
bool transcode(struct scan *scan, const struct place *place, const int64_t *registrations, size_t count,
               bool (*sink)(void *context, struct span octets), void *context, struct transcoded *out);

#endif
