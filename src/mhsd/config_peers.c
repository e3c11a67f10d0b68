/* Listeners and peers: presentation addresses, binds, what the association offers, and the queue's limits for
 * each. */
#include <netdb.h>

#include "mhsd/config_private.h"
#include "names/paddress.h"
#include "protocol/host.h"
#include "protocol/resolve.h"

/* ---- presentation addresses ---- */

static void take_selectors(const struct paddress *address, struct osi_address *selectors) {
    *selectors =
        (struct osi_address){.t = address->t_selector, .s = address->s_selector, .p = address->p_selector};
}

/* An IP address is taken as it is; a name is resolved by the process that listens or calls, when it does. */
static bool read_endpoint(struct loader *l, cfg_t *section, const char *option,
                          const struct paddress_network *network, struct protocol_endpoint *endpoint) {
    char port[8];
    const char *host = (const char *)network->host.data;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (network->kind != PADDRESS_TCP)
        return config_fail(l, section, option, "a network address other than TCP's can't be used");
    snprintf(port, sizeof port, "%u", network->port);
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        *endpoint = (struct protocol_endpoint){.host = host, .port = network->port};
        return network->host.len <= 253 || config_fail(l, section, option, "the host name is too long");
    }
    memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
    endpoint->length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool parse(struct loader *l, cfg_t *section, const char *option, const char *text,
                  struct paddress *address) {
    struct error why = {0};
    return paddress_parse(span_str(text), &l->arena, address, &why) ||
           config_fail(l, section, option, "'%.60s' is no presentation address: %.100s", text, why.text);
}

static bool read_name_servers(struct loader *l) {
    struct protocol_config *protocol = &l->config.protocol;
    if (!config_strings(l, l->cfg, "name-servers", &protocol->name_servers, &protocol->name_server_count))
        return false;
    for (size_t i = 0; i < protocol->name_server_count; i++)
        if (!resolver_server_is_address(protocol->name_servers[i]))
            return config_fail(l, l->cfg, "name-servers", "'%.60s' is no IP address, with or without a port",
                               protocol->name_servers[i]);
    return true;
}

bool config_listeners(struct loader *l) {
    size_t count = cfg_size(l->cfg, "listen");
    struct protocol_listener *listeners = config_array(l, count, sizeof *listeners);
    if (!listeners)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *text = cfg_getnstr(l->cfg, "listen", (unsigned)i);
        struct paddress address;
        if (!parse(l, l->cfg, "listen", text, &address))
            return false;
        if (address.count != 1)
            return config_fail(l, l->cfg, "listen", "'%.60s' must have one network address", text);
        take_selectors(&address, &listeners[i].selectors);
        if (!read_endpoint(l, l->cfg, "listen", &address.networks[0], &listeners[i].endpoint))
            return false;
    }
    l->config.protocol.listeners = listeners;
    l->config.protocol.listener_count = count;
    return read_name_servers(l);
}

/* All addresses of a peer have the same selectors: those of the first count. */
static bool read_addresses(struct loader *l, cfg_t *section, struct protocol_peer *peer) {
    size_t texts = cfg_size(section, "address");
    struct protocol_endpoint *endpoints = config_array(l, texts * PADDRESS_MAX_NETWORK, sizeof *endpoints);
    if (!endpoints)
        return false;
    for (size_t i = 0; i < texts; i++) {
        struct paddress address;
        if (!parse(l, section, "address", cfg_getnstr(section, "address", (unsigned)i), &address))
            return false;
        if (i == 0)
            take_selectors(&address, &peer->called);
        for (size_t n = 0; n < address.count; n++)
            if (!read_endpoint(l, section, "address", &address.networks[n],
                               &endpoints[peer->endpoint_count++]))
                return false;
    }
    peer->endpoints = endpoints;
    const char *calling = cfg_getstr(section, "calling-address");
    struct paddress own;
    if (!calling)
        return true;
    if (!parse(l, section, "calling-address", calling, &own))
        return false;
    take_selectors(&own, &peer->calling);
    return true;
}

