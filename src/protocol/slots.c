/* The places of connections. */
#include "base/alloc.h"
#include "protocol/connection.h"

bool slots_take(struct net *net, struct connection *c) {
    if (net->connections >= net->config->connections_max && !linger_end_oldest(net))
        return false;
    if (net->connections == net->slot_count) {
        uint32_t count = net->slot_count ? net->slot_count * 2 : 64;
        struct slot *slots = mem_resize(net->slots, count * sizeof *slots);
        if (!slots)
            return false;
        memset(slots + net->slot_count, 0, (count - net->slot_count) * sizeof *slots);
        net->slot_hint = net->slot_count;
        net->slots = slots;
        net->slot_count = count;
    }
    while (net->slots[net->slot_hint % net->slot_count].connection)
        net->slot_hint++;
    uint32_t index = net->slot_hint++ % net->slot_count;
    net->slots[index].connection = c;
    net->slots[index].generation++;
    c->ref = (uint64_t)net->slots[index].generation << 32 | index;
    net->connections++;
    net->opening += c->inbound;
    return true;
}

void slots_leave(struct net *net, const struct connection *c) {
    net->slots[(uint32_t)c->ref].connection = NULL;
    net->connections--;
}

struct connection *slots_find(const struct net *net, uint64_t ref) {
    uint32_t index = (uint32_t)ref;
    if (index >= net->slot_count || net->slots[index].generation != (uint32_t)(ref >> 32))
        return NULL;
    struct connection *c = net->slots[index].connection;
    return c && c->association ? c : NULL;
}
