/*
 * Routing by O/R address: of the routes whose pattern matches, the most
 * specific one. Routes with an exact country, ADMD and PRMD, or country and
 * ADMD, are found by hash; each bucket and the list of the rest is ordered by
 * specificity, so that the first match is the best of its list.
 */
#include "mts/mts_private.h"

/* Keys are canonical (names room), so that their octets can be hashed. `prmd` may be absent. */
static size_t bucket_of(struct span country, struct span admd, struct span prmd) {
    uint64_t hash = span_hash(country) * 31 + span_hash(admd);
    if (prmd.data)
        hash = hash * 31 + span_hash(prmd);
    return (size_t)((hash ^ hash >> 32) % ROUTE_BUCKETS);
}

static struct span exact_key(const struct pattern *pattern, enum oraddress_kind kind) {
    for (size_t i = 0; i < pattern->count; i++)
        if (pattern->items[i].kind == kind && pattern->items[i].match == PATTERN_EXACT)
            return pattern->items[i].key;
    return (struct span){NULL, 0};
}

/* Of two with the same pattern, the one added first comes first. */
bool route_insert(struct mts_tables *tables, struct route *route) {
    struct span country = exact_key(&route->pattern, ORADDRESS_COUNTRY);
    struct span admd = exact_key(&route->pattern, ORADDRESS_ADMD);
    struct route **at = &tables->wild_routes;
    if (country.data && admd.data)
        at = &tables->routes[bucket_of(country, admd, exact_key(&route->pattern, ORADDRESS_PRMD))];
    while (*at && pattern_compare(&(*at)->pattern, &route->pattern) <= 0)
        at = &(*at)->next;
    route->next = *at;
    *at = route;
    tables->route_count++;
    return true;
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

bool route_find(const struct mts_tables *tables, const struct address *address, struct decision *decision) {
    const struct oraddress_attribute *country = oraddress_find(&address->parts, ORADDRESS_COUNTRY);
    const struct oraddress_attribute *admd = oraddress_find(&address->parts, ORADDRESS_ADMD);
    const struct oraddress_attribute *prmd = oraddress_find(&address->parts, ORADDRESS_PRMD);
    const struct route *best = first_match(tables->wild_routes, address);
    if (country && admd) {
        best = better(
            first_match(tables->routes[bucket_of(country->key, admd->key, (struct span){NULL, 0})], address),
            best);
        if (prmd)
            best = better(first_match(tables->routes[bucket_of(country->key, admd->key, prmd->key)], address),
                          best);
    }
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