/* ---- the association ---- */

/* In the order of enum ipc_mode. */
static const char *const contexts[] = {"mts-transfer", "mts-transfer-protocol", "mts-transfer-protocol-1984",
                                       NULL};

static bool read_contexts(struct loader *l, cfg_t *section, struct protocol_peer *peer, unsigned *accepted) {
    static const enum osi_context values[] = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL,
                                              OSI_MTS_TRANSFER_PROTOCOL_1984};
    unsigned count = cfg_size(section, "application-contexts");
    unsigned bits;
    if (!config_words(l, section, "accepted-contexts", contexts, accepted))
        return false;
    if (count < 1 || count > 3)
        return config_fail(l, section, "application-contexts", "name one to three");
    if (!config_words(l, section, "application-contexts", contexts, &bits))
        return false;
    for (unsigned i = 0; i < count; i++)
        for (size_t w = 0; contexts[w]; w++)
            if (strcmp(cfg_getnstr(section, "application-contexts", i), contexts[w]) == 0)
                peer->contexts[i] = values[w];
    peer->context_count = count;
    return true;
}

static bool read_association(struct loader *l, cfg_t *section, struct protocol_peer *peer) {
    static const char *const dialogues[] = {"monologue", "two-way-alternate", NULL};
    long tpdu, checkpoint, window;
    int dialogue;
    if (!config_word(l, section, "dialogue", dialogues, &dialogue) ||
        !config_number(l, section, "tpdu-size", 0, 65531, &tpdu) ||
        !config_number(l, section, "checkpoint-size", 0, 65535, &checkpoint) ||
        !config_number(l, section, "window-size", 0, 100, &window))
        return false;
    peer->dialogue = dialogue == 1 ? OSI_TWO_WAY_ALTERNATE : OSI_MONOLOGUE;
    peer->tpdu_size = (unsigned)tpdu;
    peer->checkpoint_size = (unsigned)checkpoint;
    peer->window_size = (unsigned)window;
    peer->no_checkpoints = !cfg_getbool(section, "checkpoints");
    return true;
}

/* ---- who is who ---- */

static bool read_password(struct loader *l, cfg_t *section, const char *option, struct span *password) {
    const char *text = cfg_getstr(section, option);
    *password = span_str(text);
    return password->len <= IPC_BIND_TEXT_MAX ||
           config_fail(l, section, option, "it has more than %d characters", IPC_BIND_TEXT_MAX);
}

/* X.411's credentials are mandatory: without a password of ours an empty one is given. */
static bool read_ours(struct loader *l, cfg_t *section, struct ipc_credentials *ours) {
    static const char *const forms[] = {"octet-string", "ia5-string", NULL};
    const char *name = cfg_getstr(section, "our-mta-name");
    int form;
    if (!read_password(l, section, "our-password", &ours->password) ||
        !config_word(l, section, "password-form", forms, &form))
        return false;
    ours->name = span_str(name ? name : cfg_getstr(l->cfg, "mta-name"));
    ours->form = form == 1 ? IPC_CREDENTIALS_IA5_STRING : IPC_CREDENTIALS_OCTET_STRING;
    if (cfg_getbool(section, "unauthenticated"))
        *ours = (struct ipc_credentials){.form = IPC_CREDENTIALS_NONE};
    return ours->name.len <= IPC_BIND_TEXT_MAX ||
           config_fail(l, section, "our-mta-name", "it has more than %d characters", IPC_BIND_TEXT_MAX);
}

static struct ipc_selectors selectors_of(const struct osi_address *address) {
    return (struct ipc_selectors){.t = address->t, .s = address->s, .p = address->p};
}

