/* Warnings about the tables of the message transfer service, beside config_advice.c's about peers: what the
 * table of options allows and that can't do what it says. */
#include <stdio.h>

#include "base/map.h"
#include "mhsd/config_private.h"
#include "names/oraddress.h"

/* ---- how often and how long is tried ---- */

static void advise_on_waits(struct loader *l, const struct config_section *section) {
    int64_t first = config_number(section, "first-retry"), longest = config_number(section, "longest-retry");
    char text[160];
    if (first <= longest)
        return;
    snprintf(text, sizeof text, "%lld s is more than `longest-retry` (%lld s), which holds", (long long)first,
             (long long)longest);
    config_warn(l, section, config_value(section, "first-retry") ? "first-retry" : "longest-retry", text);
}

static void advise_on_lifetime(struct loader *l, const struct config_section *schedule) {
    int64_t first = config_number(schedule, "first-retry"),
            longest = config_number(schedule, "longest-retry"), expiry = config_number(schedule, "expiry"),
            wait = first < longest ? first : longest;
    char text[160];
    if (wait < expiry)
        return;
    snprintf(text, sizeof text,
             "what fails once is never tried again: the second try would come after %lld s, and `expiry` is "
             "%lld s",
             (long long)wait, (long long)expiry);
    config_warn(l, schedule, config_value(schedule, "first-retry") ? "first-retry" : "expiry", text);
}

/* ---- who is redirected in a ring ---- */

/* Whoever stands here has a redirection that is for all; an alias is nothing else. */
struct redirected {
    const struct config_section *section; /* the redirection, or the alias */
    const char *option;                   /* that says where to */
    struct span key, alternate;           /* his address's, and that of where his mail goes */
    size_t next;                          /* who that is, from 1; 0: somebody else */
    size_t seen;                          /* on the way from which one he was met first, from 1 */
};

/* The first one is taken; one that says no more than where to is for all. */
static const struct config_section *for_all(const struct config_section *user) {
    const struct config_section *first = config_first(user, "redirection");
    bool plain = first && !first->first && first->values && !first->values->next;
    return plain && config_text(first, "alternate") ? first : NULL;
}

static struct span key_of(struct loader *l, const char *address) {
    return oraddress_key_of(span_str(address), &l->arena, NULL);
}

struct gathering {
    struct loader *l;
    struct redirected *items;
    size_t count;
    struct map by_key; /* numbers from 1 */
    bool no_memory;
};

static void gather_one(struct gathering *g, const char *address, const struct config_section *section,
                       const char *option) {
    struct span key = key_of(g->l, address);
    struct map_slot *slot = key.data ? map_at(&g->by_key, span_hash(key) | 1) : NULL;
    g->no_memory = g->no_memory || (key.data && !slot);
    if (!slot)
        return;
    g->items[g->count] =
        (struct redirected){section, option, key, key_of(g->l, config_text(section, option)), 0, 0};
    slot->number = (int64_t)++g->count;
}

static void gather(struct gathering *g) {
    for (const struct config_section *user = config_first(g->l->tree, "user"); user;
         user = config_next(user)) {
        const struct config_section *redirection = user->faulty ? NULL : for_all(user);
        if (redirection)
            gather_one(g, user->title, redirection, "alternate");
    }
    for (const struct config_section *alias = config_first(g->l->tree, "alias"); alias;
         alias = config_next(alias))
        if (!alias->faulty && config_text(alias, "target"))
            gather_one(g, alias->title, alias, "target");
}

static void find_next(struct gathering *g) {
    for (size_t i = 0; i < g->count; i++) {
        struct span alternate = g->items[i].alternate;
        const struct map_slot *slot = alternate.data ? map_find(&g->by_key, span_hash(alternate) | 1) : NULL;
        if (slot && span_eq(g->items[slot->number - 1].key, alternate))
            g->items[i].next = (size_t)slot->number;
    }
}

static void warn_ring(struct loader *l, struct redirected *items, size_t first) {
    size_t at = first;
    do {
        const struct redirected *item = &items[at - 1];
        const struct config_section *one = item->section->title ? item->section : item->section->outer;
        config_warn_at(
            l, config_value(item->section, item->option)->place,
            "%s \"%.100s\": %s: it leads back to this one: mail to it is redirected in a ring, and "
            "non-delivered",
            one->option->name, one->title, item->option);
        at = item->next;
    } while (at != first);
}

/* Each is walked over once: a way ends where an earlier one went, or in a ring of its own. */
static void advise_on_rings(struct loader *l) {
    struct gathering g = {
        .l = l,
        .items =
            config_array(l, config_count(l->tree, "user") + config_count(l->tree, "alias"), sizeof *g.items)};
    if (g.items) {
        gather(&g);
        find_next(&g);
    }
    for (size_t from = 1; !g.no_memory && from <= g.count; from++) {
        size_t at = from;
        while (at && !g.items[at - 1].seen) {
            g.items[at - 1].seen = from;
            at = g.items[at - 1].next;
        }
        if (at && g.items[at - 1].seen == from)
            warn_ring(l, g.items, at);
    }
    map_free(&g.by_key);
}

void config_advise_on_mts(struct loader *l) {
    for (const struct config_section *s = config_first(l->tree, "schedule"); s; s = config_next(s)) {
        advise_on_waits(l, s);
        advise_on_lifetime(l, s);
    }
    for (const struct config_section *peer = config_first(l->tree, "peer"); peer; peer = config_next(peer))
        advise_on_waits(l, peer);
    advise_on_rings(l);
}
