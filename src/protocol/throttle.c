#include "protocol/throttle.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* The tries that fail and are let pass in a burst, and how long one of them counts. */
#define FAILURES_MOST  20
#define FAILURE_COUNTS ((int64_t)3 * 1000000)

static struct throttle_host *find(struct throttle *throttle, const char *host) {
    for (size_t i = 0; i < THROTTLE_HOSTS; i++)
        if (strcmp(throttle->hosts[i].name, host) == 0)
            return &throttle->hosts[i];
    return NULL;
}

/* Microseconds that its failures still count. */
static int64_t owed(const struct throttle_host *host, int64_t now) {
    return host->until > now ? host->until - now : 0;
}

bool throttle_is_over(struct throttle *throttle, const char *host) {
    struct throttle_host *found = find(throttle, host);
    int64_t now = clock_monotonic_us();
    if (!found || owed(found, now) <= FAILURES_MOST * FAILURE_COUNTS - FAILURE_COUNTS)
        return false;
    unsigned untold;
    char who[sizeof found->name + 16];
    snprintf(who, sizeof who, "network=%s", host);
    if (burst_line(&found->refused, BURST_MINUTE, now, &untold))
        log_caused_by_stranger(
            who, LOG_LEVEL_WARNING,
            "network=%s too many tries to recover an association failed: more are refused for a while "
            "(%u since the last such line)",
            host, untold + 1);
    return true;
}

/* The place of a host that owes least is taken for another. */
static struct throttle_host *take(struct throttle *throttle, const char *host, int64_t now) {
    struct throttle_host *least = &throttle->hosts[0];
    for (size_t i = 1; i < THROTTLE_HOSTS; i++)
        if (owed(&throttle->hosts[i], now) < owed(least, now))
            least = &throttle->hosts[i];
    *least = (struct throttle_host){0};
    snprintf(least->name, sizeof least->name, "%s", host);
    return least;
}

void throttle_failed(struct throttle *throttle, const char *host) {
    int64_t now = clock_monotonic_us();
    struct throttle_host *found = find(throttle, host);
    if (!found)
        found = take(throttle, host, now);
    found->until = now + owed(found, now) + FAILURE_COUNTS;
}
