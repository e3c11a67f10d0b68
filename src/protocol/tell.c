/* What the store process is told. */
#include <stdio.h>

#include "base/log.h"
#include "protocol/net_private.h"

void net_lose_store(struct net *net, const char *cause) {
    static const struct timeval moment = {.tv_usec = 200000};
    if (net->status != 0)
        return;
    event_base_loopexit(net->loop, net->stopping ? NULL : &moment);
    if (net->stopping)
        return;
    listeners_close(net);
    snprintf(net->lost, sizeof net->lost, "%s", cause);
    net->status = 1;
}

bool net_store_send(struct net *net, enum ipc_type type, uint64_t ref, struct span head, struct span body) {
    return net->store && ipc_send(net->store, type, ref, head, body);
}

bool net_store_is_full(const struct net *net) {
    return !net->store || ipc_is_full(net->store);
}

void net_tell(struct net *net, enum ipc_type type, uint64_t ref, struct buf *payload) {
    bool ok = !payload->failed && net_store_send(net, type, ref, buf_span(payload), (struct span){NULL, 0});
    buf_free(payload);
    if (!ok)
        net_lose_store(net, "a frame could not be sent");
}

void net_tell_empty(struct net *net, enum ipc_type type, uint64_t ref) {
    if (!net_store_send(net, type, ref, (struct span){NULL, 0}, (struct span){NULL, 0}))
        net_lose_store(net, "a frame could not be sent");
}
