/* RT-RECOVER. */
#ifndef MTA_RECOVERY_H
#define MTA_RECOVERY_H

#include "base/span.h"
#include "ipc/bind.h"

struct association;
struct error;
struct mta;
struct peer;

/* The peer whose association may be recovered by this RT-RECOVER, or NULL and `*why` not; then `err`, zeroed
 * before, says whether that can't be told now. Costs no commit and no walk. */
struct peer *recovery_peer(struct mta *mta, const struct ipc_bind *bind, const char **why, struct error *err);
/* The new association recovers that of the name `id`, in either direction. False without memory. */
bool recovery_begin(struct association *association, struct span id);
/* Called when a transfer begins anew. True: the association recovers another, and has to go. */
bool recovery_brings_new(struct association *association);
/* May the association give another name, to what it resumes? Of one that has bound always. */
bool recovery_may_name(struct association *association, struct error *err);
/* It recovers one of another name without a bind: no name that it gives is that of anything else. */
bool recovery_has_own_name(const struct association *association);
/* True if activities of association `id` may be resumed on this one. */
bool recovery_is_for(const struct association *association, struct span id);

#endif
