/* What `mhs status` counts since the start. */
#ifndef MTA_COUNTERS_H
#define MTA_COUNTERS_H

#include <stdbool.h>

struct mta;

enum counter {
    COUNT_RECEIVED,    /* of peers: messages, probes and reports */
    COUNT_SUBMITTED,   /* of users */
    COUNT_TRANSFERRED, /* to peers */
    COUNT_DELIVERED,   /* entries of messages, in mailboxes */
    COUNT_REPORTS,     /* made here; those that came in count as received */
    COUNT_REPEATS,     /* confirmed, not worked on */
    COUNT_REFUSED,     /* transfers in */
    COUNT_POSSIBLE_DUPLICATES,
    COUNTERS
};

/* Counts one when the batch is on disk (I6). False without memory. */
bool counter_with_batch(struct mta *mta, enum counter counter);

#endif
