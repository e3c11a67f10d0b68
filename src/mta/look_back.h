/* Messages that are looked for among the past events, the newest first. */
#ifndef MTA_LOOK_BACK_H
#define MTA_LOOK_BACK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "schema/x411.h"

struct client;

/* What is looked for, which the caller says; the rest is the look's own. */
struct look_back {
    struct client *client;
    const char *local; /* the local identifier that is to be found; NULL: whatever came in */
    const struct x411_GlobalDomainIdentifier *domain; /* beside it; NULL: any */
    int64_t since, until;                             /* seconds */
    const char *originator, *recipient;               /* addresses; NULL: any */
    size_t limit;                                     /* histories in the answer; 0: all that were found */
    size_t most;                                      /* identifiers that are found */
    /* its own */
    json_t *found;                             /* object: each identifier once, with its place */
    struct span originator_key, recipient_key; /* of the addresses */
    struct arena arena;
    unsigned events_seen;
    size_t cost;    /* of histories */
    uint64_t place; /* of the last event that was looked at */
    uint64_t last;  /* of the last history that was looked at */
    bool more;
};

/* Looks at events older than the place `before` (0: all), and adds the histories of what it finds, and the
 * cursor where the next request goes on, to the answer. It looks at a bounded number. */
bool look_back(struct look_back *look, uint64_t before, json_t *answer, struct error *err);

#endif
