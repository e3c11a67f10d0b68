/* The cancelling of deferred delivery (X.411 §8.2.1.3): of all that a submission was split into, or of
 * nothing. */
#ifndef MTA_CANCEL_H
#define MTA_CANCEL_H

#include <stdbool.h>

#include "base/span.h"

struct error;
struct mta;

enum cancelled {
    CANCEL_DONE,     /* it goes with the batch */
    CANCEL_UNKNOWN,  /* no submission with this identifier is one of who asks */
    CANCEL_REJECTED, /* something of it waits for its originator's time no longer */
    CANCEL_NO_ROOM,  /* the record can't be read, or the batch took no more; `err` says which */
};

/* Who asks. */
struct cancel_asker {
    /* Whether what this originator submitted (an O/R address as text) is his to cancel. */
    bool (*owns)(const void *context, struct span originator);
    const void *context;
    const char *note; /* for the history: who cancelled it */
};

/* `identifier`: an MTS-identifier as text. What it began in the batch is undone when it can't go on. */
enum cancelled cancel_deferred(struct mta *mta, struct span identifier, const struct cancel_asker *asker,
                               struct error *err);

#endif
