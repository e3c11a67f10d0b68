/* Inbound binds. What the store process needs to decide and can't find out itself is what names of hosts
 * resolve to. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/host.h"
#include "base/log.h"
#include "protocol/bind.h"
#include "protocol/p1_private.h"

/* An inbound bind that is not answered yet. */
struct admission {
    struct osi_open open; /* its spans live until it is answered */
    struct buf hosts;     /* names that the store process wants resolved */
    struct span left;     /* of them */
    struct buf known;     /* those that resolve to the caller's address */
    char host[256];       /* the one that is being resolved */
    bool resolved;
    int64_t asked; /* monotonic µs */
};

static struct ipc_selectors selectors_of(const struct osi_address *address) {
    return (struct ipc_selectors){.t = address->t, .s = address->s, .p = address->p};
}

/* ---- refusals ---- */

static const struct {
    enum osi_refuse_reason x410;
    enum bind_error error;
} refusals[] = {
    [IPC_BIND_BUSY] = {OSI_REFUSE_RTS_BUSY, BIND_BUSY},
    [IPC_BIND_AUTHENTICATION_ERROR] = {OSI_REFUSE_VALIDATION_FAILURE, BIND_AUTHENTICATION_ERROR},
    [IPC_BIND_UNACCEPTABLE_DIALOGUE_MODE] = {OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE,
                                             BIND_UNACCEPTABLE_DIALOGUE_MODE},
    [IPC_BIND_UNACCEPTABLE_SECURITY_CONTEXT] = {OSI_REFUSE_VALIDATION_FAILURE,
                                                BIND_UNACCEPTABLE_SECURITY_CONTEXT},
};

static void refuse(struct p1 *p1, enum ipc_bind_verdict verdict) {
    struct arena arena;
    arena_init(&arena, 4096);
    if (verdict == IPC_BIND_CANNOT_RECOVER)
        osi_association_refuse(p1->connection->association, OSI_REFUSE_CANNOT_RECOVER,
                               (struct span){NULL, 0});
    else
        osi_association_refuse(p1->connection->association, refusals[verdict].x410,
                               bind_error_data(refusals[verdict].error, &arena));
    arena_free(&arena);
}

/* Who is unknown hears so a fixed time after his bind came: how long it took to find out, and what was wrong,
 * he can't tell. Who guesses waits as well. */
#define REFUSAL_US ((int64_t)300000)

static void refuse_unknown(struct p1 *p1) {
    p1->refuse_at = p1->admission->asked + REFUSAL_US;
    connection_kick(p1->connection);
}

void admission_refuse_now(struct p1 *p1) {
    p1->refuse_at = 0;
    if (!p1->connection->association || osi_association_is_over(p1->connection->association))
        return;
    refuse(p1, IPC_BIND_AUTHENTICATION_ERROR);
    admission_forget(p1);
}

/* ---- names of hosts ---- */

static void forget(struct p1 *p1) {
    if (p1->admission) {
        buf_free(&p1->admission->hosts);
        buf_free(&p1->admission->known);
    }
    mem_free(p1->admission);
    p1->admission = NULL;
}

void admission_forget(struct p1 *p1) {
    if (!p1->admission)
        return;
    resolve_cancel(p1->question);
    p1->question = NULL;
    forget(p1);
}

/* True if the connection comes from one of these. */
static bool is_among(const struct p1 *p1, const struct evutil_addrinfo *found) {
    for (; found; found = found->ai_next) {
        struct sockaddr_storage address = {0};
        char text[HOST_TEXT_SIZE];
        if (found->ai_addrlen > sizeof address)
            continue;
        memcpy(&address, found->ai_addr, found->ai_addrlen);
        host_text(&address, text);
        if (strcmp(text, p1->connection->address) == 0)
            return true;
    }
    return false;
}

static void ask_inbound(struct p1 *p1);

static void on_resolved(void *context, struct evutil_addrinfo *found, const char *why);

/* Resolves the next name; without one the bind is asked once more. */
static void resolve_next(struct p1 *p1) {
    struct admission *admission = p1->admission;
    struct span host;
    while (ipc_bind_host(&admission->left, &host)) {
        if (host.len >= sizeof admission->host)
            continue;
        memcpy(admission->host, host.data, host.len);
        admission->host[host.len] = '\0';
        p1->question = resolve_begin(p1->connection->net->resolver, p1->connection->net->loop,
                                     admission->host, 0, on_resolved, p1);
        if (p1->question)
            return;
    }
    admission->resolved = true;
    ask_inbound(p1);
}

