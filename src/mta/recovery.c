/*
 * RT-RECOVER (X.228 §7.8) carries no bind: who names an association that broke,
 * and calls from its address, is taken for its peer. So he gets no more than
 * what he came for (I8): to end what that association left unfinished. The
 * names of associations can be guessed where they are made of host and time,
 * so all of this is looked up by keys, and costs no commit. Only what goes on
 * with something that is known writes anything: the name that it gives to that.
 * So that this name touches nothing of another association, it is given by a
 * session connection identifier that nobody has, or by the broken one's.
 */
#include "mta/recovery.h"

#include "base/log.h"
#include "mta/inbound.h"
#include "mta/mta_private.h"
#include "mta/outcome.h"

struct recovery {
    struct mta *mta;
    const struct ipc_bind *bind;
    struct peer *peer;
    struct peer *released; /* whose association it is no more */
    struct error *err;
    bool named;
};

/* Without a bind as with one: who calls otherwise than the peer may call is not the peer. */
static bool may_call(const struct peer *peer, const struct ipc_bind *bind) {
    const struct mta_bind *agreed = &peer->config->bind;
    return (agreed->modes & 1u << bind->mode) && (agreed->two_way_alternate || !bind->two_way_alternate);
}

static enum mta_recovery allowed(const struct peer *peer) {
    return peer && peer->config ? peer->config->recovery : MTA_RECOVERY_OFF;
}

/* The peer of that name, when it may recover what it had from this address. */
static struct peer *caller(const struct recovery *recovery, struct span name, struct span address) {
    struct peer *peer = span_eq(address, recovery->bind->address) ? peer_find(recovery->mta, name) : NULL;
    return allowed(peer) != MTA_RECOVERY_OFF && may_call(peer, recovery->bind) ? peer : NULL;
}

static bool is_unfinished(void *context, const struct store_activity_in *activity) {
    struct recovery *recovery = context;
    struct peer *peer = caller(recovery, activity->peer, inbound_address(activity->state));
    bool released = true;
    if (allowed(peer) == MTA_RECOVERY_FULL ||
        (peer && peer != recovery->released &&
         outcome_is_released(recovery->mta, activity->association, activity->peer, &released,
                             recovery->err) &&
         !released))
        recovery->peer = peer;
    else if (peer)
        recovery->released = peer; /* as it is for the next of them */
    return !recovery->peer && !recovery->err->code;
}

/* Of one peer: they came from one address, but for a peer that gives the name again. */
#define OUTCOMES_SEEN 16

static bool is_over(void *context, const struct store_outcome *outcome) {
    struct recovery *recovery = context;
    struct peer *peer = caller(recovery, outcome->peer, outcome_address(outcome));
    if (allowed(peer) == MTA_RECOVERY_FULL)
        recovery->peer = peer;
    return !recovery->peer;
}

static bool any_is_full(const struct mta *mta) {
    for (size_t i = 0; i < mta->view.config->peer_count; i++)
        if (mta->view.config->peers[i].recovery == MTA_RECOVERY_FULL)
            return true;
    return false;
}

static bool see_activity(void *context, const struct store_activity_in *activity) {
    struct recovery *recovery = context;
    recovery->named = recovery->named || span_eq(activity->peer, span_str(recovery->peer->name));
    return !recovery->named;
}

/* Does it call itself as another association of the peer's is called, or was? */
static bool has_the_name_of_another(struct recovery *recovery) {
    struct store *store = recovery->mta->view.store;
    struct span id = recovery->bind->id;
    bool had = false;
    if (span_eq(id, recovery->bind->recover_id))
        return false;
    recovery->named = outcome_is_called(recovery->mta, recovery->peer, id);
    return !store_each_activity_of(store, id, see_activity, recovery, recovery->err) || recovery->named ||
           !store_has_outcome(store, id, span_str(recovery->peer->name), &had, recovery->err) || had;
}

struct peer *recovery_peer(struct mta *mta, const struct ipc_bind *bind, const char **why,
                           struct error *err) {
    struct recovery recovery = {.mta = mta, .bind = bind, .err = err};
    bool read = store_each_activity_of(mta->view.store, bind->recover_id, is_unfinished, &recovery, err);
    if (read && !recovery.peer && !err->code && any_is_full(mta))
        store_each_outcome(mta->view.store, bind->recover_id, OUTCOMES_SEEN, is_over, &recovery, err);
    *why = "no such association broke";
    if (!recovery.peer || allowed(recovery.peer) == MTA_RECOVERY_FULL || !has_the_name_of_another(&recovery))
        return recovery.peer;
    *why = "it has the session connection identifier of another association";
    return NULL;
}

bool recovery_begin(struct association *association, struct span id) {
    if (allowed(association->peer) == MTA_RECOVERY_FULL)
        return true;
    association->recovers = bytes_new(id, (struct span){NULL, 0});
    association->peer->recovering += association->out && association->recovers;
    return association->recovers != NULL;
}

bool recovery_brings_new(struct association *association) {
    if (!association->recovers)
        return false;
    log_caused_by(
        &association->peer->lines, LOG_LEVEL_WARNING,
        "peer=%s a recovery without a bind begins something new, and is ended; where the peer knows no "
        "better, its option 'recovery = full' lets it",
        association->peer->name);
    association_end(association, IPC_CLOSE_ABORTED, "a recovery begins something new without a bind");
    return true;
}

/* More of it is no recovery. */
#define RECOVERIES_MOST 100

bool recovery_may_name(struct association *association, struct error *err) {
    return !association->recovers ||
           (++association->recoveries <= RECOVERIES_MOST && outcome_may_recover(association)) ||
           error_set(err, STORE_IN_USE, "a recovery resumes again and again");
}

bool recovery_has_own_name(const struct association *association) {
    return association->recovers && !span_eq(bytes_head(association->recovers), bytes_head(association->id));
}

bool recovery_is_for(const struct association *association, struct span id) {
    return !association->recovers || span_eq(bytes_head(association->recovers), id);
}
