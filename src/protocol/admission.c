/*
 * May it be? Of each bind that comes in, and of each responder that has accepted
 * ours, the store process is asked (IPC_BIND): it alone knows the peers' names
 * and passwords. What it needs and can't find out itself is what names of hosts
 * resolve to.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/host.h"
#include "base/log.h"
#include "protocol/bind.h"
#include "protocol/net_private.h"

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

/* ---- the question ---- */

static enum ipc_mode mode_of(enum osi_context context) {
    return context == OSI_MTS_TRANSFER            ? IPC_MODE_NORMAL
           : context == OSI_MTS_TRANSFER_PROTOCOL ? IPC_MODE_X410_1988
                                                  : IPC_MODE_1984;
}

static struct ipc_selectors selectors_of(const struct osi_address *address) {
    return (struct ipc_selectors){.t = address->t, .s = address->s, .p = address->p};
}

/* Sends the bind with what the association itself tells of it. */
static void ask(struct connection *c, const struct osi_open *open, struct ipc_bind *bind) {
    struct buf payload, id, recovered;
    buf_init(&payload, 0);
    buf_init(&id, 0);
    buf_init(&recovered, 0);
    connection_id_write(&open->id, &id);
    if (c->inbound && open->recover)
        connection_id_write(&open->recovered, &recovered);
    bind->address = span_str(c->address);
    bind->mode = mode_of(open->context);
    bind->two_way_alternate = open->dialogue == OSI_TWO_WAY_ALTERNATE;
    bind->id = buf_span(&id);
    bind->recover_id = c->inbound ? buf_span(&recovered) : buf_span(&c->recover_id);
    ipc_bind_write(bind, &payload);
    net_tell(c->net, IPC_BIND, c->ref, &payload);
    buf_free(&id);
    buf_free(&recovered);
    c->state = CONNECTION_ADMISSION;
    c->announced = true;
}