/* Where the peer is called is where it calls from. */
static bool read_hosts(struct loader *l, const struct protocol_peer *called, struct mta_bind *bind) {
    struct mta_host *hosts = config_array(l, called->endpoint_count, sizeof *hosts);
    if (!hosts)
        return false;
    for (size_t i = 0; i < called->endpoint_count; i++) {
        const struct protocol_endpoint *endpoint = &called->endpoints[i];
        char text[HOST_TEXT_SIZE];
        hosts[i] = (struct mta_host){.text = endpoint->host, .is_name = endpoint->length == 0};
        if (hosts[i].is_name)
            continue;
        host_text(&endpoint->address, text);
        hosts[i].text = arena_printf(&l->arena, "%s", text);
        if (!hosts[i].text)
            return false;
    }
    bind->hosts = hosts;
    bind->host_count = called->endpoint_count;
    return true;
}

static bool read_bind(struct loader *l, cfg_t *section, const struct protocol_peer *called, unsigned accepted,
                      struct mta_bind *bind) {
    const char *mta_name = cfg_getstr(section, "mta-name");
    bind->mta_name = span_str(mta_name ? mta_name : cfg_title(section));
    bind->unauthenticated = cfg_getbool(section, "unauthenticated");
    bind->check_address = cfg_getbool(section, "check-address");
    bind->modes = accepted << IPC_MODE_NORMAL;
    bind->two_way_alternate = called->dialogue == OSI_TWO_WAY_ALTERNATE;
    bind->called = selectors_of(&called->called);
    bind->calling = selectors_of(&called->calling);
    if (bind->unauthenticated && !bind->check_address)
        return config_fail(
            l, section, "unauthenticated",
            "a peer that gives no name must be known by its address: set check-address = true");
    return read_password(l, section, "password", &bind->passwords[0]) &&
           read_password(l, section, "former-password", &bind->passwords[1]) &&
           read_ours(l, section, &bind->ours) && read_hosts(l, called, bind);
}

/* ---- the queue ---- */

static bool read_queue(struct loader *l, cfg_t *section, struct mta_peer *peer) {
    long in, out, idle, first, most, each;
    if (*cfg_title(section) == '\0' || *cfg_title(section) == '(')
        return config_fail(l, section, NULL,
                           "a peer has a name, and none in parentheses: those are next hops of the "
                           "program's own");
    peer->name = cfg_title(section);
    peer->permanent = cfg_getbool(section, "permanent");
    if (!config_number(l, section, "associations-in", 0, 100000, &in) ||
        !config_number(l, section, "associations-out", 0, 10000, &out) ||
        !config_number(l, section, "idle", 0, 86400, &idle) ||
        !config_number(l, section, "first-retry", 0, 86400, &first) ||
        !config_number(l, section, "longest-retry", 0, 7 * 86400, &most) ||
        !config_number(l, section, "queue-per-association", 0, 1000000, &each))
        return false;
    peer->max_in = (unsigned)in;
    peer->max_out = (unsigned)out;
    peer->idle_seconds = (unsigned)idle;
    peer->retry_first = (unsigned)first;
    peer->retry_most = (unsigned)most;
    peer->queue_per_association = (unsigned)each;
    return true;
}

bool config_peers(struct loader *l) {
    size_t count = cfg_size(l->cfg, "peer");
    struct protocol_peer *peers = config_array(l, count, sizeof *peers);
    struct mta_peer *queues = config_array(l, count, sizeof *queues);
    if (!peers || !queues)
        return false;
    for (size_t i = 0; i < count; i++) {
        cfg_t *section = cfg_getnsec(l->cfg, "peer", (unsigned)i);
        unsigned accepted;
        peers[i].name = cfg_title(section);
        if (!read_queue(l, section, &queues[i]) || !read_addresses(l, section, &peers[i]) ||
            !read_contexts(l, section, &peers[i], &accepted) || !read_association(l, section, &peers[i]) ||
            !read_bind(l, section, &peers[i], accepted, &queues[i].bind))
            return false;
    }
    l->config.protocol.peers = peers;
    l->config.protocol.peer_count = count;
    l->config.mta.peers = queues;
    l->config.mta.peer_count = count;
    return true;
}
