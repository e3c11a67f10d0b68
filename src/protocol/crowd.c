/*
 * Strangers that keep others out. An IPv6 subscriber has 2^64 addresses, and some
 * have a /48 of such networks: so the /48 with the most is looked for, and in it
 * the /64 with the most. To IPv4 both are the host.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/host.h"
#include "protocol/connection.h"

void crowd_place(struct connection *c) {
    host_network(c->address, HOST_SITE_BITS, c->site);
    host_network(c->address, HOST_NETWORK_BITS, c->network);
}

static bool is_opening(const struct connection *c) {
    return c && c->inbound && c->state < CONNECTION_OPEN && !c->announced;
}

static int by_place_and_age(const void *a, const void *b) {
    const struct connection *x = *(struct connection *const *)a, *y = *(struct connection *const *)b;
    int order = strcmp(x->site, y->site);
    order = order ? order : strcmp(x->network, y->network);
    return order ? order : (x->since > y->since) - (x->since < y->since);
}

static size_t collect(const struct net *net, struct connection **found, size_t most) {
    size_t count = 0;
    for (uint32_t i = 0; i < net->slot_count && count < most; i++)
        if (is_opening(net->slots[i].connection))
            found[count++] = net->slots[i].connection;
    return count;
}

struct run {
    size_t first, count;
};

static int64_t oldest_since(struct connection *const *found, struct run run) {
    int64_t since = INT64_MAX;
    for (size_t i = run.first; i < run.first + run.count; i++)
        since = found[i]->since < since ? found[i]->since : since;
    return since;
}

/*
 * The longest run of equal places in `within`, of several that with the oldest
 * connection: it would always be the same one otherwise. Each place is
 * `HOST_TEXT_SIZE` octets at `offset`.
 */
static struct run longest(struct connection *const *found, struct run within, size_t offset) {
    struct run best = {.first = within.first};
    size_t end = within.first + within.count;
    for (size_t first = within.first, next; first < end; first = next) {
        const char *place = (const char *)found[first] + offset;
        for (next = first + 1; next < end && strcmp((const char *)found[next] + offset, place) == 0;)
            next++;
        struct run run = {first, next - first};
        if (run.count > best.count ||
            (run.count == best.count && oldest_since(found, run) < oldest_since(found, best)))
            best = run;
    }
    return best;
}

struct connection *crowd_oldest(const struct net *net, unsigned *count) {
    struct connection **found = mem_alloc((net->opening + 1) * sizeof *found);
    if (!found)
        return NULL;
    struct run all = {.count = collect(net, found, net->opening)};
    qsort(found, all.count, sizeof *found, by_place_and_age);
    struct run site = longest(found, all, offsetof(struct connection, site));
    struct run network = longest(found, site, offsetof(struct connection, network));
    struct connection *oldest = network.count ? found[network.first] : NULL;
    *count = (unsigned)site.count;
    mem_free(found);
    return oldest;
}
