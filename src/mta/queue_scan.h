/* Finding the copies that a request is about: one by its id, or those that fit a filter, in the order of ids.
 */
#ifndef MTA_QUEUE_SCAN_H
#define MTA_QUEUE_SCAN_H

#include "mta/queue_filter.h"

#define QUEUE_LIST_MOST 1000

#define QUEUE_NO_SUCH_COPY "no copy in the queue has this id; 'mhs queue list' shows those that wait"

struct queue_scan {
    struct mta *mta;
    const struct queue_filter *filter;
    /* Each that fits; `copy` is NULL when its rows are damaged: the unit's cause says so. */
    void (*take)(struct queue_scan *scan, struct work *work, struct copy *copy);
    void *context;
    uint64_t last;  /* the last id that was looked at */
    uint64_t until; /* the last id that is to be looked at; 0: all */
    json_int_t most, taken;
    unsigned rows_seen;
    bool more;
    struct error err; /* the copy that is next can't be read now */
};

/* The members `limit` and `after` of a request; without a limit it is `usual`. An error for the client, or
 * NULL. */
json_t *queue_read_page(struct queue_scan *scan, json_t *request, json_int_t usual);

/* False: nothing was found, and what is next can't be read now. It looks at a bounded number of rows, so that
 * a long queue is worked on in turns with all else: the cursor says where the next request goes on. */
bool queue_scan(struct queue_scan *scan, struct error *err);

/* The member `cursor` of the answer: null when all were looked at. */
json_t *queue_cursor(const struct queue_scan *scan);

/* The unit that the member `id` of the request names, if it is on disk; or NULL. */
struct work *queue_find(struct mta *mta, json_t *request);

/* `err` is what came of reading its rows: nothing in them can be believed. */
bool queue_is_damaged(const struct work *work, const struct error *err);

#endif
