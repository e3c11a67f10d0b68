/* Who may bind, in either direction, and what ends an association. */
#include "mta/admission.h"

#include "base/clock.h"
#include "base/log.h"
#include "mta/association.h"
#include "mta/bind.h"
#include "mta/guesses.h"
#include "mta/mta_private.h"
#include "mta/outcome.h"
#include "mta/ping.h"
#include "mta/pump.h"
#include "mta/recovery.h"
#include "mta/user_association.h"
#include "mta/user_bind.h"
#include "mta/user_end.h"

static void answer(const struct net_process *net, uint64_t ref, const struct ipc_bind_answer *given) {
    struct buf *head = &net->mta->head;
    buf_clear(head);
    ipc_bind_answer_write(given, head);
    ipc_send(net->channel, IPC_BIND_ANSWER, ref, buf_span(head), (struct span){NULL, 0});
}

static void refuse(const struct net_process *net, uint64_t ref, enum ipc_bind_verdict verdict,
                   const char *parameter, const char *cause) {
    answer(net, ref,
           &(struct ipc_bind_answer){
               .verdict = verdict, .parameter = span_str(parameter), .cause = span_str(cause)});
}

static const char *why_busy(const struct mta *mta, const struct peer *peer) {
    if (mta->stopping)
        return "the MTA is stopping";
    if (!peer->config)
        return "the peer is not in the configuration";
    if (peer->disabled)
        return "an operator disabled the peer";
    if (batch_is_full(mta) && batch_is_stuck(mta)) /* to admit and to close one adds to the batch */
        return batch_cause(mta);
    if (mta->associations_in >= mta->view.config->limits.associations_in)
        return "too many associations";
    if (peer->in >= peer->config->max_in)
        return "too many associations with this peer";
    return NULL;
}

/* The bind is that of `peer`: is there room for it? */
static void admit(struct net_process *net, uint64_t ref, struct peer *peer, const struct ipc_bind *bind) {
    char address[LOG_TEXT_SIZE];
    const char *busy = why_busy(net->mta, peer);
    if (!busy && !association_add(net, ref, peer, false, bind))
        busy = "no memory";
    if (busy) {
        log_caused_by(&peer->lines, LOG_LEVEL_NOTICE, "peer=%s address=%s association refused: %s",
                      peer->name, log_text(bind->address, address), busy);
        refuse(net, ref, IPC_BIND_BUSY, "", busy);
        return;
    }
    struct ipc_bind_answer admitted = {.verdict = IPC_BIND_ADMITTED, .peer = span_str(peer->name)};
    if (!bind->recover_id.len && !peer->config->bind.unauthenticated)
        admitted.credentials = peer->config->bind.ours;
    answer(net, ref, &admitted);
    if (!bind->recover_id.len)
        peer_is_there(net->mta, peer, "calls in");
}

/* The store may still think that the association is up (half open, or in another net process): then it is
 * fenced, so that nothing more of it counts. */
static void fence(struct mta *mta, const struct peer *peer, const struct ipc_bind *bind) {
    struct association_walk walk = {mta->nets};
    for (struct association *association; (association = association_next(&walk));) {
        if (association->out || association->peer != peer ||
            !span_eq(bytes_head(association->id), bind->recover_id) ||
            !span_eq(bytes_rest(association->id), bind->address))
            continue;
        association_end(association, IPC_CLOSE_ABORTED, "recovered by another association");
        map_remove(&association->net->associations, association->ref);
        association_gone(association, "recovered by another association");
        return;
    }
}

/* Whether there is anything to be recovered can't be told now. */
static void recover_later(struct net_process *net, uint64_t ref, const struct ipc_bind *bind,
                          const char *cause) {
    char address[LOG_TEXT_SIZE];
    log_caused(LOG_LEVEL_WARNING, "address=%s recovery refused for now: %s", log_text(bind->address, address),
               cause);
    refuse(net, ref, IPC_BIND_BUSY, "", cause);
}