static void on_resolved(void *context, struct evutil_addrinfo *found, const char *why) {
    struct p1 *p1 = context;
    struct admission *admission = p1->admission;
    p1->question = NULL;
    if (!found)
        connection_warn(p1->connection, "check-address: the host name '%s' does not resolve: %s",
                        admission->host, why);
    if (is_among(p1, found))
        payload_put_octets(&admission->known, span_str(admission->host));
    if (found)
        evutil_freeaddrinfo(found);
    if (!osi_association_is_over(p1->connection->association))
        resolve_next(p1);
    connection_pump(p1->connection);
}

static void resolve_hosts(struct p1 *p1, struct span hosts) {
    struct admission *admission = p1->admission;
    p1->connection->announced = false;
    buf_clear(&admission->hosts);
    buf_clear(&admission->known);
    buf_append_span(&admission->hosts, hosts);
    admission->left = buf_span(&admission->hosts);
    resolve_next(p1);
}

void admission_ask_again(struct p1 *p1) {
    if (!p1->question || !p1->admission)
        return;
    resolve_cancel(p1->question);
    p1->question = NULL;
    ask_inbound(p1);
    connection_kick(p1->connection);
}

/* ---- inbound ---- */

/* Reads the bind and asks whose it is. What is no bind is refused at once. */
static void ask_inbound(struct p1 *p1) {
    const struct osi_open *open = &p1->admission->open;
    struct ipc_bind bind = {.direction = IPC_DIRECTION_IN,
                            .called = selectors_of(&open->called),
                            .calling = selectors_of(&open->calling),
                            .resolved = p1->admission->resolved,
                            .hosts = buf_span(&p1->admission->known)};
    struct arena arena;
    char why[200];
    arena_init_secret(&arena, 64 * 1024);
    /* RT-RECOVER carries no bind: the store process knows whose association broke. */
    if (open->recover || bind_read_argument(open->user_data, open->context, &arena, &bind.credentials,
                                            &bind.security_context, why)) {
        p1_ask(p1, open, &bind);
    } else {
        connection_warn(p1->connection, "bind refused: the bind argument is not valid: %s", why);
        refuse_unknown(p1);
    }
    arena_free(&arena);
    mem_wipe_stack();
}

void admission_indication(struct p1 *p1, const struct osi_open *open) {
    p1->context = open->context;
    p1->connection->state = CONNECTION_ADMISSION;
    if (open->recover && throttle_is_over(&p1->connection->net->throttle, p1->connection->network)) {
        refuse(p1, IPC_BIND_CANNOT_RECOVER);
        return;
    }
    p1->admission = mem_alloc(sizeof *p1->admission);
    if (!p1->admission) {
        refuse(p1, IPC_BIND_BUSY);
        return;
    }
    p1->admission->open = *open;
    p1->admission->asked = clock_monotonic_us();
    buf_init(&p1->admission->hosts, 0);
    buf_init(&p1->admission->known, 0);
    ask_inbound(p1);
}

/* The store process counts the association from now on: what can't be here is closed there. A reload may have
 * come to this process first, and taken the peer away. */
static void admit(struct p1 *p1, const struct ipc_bind_answer *answer) {
    struct arena arena;
    arena_init_secret(&arena, 4096);
    bool known = connection_name(p1->connection, answer->peer) &&
                 protocol_peer_named(p1->connection->net->config, answer->peer);
    bool recover = osi_association_open(p1->connection->association)->recover;
    struct span result =
        recover ? (struct span){NULL, 0} : bind_result(&answer->credentials, p1->context, &arena);
    if (known && osi_association_accept(p1->connection->association, result, clock_monotonic_us())) {
        connection_bound(p1->connection);
        connection_log(p1->connection, LOG_LEVEL_INFO, "association accepted (%s%s)",
                       osi_context_row(p1->context)->name, recover ? ", recovery" : "");
    } else {
        osi_association_user_abort(p1->connection->association, (struct span){NULL, 0});
    }
    arena_free(&arena);
}

void admission_answer(struct p1 *p1, const struct ipc_bind_answer *answer) {
    if (answer->verdict == IPC_BIND_RESOLVE) {
        resolve_hosts(p1, answer->hosts);
        return;
    }
    if (answer->verdict == IPC_BIND_CANNOT_RECOVER)
        throttle_failed(&p1->connection->net->throttle, p1->connection->network);
    if (answer->verdict == IPC_BIND_AUTHENTICATION_ERROR) {
        p1->connection->announced = false;
        refuse_unknown(p1);
        return;
    }
    p1->connection->announced = answer->verdict == IPC_BIND_ADMITTED;
    if (p1->connection->announced)
        admit(p1, answer);
    else
        refuse(p1, answer->verdict);
    admission_forget(p1);
}
