/* Hosts (IPv6: their networks, base/host.h) that failed to recover an association: who fails too often is
 * refused for a while, before anybody is asked about him. Wrong passwords the store process counts
 * (mta/guesses.c). */
#ifndef PROTOCOL_THROTTLE_H
#define PROTOCOL_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/burst.h"

#define THROTTLE_HOSTS 256

struct throttle_host {
    char name[64];
    int64_t until;        /* monotonic µs; each failure counts for 3 s from the end of the one before */
    struct burst refused; /* the lines about it */
};

/* Of one process; all zero at first. With more hosts than places those that failed least are forgotten. */
struct throttle {
    struct throttle_host hosts[THROTTLE_HOSTS];
};

/* True while the host is to be refused unasked; the log says so once a minute. */
bool throttle_is_over(struct throttle *throttle, const char *host);
/* A try of the host failed: it named an association of which nothing is known, or another peer's. */
void throttle_failed(struct throttle *throttle, const char *host);

#endif
