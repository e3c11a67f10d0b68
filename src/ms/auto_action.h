/* The auto-actions of the message store: the general ones (X.413 §13) and those of interpersonal messages
 * (X.420 §19.8). */
#ifndef MS_AUTO_ACTION_H
#define MS_AUTO_ACTION_H

#include "ms/attribute.h"

/* What an auto-action waits for; its registration's filter, where it has one, must hold too. */
enum ms_trigger {
    MS_ON_DELIVERY,  /* an entry of class delivery is created */
    MS_ON_CREATION,  /* an entry of stored-message or message-log is created */
    MS_ON_PROCESSED, /* an entry's retrieval status becomes processed for the first time */
    MS_ON_TIME /* a time that the entry bears is over (storage-time, expiry-time), or what obsoletes it is
                * delivered */
};

struct ms_auto_action {
    const char *name;                 /* as in the Recommendation, `auto-alert` */
    struct span oid;                  /* contents octets */
    const struct ber_type *parameter; /* of a registration; NULL: it has none */
    enum ms_origin origin;
    enum ms_edition edition;
    enum ms_trigger trigger;
};

/* The auto-action with that identifier, or NULL. */
const struct ms_auto_action *ms_auto_action_by_oid(struct span oid);

/* All of them, the general ones first; NULL behind the last. */
const struct ms_auto_action *ms_auto_action_at(size_t index);

#endif
