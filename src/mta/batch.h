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

#include "store/store.h"

struct bytes;
struct mta;

struct effect;

/* What runs when the batch of an effect is on disk, and what when it is not. Each frees what the effect
 * holds, and passes over what ended meanwhile. */
struct effect_kind {
    void (*commit)(struct mta *mta, const struct effect *effect);
    void (*undo)(struct mta *mta, const struct effect *effect);
};

/* What follows a batch, by kind and reference: no pointer to what may end before. 0: plays no part. */
struct effect {
    const struct effect_kind *kind;
    uint64_t work;        /* its id (schedule_find) */
    uint64_t association; /* its number (association_numbered) */
    uint32_t process;     /* of clients: its number */
    unsigned request;     /* of the batch; batch_effect sets it */
    uint32_t number;      /* the rest is the kind's */
    uint64_t ref;
    uint64_t octets;
    struct bytes *bytes;
};

struct batch_hooks {
    /* Before a commit: adds what has to be in it. */
    void (*before)(struct mta *mta);
    /* After its effects. */
    void (*after)(struct mta *mta, bool done);
};

struct batch_mark {
    size_t store, effects;
};

struct batch {
    uint64_t number; /* rises with each commit, from 1; 0: none */
    struct store_batch *store;
    struct effect *effects;
    size_t count, room;
    bool urgent;      /* somebody waits for it */
    unsigned request; /* the one that goes on (store_batch_request), and where it began */
    struct batch_mark begun;
    unsigned requests; /* that wait for it */
    unsigned seen;     /* requests there were when the loop was last asked for more */
    int64_t since;     /* monotonic µs of the first request */
    int64_t launched;  /* the same of its commit's begin */
};

/* One batch fills (mta->batch, where whoever wants something written adds it) while another flies: its commit
 * is under way. */
struct batches {
    struct batch flight; /* number 0: none flies */
    const struct batch_hooks *hooks;
    struct event *landing;     /* NULL: commits end before they return */
    const struct error *cause; /* why what is being undone was not written; NULL: nothing is */
};

bool batch_init(struct mta *mta, const struct batch_hooks *hooks);
void batch_free(struct mta *mta);

/* Begins a request: what is added until the next one begins stands or falls together. Each frame is one, and
 * each unit of work that the switch takes up by itself. */
void batch_request(struct mta *mta);
struct batch_mark batch_mark(const struct mta *mta);
/* Undoes what was added since the mark: store operations and effects. What flies can't be undone. */
void batch_undo(struct mta *mta, struct batch_mark mark);

/* Adds an effect and sees to it that the batch is committed soon. False without memory: the effect is not
 * undone. */
bool batch_effect(struct mta *mta, struct effect effect);
/* The same for what nobody waits for: it goes with the next commit, or soon by itself. */
bool batch_effect_later(struct mta *mta, struct effect effect);

/* Arms the commit: at the end of this turn of the loop, or after gathering. */
void batch_arm(struct mta *mta);
/* The same for what nobody waits for. */
void batch_arm_later(struct mta *mta);
/* Waits, till that monotonic time in µs: true when all that was added is on disk, or undone. For the end of
 * the process alone: while it serves, nobody waits for the store (aside.h). */
bool batch_settle(struct mta *mta, int64_t until);
/* The same, and what is still under way then is given up: nobody learns here what becomes of it. */
void batch_end(struct mta *mta, int64_t until);

/* Is the batch of that number not on disk yet, nor undone? */
bool batch_is_open(const struct mta *mta, uint64_t number);

/* How long what flies has been under way, in µs; 0: nothing flies. */
int64_t batch_age(const struct mta *mta);
/* The store takes nothing, and what flies is not about to land: who would wait for it is refused. */
bool batch_is_stuck(const struct mta *mta);

/* While what flies has not landed, the batch that fills has as much as it may (limits.requests,
 * limits.batch_octets). What begins a message waits, or is refused where nobody waits any more; a bind, a
 * result of a transfer out and the octets of contents under way are taken all the same, and add little. */
bool batch_is_full(const struct mta *mta);
/* For that what adds to the batch waits: the number of the one that has to land first. 0: of none, or nobody
 * waits any more. `landed`: one has just now, and what waited for it may fill the next as far. */
uint64_t batch_awaited(const struct mta *mta, bool landed);

/* Why it was not written, for those who are told so by an undo. */
const char *batch_cause(const struct mta *mta);

/* It was not, as its repeat key is on disk already: another node took the same meanwhile (I5). */
bool batch_was_repeated(const struct mta *mta);

/* As store_find_repeat; what stands in either batch is pending (I5). */
enum store_repeat batch_find_repeat(const struct mta *mta, const uint8_t key[static STORE_DIGEST],
                                    struct error *err);

/* The commit event's callback. */
void batch_on_commit(evutil_socket_t fd, short what, void *arg);

#endif
