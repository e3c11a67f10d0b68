#include "mta/user_bind.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/host.h"
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

/* A site has lines of its own: what one causes in numbers leaves room for what others do. */
static void log_refusal(struct span user, struct span host, const char *cause) {
    char name[LOG_TEXT_SIZE], address[LOG_TEXT_SIZE], site[HOST_TEXT_SIZE], who[HOST_TEXT_SIZE + 16];
    host_network(log_text(host, address), HOST_SITE_BITS, site);
    snprintf(who, sizeof who, "network=%s", site);
    log_caused_by_stranger(who, LOG_LEVEL_WARNING, "user=%s address=%s bind refused: %s",
                           log_text(user, name), address, cause);
}

/* Wrong binds of the minute are counted by the address, however it is written, and by the hash of the
 * password: who has been given another one begins anew. */
static struct span counted(struct mta *mta, struct span name) {
    const struct local_user *user = user_find(&mta->view, name);
    arena_reset(&mta->arena);
    struct span key = oraddress_key_of(name, &mta->arena, NULL);
    key = key.data ? key : name;
    const char *by = user && user->password ? arena_printf(&mta->arena, "%s\n%.*s", user->password,
                                                           (int)key.len, (const char *)key.data)
                                            : NULL;
    return by ? span_str(by) : key;
}

static bool are_too_many(struct mta *mta, struct span user, struct span host) {
    struct guess guess = {.address = host, .name = user, .user = true, .counted = counted(mta, user)};
    return guesses_are_too_many(mta->guesses, &guess, clock_monotonic_us());
}

static void count_wrong(struct mta *mta, struct span user, struct span host, const char *cause) {
    struct guess guess = {.address = host,
                          .name = user,
                          .user = true,
                          .counted = counted(mta, user),
                          .parameter = "initiator-credentials",
                          .cause = cause};
    if (guesses_wrong(mta->guesses, &guess, clock_monotonic_us()))
        log_refusal(user, host, cause);
}

static void refuse_wrong(const struct net_process *net, uint64_t ref, struct span user, struct span host,
                         const char *cause) {
    count_wrong(net->mta, user, host, cause);
    refuse(net, ref, IPC_BIND_AUTHENTICATION_ERROR, cause);
}

static void refuse_unread(const struct net_process *net, uint64_t ref) {
    refuse(net, ref, IPC_BIND_AUTHENTICATION_ERROR, "too many wrong binds");
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
    struct ipc_bind_answer given = {.verdict = IPC_BIND_ADMITTED,
                                    .peer = user_association_address(association),
                                    .credentials = {.form = IPC_CREDENTIALS_OCTET_STRING,
                                                    .name = span_str(mta_name),
                                                    .password = SPAN_LIT("")}};
    association->state = USER_UP;
    user_agent_follow(association); /* what it marks is pumped behind the answer */
    given.waiting_told = association->agent != NULL;
    if (association->agent)
        user_agent_waiting(mta, association->agent, given.waiting);
    answer(association->net, association->ref, &given);
    user_port_open(association);
}

static const char *no_password(const struct local_user *user) {
    return user->configured
               ? "the user has no password: 'password-hash' in the configuration gives one ('mhs "
                 "user hash' makes it)"
               : "the user has no password: 'mhs user set' gives one";
}

static const char wrong_password[] = "the password is not the user's";
static const char no_labels[] = "a security context was asked for; there is no label policy here";

/* True: it is up. A password that was changed while it was compared is none any more. */
static bool decide(struct user_association *association, const char *hash, bool matches) {
    const struct net_process *net = association->net;
    struct span user = user_association_address(association), host = bytes_rest(association->names);
    const struct local_user *found = user_find(&net->mta->view, user);
    const char *busy = why_busy(net->mta, user);
    if (!found || found->leaving)
        refuse_wrong(net, association->ref, user, host, "no user has this address");
    else if (!found->password)
        refuse_wrong(net, association->ref, user, host, no_password(found));
    else if (!matches || strcmp(hash, found->password) != 0)
        refuse_wrong(net, association->ref, user, host, wrong_password);
    else if (association->security_context) {
        log_refusal(user, host, no_labels);
        refuse(net, association->ref, IPC_BIND_UNACCEPTABLE_SECURITY_CONTEXT, no_labels);
    } else if (busy)
        refuse_busy(net, association->ref, user, host, busy);
    else if (association->of_store && !ms_open(association))
        refuse_busy(net, association->ref, user, host, "the store can't be read now");
    else {
        user_association_proved(association, hash);
        admit(association);
        return true;
    }
    return false;
}

/* ---- the question ---- */

static const char too_many_wait[] = "too many passwords wait to be compared";

/* What was wrong while it waited counts: many that are asked at once are no more guesses than one by one. */
static bool may_compare(struct mta *mta, uint64_t number) {
    struct user_association *association = user_association_numbered(mta, number);
    if (!are_too_many(mta, user_association_address(association), bytes_rest(association->names)))
        return true;
    refuse_unread(association->net, association->ref);
    user_association_gone(association);
    return false;
}

/* A guess counts, though whoever made it has not waited for the answer. */
static void compared(struct mta *mta, uint64_t number, const struct bytes *names, const char *hash,
                     bool matches) {
    struct user_association *association = user_association_numbered(mta, number);
    if (!association && !matches)
        count_wrong(mta, bytes_head(names), bytes_rest(names), wrong_password);
    else if (association && !decide(association, hash, matches))
        user_association_gone(association);
}

static void gave_way(struct mta *mta, uint64_t number) {
    struct user_association *association = user_association_numbered(mta, number);
    refuse_busy(association->net, association->ref, user_association_address(association),
                bytes_rest(association->names), too_many_wait);
    user_association_gone(association);
}

static void ask(struct net_process *net, uint64_t ref, const struct ipc_bind *bind, struct span name,
                const struct local_user *user) {
    static const struct hashing_calls calls = {.may = may_compare, .done = compared, .gave_way = gave_way};
    struct user_association *association = user_association_add(net, ref, name, bind->address);
    bool strong =
        bind->credentials.form == IPC_CREDENTIALS_STRONG || bind->credentials.form == IPC_CREDENTIALS_NONE;
    if (!association) {
        refuse_busy(net, ref, name, bind->address, "no memory");
        return;
    }
    association->of_store = bind->binder == IPC_BINDER_MS_USER;
    association->security_context = bind->security_context;
    struct hashing_question question = {.hash = user && !strong ? user->password : NULL,
                                        .password = bind->credentials.password,
                                        .number = association->number,
                                        .names = association->names};
    if (hashing_compare(net->mta->hashing, &question, &calls))
        return;
    refuse_busy(net, ref, name, bind->address, too_many_wait);
    user_association_gone(association);
}

void user_bind(struct net_process *net, uint64_t ref, const struct ipc_bind *bind) {
    struct mta *mta = net->mta;
    const struct local_user *user = user_find(&mta->view, bind->user);
    struct span name = user ? span_str(user->address) : bind->user; /* a stranger as he calls himself */
    if (are_too_many(mta, name, bind->address))
        refuse_unread(net, ref);
    else if (bind->recover_id.len)
        refuse(net, ref, IPC_BIND_CANNOT_RECOVER, "users' associations are not recovered");
    else if (mta->user_associations.count >= mta->view.config->limits.associations_users)
        refuse_busy(net, ref, name, bind->address, "too many associations of users");
    else
        ask(net, ref, bind, name, user);
}
