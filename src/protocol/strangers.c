#include "protocol/strangers.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* One IPv6 subscriber may have a /48 (RFC 6177). */
#define SITE_BITS 48

#define MINUTE ((int64_t)60 * 1000000)

static struct strangers_network *place_of(struct strangers *strangers, const char *network, int64_t now) {
    struct strangers_network *oldest = &strangers->networks[0];
    for (size_t i = 0; i < STRANGERS_NETWORKS; i++) {
        struct strangers_network *found = &strangers->networks[i];
        if (strcmp(found->name, network) == 0)
            return found;
        if (oldest->name[0] && (!found->name[0] || found->since < oldest->since))
            oldest = found;
    }
    *oldest = (struct strangers_network){.since = now};
    snprintf(oldest->name, sizeof oldest->name, "%s", network);
    return oldest;
}

enum strangers_line strangers_line(struct strangers *strangers, const char *network, int64_t now,
                                   unsigned *left_out) {
    struct strangers_network *place = place_of(strangers, network, now);
    *left_out = 0;
    if (now - place->since >= MINUTE) {
        *left_out = place->left_out;
        place->since = now;
        place->lines = place->left_out = 0;
    }
    if (place->lines >= STRANGERS_LINES) {
        place->left_out++;
        return STRANGERS_NO_LINE;
    }
    return ++place->lines == STRANGERS_LINES ? STRANGERS_LAST_LINE : STRANGERS_LINE;
}

void strangers_warn(struct strangers *strangers, const char *address, const char *text) {
    char network[HOST_TEXT_SIZE];
    host_network(address, SITE_BITS, network);
    unsigned left_out;
    enum strangers_line line = strangers_line(strangers, network, clock_monotonic_us(), &left_out);
    if (line == STRANGERS_NO_LINE)
        return;
    if (left_out)
        log_caused(LOG_LEVEL_WARNING, "network=%s %u lines about it were left out", network, left_out);
    log_caused(LOG_LEVEL_WARNING, "peer=? address=%s %s", address, text);
    if (line == STRANGERS_LAST_LINE)
        log_caused(LOG_LEVEL_WARNING, "network=%s has caused %d lines in a minute: the next are left out",
                   network, STRANGERS_LINES);
}
