/* Listeners and peers: presentation addresses, binds, what the association offers, and the queue's limits for
 * each. */
#include <netdb.h>

#include "base/host.h"
#include "mhsd/config_private.h"
#include "names/paddress.h"
#include "protocol/resolve.h"

/* ---- presentation addresses ---- */

static void take_selectors(const struct paddress *address, struct osi_address *selectors) {
    *selectors =
        (struct osi_address){.t = address->t_selector, .s = address->s_selector, .p = address->p_selector};
}

/* An IP address is taken as it is; a name is resolved by the process that listens or calls, when it does. */
static bool read_endpoint(struct loader *l, struct config_section *section, const char *option,
                          const struct paddress_network *network, struct protocol_endpoint *endpoint) {
    char port[8];
    const char *host = (const char *)network->host.data;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (network->kind != PADDRESS_TCP)
        return config_fail(l, section, option, "a network address other than TCP's can't be used");
    snprintf(port, sizeof port, "%u", network->port);
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        endpoint->host = host;
        endpoint->port = network->port;
        return network->host.len <= 253 || config_fail(l, section, option, "the host name is too long");
    }
    memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
    endpoint->length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool parse(struct loader *l, struct config_section *section, const char *option, const char *text,
                  struct paddress *address) {
    static const char kind[] = "presentation address: "; /* which the complaint names itself */
    struct error why = {0};
    if (paddress_parse(span_str(text), &l->arena, address, &why))
        return true;
    const char *cause = strncmp(why.text, kind, strlen(kind)) == 0 ? why.text + strlen(kind) : why.text;
    return config_fail(l, section, option,
                       "'%.40s' is not a presentation address: %.80s; write Internet=HOST+PORT, or "
                       "\"T\"/Internet=HOST+PORT",
                       text, cause);
}

static bool read_name_servers(struct loader *l) {
    struct protocol_config *protocol = &l->config.protocol;
    protocol->name_server_count = config_list(l->tree, "name-servers", &protocol->name_servers);
    for (size_t i = 0; i < protocol->name_server_count; i++)
        if (!resolver_server_is_address(protocol->name_servers[i]))
            return config_fail(l, l->tree, "name-servers",
                               "'%.60s' is not an IP address, with or without a port",
                               protocol->name_servers[i]);
    return true;
}

static bool same_endpoint(const struct protocol_endpoint *a, const struct protocol_endpoint *b) {
    if (a->length == 0 || b->length == 0)
        return a->length == b->length && a->port == b->port && strcmp(a->host, b->host) == 0;
    return a->length == b->length && memcmp(&a->address, &b->address, a->length) == 0;
}

/* True: who calls the second address has called the first as well. */
static bool covers(const struct osi_address *first, const struct osi_address *second) {
    return (!first->t.data || span_eq(first->t, second->t)) &&
           (!first->s.data || span_eq(first->s, second->s)) &&
           (!first->p.data || span_eq(first->p, second->p));
}

/* A second line for the same socket: its selectors are taken there, too. */
static bool add_selectors(struct loader *l, const char *option, const char *text,
                          struct protocol_listener *to, const struct osi_address *selectors) {
    struct osi_address *grown = config_array(l, to->other_count + 1, sizeof *grown);
    if (!grown)
        return false;
    for (size_t i = 0; i <= to->other_count; i++) {
        const struct osi_address *before = i ? &to->others[i - 1] : &to->selectors;
        if (covers(before, selectors) || covers(selectors, before))
            return config_fail(l, l->tree, option,
                               "'%.60s' and another line of this address take the same calls: each needs a "
                               "selector that the other has not",
                               text);
    }
    if (to->other_count)
        memcpy(grown, to->others, to->other_count * sizeof *grown);
    grown[to->other_count++] = *selectors;
    to->others = grown;
    return true;
}

/* Who calls a port is an MTA or a user: which, its option says. */
static bool read_listener(struct loader *l, const char *option, const char *text,
                          struct protocol_listener *listeners, size_t *count) {
    struct protocol_listener *listener = &listeners[*count];
    struct paddress address;
    if (!parse(l, l->tree, option, text, &address))
        return false;
    if (address.count != 1)
        return config_fail(l, l->tree, option, "'%.60s' must have one network address", text);
    take_selectors(&address, &listener->selectors);
    listener->users = strcmp(option, "listen-users") == 0;
    if (!read_endpoint(l, l->tree, option, &address.networks[0], &listener->endpoint))
        return false;
    for (size_t i = 0; i < *count; i++) {
        if (!same_endpoint(&listeners[i].endpoint, &listener->endpoint))
            continue;
        if (listeners[i].users == listener->users)
            return add_selectors(l, option, text, &listeners[i], &listener->selectors);
        return config_fail(l, l->tree, option, "'%.60s' stands in 'listen': users need a port of their own",
                           text);
    }
    ++*count;
    return true;
}

