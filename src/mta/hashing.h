/*
 * Passwords compared off the loop: one costs as much as a hundred messages (security/password.h). A thread of
 * its own does one after the other (store/thread.h); without a thread it is done at once.
 */
#ifndef MTA_HASHING_H
#define MTA_HASHING_H

#include <event2/event.h>

#include "base/span.h"

struct hashing;
struct mta;
struct store_thread;

/* Most that wait: who comes then is refused as busy, and a right password is asked about within seconds. */
enum { HASHING_MOST = 32 };

/* Takes the thread over. NULL without memory. */
struct hashing *hashing_new(struct mta *mta, struct store_thread *thread);
/* Waits for what runs; nobody is told of it. */
void hashing_free(struct hashing *hashing);

/* `done` hears of it in a later turn of the loop, or at once where there is no thread. `hash` NULL: nobody
 * has this password, which takes as long. False: too many wait, the password is too long, or there is no
 * memory. */
typedef void hashing_done(struct mta *mta, uint64_t number, bool matches);
bool hashing_compare(struct hashing *hashing, const char *hash, struct span password, hashing_done *done,
                     uint64_t number);

/* Is `old` the hash's password, and if so, what is the hash of `fresh`? As hashing_compare; `made` NULL: it
 * is not, or there is no memory for it. */
typedef void hashing_changed(struct mta *mta, uint64_t number, bool matches, const char *made);
bool hashing_change(struct hashing *hashing, const char *hash, struct span old, struct span fresh,
                    hashing_changed *done, uint64_t number);

#endif
