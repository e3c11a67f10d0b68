/* Copies of a whole store, and what is made of them. Errors are enum store_code (store.h). */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct store;

/* From now to store_keep_end no space is given out again that contents in the store have now, though they be
 * deleted: a backup that begins after this reads them. Free space must do for what comes meanwhile. */
void store_keep(struct store *store);
/* False when it had ended by itself, because the disk ran full: what was copied since may be wrong. */
bool store_keep_end(struct store *store);

/* Octets copied so far, of how many. */
typedef void store_progress_cb(void *context, uint64_t done, uint64_t total);

/*
 * Copies the store at `place` as it is at one moment into the folder `to`, which is made and must be empty:
 * a store of its own, on disk when the call returns true. A writer may be at work if it keeps (store_keep);
 * with `alone` there is none, and none comes meanwhile. STORE_IN_USE: `to` is not empty, or others than the
 * caller and the store's owner may write there. STORE_MOVED: it was moved away, or a move to it is not at its
 * end: it is not the store (move.h). `progress` may be NULL.
 */
bool store_backup(const char *place, const char *to, bool alone, store_progress_cb *progress, void *context,
                  struct error *err);

/*
 * Makes the store at `place` anew from the copy in `from`, which stays; of an older schema it is brought to
 * ours. STORE_LOCKED: a process writes there.
 * STORE_IN_USE: there is a store, and not `force`. STORE_BAD_REQUEST: `from` is that store. STORE_MOVED: what
 * is there, or in `from`, was moved away or is not wholly moved to there: what is restored would be a second
 * store of its MTA. Root's restored files belong to the owner of `place`.
 */
bool store_restore(const char *from, const char *place, bool force, store_progress_cb *progress,
                   void *context, struct error *err);

#endif
