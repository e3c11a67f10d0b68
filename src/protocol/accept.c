/*
 * Inbound associations: TCP accept, the bind's check against the peers of the
 * configuration, admission by the store process, and the answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "protocol/bind.h"
#include "protocol/net_private.h"

/* The host of an address, an IPv4 address that came over IPv6 as IPv4. */
static void format_host(const struct sockaddr_storage *address, char *out, size_t size) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    snprintf(out, size, "?");
    if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, out, (socklen_t)size);
    else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, (socklen_t)size);
    else if (address->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, out, (socklen_t)size);
}

static unsigned all_contexts(void) {
    return OSI_MTS_TRANSFER | OSI_MTS_TRANSFER_PROTOCOL | OSI_MTS_TRANSFER_PROTOCOL_1984;
}

static size_t listener_index(const struct net *net, int fd) {
    size_t i = 0;
    while (i + 1 < net->listener_count && event_get_fd(net->listeners[i]) != fd)
        i++;
    return i;
}

static bool start(struct connection *c, const struct protocol_listener *listener) {
    const struct protocol_config *config = c->net->config;
    struct osi_parameters parameters = {
        .role = OSI_RESPONDER,
        .contexts = all_contexts(),
        .called = listener->selectors,
        .connect_us = config->connect_us,
        .transfer_us = config->transfer_us,
        .release_us = config->release_us,
    };
    return connection_start(c, &parameters);
}

/* When there are too many that have not bound, the newcomer is let in, and the host that has the most of them
 * loses one: however many a stranger opens and says nothing, others come to bind. */
static void make_room(struct net *net) {
    unsigned count;
    struct connection *oldest = net->opening >= net->config->opening_max ? crowd_oldest(net, &count) : NULL;
    if (!oldest)
        return;
    log_warning("address=%s connection closed: too many without a bind, %u of them from this host",
                oldest->address, count);
    connection_free(oldest);
}