bool config_listeners(struct loader *l) {
    const char *const *texts[2];
    static const char *const options[2] = {"listen", "listen-users"};
    size_t counts[2], sockets = 0;
    for (size_t o = 0; o < 2; o++)
        counts[o] = config_list(l->tree, options[o], &texts[o]);
    struct protocol_listener *listeners = config_array(l, counts[0] + counts[1], sizeof *listeners);
    bool ok = listeners != NULL;
    for (size_t o = 0; o < 2; o++)
        for (size_t i = 0; ok && i < counts[o]; i++)
            ok = read_listener(l, options[o], texts[o][i], listeners, &sockets);
    if (!counts[0] && config_value(l->tree, "listen"))
        config_warn(l, l->tree, "listen", "it is empty: nobody can call");
    l->config.protocol.listeners = listeners;
    l->config.protocol.listener_count = sockets;
    return read_name_servers(l) && ok;
}

/* `mts-transfer-protocol-1984 "592"/Internet=…`: the name of one of the peer's contexts before an address is
 * the only one that is proposed there. Passes over it in `*text`. */
static unsigned take_contexts(const struct config_section *section, const char **text) {
    const char *const *names;
    size_t count = config_list(section, "application-contexts", &names);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(*text, names[i], length) != 0 || (*text)[length] != ' ')
            continue;
        *text += length + strspn(*text + length, " ");
        return (unsigned)osi_context_by_name(names[i])->context;
    }
    return config_words(section, "application-contexts"); /* the bits are those of enum osi_context */
}

static bool read_address(struct loader *l, struct config_section *section, const char *text,
                         struct protocol_peer *peer, struct protocol_endpoint *endpoints) {
    struct paddress address;
    unsigned allowed = take_contexts(section, &text);
    if (!parse(l, section, "address", text, &address))
        return false;
    for (size_t n = 0; n < address.count; n++) {
        struct protocol_endpoint *endpoint = &endpoints[peer->endpoint_count++];
        take_selectors(&address, &endpoint->called);
        endpoint->contexts = allowed;
        if (!read_endpoint(l, section, "address", &address.networks[n], endpoint))
            return false;
    }
    return true;
}

static bool read_addresses(struct loader *l, struct config_section *section, struct protocol_peer *peer) {
    const char *const *texts;
    size_t count = config_list(section, "address", &texts);
    struct protocol_endpoint *endpoints = config_array(l, count * PADDRESS_MAX_NETWORK, sizeof *endpoints);
    if (!endpoints)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_address(l, section, texts[i], peer, endpoints))
            return false;
    peer->endpoints = endpoints;
    const char *calling = config_text(section, "calling-address");
    struct paddress own;
    if (!calling)
        return true;
    if (!parse(l, section, "calling-address", calling, &own))
        return false;
    take_selectors(&own, &peer->calling);
    return true;
}

/* ---- the association ---- */

static void read_association(const struct config_section *section, struct protocol_peer *peer) {
    const char *const *names;
    peer->context_count = (unsigned)config_list(section, "application-contexts", &names);
    for (unsigned i = 0; i < peer->context_count; i++)
        peer->contexts[i] = osi_context_by_name(names[i])->context;
    peer->dialogue = config_word(section, "dialogue") ? OSI_TWO_WAY_ALTERNATE : OSI_MONOLOGUE;
    peer->tpdu_size = (unsigned)config_number(section, "tpdu-size");
    peer->checkpoint_size = (unsigned)config_number(section, "checkpoint-size");
    peer->window_size = (unsigned)config_number(section, "window-size");
    peer->no_checkpoints = !config_flag(section, "checkpoints");
}

/* ---- who is who ---- */

static struct ipc_selectors selectors_of(const struct osi_address *address) {
    return (struct ipc_selectors){.t = address->t, .s = address->s, .p = address->p};
}

