#include <stdlib.h>

#include "base/alloc.h"
#include "protocol/net_private.h"

static bool is_opening(const struct connection *c) {
    return c && c->inbound && c->state < CONNECTION_OPEN && !c->announced;
}

static int by_host_and_age(const void *a, const void *b) {
    const struct connection *x = *(struct connection *const *)a, *y = *(struct connection *const *)b;
    int order = strcmp(x->address, y->address);
    return order ? order : (x->since > y->since) - (x->since < y->since);
}

static size_t collect(const struct net *net, struct connection **found, size_t most) {
    size_t count = 0;
    for (uint32_t i = 0; i < net->slot_count && count < most; i++)
        if (is_opening(net->slots[i].connection))
            found[count++] = net->slots[i].connection;
    return count;
}

struct connection *crowd_oldest(const struct net *net, unsigned *count) {
    struct connection **found = mem_alloc((net->opening + 1) * sizeof *found), *oldest = NULL;
    if (!found)
        return NULL;
    size_t all = collect(net, found, net->opening);
    qsort(found, all, sizeof *found, by_host_and_age);
    *count = 0;
    for (size_t first = 0, next; first < all; first = next) {
        for (next = first + 1; next < all && strcmp(found[next]->address, found[first]->address) == 0;)
            next++;
        if (next - first > *count) {
            *count = (unsigned)(next - first);
            oldest = found[first];
        }
    }
    mem_free(found);
    return oldest;
}
