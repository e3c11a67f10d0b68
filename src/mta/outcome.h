/* What became of transfers in, for a sender who did not learn it. */
#ifndef MTA_OUTCOME_H
#define MTA_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "ipc/frames.h"

struct association;
struct bytes;
struct error;
struct inbound;
struct mta;
struct net_process;
struct peer;
struct store_activity_in;
struct store_outcome;

/* The batch says something of the association's activities: what the store says of them is not the last word
 * before its commit. */
void outcome_named(struct association *association);

/* The transfer under way is over with the batch. False without memory. */
bool outcome_note(struct association *association, bool accepted);
/* What a resume of it is told: IPC_RESUME_COMPLETED, _REFUSED, or _UNKNOWN_ACTIVITY. What an open
 * batch says does not count: let it land before. False: that can't be told now, for `err`. */
bool outcome_of(struct association *association, struct span name, struct span activity,
                enum ipc_resume *answer, struct error *err);
/* An activity is over without an answer, and what is stored of it goes with the batch: that its names were
 * given stays known. False without memory: it stays, as its row is all that tells of its names. */
bool outcome_lost(struct mta *mta, struct peer *peer, const struct store_activity_in *activity,
                  struct span address);
/* The same of one that came on the association, and has a row. */
bool outcome_discarded(struct association *association, const struct inbound *inbound);
/* Is, or was, anything under these names? False as for outcome_of. */
bool outcome_knows(struct association *association, struct span name, struct span activity, bool *known,
                   struct error *err);
/* Can nothing be asked for by the association's name, as that is no name of one transfer's? As with the next,
 * what an open batch says does not count; false: that can't be told now, for `err`. */
bool outcome_is_shared(struct association *association, struct span name, bool *shared, struct error *err);
/* A new association has its name. When that was given before, nothing under it can be asked for any more. */
void outcome_look(struct association *association);
/* The number of the batch that has to land before the association may begin an activity, as that says
 * something of its last ones; 0: none, or it is stuck, and nobody waits for it. */
uint64_t outcome_awaits(const struct net_process *net, uint64_t ref, struct span payload);
/* The same before any activity or association is asked for by its name. */
uint64_t outcome_awaits_any(const struct net_process *net, uint64_t ref, struct span payload);
/* It is not known what became of activities: a batch that says something of them is stuck. */
bool outcome_is_unknown(const struct mta *mta);
/* The association begins an activity: the same when it has the name of one before. False: that can't be told
 * now, for `err`; the activity is to be refused for now. */
bool outcome_begins(struct association *association, struct span activity, struct error *err);
/* The association resumes an activity, to which it gives a name of its own with that. False: as for what
 * begins. */
bool outcome_resumes(struct association *association, struct error *err);
/* What it resumes is not there: of one that says so again and again nothing can be asked for by its name any
 * more. False without memory. */
bool outcome_is_not_there(struct association *association, struct error *err);
/* May what has not bound give one more name? Of what is remembered of a peer a part is the bound ones'. */
bool outcome_may_recover(struct association *association);
/* It gives that name to what it resumes, which began under those of `original`; NULL: nothing can be asked
 * for by the name any more, as another has it, or nobody gave it. False without memory. */
bool outcome_put_alias(struct association *association, const struct store_outcome *name,
                       const struct store_outcome *original);
/* The names under which an activity began that a resume gave this name: `*original` is the caller's, NULL
 * when none has. False as for outcome_of. */
bool outcome_find_original(struct association *association, struct span name, struct span activity,
                           struct bytes **original, struct error *err);
/* Has the store anything by this name of an association of the peer's: an activity that is not over, or what
 * became of one? It costs what one does, however many there are. False as for outcome_of. */
bool outcome_was_named(const struct mta *mta, const struct peer *peer, struct span name, bool *was,
                       struct error *err);
/* Is a bound association of the peer's called so? */
bool outcome_is_called(const struct mta *mta, const struct peer *peer, struct span name);
/* The transfer under way has a checkpoint: is it kept, to be resumed? False without memory. */
bool outcome_is_kept(struct association *association, bool *kept);
/* One that began may have had the names of another: no outcome of before counts any more (I7). */
void outcome_unforgotten(struct mta *mta);
/* It is released: it can't be recovered any more. */
void outcome_released(struct association *association);
/* False: that can't be told now. */
bool outcome_is_released(struct mta *mta, struct span association, struct span peer, bool *released,
                         struct error *err);
/* Up to when no outcome counts, as one could not be forgotten (mta->unforgotten): added to the batch, false
 * without memory; and read at the start, with how many names each peer has given. */
bool outcome_save(struct mta *mta);
bool outcome_load(struct mta *mta, struct error *err);
/* Where the association was called from. */
struct span outcome_address(const struct store_outcome *outcome);

#endif
