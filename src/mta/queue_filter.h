/* Which of the copies that wait a request is about: the members by which it chooses (docs/local-protocol.md).
 */
#ifndef MTA_QUEUE_FILTER_H
#define MTA_QUEUE_FILTER_H

#include <jansson.h>

#include "mta/copy.h"

/* Absent ones are NULL: any copy fits. */
struct queue_filter {
    const char *next_hop, *originator, *recipient, *state, *priority, *kind;
    int64_t before; /* µs; 0: any arrival */
};

/* Its texts stay the request's. An error for the client, or NULL. */
json_t *queue_filter_read(struct mta *mta, json_t *request, struct queue_filter *filter);

/* An error for the client where `text` is no O/R address; the error calls it `name`. NULL: it is one, or is
 * NULL. */
json_t *queue_check_address(struct mta *mta, const char *name, const char *text);

/* What the unit in memory tells, and what its row does. */
bool queue_filter_fits_unit(const struct mta *mta, const struct queue_filter *filter,
                            const struct work *work);
bool queue_filter_fits_row(struct mta *mta, const struct queue_filter *filter, const struct copy *copy);

/* Nobody can tell whether a copy fits whose row is damaged: all but its state and its tries is taken from
 * that. */
bool queue_filter_needs_row(const struct queue_filter *filter);

#endif
