/*
 * Seals: what the store process gives a net process for a user whom it has
 * admitted, and who answers for mailboxes believes. Made of his address and a
 * secret that the store has; so a net process can ask of no other mailbox. A
 * seal is good as long as the secret.
 */
#ifndef MTA_MS_SEAL_H
#define MTA_MS_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "store/store.h"

struct view;

#define MS_SEAL STORE_DIGEST

/* At the start of the store process: sees to it that there is a secret. */
bool ms_seal_begin(struct store *store, struct error *err);
/* False: the secret can't be read, or there is no memory. */
bool ms_seal(struct view *view, struct span address, uint8_t seal[static MS_SEAL]);
bool ms_seal_is_right(struct view *view, struct span address, struct span seal);

#endif
