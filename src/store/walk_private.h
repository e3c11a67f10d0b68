/*
 * All of a store, thing by thing: read, put into another store or not, and summed
 * up, so that two can be compared. The sums say nothing of what engines may do
 * their own way: keys of names, how a content is held, until when a repeat key is
 * kept beyond its expiry.
 *
 * Contents go in pieces, batches are committed by their octets. Of each long content
 * two numbers are kept in memory, since it may serve several messages and is stored
 * once (I8).
 */
#ifndef STORE_WALK_PRIVATE_H
#define STORE_WALK_PRIVATE_H

#include "store/batch_private.h"
#include "store/move.h"

enum section {
    RECORDS,
    MAILBOXES,
    MESSAGES,
    COPIES,
    ENTRIES,
    ACTIVITIES,
    OUTCOMES,
    REPEATS,
    EVENTS,
    SECTIONS
};

/* The sum of the digests of all things, in whatever order they come. */
struct tally {
    uint64_t count, sum[STORE_DIGEST / 8];
};

struct walk {
    struct store *store;
    struct store_batch *batch; /* of the store that they are put into; NULL: none */
    bool one_is_enough;        /* each section ends with its first thing */
    struct tally tallies[SECTIONS];
    uint64_t octets; /* of envelopes and contents */
    store_move_cb *progress;
    void *context;
    const char *what;
    uint64_t total; /* of octets */

    uint64_t batched;           /* octets in the batch */
    struct map contents;        /* id of a long content -> the first message that has it */
    struct store_content *last; /* in the other store: the long content that came last, */
    uint64_t last_id;           /* and its id in this one */
    uint32_t mailbox_into;      /* the mailbox that goes on, in the other store */
    struct span mailbox_name;
    struct arena arena;
    struct buf item; /* the thing's octets */
    struct error err;
};

/* `walk` is zeroed but for what the caller set: all above the empty line, as far as it is no result. Ids are
 * put as they are: those of the other store must begin above them. Without a mark of a move. False: `err`. */
bool walk_store(struct walk *walk, struct error *err);

#endif
