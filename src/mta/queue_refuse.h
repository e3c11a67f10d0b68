/* Which changes an operator can't make to a copy that waits. */
#ifndef MTA_QUEUE_REFUSE_H
#define MTA_QUEUE_REFUSE_H

#include "mta/queue_change.h"

/* Why the change can't be made to the copy now, as an error for the client; NULL: it can. Recipients and
 * route of a copy in doubt are frozen (I4): it may be tried now, held or let go, nothing else, unless the
 * operator says that it may arrive twice. */
json_t *queue_refuse(const struct queue_change *change, const struct work *work);

#endif
