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
 * STORE_VERSION: `from` is of an older schema, and stays so: mhsd brings it to ours. STORE_IN_USE: there is
 * something at `to`; what an unfinished move left there is removed, and a store that
 * was moved away too, with `replace`. STORE_MOVED: `from` was moved away before. STORE_CORRUPT: `from` is
 * damaged, or `to` is not the same. `progress` may be NULL. Root's new files belong to the owner of the
 * folder, or of that above a new one.
 */
bool store_move(const char *from, const char *to, bool replace, store_move_cb *progress, void *context,
                struct store_moved *moved, struct error *err);

struct store_taken_back {
    bool marked; /* the store at `to` is refused with STORE_MOVED from now on */
    struct error
        unmarked; /* else: why it could not be marked. Should it come back, it would be a second one */
};

/*
 * Makes the store at `from`, which was moved to `to`, the one again, as it was when it was moved: what came
 * to `to` since is not there, and what left `to` since is in its queue. No process may have either open. The
 * store at `to` is marked as moved before, so that both can't be served.
 *
 * STORE_IN_USE: it is there, or can't be looked at, and not `force`: with that it is marked if it can be, and
 * done without if not. A server that answers and has no store needs no `force`. STORE_LOCKED: a process
 * writes to one of them. STORE_BAD_REQUEST: `from` was not moved, or not to `to`.
 */
bool store_take_back(const char *from, const char *to, bool force, struct store_taken_back *taken,
                     struct error *err);

#endif