static void recover_inbound(struct net_process *net, uint64_t ref, const struct ipc_bind *bind) {
    char address[LOG_TEXT_SIZE];
    const char *why;
    struct error err = {0};
    if (outcome_is_unknown(net->mta)) {
        recover_later(net, ref, bind, batch_cause(net->mta));
        return;
    }
    struct peer *peer = recovery_peer(net->mta, bind, &why, &err);
    if (peer) {
        fence(net->mta, peer, bind);
        admit(net, ref, peer, bind);
    } else if (err.code) {
        recover_later(net, ref, bind, err.text);
    } else {
        log_caused(LOG_LEVEL_WARNING, "address=%s recovery refused: %s", log_text(bind->address, address),
                   why);
        refuse(net, ref, IPC_BIND_CANNOT_RECOVER, "", why);
    }
}

/* Who changes a password is to know when the former one can go. */
static void note_password(struct peer *peer, bool former) {
    if (former)
        log_caused_by(&peer->lines, LOG_LEVEL_NOTICE, "peer=%s binds by its former password", peer->name);
    else if (peer->by_former)
        log_caused_by(&peer->lines, LOG_LEVEL_NOTICE,
                      "peer=%s binds by its new password now: 'former-password' can be taken away",
                      peer->name);
    peer->by_former = former;
}

static void bind_inbound(struct net_process *net, uint64_t ref, const struct ipc_bind *bind) {
    struct mta *mta = net->mta;
    struct bind_judgement judgement;
    char address[LOG_TEXT_SIZE];
    int64_t now = clock_monotonic_us();
    if (guesses_are_too_many(mta->guesses, bind->address, bind->credentials.name, now)) {
        refuse(net, ref, IPC_BIND_AUTHENTICATION_ERROR, "", "too many wrong binds");
        return;
    }
    buf_clear(&mta->scratch);
    bind_judge(mta->view.config->peers, mta->view.config->peer_count, bind, &mta->scratch, &judgement);
    struct peer *peer = judgement.peer ? peer_find(mta, span_str(judgement.peer->name)) : NULL;
    if (judgement.verdict == IPC_BIND_RESOLVE) {
        answer(net, ref,
               &(struct ipc_bind_answer){.verdict = IPC_BIND_RESOLVE, .hosts = buf_span(&mta->scratch)});
    } else if (judgement.verdict == IPC_BIND_ADMITTED && peer) {
        note_password(peer, judgement.former_password);
        admit(net, ref, peer, bind);
    } else {
        struct guess guess = {bind->address, bind->credentials.name, peer ? peer->name : NULL,
                              judgement.parameter, judgement.cause};
        if (!judgement.unknown || guesses_wrong(mta->guesses, &guess, now))
            log_caused(LOG_LEVEL_WARNING, "peer=%s address=%s bind refused: %s: %s", peer ? peer->name : "?",
                       log_text(bind->address, address), judgement.parameter, judgement.cause);
        refuse(net, ref, judgement.verdict, judgement.parameter, judgement.cause);
    }
}

/* True if the responder of a call of ours proves to be the peer (X.411 §12.1.1.1.2); RT-RECOVER's result
 * holds no proof. Answers when not. */
static bool responder_is(const struct net_process *net, uint64_t ref, const struct mta_peer *peer,
                         const struct ipc_bind *bind, struct bind_judgement *judgement) {
    *judgement = (struct bind_judgement){
        .verdict = IPC_BIND_BUSY, .parameter = "", .cause = "the peer is not in the configuration any more"};
    if (peer && bind->recover_id.len)
        return true;
    if (peer)
        bind_judge_result(peer, bind, judgement);
    if (judgement->verdict == IPC_BIND_ADMITTED)
        return true;
    refuse(net, ref, judgement->verdict, judgement->parameter, judgement->cause);
    return false;
}

static const struct ipc_bind_answer goes_on = {.verdict = IPC_BIND_ADMITTED};

static bool bind_outbound(struct net_process *net, uint64_t ref, const struct ipc_bind *bind) {
    struct mta *mta = net->mta;
    struct bind_judgement judgement;
    struct peer *peer = peer_find(mta, bind->peer);
    if (!peer || !pump_connected(net, peer))
        return link_broke_rules(net->channel, "an association that nobody asked for");
    if (!responder_is(net, ref, peer->config, bind, &judgement)) {
        peer_failed(mta, peer, span_str(judgement.cause));
        return true;
    }
    struct association *association = association_add(net, ref, peer, true, bind);
    if (!association) {
        refuse(net, ref, IPC_BIND_BUSY, "", "no memory");
        peer_failed(mta, peer, SPAN_LIT("no memory"));
        return true;
    }
    answer(net, ref, &goes_on);
    peer_worked(mta, peer);
    association_idle(association, true);
    destination_mark(mta, &peer->destination);
    return true;
}

