/* How the store names mailboxes. */
#ifndef MTA_MAILBOX_NAME_H
#define MTA_MAILBOX_NAME_H

#include <stdbool.h>

#include "base/error.h"
#include "base/span.h"

struct arena;
struct store;

/* The name in the store of the rules' mailbox: its address's key, however the configuration spells it; in the
 * arena. */
struct span mailbox_name(struct arena *arena, const char *mailbox);
/* When the store was opened: mailboxes that an older program named by
 * a spelling get that name. Resets the arena. */
bool mailboxes_rename(struct store *store, struct arena *arena, struct error *err);

#endif
