/*
 * What users have told by P3 of themselves: a password of their own, and what they registered (X.411
 * §8.4.1). It lies in records of its own, by the key of the address: a user of the configuration may have
 * one as well. A changed password counts as long as the one in whose place it came stands where an operator
 * gave it: who gives another one has the last word.
 */
#ifndef MTA_USER_REGISTRATION_H
#define MTA_USER_REGISTRATION_H

#include <stdbool.h>

#include "base/error.h"
#include "base/span.h"
#include "store/store.h"

struct local_user;
struct mta;
struct view;

/* Most octets of what a user has registered. */
#define REGISTERED_MOST ((size_t)64 * 1024)

/* The record's kind in the store; its name is the user's key. */
#define USER_REGISTRATION (STORE_KIND_OTHER + 4)

/* What the record says holds of the user, in the rules too. */
void registration_apply(struct view *view, struct local_user *user, struct span data);
/* He has told nothing. False without memory. */
bool registration_forget(struct view *view, struct local_user *user);
/* What an open batch made of a user of the configuration goes on through a reload. */
void registration_keep(struct view *view, struct local_user *user, const struct local_user *before);

/* He has registered that (BER of RegisterArgument): in memory and in the rules. False with an error, and all
 * stays: the rules can't obey it. */
bool registration_set(struct view *view, struct local_user *user, struct span octets, struct error *err);
/* His password is the one with this hash. False without memory. */
bool registration_password(struct local_user *user, const char *hash);

/* What he has told goes into the batch; it is taken away with it. */
bool registration_put(struct mta *mta, const struct local_user *user);
bool registration_remove(struct mta *mta, const struct local_user *user);
/* What he has registered goes, in memory, the rules and the batch; a password of his own stays. False:
 * nothing may be written, undo the batch. */
bool registration_reset(struct mta *mta, struct local_user *user);

#endif
