/*
 * What local clients and users who are bound ask for, where it can't be run at once. What adds to the batch
 * waits while that has as much as it may and what flies has not landed (batch_awaited), as the frames of
 * peers do (aside.h). And what users ask for may cost much, by recipients say: it has a few milliseconds in
 * each turn of the loop, between which peers' and others' frames are taken. What waits takes turns by those
 * who pay for it, whoever has used least first; what one asked for comes in that order.
 */
#ifndef MTA_LATER_H
#define MTA_LATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct mta;

/* `owner` is who asked: a struct client, or a struct user_association; `object` is what the kind holds for
 * it. `run` takes it over, `drop` frees it: the owner has gone, or was told by `refuse` that it is not run.
 */
struct later_kind {
    void (*run)(void *owner, uint64_t ref, struct span payload, void *object);
    void (*refuse)(void *owner, uint64_t ref);
    void (*drop)(struct mta *mta, void *object);
    bool secret; /* the payload may hold a password: its copy is wiped */
};

struct later_asked {
    void *owner;
    const struct later_kind *kind;
    uint64_t ref;
    struct span payload; /* copied */
    void *object;        /* taken over */
    size_t octets;       /* that the object holds */
};

/* True: what comes now has to wait. */
bool later_awaits(const struct mta *mta);
/* It waits; the payload is copied, and `object` taken over. Clients of the local socket pay as one. False: no
 * more of theirs may wait, or there is no memory. */
bool later_put(struct mta *mta, void *owner, const struct later_kind *kind, uint64_t ref, struct span payload,
               void *object);
/* It is run now, or waits, and `payer` pays: many owners may be one. False: no more of his may wait, or there
 * is no memory; the object stays the caller's. */
bool later_do(struct mta *mta, uint64_t payer, const struct later_asked *asked);
/* Something waits. */
bool later_waits(const struct mta *mta);
/* Goes on with what need not wait any more. */
void later_go_on(struct mta *mta);
/* The next turn of the loop has come. */
void later_turn(struct mta *mta);
/* The owner has gone. */
void later_leave(struct mta *mta, const void *owner);
/* The process ends, and runs nothing of it any more. */
void later_refuse(struct mta *mta);

#endif
