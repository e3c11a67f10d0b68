/*
 * Passwords compared off the loop: one costs as much as a hundred messages (security/password.h). A thread of
 * its own does one after the other (store/thread.h); without a thread it is done at once.
 *
 * Strangers may ask as often as they like. What waits takes turns by the sites (base/host.h) that ask, each
 * of which has its own oldest question at the next turn; when the places are all taken, the last question of
 * the site with the most gives way, within it of the network with the most. So a site that asks a lot waits
 * for itself, and others for a few comparisons.
 */
#ifndef MTA_HASHING_H
#define MTA_HASHING_H

#include <event2/event.h>

#include "base/span.h"
#include "mta/bytes.h"

struct hashing;
struct mta;
struct store_thread;

/* Most that wait: a right password is asked about within seconds. */
enum { HASHING_MOST = 32 };

struct hashing_question {
    const char *hash; /* NULL: nobody has this password, which takes as long */
    struct span password;
    uint64_t number;     /* of who asks, for the calls below */
    struct bytes *names; /* head: whose password; rest: the host that asks. A reference is kept */
    struct span fresh;   /* with `changed`: if it is, what is the hash of this? */
};

/* Who asks hears of it in a later turn of the loop, or at once where there is no thread. */
struct hashing_calls {
    /* Its turn has come. False: it is not compared any more, as was answered. */
    bool (*may)(struct mta *mta, uint64_t number);
    /* It is compared; also if who asked has gone meanwhile. `hash`: with this. */
    void (*done)(struct mta *mta, uint64_t number, const struct bytes *names, const char *hash, bool matches);
    /* Instead of `done`, of a password that is changed; `made` NULL: the old one is wrong, or there is no
     * memory for the new one's hash. */
    void (*changed)(struct mta *mta, uint64_t number, const char *hash, bool matches, const char *made);
    /* It gave way to another, and is not compared. */
    void (*gave_way)(struct mta *mta, uint64_t number);
};

/* Takes the thread over. NULL without memory. */
struct hashing *hashing_new(struct mta *mta, struct store_thread *thread);
/* Waits for what runs; nobody is told of it. */
void hashing_free(struct hashing *hashing);

/* False: too many wait, the password is too long, or there is no memory. */
bool hashing_compare(struct hashing *hashing, const struct hashing_question *question,
                     const struct hashing_calls *calls);

/* Who asked has gone: what waits is not compared, and nobody hears of it. What runs goes on. */
void hashing_forget(struct hashing *hashing, uint64_t number);

#endif
