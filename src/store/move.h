/* Moving a store to another place, of the same engine or another one. Errors are enum store_code (store.h).
 */
#ifndef STORE_MOVE_H
#define STORE_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct store_moved {
    uint64_t records, mailboxes, messages, copies, entries, activities, outcomes, repeats, events;
    uint64_t octets; /* of envelopes and contents */
};

/* Octets that are done, of how many (0: not known), of what goes on now: "copied" or "compared". */
typedef void store_move_cb(void *context, const char *what, uint64_t done, uint64_t total);

/*
 * Moves all that is in the store at `from`, which must be sound (store_check is run, deep), into a new one at
 * `to`; no process may have either open. Ids, sequence-numbers and the order of events stay what they are. At
 * the end the new store is checked, and read again and compared. Whatever breaks it off, one of the two can
 * be opened and no more: `from` until all of `to` is on disk and compared, then none for a moment, then `to`;
 * the other is refused with STORE_MOVED. The same call again begins anew, or does what was left to do.
 *
 * STORE_IN_USE: there is something at `to`; what an unfinished move left there is removed, and a store that
 * was moved away too, with `replace`. STORE_MOVED: `from` was moved away before. STORE_CORRUPT: `from` is
 * damaged, or `to` is not the same. `progress` may be NULL. Root's new files belong to the owner of the
 * folder, or of that above a new one.
 */
bool store_move(const char *from, const char *to, bool replace, store_move_cb *progress, void *context,
                struct store_moved *moved, struct error *err);

#endif
