/*
 * Routing by O/R address: of the routes whose pattern matches, the most
 * specific one. Routes with an exact country and ADMD are found by the hash of
 * these, the PRMD and the organization; each bucket and the list of the rest is
 * ordered by specificity, so that the first match is the best of its list.
 */
#include "mts/mts_private.h"

enum { KEYS = 4 };
static const enum oraddress_kind hashed[KEYS] = {ORADDRESS_COUNTRY, ORADDRESS_ADMD, ORADDRESS_PRMD,
                                                 ORADDRESS_ORGANIZATION};

/* Keys are canonical (names room), so that their octets can be hashed. An absent key differs from an empty
 * one. */
static size_t bucket_of(const struct span keys[static KEYS]) {
    uint64_t hash = 0;
    for (size_t i = 0; i < KEYS; i++)
        hash = hash * 0x9E3779B97F4A7C15u + (keys[i].data ? span_hash(keys[i]) : 1);
    return (size_t)((hash ^ hash >> 32) % ROUTE_BUCKETS);
}

static struct span exact_key(const struct pattern *pattern, enum oraddress_kind kind) {
    for (size_t i = 0; i < pattern->count; i++)
        if (pattern->items[i].kind == kind && pattern->items[i].match == PATTERN_EXACT)
            return pattern->items[i].key;
    return (struct span){NULL, 0};
}

/* Of two with the same pattern, the one added first comes first. */
void route_insert(struct mts_tables *tables, struct route *route) {
    struct span keys[KEYS];
    struct route **at = &tables->wild_routes;
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = exact_key(&route->pattern, hashed[i]);
    if (keys[0].data && keys[1].data)
        at = &tables->routes[bucket_of(keys)];
    while (*at && pattern_compare(&(*at)->pattern, &route->pattern) <= 0)
        at = &(*at)->next;
    route->next = *at;
    *at = route;
}

static const struct route *first_match(const struct route *route, const struct address *address) {
    while (route && !pattern_matches(&route->pattern, &address->parts))
        route = route->next;
    return route;
}

static const struct route *better(const struct route *a, const struct route *b) {
    if (!a || !b)
        return a ? a : b;
    return pattern_compare(&b->pattern, &a->pattern) < 0 ? b : a;
}

/* The best of the routes that name exactly those of the address's PRMD and organization that `mask` (bits 1,
 * 2) keeps. */
static const struct route *best_of_bucket(const struct mts_tables *tables, const struct address *address,
                                          const struct span all[static KEYS], unsigned mask) {
    struct span keys[KEYS] = {all[0], all[1], all[2], all[3]};
    for (unsigned bit = 0; bit < 2; bit++) {
        if (!(mask & 1u << bit))
            keys[2 + bit] = (struct span){NULL, 0};
        else if (!keys[2 + bit].data)
            return NULL;
    }
    return first_match(tables->routes[bucket_of(keys)], address);
}

bool route_find(const struct mts_tables *tables, const struct address *address, struct decision *decision) {
    const struct route *best = first_match(tables->wild_routes, address);
    struct span keys[KEYS];
    for (size_t i = 0; i < KEYS; i++) {
        const struct oraddress_attribute *attribute = oraddress_find(&address->parts, hashed[i]);
        keys[i] = attribute ? attribute->key : (struct span){NULL, 0};
    }
    for (unsigned mask = 0; mask < 4 && keys[0].data && keys[1].data; mask++)
        best = better(best_of_bucket(tables, address, keys, mask), best);
    *decision = (struct decision){.route = best, .hop = -1};
    return best;
}

static bool is_down(const struct mts_run *run, int hop) {
    return run->hop_down && (size_t)hop < run->hop_down_count && run->hop_down[hop];
}

/* By weight among the usable ones of one rank; the salt makes the draw the same for the same message. */
static int draw(const struct mts_run *run, const struct route *route, uint32_t rank, bool down_too,
                uint64_t salt, int not_this) {
    uint64_t total = 0;
    for (int pass = 0; pass < 2; pass++) {
        uint64_t point = total ? salt % total : 0;
        for (size_t i = 0; i < route->choice_count; i++) {
            const struct choice *choice = &route->choices[i];
            if (choice->rank != rank || choice->hop == not_this || (!down_too && is_down(run, choice->hop)))
                continue;
            if (pass == 0)
                total += choice->weight;
            else if (point < choice->weight)
                return choice->hop;
            else
                point -= choice->weight;
        }
        if (!total)
            return -1;
    }
    return -1;
}

/* The lowest rank with a usable hop; when all are backing off, the lowest rank waits for its own. -1: none
 * but `not_this`. */
int route_choose(const struct mts_run *run, const struct route *route, uint64_t salt, int not_this) {
    for (int down_too = 0; down_too < 2; down_too++)
        for (size_t i = 0; i < route->choice_count; i++) {
            int hop = draw(run, route, route->choices[i].rank, down_too, salt,
                           not_this); /* choices are in order of rank */
            if (hop >= 0)
                return hop;
        }
    return -1;
}
