/* Mailboxes of local users: what clients ask of them besides the requests (requests.h). */
#ifndef MTA_MAILBOX_H
#define MTA_MAILBOX_H

#include <jansson.h>

#include "base/span.h"

struct arena;
struct client;
struct error;
struct loaded;
struct local_user;
struct mta;
struct store_entry;
struct view;

/* Flags of entries: their user wants to read it again; he sent the notification that it asked for. */
#define FLAG_UNREAD   1u
#define FLAG_NOTIFIED 2u

/* A mailbox that a client may use. */
struct opened {
    uint32_t mailbox; /* the store's key, 0: nothing was ever delivered */
    const struct local_user *user;
};

/* The one that the request names. NULL, or the error. Resets the view's arena. */
json_t *mailbox_open(struct client *client, json_t *request, struct opened *opened);
/* What is told of an entry; NULL: it can't be told now, for `err`. */
json_t *mailbox_entry_json(const struct view *view, const struct loaded *loaded, struct arena *arena,
                           struct error *err);
/* Has its user read it, and not wished to read it again? */
bool mailbox_is_seen(const struct store_entry *entry);

/* The store's key of a user's mailbox; 0: nothing was ever delivered, or (err) it can't be read. Resets the
 * view's arena. */
uint32_t mailbox_at(struct view *view, const char *address, struct error *err);

/* The same of one whom the rules do not know: his mailbox has the name of his address. */
uint32_t mailbox_named(struct view *view, const char *name, struct error *err);

/* Marks the entry with the batch as one whose notification was sent. NULL, or the error: it was sent already.
 * Marks that are not on disk yet are not seen: commit before. Resets the view's arena. */
json_t *mailbox_mark_notified(struct client *client, struct span mailbox, uint64_t sequence);
void mailbox_fetch(struct client *client, uint64_t ref, struct span payload);
/* `entries`, `unseen` and `octets` of a user's mailbox, as far as it is not damaged. NULL: it can't be read
 * now. Resets the view's arena. */
json_t *mailbox_figures(struct view *view, const char *address, struct error *err);
/* How many entries it has. False: they can't be read, with store_each_entry's error. */
bool mailbox_count(struct view *view, uint32_t mailbox, uint64_t *entries, struct error *err);
/* Adds to the view's remarks on users each mailbox that has entries and no user. */
void mailboxes_remark_unowned(struct view *view);
/* Removes all entries with the batch; `why` goes into the history of each. */
bool mailbox_discard(struct mta *mta, uint32_t mailbox, struct span why);
/* At the start, before mail is returned for them: a log line for each mailbox that is above its quota. */
void mailboxes_tell_full(struct mta *mta);

#endif