static bool bind_ping(struct net_process *net, uint64_t ref, const struct ipc_bind *bind) {
    struct bind_judgement judgement;
    const struct peer *peer = peer_find(net->mta, bind->peer);
    char name[LOG_TEXT_SIZE];
    if (!peer || !ping_binds(net, peer)) { /* or it could try passwords, unseen */
        log_warning("process %s asks about a responder of peer '%s' for a ping that it was not asked for; "
                    "it gets no answer to that",
                    ipc_name(net->channel), log_text(bind->peer, name));
        refuse(net, ref, IPC_BIND_BUSY, "", "the ping has had its bind already");
        return true;
    }
    if (responder_is(net, ref, peer->config, bind, &judgement))
        answer(net, ref, &goes_on);
    return true;
}

uint64_t admission_awaits(const struct net_process *net, uint64_t ref, struct span payload) {
    struct ipc_bind bind;
    bool recovers = ref && ipc_bind_read(payload, &bind) && bind.direction == IPC_DIRECTION_IN &&
                    bind.binder == IPC_BINDER_MTA && bind.recover_id.len;
    return recovers ? outcome_awaits_any(net, ref, payload) : 0;
}

bool admission_bind(struct net_process *net, uint64_t ref, struct span payload) {
    struct ipc_bind bind;
    if (!ipc_bind_read(payload, &bind) || !ref || association_find(net, ref) ||
        user_association_find(net, ref))
        return false;
    if (bind.direction == IPC_DIRECTION_OUT)
        return bind_outbound(net, ref, &bind);
    if (bind.direction == IPC_DIRECTION_PING)
        return bind_ping(net, ref, &bind);
    if (bind.binder != IPC_BINDER_MTA)
        user_bind(net, ref, &bind);
    else if (bind.recover_id.len)
        recover_inbound(net, ref, &bind);
    else
        bind_inbound(net, ref, &bind);
    return true;
}

/* ---- ends ---- */

bool admission_close(struct net_process *net, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    uint8_t how = reader_u8(&r);
    struct span cause = payload_octets(&r);
    struct association *association = association_find(net, ref);
    struct user_association *of_user = association ? NULL : user_association_find(net, ref);
    if (of_user)
        user_association_gone(of_user);
    if (!association)
        return true;
    char text[LOG_TEXT_SIZE];
    struct peer *peer = association->peer;
    if (how != IPC_CLOSE_RELEASED) {
        if (association->state != ASSOCIATION_CLOSING) /* the net process has said it with the address */
            log_debug("peer=%s association broke: %s", peer->name, log_text(cause, text));
        /* One that ends without having carried anything says no more than a refused connection. */
        if (association->out && !association->carried && association->state == ASSOCIATION_UP)
            peer_failed(net->mta, peer, cause);
    }
    if (how == IPC_CLOSE_RELEASED && !association->out)
        outcome_released(association);
    map_remove(&net->associations, ref);
    association_gone(association, log_text(cause, text));
    if (net->mta->stopping)
        event_active(net->mta->tick, EV_TIMEOUT, 0); /* the last one may have been awaited */
    return true;
}

bool admission_connect_failed(struct net_process *net, uint64_t ref, struct span payload) {
    (void)ref;
    struct reader r = reader_of(payload);
    struct span name = payload_octets(&r);
    reader_u8(&r); /* the layer, which the cause names */
    struct span cause = payload_octets(&r), recover = payload_octets(&r);
    struct peer *peer = peer_find(net->mta, name);
    if (!peer || !pump_connected(net, peer))
        return false;
    if (recover.len && !peer->without_recovery) {
        /* The peer may have forgotten the association; an activity is resumed in a new one as well (X.228
         * §7.8). */
        peer->without_recovery = true;
        destination_mark(net->mta, &peer->destination);
    } else {
        peer_failed(net->mta, peer, cause);
    }
    return true;
}
