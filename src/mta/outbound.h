/* Transfers out that may be resumed, and confirmations that could not be written yet. */
#ifndef MTA_OUTBOUND_H
#define MTA_OUTBOUND_H

#include "base/span.h"

struct association;
struct bytes;
struct mta;
struct peer;
struct work;

struct outbound_activity {
    struct bytes *names; /* head: the association's identifier, rest: the activity's */
    uint64_t work, offset;
    unsigned breaks; /* of resumes in a row whose connection broke before anything was confirmed */
    uint32_t serial,
        destination; /* last serial that the peer confirmed; the number of the peer's destination */
};

/* Reads those of former runs from the store; the work is there. */
bool outbound_load(struct mta *mta);
void outbound_free(struct mta *mta);

struct outbound_activity *outbound_find(const struct mta *mta, uint64_t work);

/* The peer confirmed a checkpoint of the transfer that is under way, in the activity of that name. */
void outbound_checkpoint(struct association *association, struct span activity, uint32_t serial,
                         uint64_t offset);

/* Forgets it in memory: its row goes with the work's. */
void outbound_forget(struct mta *mta, uint64_t work);
/* Forgets it, in the store too: the next try begins anew. */
void outbound_drop(struct mta *mta, uint64_t work);

/* The association to recover when one to the peer is opened: that of a transfer that can be resumed; else
 * empty. */
struct span outbound_recovery(struct mta *mta, const struct peer *peer);
/* A ready copy whose transfer the association recovers, or NULL. */
struct work *outbound_unfinished(struct mta *mta, const struct association *association);

/* The peer has the copy, of so many octets: its row goes, and that it was transferred is recorded. When that
 * can't be written the unit is kept and both are written again (I6). */
void outbound_done(struct mta *mta, struct work *work, uint64_t octets);
void outbound_save_again(struct mta *mta);

#endif