/* X.411's credentials are mandatory: without a password of ours an empty one is given. */
static struct ipc_credentials read_ours(const struct loader *l, const struct config_section *section) {
    const char *name = config_text(section, "our-mta-name");
    if (config_flag(section, "unauthenticated"))
        return (struct ipc_credentials){.form = IPC_CREDENTIALS_NONE};
    return (struct ipc_credentials){.form = config_word(section, "password-form")
                                                ? IPC_CREDENTIALS_IA5_STRING
                                                : IPC_CREDENTIALS_OCTET_STRING,
                                    .name = span_str(name ? name : config_text(l->tree, "mta-name")),
                                    .password = span_str(config_text(section, "our-password"))};
}

/* Where the peer is called is where it calls from. */
static bool read_hosts(struct loader *l, const struct protocol_peer *called, struct mta_bind *bind) {
    struct mta_host *hosts = config_array(l, called->endpoint_count, sizeof *hosts);
    bool ok = hosts != NULL;
    for (size_t i = 0; ok && i < called->endpoint_count; i++) {
        const struct protocol_endpoint *endpoint = &called->endpoints[i];
        char text[HOST_TEXT_SIZE];
        hosts[i] = (struct mta_host){.text = endpoint->host, .is_name = endpoint->length == 0};
        if (hosts[i].is_name)
            continue;
        host_text(&endpoint->address, text);
        hosts[i].text = arena_printf(&l->arena, "%s", text);
        ok = hosts[i].text != NULL;
    }
    bind->hosts = hosts;
    bind->host_count = called->endpoint_count;
    return ok;
}

static bool read_bind(struct loader *l, struct config_section *section, const struct protocol_peer *called,
                      struct mta_bind *bind) {
    const char *mta_name = config_text(section, "mta-name");
    bind->mta_name = span_str(mta_name ? mta_name : section->title);
    bind->passwords[0] = span_str(config_text(section, "password"));
    bind->passwords[1] = span_str(config_text(section, "former-password"));
    bind->ours = read_ours(l, section);
    bind->unauthenticated = config_flag(section, "unauthenticated");
    bind->check_address = config_flag(section, "check-address");
    bind->modes = config_words(section, "accepted-contexts")
                  << IPC_MODE_NORMAL; /* words and modes go alike */
    bind->two_way_alternate = called->dialogue == OSI_TWO_WAY_ALTERNATE;
    if (called->endpoint_count)
        bind->called = selectors_of(&called->endpoints[0].called);
    bind->calling = selectors_of(&called->calling);
    if (bind->unauthenticated && !bind->check_address)
        return config_fail(
            l, section, "unauthenticated",
            "a peer that gives no name must be known by its address: set check-address = true");
    return read_hosts(l, called, bind);
}

static bool read_name(struct loader *l, struct config_section *section, struct protocol_peer *peer) {
    peer->name = section->title;
    return (*section->title != '\0' && *section->title != '(') ||
           config_fail(l, section, NULL,
                       "a peer has a name, and none in parentheses: those are next hops of the "
                       "program's own");
}

/* ---- the queue ---- */

static void read_queue(const struct config_section *section, struct mta_peer *peer) {
    peer->name = section->title;
    peer->permanent = config_flag(section, "permanent");
    peer->max_in = (unsigned)config_number(section, "associations-in");
    peer->recovery = (enum mta_recovery)config_word(section, "recovery"); /* in the order of the words */
    peer->max_out = (unsigned)config_number(section, "associations-out");
    peer->idle_seconds = (unsigned)config_number(section, "idle");
    peer->retry_first = (unsigned)config_number(section, "first-retry");
    peer->retry_most = (unsigned)config_number(section, "longest-retry");
    peer->queue_per_association = (unsigned)config_number(section, "queue-per-association");
}

bool config_peers(struct loader *l) {
    size_t count = config_count(l->tree, "peer"), i = 0;
    struct protocol_peer *peers = config_array(l, count, sizeof *peers);
    struct mta_peer *queues = config_array(l, count, sizeof *queues);
    if (!peers || !queues)
        return false;
    bool ok = true;
    for (struct config_section *section = config_first(l->tree, "peer"); section;
         section = config_next(section), i++) {
        if (section->faulty)
            continue;
        read_association(section, &peers[i]);
        ok = read_name(l, section, &peers[i]) && read_addresses(l, section, &peers[i]) &&
             read_bind(l, section, &peers[i], &queues[i].bind) && ok;
        read_queue(section, &queues[i]);
    }
    l->config.protocol.peers = peers;
    l->config.protocol.peer_count = count;
    l->config.mta.peers = queues;
    l->config.mta.peer_count = count;
    if (ok && l->processes & CONFIG_STORE)
        config_advise(l, queues, count);
    return ok;
}
