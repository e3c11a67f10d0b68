/* What became of transfers in, for a sender who did not learn it. */
#ifndef MTA_OUTCOME_H
#define MTA_OUTCOME_H

#include "base/error.h"
#include "base/span.h"
#include "ipc/frames.h"

struct association;
struct mta;
struct store_outcome;

/* The batch says something of the association's activities: what the store says of them is not the last word
 * before its commit. */
void outcome_named(struct association *association);

/* The transfer under way is over with the batch. False without memory. */
bool outcome_note(struct association *association, bool accepted);
/* What a resume of it is told: IPC_RESUME_COMPLETED, _REFUSED, or _UNKNOWN_ACTIVITY. What the batch says does
 * not count: commit before. */
enum ipc_resume outcome_of(struct association *association, struct span name, struct span activity);
/* A new association has its name: do outcomes have that name already? */
void outcome_look(struct association *association);
/* The association begins an activity: what was known of another by the same names is forgotten. */
void outcome_begins(struct association *association, struct span activity);
/* It is released: it can't be recovered any more. */
void outcome_released(struct association *association);
bool outcome_is_released(struct mta *mta, struct span association, struct span peer);
/* Up to when no outcome counts, as one could not be forgotten (mta->unforgotten): added to the batch, false
 * without memory; and read at the start. */
bool outcome_save(struct mta *mta);
bool outcome_load(struct mta *mta, struct error *err);
/* Where the association was called from. */
struct span outcome_address(const struct store_outcome *outcome);

#endif
