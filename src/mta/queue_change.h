/* A change that an operator makes to copies that wait, made to one of them. */
#ifndef MTA_QUEUE_CHANGE_H
#define MTA_QUEUE_CHANGE_H

#include "mta/redirect.h"

struct client;

struct queue_change {
    struct mta *mta;
    struct client *client;
    const char *operation, *reason;
    const char *by_peer;   /* the name of the redirection's */
    struct redirection to; /* of a redirection */
    bool force;            /* a redirection that would loop or fail, a release of one whose time is over */
    bool count;            /* nothing is changed: only how many would be is asked */
    bool may_arrive_twice; /* the operator takes it on himself that a copy in doubt arrives twice */
    bool leave_held;       /* copies that are held are not meant: who chose many did not choose them */
    json_t *redirected;    /* what became of each copy: {"id", "now", "non-delivered"}; NULL: none is */
};

/* Whether that is the operation: `queue-hold`, say. */
bool queue_change_is(const struct queue_change *change, const char *operation);

/* Makes the change, which queue_refuse allows, to the copy; that may end the unit. What is not done is
 * undone: the copy stays as it was. */
enum redirect_result queue_change_make(const struct queue_change *change, struct work *work);

/* Then: why, as an error for the client. */
json_t *queue_change_undone(const struct queue_change *change, enum redirect_result result);

#endif
