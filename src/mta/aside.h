/*
 * What some frames of a net process mean hangs on a batch that is not on disk yet: a transfer in that begins
 * by a name of which that batch says something, a resume, a bind that recovers an association. Nobody waits
 * for the store in the middle of the loop: such a frame is put aside until that batch has landed, and with it
 * the frames of transfers in that come behind it on the same association. All others go on.
 */
#ifndef MTA_ASIDE_H
#define MTA_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "ipc/frames.h"

struct mta;
struct net_process;
struct peer;

struct aside {
    struct net_process *net;
    uint64_t ref;      /* of the frames */
    uint64_t batch;    /* the number of the one that the first frame waits for; 0: none */
    struct buf frames; /* of each: u32 octets of the payload, u16 type, payload */
    size_t taken;      /* octets of those that were taken */
    unsigned
        waits_again; /* how often the first one, having waited, had to wait again for what a batch says */
    size_t *share;   /* what is put aside of all associations of its peer, or of all that are not bound */
    struct aside *next, *prev;
};

/* What was put aside of this ref, or NULL. */
struct aside *aside_find(const struct net_process *net, uint64_t ref);

/* Puts a frame behind those that are there; the first waits for the batch of that number. `peer`: whose
 * association it is, NULL where it is a bind. The payload is copied. False: no more may be put aside, or
 * there is no memory. */
bool aside_put(struct net_process *net, uint64_t ref, struct peer *peer, uint64_t batch, enum ipc_type type,
               struct span payload);

/* The first frame; its payload lives until another is put, or `aside_wait`. False: there is none left. */
bool aside_first(const struct aside *aside, enum ipc_type *type, struct span *payload);
void aside_take(struct aside *aside);
/* What is left waits for another batch; 0: for no batch, but until it is looked at again (links_release). */
void aside_wait(struct aside *aside, uint64_t batch);

/* Forgets them: all were taken, or what they are about has ended. NULL is allowed. */
void aside_drop(struct aside *aside);

#endif