void admission_ask_result(struct connection *c, const struct osi_open *open,
                          const struct ipc_credentials *given) {
    struct ipc_bind bind = {.direction = c->ping ? IPC_DIRECTION_PING : IPC_DIRECTION_OUT,
                            .peer = span_str(c->name),
                            .credentials = *given};
    ask(c, open, &bind);
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

static void refuse(struct connection *c, enum ipc_bind_verdict verdict) {
    struct arena arena;
    arena_init(&arena, 4096);
    if (verdict == IPC_BIND_CANNOT_RECOVER)
        osi_association_refuse(c->association, OSI_REFUSE_CANNOT_RECOVER, (struct span){NULL, 0});
    else
        osi_association_refuse(c->association, refusals[verdict].x410,
                           bind_error_data(refusals[verdict].error, &arena));
    arena_free(&arena);
}

/* Who is unknown hears so a fixed time after his bind came: how long it took to find out, and what was wrong,
 * he can't tell. Who guesses waits as well. */
#define REFUSAL_US ((int64_t)300000)

static void refuse_unknown(struct connection *c) {
    c->refuse_at = c->admission->asked + REFUSAL_US;
    connection_kick(c);
}

void admission_refuse_now(struct connection *c) {
    c->refuse_at = 0;
    if (!c->association || osi_association_is_over(c->association))
        return;
    refuse(c, IPC_BIND_AUTHENTICATION_ERROR);
    admission_forget(c);
}

/* ---- names of hosts ---- */

static void forget(struct connection *c) {
    if (c->admission) {
        buf_free(&c->admission->hosts);
        buf_free(&c->admission->known);
    }
    mem_free(c->admission);
    c->admission = NULL;
}

void admission_forget(struct connection *c) {
    if (!c->admission)
        return;
    resolve_cancel(c->question);
    c->question = NULL;
    forget(c);
}

/* True if the connection comes from one of these. */
static bool is_among(const struct connection *c, const struct evutil_addrinfo *found) {
    for (; found; found = found->ai_next) {
        struct sockaddr_storage address = {0};
        char text[HOST_TEXT_SIZE];
        if (found->ai_addrlen > sizeof address)
            continue;
        memcpy(&address, found->ai_addr, found->ai_addrlen);
        host_text(&address, text);
        if (strcmp(text, c->address) == 0)
            return true;
    }
    return false;
}

static void ask_inbound(struct connection *c);

static void on_resolved(void *context, struct evutil_addrinfo *found, const char *why);

/* Resolves the next name; without one the bind is asked once more. */
static void resolve_next(struct connection *c) {
    struct admission *admission = c->admission;
    struct span host;
    while (ipc_bind_host(&admission->left, &host)) {
        if (host.len >= sizeof admission->host)
            continue;
        memcpy(admission->host, host.data, host.len);
        admission->host[host.len] = '\0';
        c->question = resolve_begin(c->net->resolver, c->net->loop, admission->host, 0, on_resolved, c);
        if (c->question)
            return;
    }
    admission->resolved = true;
    ask_inbound(c);
}

static void on_resolved(void *context, struct evutil_addrinfo *found, const char *why) {
    struct connection *c = context;
    struct admission *admission = c->admission;
    c->question = NULL;
    if (!found)
        connection_warn(c, "check-address: the host name '%s' does not resolve: %s", admission->host, why);
    if (is_among(c, found))
        payload_put_octets(&admission->known, span_str(admission->host));
    if (found)
        evutil_freeaddrinfo(found);
    if (!osi_association_is_over(c->association))
        resolve_next(c);
    connection_pump(c);
}

static void resolve_hosts(struct connection *c, struct span hosts) {
    struct admission *admission = c->admission;
    c->announced = false;
    buf_clear(&admission->hosts);
    buf_clear(&admission->known);
    buf_append_span(&admission->hosts, hosts);
    admission->left = buf_span(&admission->hosts);
    resolve_next(c);
}

void admission_ask_again(struct connection *c) {
    if (!c->question || !c->admission)
        return;
    resolve_cancel(c->question);
    c->question = NULL;
    ask_inbound(c);
    connection_kick(c);
}

/* ---- inbound ---- */

/* Reads the bind and asks whose it is. What is no bind is refused at once. */
static void ask_inbound(struct connection *c) {
    const struct osi_open *open = &c->admission->open;
    struct ipc_bind bind = {.direction = IPC_DIRECTION_IN,
                            .called = selectors_of(&open->called),
                            .calling = selectors_of(&open->calling),
                            .resolved = c->admission->resolved,
                            .hosts = buf_span(&c->admission->known)};
    struct arena arena;
    char why[200];
    arena_init(&arena, 64 * 1024);
    /* RT-RECOVER carries no bind: the store process knows whose association broke. */
    if (open->recover || bind_read_argument(open->user_data, open->context, &arena, &bind.credentials,
                                            &bind.security_context, why)) {
        ask(c, open, &bind);
    } else {
        connection_warn(c, "bind refused: the bind argument is not valid: %s", why);
        refuse_unknown(c);
    }
    arena_free(&arena);
}

void admission_indication(struct connection *c, const struct osi_open *open) {
    c->context = open->context;
    c->state = CONNECTION_ADMISSION;
    if (open->recover && throttle_is_over(&c->net->throttle, c->network)) {
        refuse(c, IPC_BIND_CANNOT_RECOVER);
        return;
    }
    c->admission = mem_alloc(sizeof *c->admission);
    if (!c->admission) {
        refuse(c, IPC_BIND_BUSY);
        return;
    }
    c->admission->open = *open;
    c->admission->asked = clock_monotonic_us();
    buf_init(&c->admission->hosts, 0);
    buf_init(&c->admission->known, 0);
    ask_inbound(c);
}

/* The store process counts the association from now on: what can't be here is closed there. A reload may have
 * come to this process first, and taken the peer away. */
static void admit(struct connection *c, const struct ipc_bind_answer *answer) {
    struct arena arena;
    arena_init(&arena, 4096);
    bool known = connection_name(c, answer->peer) && net_peer_by_name(c->net, answer->peer);
    bool recover = osi_association_open(c->association)->recover;
    struct span result =
        recover ? (struct span){NULL, 0} : bind_result(&answer->credentials, c->context, &arena);
    if (known && osi_association_accept(c->association, result, clock_monotonic_us())) {
        c->state = CONNECTION_OPEN;
        c->net->opening--;
        log_info("peer=%s address=%s association accepted (%s%s)", c->name, c->address,
                 connect_context_name(c->context), recover ? ", recovery" : "");
    } else {
        osi_association_user_abort(c->association, (struct span){NULL, 0});
    }
    arena_free(&arena);
}

static void answer_inbound(struct connection *c, const struct ipc_bind_answer *answer) {
    if (answer->verdict == IPC_BIND_RESOLVE) {
        resolve_hosts(c, answer->hosts);
        return;
    }
    if (answer->verdict == IPC_BIND_CANNOT_RECOVER)
        throttle_failed(&c->net->throttle, c->network);
    if (answer->verdict == IPC_BIND_AUTHENTICATION_ERROR) {
        c->announced = false;
        refuse_unknown(c);
        return;
    }
    c->announced = answer->verdict == IPC_BIND_ADMITTED;
    if (c->announced)
        admit(c, answer);
    else
        refuse(c, answer->verdict);
    admission_forget(c);
}

/* ---- outbound ---- */

static void answer_outbound(struct connection *c, const struct ipc_bind_answer *answer) {
    char cause[LOG_TEXT_SIZE], parameter[LOG_TEXT_SIZE];
    if (answer->verdict == IPC_BIND_ADMITTED) {
        connect_opened(c);
        return;
    }
    c->announced = false; /* the store process has counted it as failed */
    connect_refused(c, log_text(answer->parameter, parameter), log_text(answer->cause, cause));
}

void admission_answer(struct connection *c, const struct ipc_bind_answer *answer) {
    if (c->state != CONNECTION_ADMISSION || !c->announced)
        return;
    if (c->inbound)
        answer_inbound(c, answer);
    else
        answer_outbound(c, answer);
    connection_pump(c);
}
