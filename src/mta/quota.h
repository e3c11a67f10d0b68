/* What mailboxes and submissions may take of the disk (`mailbox-octets` and `submission-octets` of
 * chasqui.conf). */
#ifndef MTA_QUOTA_H
#define MTA_QUOTA_H

#include "mta/mta_private.h"

/* Does the mailbox of this name take so many octets more? Reports go a little above the quota. */
bool quota_has_room(struct mta *mta, struct span mailbox, uint64_t octets, bool report);
/* The log hears that something was not delivered to the mailbox for that, at most once a minute. */
void quota_turned_away(struct mta *mta, struct span mailbox);

/* A log line when the mailbox is above its quota already. */
void quota_tell_full(struct mta *mta, uint32_t mailbox, const char *name);

/* An entry of so many octets is added, or the one with this number is removed, with the batch. False without
 * memory. */
bool quota_add(struct mta *mta, uint32_t mailbox, uint64_t octets);
bool quota_remove(struct mta *mta, uint32_t mailbox, uint64_t sequence, uint64_t octets);
/* All of its entries go with the batch. */
bool quota_forget(struct mta *mta, uint32_t mailbox);

/* Whose quota a submission counts for: a uid, or a number above UINT32_MAX that stands for a user who is
 * bound. It begins a submission, whose envelope of so many octets is held in memory until its end. NULL, or
 * why it can't: it has too many open, or too much in their envelopes. */
const char *quota_begin(struct mta *mta, uint64_t payer, uint64_t envelope);
/* Octets that the content of an open submission gets. False: those of its payer have as much as they may, or
 * there is no memory. */
bool quota_submit(struct mta *mta, uint64_t payer, uint64_t octets);
/* The submission has ended, and gives back what quota_begin granted; it may have to wait yet. */
void quota_end(struct mta *mta, uint64_t payer, uint64_t envelope);
/* It gives back the octets that quota_submit granted. */
void quota_submitted(struct mta *mta, uint64_t payer, uint64_t octets);

void quota_free(struct mta *mta);

#endif
