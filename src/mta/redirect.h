/* An operator sends a copy elsewhere: what would come of that, and the change itself. */
#ifndef MTA_REDIRECT_H
#define MTA_REDIRECT_H

#include <jansson.h>

#include "mta/mta_private.h"

/* To an address, or by a peer; neither: the rules decide anew. */
struct redirection {
    const char *address;
    const struct peer *peer;
};

/* Sent there it would come back, or be non-delivered for it: why, in mta->arena or static. NULL: nothing says
 * so. */
const char *redirect_loops(struct mta *mta, const struct redirection *redirection, const struct work *work);

/* To whom it would not be delivered: [{"address": text, "cause": text}], REDIRECT_TELL_MOST at most; NULL: to
 * everybody, or nobody can tell. The caller lets go of it. */
#define REDIRECT_TELL_MOST 20
json_t *redirect_failures(struct mta *mta, const struct redirection *redirection, const struct work *work);

enum redirect_result {
    REDIRECT_DONE,
    REDIRECT_NO_WAY, /* it can't go that way */
    REDIRECT_NOT_NOW /* the store fails, or there is no memory */
};

/* Other copies take its place, held if it is; `note` is added to the history beside that. Where it is not
 * done the caller undoes to its mark. */
enum redirect_result redirect_copy(struct mta *mta, const struct redirection *redirection, struct work *work,
                                   struct span note);

#endif
