/*
 * What a user has registered by P3 (X.411 §8.4.1.1), for operators: who had a user's password may have
 * registered a redirection with it, which a new password does not take away.
 */
#ifndef MTA_USER_REGISTERED_H
#define MTA_USER_REGISTERED_H

#include <stdbool.h>

#include <jansson.h>

#include "base/span.h"

struct local_user;
struct mta;

/* Octets for the names of all parameters of a RegisterArgument, and an end. */
#define REGISTERED_NAMES 96

struct x411p3_RegisterArgument;

/* What an argument gives, as in X.411: "redirections, restricted-delivery". Returns `out`. */
const char *registered_names(const struct x411p3_RegisterArgument *argument,
                             char out[static REGISTERED_NAMES]);

/* `registrations` of docs/local-protocol.md: null of who has registered nothing. NULL without memory. */
json_t *registered_json(const struct local_user *user);

/* What he has registered goes with the batch, and the log says by whom; what it held up is tried again.
 * False: nothing may be written, undo the batch. */
bool registered_take_away(struct mta *mta, struct local_user *user, uint32_t by);

#endif
