/*
 * Conversion as a step of its own. A copy whose content must be rewritten waits
 * at an internal next hop, `(conversion)`, until a work process has made the new
 * content. The new message with its copies and the removal of the old copy are
 * one commit (I2): a stop at any point leaves either the copy that waits, or what
 * came of it, and never both. The octets that leave are mts_outbound of the new
 * row, so that nothing of I3 and I4 changes.
 *
 * A work process is not trusted: it opens what strangers wrote. It gets one
 * content, and all it can do is to give octets back. When it dies or falls silent
 * the copy is tried again, CONVERT_TRIES times in all, then it is non-delivered.
 */
#ifndef MTA_CONVERT_H
#define MTA_CONVERT_H

#include "mta/mta_private.h"

#define CONVERT_TRIES 3

/* A work process that says nothing for so long in a job is given up. Longer than the processor time that a
 * job may take (work/work.h). */
#define CONVERT_SILENCE (90 * SECOND)

/* The internal next hop. */
#define CONVERT_HOP "(conversion)"

extern const struct destination_operations conversion_operations;

/* Adds the destination. */
bool convert_init(struct mta *mta);
/* Closes the channels to work processes. */
void convert_close(struct mta *mta);
/* After a commit, which may have completed a chunk: a work process that is free seals it (seal.h). */
void convert_look(struct mta *mta);

#endif
