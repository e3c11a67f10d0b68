#include "mta/bind.h"

#include <openssl/crypto.h>
#include <stdio.h>

#include "base/log.h"
#include "ipc/payload.h"

/* ---- one peer ---- */

/* How far a bind comes with a peer: the first test that it does not pass. */
enum hurdle { HURDLE_NAME, HURDLE_PASSWORD, HURDLE_ADDRESS, HURDLE_CONTEXT, HURDLE_DIALOGUE, HURDLE_NONE };

/* Both in full, whatever their lengths are: the time tells nothing. */
static bool same_secret(struct span a, struct span b) {
    uint8_t padded[2][IPC_BIND_TEXT_MAX] = {0};
    bool fits = a.len <= IPC_BIND_TEXT_MAX && b.len <= IPC_BIND_TEXT_MAX;
    if (fits && a.len)
        memcpy(padded[0], a.data, a.len);
    if (fits && b.len)
        memcpy(padded[1], b.data, b.len);
    bool same = CRYPTO_memcmp(padded[0], padded[1], IPC_BIND_TEXT_MAX) == 0;
    OPENSSL_cleanse(padded, sizeof padded);
    return same && fits && a.len == b.len;
}

static bool same_name(const struct mta_bind *peer, const struct ipc_credentials *given) {
    if (given->form == IPC_CREDENTIALS_NONE)
        return peer->unauthenticated;
    return span_eq(peer->mta_name, given->name);
}

/* All comparisons are made in any case. */
static bool same_password(const struct mta_bind *peer, const struct ipc_credentials *given, bool *former) {
    bool first = same_secret(peer->passwords[0], given->password);
    bool second = same_secret(peer->passwords[1], given->password) && peer->passwords[1].data;
    bool asked = peer->passwords[0].data || peer->passwords[1].data;
    *former = second && !first;
    if (given->form == IPC_CREDENTIALS_NONE)
        return peer->unauthenticated;
    return given->form != IPC_CREDENTIALS_STRONG && (!asked || (first && peer->passwords[0].data) || second);
}

static bool is_listed(struct span hosts, struct span name) {
    struct span host;
    while (ipc_bind_host(&hosts, &host))
        if (span_eq(host, name))
            return true;
    return false;
}

/* The caller is at one of the peer's hosts, as far as that is known. */
static bool is_at_host(const struct mta_bind *peer, const struct ipc_bind *bind) {
    for (size_t i = 0; i < peer->host_count; i++) {
        struct span text = span_str(peer->hosts[i].text);
        if (peer->hosts[i].is_name ? is_listed(bind->hosts, text) : span_eq(text, bind->address))
            return true;
    }
    return false;
}

static enum hurdle hurdle_of(const struct mta_bind *peer, const struct ipc_bind *bind, bool *former) {
    bool password = same_password(peer, &bind->credentials, former);
    if (!same_name(peer, &bind->credentials))
        return HURDLE_NAME;
    if (!password)
        return HURDLE_PASSWORD;
    if (peer->check_address && !is_at_host(peer, bind))
        return HURDLE_ADDRESS;
    if (!(peer->modes & 1u << bind->mode))
        return HURDLE_CONTEXT;
    if (bind->two_way_alternate && !peer->two_way_alternate)
        return HURDLE_DIALOGUE;
    return HURDLE_NONE;
}

static bool same_selectors(const struct ipc_selectors *a, const struct ipc_selectors *b) {
    return (a->t.len || a->s.len || a->p.len) && span_eq(a->t, b->t) && span_eq(a->s, b->s) &&
           span_eq(a->p, b->p);
}

/* How closely the configuration describes this caller. */
static unsigned closeness(const struct mta_bind *peer, const struct ipc_bind *bind) {
    return (is_at_host(peer, bind) ? 4u : 0) + (same_selectors(&peer->calling, &bind->called) ? 2u : 0) +
           (same_selectors(&peer->called, &bind->calling) ? 1u : 0);
}

/* ---- all peers ---- */

static const char *const contexts[] = {[IPC_MODE_NORMAL] = "mts-transfer",
                                       [IPC_MODE_X410_1988] = "mts-transfer-protocol",
                                       [IPC_MODE_1984] = "mts-transfer-protocol-1984"};

static void refuse(struct bind_judgement *judgement, enum ipc_bind_verdict verdict, const char *parameter) {
    judgement->verdict = verdict;
    judgement->parameter = parameter;
}

/* The only one that calls from there; of several nothing tells which. */
static const struct mta_peer *only_peer_at(const struct mta_peer *peers, size_t count,
                                           const struct ipc_bind *bind) {
    const struct mta_peer *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!is_at_host(&peers[i].bind, bind))
            continue;
        if (found)
            return NULL;
        found = &peers[i];
    }
    return found;
}

static void refuse_name(const struct mta_peer *peers, size_t count, const struct ipc_bind *bind,
                        struct bind_judgement *judgement) {
    char name[LOG_TEXT_SIZE];
    const struct mta_peer *peer = only_peer_at(peers, count, bind);
    refuse(judgement, IPC_BIND_AUTHENTICATION_ERROR, "initiator-name");
    judgement->unknown = true;
    judgement->peer = peer;
    if (bind->credentials.form == IPC_CREDENTIALS_NONE)
        snprintf(judgement->cause, sizeof judgement->cause,
                 "it gives no MTA name, and no peer is configured as 'unauthenticated'");
    else
        snprintf(judgement->cause, sizeof judgement->cause, "no peer has the MTA name '%s'%s%.64s%s",
                 log_text(bind->credentials.name, name), peer ? "; it calls from where peer '" : "",
                 peer ? peer->name : "", peer ? "' is" : "");
}

