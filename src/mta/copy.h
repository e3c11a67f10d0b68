/* A copy as the store has it, for what must be decided on it anew; and the ways in which copies end. */
#ifndef MTA_COPY_H
#define MTA_COPY_H

#include "mts/process.h"
#include "mts/row.h"
#include "store/store.h"

struct arena;
struct destination;
struct mta;
struct peer;
struct work;

struct copy {
    struct store_work work;
    struct row row;
    struct store_message message;
    struct mts_stored stored;
    struct store_content *content; /* opened when there is one; copy_release gives it back */
    struct span memory;            /* its octets when it is short */
};
/* Reads it into mta->arena (which is reset). */
bool copy_load(struct mta *mta, const struct work *work, struct copy *copy, struct error *err);
/* The same into another arena. */
bool copy_load_into(struct mta *mta, struct arena *arena, const struct work *work, struct copy *copy,
                    struct error *err);
/* Another copy of the same message takes the place of the one that was loaded: only its row is read. */
bool copy_load_row(struct mta *mta, struct arena *arena, const struct work *work, struct copy *copy,
                   struct error *err);
void copy_release(struct copy *copy);
/* The same without the content: for lists. There is nothing to release. */
bool copy_load_rows(struct mta *mta, const struct work *work, struct copy *copy, struct error *err);
/* What becomes of a copy whose end can't be decided on, or is not written. */
enum copy_otherwise {
    COPY_STAYS,  /* as it was, held or deferred say: an operator changes it, and may do so again */
    COPY_PUT_OFF /* it waits some seconds, then it is decided on again: its time has come, and nobody asks */
};
/* Ends the copy by what was decided instead of it. What goes on of it came when it came, and is held while it
 * is. */
bool copy_replace(struct mta *mta, struct work *work, struct copy *copy, struct mts_run *run,
                  const struct mts_decisions *decisions, enum copy_otherwise otherwise);
/* The copy is done: the row goes with the batch, the unit when it is on disk. */
bool copy_finish(struct mta *mta, struct work *work, enum copy_otherwise otherwise);
/* It waits with another destination from now on, as it is. Never a copy in doubt (I4): whoever may ends that
 * before. */
void copy_move(struct mta *mta, struct work *work, const struct destination *destination);
/* What can't be decided on now waits some seconds, and the log hears
 * of it. `what`: what would have become of it. */
void copy_put_off(struct mta *mta, struct work *work, const char *what, const struct error *err);
/* The cause where there was no memory. */
extern const struct error copy_no_memory;
bool copy_fail(struct mta *mta, struct work *work, const struct mts_failure *failure,
               enum copy_otherwise otherwise);
/* The copy expires, also while its content can't be read: the report then returns none. */
bool copy_expire(struct mta *mta, struct work *work);
/* `mhs store repair` took the copy's content: it is non-delivered;
 * a report goes on without what it returned. */
bool copy_lost(struct mta *mta, struct work *work);
/* Another next hop, that the rules know to be better; of a peer that left the configuration, what the rules
 * say of each recipient now. Never of a copy in doubt (I4). False: it stays. */
bool copy_reroute(struct mta *mta, struct work *work);
/* Another way or address gives a copy no more time: what takes its place expires when it would have. */
void copy_keep_expiry(const struct work *work, const struct copy *copy, struct mts_decisions *decisions);
/* What an operator's choice makes of a loaded copy: it goes by `wanted`, or (NULL) each recipient goes where
 * one that came now would. Nothing is changed yet (copy_replace). False: it would stay, as `wanted` does not
 * take it, or that is where it is. */
bool copy_decide_hop(struct mta *mta, const struct work *work, const struct copy *copy,
                     const struct peer *wanted, struct mts_run *run, struct mts_decisions *decisions);
/* Writes tries, due and that it is held to the row, so that a restart goes on from there, and takes the mark
 * of I3 off a copy that is not in doubt. False when it can't: the row then says less than is true, which
 * harms nobody. */
bool copy_save(struct mta *mta, struct work *work);

#endif
