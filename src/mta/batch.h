/*
 * Group commit: what all requests of a turn of the loop want written is one transaction with one sync; what
 * must not be said or done before that is an effect, which runs after it. Calls nobody above: the floors that
 * have something to do before or after each commit hang hooks in.
 */
#ifndef MTA_BATCH_H
#define MTA_BATCH_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct association;
struct bytes;
struct mta;
struct net;
struct store_batch;
struct work;

/* What follows a batch: `commit` runs when it is on disk, `undo` when it is not. Each frees what the effect
 * holds. */
struct effect {
    void (*commit)(struct mta *mta, struct effect *effect);
    void (*undo)(struct mta *mta, struct effect *effect);
    struct net *net; /* NULL when it went away in the meantime, or plays no part */
    struct work *work;
    struct association *association; /* NULL when it went away in the meantime, or plays no part */
    struct bytes *bytes;
    uint64_t ref;
    uint64_t octets;
    uint32_t number;
};

struct batch_hooks {
    /* Before a commit: adds what has to be in it. */
    void (*before)(struct mta *mta);
    /* After its effects. */
    void (*after)(struct mta *mta, bool done);
};

struct batch {
    uint64_t number; /* rises with each commit, from 1 */
    struct store_batch *store;
    struct effect *effects;
    size_t count, room;
    bool urgent;                     /* somebody waits for it */
    unsigned requests;               /* that wait for it */
    unsigned seen;                   /* requests there were when the loop was last asked for more */
    int64_t since;                   /* monotonic µs of the first request */
    const struct batch_hooks *hooks; /* NULL: none */
};

struct batch_mark {
    size_t store, effects;
};

bool batch_init(struct mta *mta, const struct batch_hooks *hooks);
void batch_free(struct mta *mta);

struct batch_mark batch_mark(const struct mta *mta);
/* Undoes what was added since the mark: store operations and effects. */
void batch_undo(struct mta *mta, struct batch_mark mark);

/* Adds an effect and sees to it that the batch is committed soon. False without memory: the effect is not
 * undone. */
bool batch_effect(struct mta *mta, struct effect effect);
/* The same for what nobody waits for: it goes with the next commit, or soon by itself. */
bool batch_effect_later(struct mta *mta, struct effect effect);

/* Arms the commit: at the end of this turn of the loop, or after gathering. */
void batch_arm(struct mta *mta);
void batch_commit(struct mta *mta);

/* An association or a net process went away: its effects answer nobody. */
void batch_forget_association(struct mta *mta, const struct association *association);
void batch_forget_net(struct mta *mta, const struct net *net);

/* The commit event's callback. */
void batch_on_commit(evutil_socket_t fd, short what, void *arg);

#endif