void accept_ready(evutil_socket_t listener, short what, void *arg) {
    (void)what;
    struct net *net = arg;
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    int fd = accept4(listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    char host[64];
    format_host(&address, host, sizeof host);
    make_room(net);
    struct connection *c = net->stopping ? NULL : connection_new(net, true);
    if (!c) {
        log_warning("address=%s connection refused: %s", host,
                    net->stopping ? "stopping" : "too many connections");
        close(fd);
        return;
    }
    c->fd = fd;
    snprintf(c->address, sizeof c->address, "%s", host);
    if (!start(c, &net->config->listeners[listener_index(net, listener)]))
        connection_free(c);
}

/* ---- who is it ---- */

static bool same_host(const struct sockaddr_storage *address, const char *host) {
    char text[64];
    format_host(address, text, sizeof text);
    return strcmp(text, host) == 0;
}

static bool address_allowed(const struct protocol_peer *peer, const char *host) {
    for (size_t i = 0; peer->check_address && i < peer->endpoint_count; i++)
        if (peer->endpoints[i].length > 0 && same_host(&peer->endpoints[i].address, host))
            return true;
    return !peer->check_address;
}

/* A peer that is known without a name server's help. */
static const struct protocol_peer *find_peer(const struct connection *c,
                                             const struct bind_identity *identity) {
    const struct protocol_config *config = c->net->config;
    for (size_t i = 0; i < config->peer_count; i++)
        if (bind_matches(&config->peers[i], identity) && address_allowed(&config->peers[i], c->address))
            return &config->peers[i];
    return NULL;
}

/* ---- peers that must call from the address of a name ---- */

/* The bind waits while the names of all peers that it fits are resolved, one after the other. */
struct address_check {
    struct osi_open open;  /* its spans live until it is answered */
    size_t peer, endpoint; /* the name that is being resolved, or the next one to look at */
    bool known;            /* the peer calls from what the name resolved to */
};

static void check_bind(struct connection *c, const struct osi_open *open);

static void forget_check(struct connection *c) {
    mem_free(c->check);
    c->check = NULL;
}

void accept_forget(struct connection *c) {
    if (!c->check)
        return;
    resolve_cancel(c->question);
    c->question = NULL;
    forget_check(c);
}

void accept_check_again(struct connection *c) {
    if (!c->check)
        return;
    struct osi_open open = c->check->open;
    accept_forget(c);
    check_bind(c, &open);
    connection_kick(c);
}

/* True if the connection comes from one of these. */
static bool is_among(const struct connection *c, const struct evutil_addrinfo *found) {
    for (; found; found = found->ai_next) {
        struct sockaddr_storage address = {0};
        if (found->ai_addrlen > sizeof address)
            continue;
        memcpy(&address, found->ai_addr, found->ai_addrlen);
        if (same_host(&address, c->address))
            return true;
    }
    return false;
}

static void on_resolved(void *context, struct evutil_addrinfo *found, const char *why) {
    struct connection *c = context;
    const struct protocol_peer *peer = &c->net->config->peers[c->check->peer];
    c->question = NULL;
    c->check->known = is_among(c, found);
    if (!found)
        log_warning("peer=%s check-address: the host name '%s' does not resolve: %s", peer->name,
                    peer->endpoints[c->check->endpoint].host, why);
    if (!c->check->known)
        c->check->endpoint++;
    if (found)
        evutil_freeaddrinfo(found);
    if (!osi_association_is_over(c->association))
        check_bind(c, &c->check->open);
    connection_pump(c);
}

/* The next name to resolve for this bind; false when there is none. */
static bool next_name(const struct connection *c, const struct bind_identity *identity) {
    const struct protocol_config *config = c->net->config;
    struct address_check *check = c->check;
    for (; check->peer < config->peer_count; check->peer++, check->endpoint = 0) {
        const struct protocol_peer *peer = &config->peers[check->peer];
        if (!peer->check_address || !bind_matches(peer, identity))
            continue;
        for (; check->endpoint < peer->endpoint_count; check->endpoint++)
            if (peer->endpoints[check->endpoint].length == 0)
                return true;
    }
    return false;
}

/* Asks for the address of a name that may be the caller's; true when the answer is to be waited for. */
static bool ask_address(struct connection *c, const struct osi_open *open,
                        const struct bind_identity *identity) {
    if (!c->check) {
        c->check = mem_alloc(sizeof *c->check);
        if (!c->check)
            return false;
        *c->check = (struct address_check){.open = *open};
    }
    if (!next_name(c, identity))
        return false;
    const struct protocol_peer *peer = &c->net->config->peers[c->check->peer];
    const struct protocol_endpoint *endpoint = &peer->endpoints[c->check->endpoint];
    c->question =
        resolve_begin(c->net->resolver, c->net->loop, endpoint->host, endpoint->port, on_resolved, c);
    return c->question != NULL;
}

static enum osi_refuse_reason x410_reason(enum bind_error error) {
    return error == BIND_BUSY                         ? OSI_REFUSE_RTS_BUSY
           : error == BIND_UNACCEPTABLE_DIALOGUE_MODE ? OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE
                                                      : OSI_REFUSE_VALIDATION_FAILURE;
}

static void refuse(struct connection *c, enum bind_error error, const char *cause) {
    struct arena arena;
    arena_init(&arena, 4096);
    log_warning("peer=%s address=%s bind refused: %s", c->peer ? c->peer->name : "?", c->address, cause);
    osi_rt_open_refuse(c->association, x410_reason(error), bind_error_data(error, &arena));
    arena_free(&arena);
}

/* ---- admission ---- */

static enum ipc_mode mode_of(enum osi_context context) {
    return context == OSI_MTS_TRANSFER            ? IPC_MODE_NORMAL
           : context == OSI_MTS_TRANSFER_PROTOCOL ? IPC_MODE_X410_1988
                                                  : IPC_MODE_1984;
}

void accept_announce(struct connection *c, const struct osi_open *open) {
    struct buf payload, id, recovered;
    buf_init(&payload, 0);
    buf_init(&id, 0);
    buf_init(&recovered, 0);
    connection_id_write(&open->id, &id);
    if (open->recover)
        connection_id_write(&open->recovered, &recovered);
    buf_append_byte(&payload, c->inbound ? 0 : 1);
    payload_put_octets(&payload, span_str(c->peer ? c->peer->name : ""));
    payload_put_octets(&payload, span_str(c->address));
    buf_append_byte(&payload, (uint8_t)mode_of(open->context));
    payload_put_octets(&payload, buf_span(&id));
    payload_put_octets(&payload, c->inbound ? buf_span(&recovered) : buf_span(&c->recover_id));
    net_tell(c->net, IPC_ASSOCIATION_OPEN, c->ref, &payload);
    buf_free(&id);
    buf_free(&recovered);
    c->announced = true;
}

/* What the peer's configuration says of a bind that is the peer's. */
static void check_peer(struct connection *c, const struct osi_open *open,
                       const struct bind_identity *identity) {
    if (identity->security_context)
        refuse(c, BIND_UNACCEPTABLE_SECURITY_CONTEXT,
               "a security context was asked for; there is no label policy here");
    else if (!(c->peer->accepted_contexts & open->context))
        refuse(c, BIND_AUTHENTICATION_ERROR,
               "the configuration does not accept this application context from the peer");
    else if (open->dialogue == OSI_TWO_WAY_ALTERNATE && c->peer->dialogue == OSI_MONOLOGUE)
        refuse(c, BIND_UNACCEPTABLE_DIALOGUE_MODE,
               "two-way alternate dialogue is not configured for the peer");
    else
        accept_announce(c, open);
}

/* Whose bind is it? On success `c->peer` is set. */
static void identify(struct connection *c, const struct osi_open *open,
                     const struct bind_identity *identity) {
    char name[LOG_TEXT_SIZE], cause[400];
    c->peer = c->check && c->check->known ? &c->net->config->peers[c->check->peer] : find_peer(c, identity);
    if (!c->peer && ask_address(c, open, identity))
        return;
    struct osi_open kept = *open; /* it may stand in the check */
    forget_check(c);
    if (c->peer) {
        check_peer(c, &kept, identity);
        return;
    }
    snprintf(cause, sizeof cause,
             "no peer of the configuration has MTA name '%s', this password and this address",
             identity->unauthenticated ? "(none)" : log_text(identity->mta_name, name));
    refuse(c, BIND_AUTHENTICATION_ERROR, cause);
}

/* Checks the bind; when it is right the store process is asked. */
static void check_bind(struct connection *c, const struct osi_open *open) {
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    struct bind_identity identity;
    char why[200], cause[400];
    if (!bind_read_argument(open->user_data, open->context, &arena, &identity, why)) {
        snprintf(cause, sizeof cause, "the bind argument is not valid: %s", why);
        refuse(c, BIND_AUTHENTICATION_ERROR, cause);
    } else if (identity.strong) {
        refuse(c, BIND_AUTHENTICATION_ERROR,
               "strong credentials are not supported; configure a password at the peer");
    } else {
        identify(c, open, &identity);
    }
    arena_free(&arena);
}

void accept_indication(struct connection *c, const struct osi_open *open) {
    c->context = open->context;
    c->state = CONNECTION_ADMISSION;
    if (open->recover)
        accept_announce(
            c, open); /* RT-RECOVER carries no bind: the store process knows whose association broke */
    else
        check_bind(c, open);
}

static void admit(struct connection *c) {
    struct arena arena;
    arena_init(&arena, 4096);
    bool recover = osi_association_open(c->association)->recover;
    struct span result =
        recover ? (struct span){NULL, 0} : bind_result(c->peer, c->net->config->mta_name, c->context, &arena);
    if (osi_rt_open_accept(c->association, result, clock_monotonic_us())) {
        c->state = CONNECTION_OPEN;
        c->net->opening--;
        log_info("peer=%s address=%s association accepted%s", c->peer->name, c->address,
                 recover ? " (recovery)" : "");
    }
    arena_free(&arena);
}

void accept_admission(struct connection *c, enum ipc_admission admission, struct span peer,
                      struct span cause) {
    char text[LOG_TEXT_SIZE];
    if (c->state != CONNECTION_ADMISSION || !c->announced)
        return;
    if (!c->peer)
        c->peer = net_peer_by_name(c->net, peer);
    if (admission == IPC_ADMITTED && c->peer) {
        admit(c);
    } else {
        c->announced = false;
        log_text(cause, text);
        if (admission == IPC_BUSY)
            refuse(c, BIND_BUSY, text);
        else {
            log_warning("address=%s recovery refused: %s", c->address, text);
            osi_rt_open_refuse(c->association, OSI_REFUSE_CANNOT_RECOVER, (struct span){NULL, 0});
        }
    }
    connection_pump(c);
}
