/*
 * Sealing (store/columns.h): of each 256 entries of a mailbox whose numbers have all been given out the
 * columns are made in the background. The store process opens no content: it hands entries to work processes,
 * a few a job, and keeps what comes back until the chunk is whole; its columns are one request of the batch.
 * Nothing of that is durable before: whatever ends meanwhile, the chunk is begun anew.
 *
 * A job during which its work process ends is done again, each of its entries alone. One that ends two work
 * processes alone, or whose content the store can't read, gets columns that say so, and the next follows.
 * Without a work process, or while the store takes nothing, nothing is sealed, and all is looked at row by
 * row.
 */
#ifndef MTA_SEAL_H
#define MTA_SEAL_H

#include "base/buf.h"

struct mta;
struct sealer;

struct sealer *sealer_new(void);
void sealer_free(struct sealer *sealer);

/* Is there something to be sealed? Cheap. */
bool seal_is_due(const struct mta *mta);

/* Appends the arguments of the next job (IPC_WORK_ATTRIBUTES). False: there is none now. It ends with one of
 * the next two, and there is one at a time. */
bool seal_begin(struct mta *mta, struct buf *arguments);
/* What the work process made of it. False: that is nothing of the kind, and the work process broke the rules.
 */
bool seal_results(struct mta *mta, struct span results);
/* It made nothing of it, or ended. */
void seal_failed(struct mta *mta);

#endif
