#include "mta/user_bind.h"

#include "base/clock.h"
#include "base/log.h"
#include "mta/guesses.h"
#include "mta/hashing.h"
#include "mta/ms_change.h"
#include "mta/mta_private.h"
#include "mta/user_agent.h"
#include "mta/user_association.h"
#include "mta/user_end.h"
#include "mta/user_port.h"
#include "mta/users.h"
#include "names/oraddress.h"

static void answer(const struct net_process *net, uint64_t ref, const struct ipc_bind_answer *given) {
    struct buf *head = &net->mta->head;
    buf_clear(head);
    ipc_bind_answer_write(given, head);
    ipc_send(net->channel, IPC_BIND_ANSWER, ref, buf_span(head), (struct span){NULL, 0});
}

static void refuse(const struct net_process *net, uint64_t ref, enum ipc_bind_verdict verdict,
                   const char *cause) {
    answer(net, ref, &(struct ipc_bind_answer){.verdict = verdict, .cause = span_str(cause)});
}

static void log_refusal(struct span user, struct span host, const char *cause) {
    char name[LOG_TEXT_SIZE], address[LOG_TEXT_SIZE];
    log_caused(LOG_LEVEL_WARNING, "user=%s address=%s bind refused: %s", log_text(user, name),
               log_text(host, address), cause);
}

/* Wrong binds of the minute are counted by the address, however it is written. */
static struct span counted(struct mta *mta, struct span user) {
    arena_reset(&mta->arena);
    struct span key = oraddress_key_of(user, &mta->arena, NULL);
    return key.data ? key : user;
}

static void refuse_wrong(const struct net_process *net, uint64_t ref, struct span user, struct span host,
                         const char *cause) {
    struct guess guess = {.address = host,
                          .name = counted(net->mta, user),
                          .user = true,
                          .parameter = "initiator-credentials",
                          .cause = cause};
    if (guesses_wrong(net->mta->guesses, &guess, clock_monotonic_us()))
        log_refusal(user, host, cause);
    refuse(net, ref, IPC_BIND_AUTHENTICATION_ERROR, cause);
}

static void refuse_busy(const struct net_process *net, uint64_t ref, struct span user, struct span host,
                        const char *cause) {
    log_refusal(user, host, cause);
    refuse(net, ref, IPC_BIND_BUSY, cause);
}

/* ---- the password is right ---- */

static const char *why_busy(const struct mta *mta, struct span address) {
    const struct mta_limits *limits = &mta->view.config->limits;
    return mta->stopping ? "the MTA is stopping"
           : user_associations_of(mta, address) >= limits->associations_of_user
               ? "the user has too many associations"
               : NULL;
}

static void admit(struct user_association *association) {
    struct mta *mta = association->net->mta;
    const char *mta_name = mts_self_of(mta->view.config->tables)->mta_name;
    association->state = USER_UP;
    answer(association->net, association->ref,
           &(struct ipc_bind_answer){.verdict = IPC_BIND_ADMITTED,
                                     .peer = user_association_address(association),
                                     .credentials = {.form = IPC_CREDENTIALS_OCTET_STRING,
                                                     .name = span_str(mta_name),
                                                     .password = SPAN_LIT("")}});
    user_port_open(association);
    user_agent_follow(association);
}

static const char no_labels[] = "a security context was asked for; there is no label policy here";

/* True: it is up. */
static bool decide(struct user_association *association, bool matches) {
    const struct net_process *net = association->net;
    struct span user = user_association_address(association), host = bytes_rest(association->names);
    const struct local_user *found = user_find(&net->mta->view, user);
    const char *busy = why_busy(net->mta, user);
    if (!found || found->leaving)
        refuse_wrong(net, association->ref, user, host, "no user has this address");
    else if (!found->password)
        refuse_wrong(net, association->ref, user, host, "the user has no password: 'mhs user set' gives one");
    else if (!matches)
        refuse_wrong(net, association->ref, user, host, "the password is not the user's");
    else if (association->security_context) {
        log_refusal(user, host, no_labels);
        refuse(net, association->ref, IPC_BIND_UNACCEPTABLE_SECURITY_CONTEXT, no_labels);
    } else if (busy)
        refuse_busy(net, association->ref, user, host, busy);
    else if (association->of_store && !ms_open(association))
        refuse_busy(net, association->ref, user, host, "the store can't be read now");
    else {
        admit(association);
        return true;
    }
    return false;
}

/* It may have gone meanwhile. */
static void compared(struct mta *mta, uint64_t number, bool matches) {
    struct user_association *association = user_association_numbered(mta, number);
    if (association && association->state == USER_ASKED && !decide(association, matches))
        user_association_gone(association);
}

/* ---- the question ---- */

static void ask(struct net_process *net, uint64_t ref, const struct ipc_bind *bind, struct span name,
                const struct local_user *user) {
    struct user_association *association = user_association_add(net, ref, name, bind->address);
    bool strong =
        bind->credentials.form == IPC_CREDENTIALS_STRONG || bind->credentials.form == IPC_CREDENTIALS_NONE;
    if (!association) {
        refuse_busy(net, ref, name, bind->address, "no memory");
        return;
    }
    association->of_store = bind->binder == IPC_BINDER_MS_USER;
    association->security_context = bind->security_context;
    if (hashing_compare(net->mta->hashing, user && !strong ? user->password : NULL,
                        bind->credentials.password, compared, association->number))
        return;
    refuse_busy(net, ref, name, bind->address, "too many passwords wait to be compared");
    user_association_gone(association);
}

void user_bind(struct net_process *net, uint64_t ref, const struct ipc_bind *bind) {
    struct mta *mta = net->mta;
    const struct local_user *user = user_find(&mta->view, bind->user);
    struct span name = user ? span_str(user->address) : bind->user; /* a stranger as he calls himself */
    if (guesses_are_too_many(mta->guesses, bind->address, counted(mta, name), clock_monotonic_us()))
        refuse(net, ref, IPC_BIND_AUTHENTICATION_ERROR, "too many wrong binds");
    else if (bind->recover_id.len)
        refuse(net, ref, IPC_BIND_CANNOT_RECOVER, "users' associations are not recovered");
    else if (mta->user_associations.count >= mta->view.config->limits.associations_users)
        refuse_busy(net, ref, name, bind->address, "too many associations of users");
    else
        ask(net, ref, bind, name, user);
}
