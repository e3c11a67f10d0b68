/*
 * What requests about users share: users change in memory at once, in the store with the batch, and back when
 * that is not written (I6).
 */
#ifndef MTA_USER_CHANGE_H
#define MTA_USER_CHANGE_H

#include <jansson.h>

#include "mta/mta_private.h"
#include "mta/users.h"

/* Readers hear of the change with the batch. */
bool users_next_version(struct mta *mta);
bool user_put_record(struct mta *mta, const struct local_user *user);
/* What users by this address have registered goes: one who is added is another than whoever had it before,
 * whom the configuration may have taken away. */
bool user_has_told_nothing(struct mta *mta, const struct local_user *user);

/* He is as the batch has him; he was not there before; he is leaving, and goes when it is written. Of the
 * first two one is open till then. */
extern const struct effect_kind user_changed, user_added, user_removed;
struct local_user *user_at(struct mta *mta, struct span address);
/* What follows the batch. False without memory. */
bool user_change_with_batch(struct mta *mta, const struct effect_kind *kind, const char *address);

/* An error, or NULL: then `user` has what the request says of uid, directory name and password, where it says
 * something; null takes it away. */
json_t *user_take_members(const json_t *request, struct local_user *user);
/* An error, or NULL: then `user` is one who may be added, in mta->arena (which is reset) and in the request.
 */
json_t *user_read_new(struct mta *mta, const json_t *request, struct local_user *user);

#endif