/* What the bind that came nearest to a peer lacks. */
static void refuse_at(enum hurdle hurdle, const struct ipc_bind *bind, struct bind_judgement *judgement) {
    const char *peer = judgement->peer->name;
    char *cause = judgement->cause;
    size_t size = sizeof judgement->cause;
    if (hurdle == HURDLE_DIALOGUE) {
        refuse(judgement, IPC_BIND_UNACCEPTABLE_DIALOGUE_MODE, "dialogue mode");
        snprintf(cause, size, "two-way alternate dialogue is not configured for peer '%.64s'", peer);
        return;
    }
    refuse(judgement, IPC_BIND_AUTHENTICATION_ERROR, "initiator-credentials");
    judgement->unknown = hurdle <= HURDLE_ADDRESS;
    if (hurdle == HURDLE_PASSWORD && bind->credentials.form == IPC_CREDENTIALS_STRONG)
        snprintf(cause, size, "strong credentials are not supported; configure a password at peer '%.64s'",
                 peer);
    else if (hurdle == HURDLE_PASSWORD)
        snprintf(cause, size, "the MTA name is that of peer '%.64s', the password is not", peer);
    else if (hurdle == HURDLE_ADDRESS)
        snprintf(cause, size,
                 "name and password are right, but the call comes from no address of peer '%.64s'", peer);
    else
        snprintf(cause, size, "'accepted-contexts' of peer '%.64s' does not have %s", peer,
                 contexts[bind->mode]);
}

/* Names that may be the caller's: of each peer that has his MTA
 * name, whether the password is right or not. */
static bool names_to_resolve(const struct mta_peer *peers, size_t count, const struct ipc_bind *bind,
                             struct buf *hosts) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct mta_bind *peer = &peers[i].bind;
        if (!peer->check_address || !same_name(peer, &bind->credentials) || is_at_host(peer, bind))
            continue;
        for (size_t h = 0; h < peer->host_count && found < IPC_BIND_HOSTS_MAX; h++)
            if (peer->hosts[h].is_name && !is_listed(buf_span(hosts), span_str(peer->hosts[h].text))) {
                payload_put_octets(hosts, span_str(peer->hosts[h].text));
                found++;
            }
    }
    return found > 0;
}

void bind_judge(const struct mta_peer *peers, size_t count, const struct ipc_bind *bind, struct buf *hosts,
                struct bind_judgement *judgement) {
    enum hurdle nearest = HURDLE_NAME;
    unsigned closest = 0;
    *judgement = (struct bind_judgement){.verdict = IPC_BIND_ADMITTED, .parameter = ""};
    for (size_t i = 0; i < count; i++) {
        bool former;
        enum hurdle hurdle = hurdle_of(&peers[i].bind, bind, &former);
        unsigned close = closeness(&peers[i].bind, bind);
        if (hurdle < nearest || (judgement->peer && hurdle == nearest && close <= closest))
            continue;
        nearest = hurdle;
        closest = close;
        judgement->peer = &peers[i];
        judgement->former_password = former;
    }
    if (!bind->resolved && closest < 4 && names_to_resolve(peers, count, bind, hosts))
        judgement->verdict = IPC_BIND_RESOLVE;
    else if (!judgement->peer || nearest == HURDLE_NAME)
        refuse_name(peers, count, bind, judgement);
    else if (nearest > HURDLE_ADDRESS && bind->security_context) {
        refuse(judgement, IPC_BIND_UNACCEPTABLE_SECURITY_CONTEXT, "security-context");
        snprintf(judgement->cause, sizeof judgement->cause,
                 "a security context was asked for; there is no label policy here");
    } else if (nearest != HURDLE_NONE)
        refuse_at(nearest, bind, judgement);
}

uint64_t bind_mark(const struct mta_bind *peer) {
    struct buf text;
    buf_init_secret(&text, 0);
    const struct span parts[] = {peer->mta_name,  peer->passwords[0], peer->passwords[1],
                                 peer->calling.t, peer->calling.s,    peer->calling.p,
                                 peer->called.t,  peer->called.s,     peer->called.p};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        buf_append_byte(&text, parts[i].data != NULL);
        payload_put_octets(&text, parts[i]);
    }
    for (size_t i = 0; i < peer->host_count; i++)
        payload_put_octets(&text, span_str(peer->hosts[i].text));
    buf_append_byte(&text, peer->unauthenticated);
    buf_append_byte(&text, peer->check_address);
    buf_append_byte(&text, peer->two_way_alternate);
    buf_append_u64(&text, peer->modes);
    uint64_t mark = span_hash(buf_span(&text));
    buf_free(&text);
    return mark ? mark : 1;
}

void bind_judge_result(const struct mta_peer *peer, const struct ipc_bind *bind,
                       struct bind_judgement *judgement) {
    const struct ipc_credentials *given = &bind->credentials;
    char name[LOG_TEXT_SIZE];
    bool former;
    bool password = same_password(&peer->bind, given, &former);
    *judgement = (struct bind_judgement){
        .verdict = IPC_BIND_ADMITTED, .peer = peer, .parameter = "", .former_password = former};
    if (same_name(&peer->bind, given) && password)
        return;
    bool named = given->form == IPC_CREDENTIALS_STRONG || same_name(&peer->bind, given);
    refuse(judgement, IPC_BIND_AUTHENTICATION_ERROR, named ? "responder-credentials" : "responder-name");
    snprintf(judgement->cause, sizeof judgement->cause, "bind: %s: the %s '%.64s' is not the configured one",
             judgement->parameter, named ? "password of" : "name",
             given->form == IPC_CREDENTIALS_NONE ? "(none)" : log_text(given->name, name));
}
