/*
 * What the log is told of a decision: what is not delivered, or ends here. One line stands for all recipients
 * of a message that fail alike, in whichever part of the decision. The log tells what is, not what was
 * thought of: the lines wait for the commit, and go if that is undone. Who causes very many (a peer, a local
 * user) gets a few of them a minute (base/log.h); the record has all (event.h).
 */
#ifndef MTA_TELLING_H
#define MTA_TELLING_H

#include <stdbool.h>
#include <stddef.h>

#include "mts/process.h"

struct mta;
struct peer;

/* Causes of one message that have a line of their own; the recipients that fail for others share one. */
#define TELLING_CAUSES 8

struct telling {
    struct mta *mta;
    const char *who;         /* the user who caused it, `uid=NUMBER`; NULL: see `peer` */
    const struct peer *peer; /* that brought it in, or NULL */
    struct fate {
        const struct mts_event *first; /* lives as long as the decision */
        size_t count;
    } fates[TELLING_CAUSES];
    size_t count, others;
};

/* `who` lives as long as the telling; NULL: it is the peer that the decision names, if any. */
void telling_begin(struct telling *telling, struct mta *mta, const char *who);
void telling_note(struct telling *telling, const struct mts_decisions *decisions);
/* Reason and diagnostic of one that is not delivered, by their names and numbers. */
#define TELLING_CAUSE 128
const char *telling_cause(const struct mts_event *event, char out[static TELLING_CAUSE]);
/* One line of another matter, of nobody's, in the same manner. False without memory. */
bool telling_line(struct mta *mta, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same of a matter of the user's who caused it, who is named so. */
bool telling_of_user(struct mta *mta, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds the lines to the batch. False without memory. */
bool telling_end(struct telling *telling);

#endif
