/*
 * What local clients and users who are bound ask for that adds to the batch waits while that has as much as
 * it may and what flies has not landed (batch_awaited), as the frames of peers do (aside.h). It comes in the
 * order in which it was asked.
 */
#ifndef MTA_LATER_H
#define MTA_LATER_H

#include <stdbool.h>
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

/* True: what comes now has to wait. */
bool later_awaits(const struct mta *mta);
/* It waits; the payload is copied, and `object` taken over. False: no more may wait, or there is no memory.
 */
bool later_put(struct mta *mta, void *owner, const struct later_kind *kind, uint64_t ref, struct span payload,
               void *object);
/* Goes on with what need not wait any more. */
void later_go_on(struct mta *mta);
/* The owner has gone. */
void later_leave(struct mta *mta, const void *owner);
/* The process ends, and runs nothing of it any more. */
void later_refuse(struct mta *mta);

#endif
