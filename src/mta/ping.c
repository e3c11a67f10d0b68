/* `mhs ping`: a net process associates with a peer, binds and releases, and says how far it came. */
#include "mta/ping.h"

#include "base/alloc.h"
#include "mta/client.h"
#include "mta/clients.h"
#include "mta/json.h"
#include "mta/mta_private.h"
#include "mta/peer_show.h"
#include "mta/requests.h"

/* Most octets of a result: a line about each layer, no more. */
#define RESULT_MAX 8192

struct ping {
    struct ping *next;
    uint64_t number;
    uint32_t asker; /* the number of the client's process */
    uint64_t ref;   /* of the client's request */
    struct peer *peer;
    bool bound; /* the store was asked about its responder */
};

static bool ask(struct mta *mta, struct net_process *net, const struct peer *peer, struct ping *ping) {
    buf_clear(&mta->head);
    payload_put_octets(&mta->head, span_str(peer->name));
    ipc_credentials_write(&peer->config->bind.ours, &mta->head);
    ping->number = ++mta->ping_number;
    if (!ipc_send(net->channel, IPC_PING, ping->number, buf_span(&mta->head), (struct span){NULL, 0}))
        return false;
    ping->next = net->pings;
    net->pings = ping;
    return true;
}

json_t *request_ping(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    const char *name = json_string_value(json_object_get(request, "peer"));
    struct peer *peer = peer_find(mta, span_str(name ? name : ""));
    if (!peer || !peer->config)
        return peer_unknown(mta, name ? name : "(none)");
    if (mta->stopping)
        return client_error("unavailable", "the MTA is stopping: try again when it runs");
    struct net_process *net = net_with_fewest(mta);
    struct ping *ping = mem_alloc(sizeof *ping);
    if (!net || !ping || !ask(mta, net, peer, ping)) {
        mem_free(ping);
        return client_error("unavailable", "there is no net process to call by, or no memory; try again");
    }
    ping->asker = client->process->number;
    ping->ref = client->request;
    ping->peer = peer;
    return NULL;
}

bool ping_binds(struct net_process *net, const struct peer *peer) {
    for (struct ping *ping = net->pings; ping; ping = ping->next)
        if (ping->peer == peer && !ping->bound)
            return ping->bound = true;
    return false;
}

static void answer(struct mta *mta, const struct ping *ping, struct span json) {
    for (const struct clients_process *process = mta->view.processes; process; process = process->next)
        if (process->number == ping->asker)
            ipc_send(process->channel, IPC_RESPONSE, ping->ref, SPAN_LIT("\1"), json);
}

static json_t *warnings_of(const struct peer *peer) {
    const struct mta_peer *config = peer->config;
    json_t *list = json_array();
    if (peer->disabled)
        json_array_append_new(list, json_text(SPAN_LIT("an operator disabled the peer here: no mail goes "
                                                       "either way until 'mhs peer enable'")));
    for (size_t i = 0; config && i < config->warning_count; i++)
        json_array_append_new(list, json_text(span_str(config->warnings[i])));
    return list;
}

/* What the net process says, that the peer is disabled, and what of its configuration can't work. */
static void answer_result(struct mta *mta, const struct ping *ping, struct span json) {
    json_t *result = json_loadb((const char *)json.data, json.len, 0, NULL);
    if (json_is_true(json_object_get(result, "ok")))
        peer_is_there(mta, ping->peer, "answered a ping");
    json_object_set_new(result, "warnings", warnings_of(ping->peer));
    char *text = json_dumps(result, JSON_COMPACT);
    answer(mta, ping, text ? span_str(text) : json);
    free(text);
    json_decref(result);
}

bool ping_result(struct net_process *net, uint64_t ref, struct span payload) {
    for (struct ping **at = &net->pings; *at; at = &(*at)->next) {
        struct ping *ping = *at;
        if (ping->number != ref)
            continue;
        *at = ping->next;
        if (payload.len <= RESULT_MAX)
            answer_result(net->mta, ping, payload);
        mem_free(ping);
        return payload.len <= RESULT_MAX;
    }
    return false;
}

void pings_net_gone(struct net_process *net) {
    while (net->pings) {
        struct ping *ping = net->pings;
        net->pings = ping->next;
        answer(
            net->mta, ping,
            SPAN_LIT("{\"error\": {\"code\": \"unavailable\", \"text\": \"the net process that called ended; "
                     "the log says why\"}}"));
        mem_free(ping);
    }
}
